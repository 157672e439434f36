"""Tells a transcript with words from what recognisers write when nobody has said any (§B.3, C.5).

Some describe the sound (`[BLANK_AUDIO]`, `(coughs)`, `♪`), some write the laugh down, and Whisper
says of noise what it has read below a million films: thanks, and who made the subtitles. People
say thanks, too: that one counts as invented only where something else speaks for noise.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from session.ports import Transcript

_NO_SPEECH = 0.45
"""Probability of no speech from which thanks are invented. Whisper base gave .003 to .30 to thanks
and farewells that were said, in a noise of 10 dB below them too, and .53 to .87 to noises."""
_STEADY_DB = 6.0
"""A turn whose loud and soft moments are less apart is a steady noise (0 to 2 dB): people pause;
short sentences had 14 dB in a noise 10 dB below them."""

_BRACKETS = (
    "[]",
    "()",
    "{}",
    "<>",
    "［］",
    "（）",
    "｛｝",
    "＜＞",
    "【】",
    "〔〕",
    "〈〉",
    "⟨⟩",
    "**",
    "＊＊",
)
_DESCRIBED = re.compile(
    "|".join(
        [
            # A description that was cut off, or is still being written.
            rf"^\s*{re.escape(left)}[^{re.escape(right)}]*$"
            for left, right in map(tuple, _BRACKETS)
            if left != right
        ]
        + [
            rf"{re.escape(left)}[^{re.escape(left + right)}]*{re.escape(right)}"
            for left, right in map(tuple, _BRACKETS)
        ]
        # What stands between two notes is sung, by someone on the radio.
        + [r"[♩♪♫♬🎵🎶🎼][^♩♪♫♬🎵🎶🎼]*(?:[♩♪♫♬🎵🎶🎼]|$)"]
    )
)
"""What a recogniser says about the sound."""

_LAUGHS = re.compile(
    "|".join(
        (
            r"a*(?:(?:h+a+)+|(?:h+e+){2,}|(?:h+u+){2,}|he)h*",  # ha, hahaha, ahaha, hehe, heh
            r"(?:hi){2,}|(?:ho){3,}|(?:j[aei]){3,}j?|l+o+l+",
            r"а*(?:х+[аеи]+){2,}х*|(?:χα){2,}|(?:הח|חה)+ח*|ח{2,}|ه{3,}|ا?(?:ها){2,}",
            r"[哈呵嘿嘻]+|[はハへヘふフ]{2,}[っッ]*|[ㅋㅎ]{2,}|(?:하|히|호|헤){2,}|(?:हा){2,}|(?:ฮ่?า){2,}",
        )
    )
)
"""A word that is nothing but a laugh; `he` and `hi` are words."""
_INVENTED = (
    # English
    "you",
    "thank you",
    "thanks",
    "thank you very much",
    "thank you so much",
    "thank you for watching",
    "thanks for watching",
    "thank you so much for watching",
    "thank you for listening",
    "thanks for listening",
    "please subscribe",
    "please like and subscribe",
    "like and subscribe",
    "subscribe",
    "dont forget to subscribe",
    "please subscribe to my channel",
    "see you next time",
    "ill see you next time",
    "see you in the next video",
    "ill see you in the next video",
    "bye",
    "bye bye",
    "so",
    "the",
    "oh",
    "the end",
    "to be continued",
    "silence",
    "music",
    "blank audio",
    # German, French, Spanish, Portuguese, Italian, Dutch
    "vielen dank",
    "vielen dank fürs zuschauen",
    "danke fürs zuschauen",
    "vielen dank für die aufmerksamkeit",
    "bis zum nächsten mal",
    "merci",
    "merci davoir regardé",
    "merci davoir regardé cette vidéo",
    "abonnezvous",
    "noubliez pas de vous abonner",
    "gracias",
    "gracias por ver",
    "gracias por ver el video",
    "gracias por ver el vídeo",
    "suscríbete",
    "suscríbete al canal",
    "obrigado",
    "obrigado por assistir",
    "inscrevase no canal",
    "grazie",
    "grazie per aver guardato",
    "grazie per aver guardato il video",
    "iscriviti al canale",
    "bedankt voor het kijken",
    # Scandinavian, Finnish, Polish, Czech, Hungarian, Romanian, Turkish, Greek
    "tack för att ni tittade",
    "tack för att du tittade",
    "takk for at du så på",
    "tak fordi du så med",
    "kiitos kun katsoitte",
    "dziękuję za oglądanie",
    "dziękuję za uwagę",
    "děkuji za pozornost",
    "köszönöm a figyelmet",
    "köszönöm hogy megnézted",
    "vă mulțumesc pentru vizionare",
    "izlediğiniz için teşekkür ederim",
    "izlediğiniz için teşekkürler",
    "abone olmayı unutmayın",
    "ευχαριστώ που παρακολουθήσατε",
    # Russian, Ukrainian, Hebrew, Arabic, Persian, Hindi
    "спасибо за просмотр",
    "продолжение следует",
    "подписывайтесь на канал",
    "спасибо",
    "дякую за перегляд",
    "תודה על הצפייה",
    "شكرا",
    "شكرا للمشاهدة",
    "اشتركوا في القناة",
    "با تشکر از تماشای شما",
    "धन्यवाद",
    # Chinese, Japanese, Korean, Vietnamese, Indonesian, Thai
    "谢谢",
    "謝謝",
    "谢谢大家",
    "謝謝大家",
    "谢谢观看",
    "謝謝觀看",
    "感谢观看",
    "感謝觀看",
    "谢谢收看",
    "謝謝收看",
    "多谢您的观看",
    "多謝您的觀看",
    "下集再见",
    "ご視聴ありがとうございました",
    "ご清聴ありがとうございました",
    "ありがとうございました",
    "チャンネル登録お願いします",
    "おやすみなさい",
    "시청해주셔서감사합니다",
    "시청해 주셔서 감사합니다",
    "감사합니다",
    "구독과 좋아요 부탁드립니다",
    "cảm ơn các bạn đã theo dõi",
    "hãy subscribe cho kênh",
    "terima kasih telah menonton",
    "terima kasih",
    "ขอบคุณที่รับชม",
)
"""What Whisper says of noise: whole sentences."""

_CREDITS = re.compile(
    "|".join(
        (
            "amaraorg",
            r"^(?:subtitl|subtitrare|captions?by|closedcaption|captioned|transcri(?:bed|ption|pt)by)",
            r"^(?:translatedby|translationby)",
            r"^(?:untertitel|copyright(?:wdr|swr)|.*imauftragdeszdf)",
            r"^(?:sous-?titr|soustitr|sottotitoli|legendas?(?:por|pela|da|by)|legendado|subtítulos)",
            r"^(?:ondertitel|undertext|undertekst|danske?tekster|tekstingav|tekstet|tekstitys)",
            r"^(?:napisy(?:stworzone|przez|by)|titulky|felirat|altyazı|υπότιτλοι)",
            r"^(?:субтитр|редакторсубтитров|корректор|субтитри)",
            r"^(?:ترجمةنانسي|ترجمة:|כתוביות)",
            r"^(?:字幕|中文字幕|请不吝点赞|請不吝點贊|請不吝點讚|明镜|明鏡|优优独播|優優獨播|由amara)",
            r"^(?:mbc뉴스|자막|한글자막|ghiềnmì)",
        )
    )
)
"""Who made the subtitles: how such a sentence begins, as `_words` finds it, without spaces."""

# The dot is what remains of a Turkish capital.
_WITHIN_WORDS = dict.fromkeys(map(ord, "'’-\u0307"))
_SENTENCES = re.compile(r"[.!?,;:…\n。！？、，；]+")


def has_words(heard: Transcript | str, contrast_db: Callable[[], float] | None = None) -> bool:
    """Return whether somebody has said something, as far as the transcript tells.

    Args:
        heard: What the recogniser made of a turn, perhaps of its beginning; a mere text comes
            without the recogniser's doubts.
        contrast_db: Returns how far the turn's loud and soft moments are apart, in dB (see
            `audio.loudness`). It is asked only where the words alone leave it open. None: nobody
            has measured.
    """
    text = heard if isinstance(heard, str) else heard.text
    sentences = [_words(part) for part in _SENTENCES.split(_DESCRIBED.sub(".", text))]
    sentences = [words for words in sentences if words]
    if not sentences or all(_is_laugh(word) for words in sentences for word in words):
        return False
    if not _is_said_of_noise(["".join(words) for words in sentences]):
        return True
    if not isinstance(heard, str) and heard.no_speech is not None:
        return heard.no_speech < _NO_SPEECH
    return contrast_db is None or contrast_db() >= _STEADY_DB


def _words(sentence: str) -> list[str]:
    """Return the words of a sentence, in small letters and without signs."""
    folded = unicodedata.normalize("NFC", sentence).casefold()
    plain = "".join(
        sign if sign.isalnum() or unicodedata.category(sign).startswith("M") else " "
        for sign in folded.translate(_WITHIN_WORDS)
    )
    return [word for word in plain.split() if any(sign.isalnum() for sign in word)]


def _is_laugh(word: str) -> bool:
    return _LAUGHS.fullmatch(word) is not None and word != "he"


_SAID_OF_NOISE = frozenset("".join(_words(sentence)) for sentence in _INVENTED)


def _is_said_of_noise(sentences: list[str]) -> bool:
    """Return whether there is nothing else, given sentences without spaces."""
    for at, sentence in enumerate(sentences):
        # A title begins so, and goes on in any way.
        if _CREDITS.search("".join(sentences[at:])):
            return True
        if sentence not in _SAID_OF_NOISE:
            return False
    return True
