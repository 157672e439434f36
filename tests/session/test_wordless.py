"""Which transcripts have words, in any language, and which are a recogniser's comment on noise."""

from __future__ import annotations

import pytest

from session.ports import Transcript
from session.wordless import has_words

NOTHING = [
    "", " ", ".", "...", "?!", "-", "…", "。", "、", "«»", "☎",
    "[BLANK_AUDIO]", "[blank_audio]", "[ Silence ]", "(coughs)", "(COUGHS)", "*music*", "{laughs}",
    "<noise>", "⟨noise⟩", "[Music] (applause)", "(sighs)...", "- (coughs) -",
    "( throat clearing ). ( coughs )", "[BLANK", "(cou",
    "（笑）", "【音楽】", "（咳嗽）", "[音乐]", "［拍手］", "(Husten)", "*Lachen*",
    "[Смех]", "(rires)", "[موسيقى]",
    "♪", "♪♪", "♫ ♬", "♪ la la la ♪", "♪ take me home", "🎵🎵", "[MUSIC PLAYING] ♪",
    "Ha ha ha!", "Ha, ha, ha.", "Ha.", "hahaha", "Ahahaha", "hehe", "Hihihi",
    "jajaja", "Хахаха", "哈哈哈哈", "呵呵", "はははは", "ㅋㅋㅋ", "하하하",
    "ههههه", "हाहा", "(laughs) Ha ha.",
]  # fmt: skip
WORDS = [
    "you", "No.", "Stop!", "ok", "A", "7", "555", "He", "Hi.", "Hi hi", "he he said", "Ja ja.",
    "Ja, ja, ja.", "Ho", "(coughs) Hello", "[laughs] yes", "Hier *ist* es", "Wait ♪", "Thank you.",
    "嗯", "停", "等一下", "好的。", "はい", "네", "नमस्ते", "سلام", "สวัสดี",
    "да", "ъ", "γεια", "שלום", "字幕",
]  # fmt: skip
INVENTED = [
    "you", "You.", "Thank you.", "Thank you. Thank you.", "Thanks for watching!", "Bye.",
    "Thank you for watching! Please subscribe.", "Subtitles by the Amara.org community",
    "字幕by索兰娅", "字幕由Amara.org社区提供", "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
    "謝謝大家", "谢谢观看",
    "ご視聴ありがとうございました", "시청해주셔서 감사합니다.", "MBC 뉴스 이덕영입니다.",
    "Untertitelung des ZDF, 2020", "Untertitel im Auftrag des ZDF für funk, 2017",
    "Sous-titrage Société Radio-Canada", "Merci d'avoir regardé cette vidéo !",
    "Sous-titres réalisés par la communauté d'Amara.org",
    "Subtítulos realizados por la comunidad de Amara.org", "Legendas pela comunidade Amara.org",
    "Sottotitoli creati dalla comunità Amara.org", "Napisy stworzone przez społeczność Amara.org",
    "Ondertitels ingediend door de Amara.org gemeenschap", "İzlediğiniz için teşekkür ederim",
    "Субтитры сделал DimaTorzok", "Редактор субтитров А.Семкин Корректор А.Егорова",
    "Продолжение следует...", "ترجمة نانسي قنقر", "धन्यवाद", "Takk for at du så på!", "Altyazı M.K.",
    "(coughs) Thank you.",
]  # fmt: skip


def never() -> float:
    raise AssertionError("nobody needs to listen again")


@pytest.mark.parametrize("text", NOTHING)
def test_comments_on_a_sound_are_no_words(text: str) -> None:
    assert not has_words(text, never)
    assert not has_words(Transcript(text, no_speech=0.0), never)


@pytest.mark.parametrize("text", WORDS)
def test_words_are_words(text: str) -> None:
    assert has_words(text)
    assert has_words(Transcript(text, no_speech=0.1), never)


@pytest.mark.parametrize("text", INVENTED)
def test_what_is_said_of_noise_is_believed_unless_something_speaks_for_noise(text: str) -> None:
    assert has_words(text)
    assert has_words(Transcript(text, no_speech=0.1), never)
    assert not has_words(Transcript(text, no_speech=0.6), never)
    assert has_words(Transcript(text), lambda: 15.0)
    assert not has_words(Transcript(text), lambda: 1.0)


def test_other_words_are_believed_whatever_the_recogniser_doubts() -> None:
    assert has_words(Transcript("Turn on the light.", no_speech=0.9), never)
    assert has_words(Transcript("Thank you. Turn on the light.", no_speech=0.9), never)
