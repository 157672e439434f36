"""What people say to show that they listen, and what they say to be listened to (§B.5).

A back-channel ("uh-huh", "嗯") asks for no answer and takes no floor; a word such as "stop" always
does. The lists of all languages count together: people say "okay" in most of them, and which
language was spoken is often known only afterwards.

Transcripts are compared by their tokens: words in lower case without marks and accents, and of
scripts that are written without spaces the characters. Letters that repeat are one, for nobody
spells "hmmm" and "yeahh" the same way twice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import Enum
from functools import cache

BACK_CHANNELS: dict[str, str] = {
    "any": "mm mhm mmhm hm hmm mm-hmm uh uh-huh uhuh huh um umm eh ah aha ahh oh ooh er erm ha "
    "haha hahaha hehe heh ahem ugh phew ok okay okey yep yup",
    "en": "yeah; yes; yea; ya; yah; right; sure; alright; all right; of course; i see; i know; "
    "i understand; got it; gotcha; makes sense; that makes sense; true; exactly; absolutely; "
    "definitely; indeed; totally; good; great; nice; cool; fine; perfect; wonderful; awesome; "
    "interesting; really; wow; oh my; oh wow; my god; very good; sounds good; fair enough; "
    "thanks; thank you; that's right; you're right; very nice; go on; go ahead",
    "zh": "嗯 嗯嗯 唔 呃 额 哦 噢 喔 啊 诶 欸 哎 唉 哈 哈哈 嘿 呵呵 好 好的 好啊 好吧 好呀 好嘞 行 "
    "行吧 可以 对 对的 对啊 对呀 对吧 没错 是 是的 是啊 是吗 是吧 是呀 的确 确实 当然 明白 "
    "明白了 懂 懂了 知道 知道了 我知道 了解 清楚 原来如此 这样 这样啊 真的 "
    "真的吗 真好 太好了 不错 有道理 谢谢 "
    "對 對的 對啊 對呀 沒錯 是嗎 的確 確實 當然 瞭解 這樣 這樣啊 真的嗎 不錯 謝謝 誒",
    "de": "ja; jaja; genau; stimmt; klar; richtig; gut; sehr gut; schön; aha; ach; ach so; achso; "
    "verstehe; ich verstehe; alles klar; in ordnung; natürlich; danke; super; na klar",
    "fr": "oui; ouais; d'accord; dac; bien; très bien; bien sûr; voilà; exact; exactement; "
    "je vois; je comprends; c'est vrai; ah bon; ben oui; merci; parfait; super; hein",
    "es": "sí; claro; vale; bueno; bien; muy bien; ya; ya veo; entiendo; de acuerdo; exacto; "
    "por supuesto; cierto; perfecto; gracias; así es; ajá",
    "it": "sì; certo; va bene; bene; capito; ho capito; capisco; giusto; esatto; vero; perfetto; "
    "d'accordo; grazie; già; ecco",
    "pt": "sim; claro; certo; tá; tá bom; está bem; entendo; entendi; exato; pois; pois é; bom; "
    "muito bem; perfeito; obrigado; obrigada; verdade",
    "nl": "ja; precies; juist; klopt; goed; oké; prima; natuurlijk; ik snap het; dank je",
    "pl": "tak; dobrze; jasne; rozumiem; racja; świetnie; dziękuję; aha; mhm",
    "sv": "ja; jo; precis; just det; okej; bra; visst; tack",
    "ru": "да; ага; угу; ну да; понятно; ясно; хорошо; ладно; конечно; верно; точно; так; "
    "понимаю; спасибо; окей; м; э; мгм",
    "uk": "так; ага; угу; зрозуміло; добре; звичайно; дякую",
    "tr": "evet; tamam; peki; anladım; doğru; güzel; tabii; hı hı; teşekkürler",
    "ja": "はい はいはい ええ うん うんうん そう そうです そうですね そうですか そうか なるほど "
    "へえ ふうん ふん あー ああ おお わかりました わかった 了解 了解です 確かに いいね いいですね "
    "ほんと 本当 本当に 本当ですか まあ えー えっと ありがとう",
    "ko": "네; 네네; 예; 응; 어; 음; 아; 그래; 그래요; 그렇군요; 그렇죠; 맞아; 맞아요; 맞습니다; "
    "알겠어요; 알겠습니다; 좋아; 좋아요; 정말; 정말요; 진짜; 오; 아하; 감사합니다",
    "hi": "हाँ; हां; जी; जी हाँ; अच्छा; ठीक; ठीक है; सही; बिल्कुल; समझ गया; धन्यवाद",
    "ar": "نعم; أجل; طيب; حسنا; تمام; صحيح; فهمت; ايوه; شكرا; ماشي",
}
"""Language → back-channels, which `;` separates, or spaces where none holds one."""

TAKE_THE_FLOOR: dict[str, str] = {
    "en": "stop; no; nope; wait; hold on; hang on; pause; quiet; be quiet; shut up; enough; "
    "cancel; hey; excuse me; sorry; one moment; listen; help; but; don't; never mind",
    "zh": "停 停下 停止 停一下 别说了 别说 住口 闭嘴 安静 等 等等 等一下 等会 稍等 慢着 打住 不 "
    "不是 不对 不要 不用 没有 错了 够了 取消 算了 喂 但是 可是 別說 閉嘴 安靜 等會 不對 沒有 "
    "錯了 夠了 且慢 暂停 暫停",
    "de": "stopp; stop; halt; nein; nee; warte; warten sie; moment; ruhe; genug; aber; doch nicht",
    "fr": "stop; non; attends; attendez; arrête; arrêtez; silence; tais-toi; assez; mais; pardon",
    "es": "para; alto; espera; espere; basta; detente; silencio; cállate; pero; perdón; oye",
    "it": "fermo; ferma; fermati; aspetta; aspetti; basta; silenzio; zitto; ma; scusa; alt",
    "pt": "pare; não; espera; espere; chega; silêncio; calma; mas; desculpe",
    "nl": "nee; wacht; wacht even; stil; hou op; maar; genoeg",
    "pl": "nie; stój; czekaj; poczekaj; dość; cisza; ale; przestań",
    "sv": "nej; vänta; sluta; tyst; men",
    "ru": "стоп; нет; подожди; подождите; хватит; стой; тихо; молчи; но; погоди",
    "uk": "стоп; ні; зачекай; зачекайте; досить; тихо; але",
    "tr": "dur; hayır; bekle; yeter; sus; ama; bir dakika",
    "ja": "止めて 止まって やめて ストップ 待って ちょっと待って 待 いいえ いや 違う 違います だめ "
    "静かに もういい でも",
    "ko": "그만; 멈춰; 멈춰요; 잠깐; 잠깐만; 잠깐만요; 기다려; 기다려요; 아니; 아니요; 아니야; "
    "조용히; 됐어; 스톱; 하지만",
    "hi": "रुको; रुकिए; नहीं; बस; ठहरो; लेकिन; चुप",
    "ar": "توقف; قف; لا; انتظر; كفى; اسكت; لكن; لحظة",
}
"""Language → what takes the floor wherever it stands in what was said, written as above."""

_WORDS = re.compile(r"\w+", re.UNICODE)
_REPEATED = re.compile(r"(.)\1+")
_HINT = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\*[^*]*\*|（[^（）]*）|【[^【】]*】|[♪♫]+")
"""What a recogniser writes of sounds: "(coughs)", "[BLANK_AUDIO]", "*music*"."""
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Scripts without spaces: Thai, Lao, Burmese, kana and Chinese characters."""

Tokens = tuple[str, ...]


class Said(Enum):
    """What a transcript is to the conversation."""

    NOTHING = "nothing"
    """It has no words."""
    BACK_CHANNEL = "back-channel"
    """Nothing but back-channels, "不错" included, though "不" alone takes the floor."""
    BEGINNING = "beginning"
    """What may become a back-channel, as "all" becomes "all right"; only of an unfinished one."""
    COMMAND = "command"
    """It has a word that always takes the floor."""
    WORDS = "words"
    """Anything else."""


def said(text: str, *, finished: bool) -> Said:
    """Tell what a transcript is.

    Args:
        text: As the recogniser wrote it.
        finished: Whether it is of all that was said; otherwise its last word may be incomplete.
    """
    tokens = tokens_of(text)
    if not tokens:
        return Said.NOTHING
    rests = _rests(tokens, _phrases(BACK_CHANNELS))
    if () in rests:
        return Said.BACK_CHANNEL
    if _holds(tokens, _phrases(TAKE_THE_FLOOR)):
        return Said.COMMAND
    if not finished and any(_begins(rest, _phrases(BACK_CHANNELS)) for rest in rests):
        return Said.BEGINNING
    return Said.WORDS


def tokens_of(text: str) -> Tokens:
    """Return the tokens by which transcripts are compared."""
    plain = _without_marks(_HINT.sub(" ", text).casefold().replace("'", "").replace("’", ""))
    tokens: list[str] = []
    for word in _WORDS.findall(plain.replace("-", "").replace("_", " ")):
        if _UNSPACED.search(word):
            tokens += word
        else:
            tokens.append(_REPEATED.sub(r"\1", word))
    return tuple(tokens)


def _without_marks(text: str) -> str:
    """Drop accents, which recognisers may leave out; vowel signs of other scripts are words."""
    parts = unicodedata.normalize("NFKD", text)
    kept = "".join(part for part in parts if not "\u0300" <= part <= "\u036f")
    return unicodedata.normalize("NFC", kept)


@cache
def _phrases_of(lists: tuple[str, ...]) -> frozenset[Tokens]:
    return frozenset(
        tokens for written in lists for phrase in _split(written) if (tokens := tokens_of(phrase))
    )


def _phrases(table: dict[str, str]) -> frozenset[Tokens]:
    return _phrases_of(tuple(table.values()))


def _split(written: str) -> Iterable[str]:
    return written.split(";") if ";" in written else written.split()


@cache
def _longest(phrases: frozenset[Tokens]) -> int:
    return max(map(len, phrases))


def _holds(tokens: Tokens, phrases: frozenset[Tokens]) -> bool:
    longest = _longest(phrases)
    return any(
        tokens[start : start + length] in phrases
        for start in range(len(tokens))
        for length in range(1, longest + 1)
    )


def _rests(tokens: Tokens, phrases: frozenset[Tokens]) -> set[Tokens]:
    """Return what may be left of the tokens when phrases are taken from their beginning."""
    longest = _longest(phrases)
    rests, todo = {tokens}, [tokens]
    while todo:
        rest = todo.pop()
        for length in range(1, min(longest, len(rest)) + 1):
            after = rest[length:]
            if rest[:length] in phrases and after not in rests:
                rests.add(after)
                todo.append(after)
    return rests


def _begins(rest: Tokens, phrases: frozenset[Tokens]) -> bool:
    """Return whether a phrase begins with these tokens, the last of which may be cut off."""
    whole, last = rest[:-1], rest[-1]
    return any(
        len(phrase) >= len(rest)
        and phrase[: len(whole)] == whole
        and phrase[len(whole)].startswith(last)
        for phrase in phrases
    )
