"""The built-in assistant's skills in Chinese, for clients that send text."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from providers.assistant import texts
from providers.assistant.sums import COUNT_LIMIT, counted
from providers.assistant.words import chinese_numbers, unquote

_NUMERAL = "[0-9零〇一二两兩三四五六七八九十百]+"
_POLITE = r"^\W*(?:请|請|麻烦|麻煩|你|您|能|可以|帮我|幫我|现在|現在)*"
_REPEAT = re.compile(
    _POLITE + r"(?:跟我(?:说|說|读|讀|念)|(?:重复|重複|复述|複述)(?:一下|一遍)?|照着(?:说|念)"
    # "说你好" orders to say it; "说明", "说话" and "说什么" are other words.
    r"|(?:说|說)(?:一遍|一句|出)?(?![说說明话話起到什甚一]))[\s:：，,]*(?P<said>\S.*)$",
    re.DOTALL,
)
_COUNT_FROM = re.compile(rf"[从從]\s*({_NUMERAL})\s*(?:数|數)?\s*到\s*({_NUMERAL})")
_COUNT_TO = re.compile(rf"(?:数|數)(?:数|數)?\s*到\s*({_NUMERAL})")
_COUNTS = re.compile("[数數]")
_COUNT = re.compile("数数|數數")
_NAME = re.compile(r"我(?:的名字)?(?:叫|是叫)(?:做)?\s*(?P<name>[^\s，。！？,.!?什甚]{1,8})")
_ASK_NAME = re.compile("我(的名字)?(叫|是)(什么|什麼|啥|谁|誰)|我的名字是|记得我")
_TIME = re.compile("几点|幾點|什么时间|什麼時間|什么时候了|时间是|時間是|现在时间|現在時間|报时")
_DATE = re.compile(
    "几号|幾號|几月|幾月|日期|星期几|星期幾|周几|週幾|礼拜几|禮拜幾|今天是|哪一天|哪天|什么日子"
)
_STORY = re.compile("故事")
_JOKE = re.compile("笑话|笑話")
_WEEKDAYS = "一二三四五六日"


def answer(text: str, earlier: list[str], now: datetime) -> str:
    """Answer a Chinese utterance.

    Args:
        text: What the user said last.
        earlier: What the user said before, oldest first.
        now: Current time.
    """
    if _ASK_NAME.search(text):
        names = [name for said in (*earlier, text) if (name := _told_name(said))]
        return f"您叫{names[-1]}。" if names else "您还没有告诉我您的名字。"
    if (numbers := _count(text)) is not None:
        return numbers
    if _STORY.search(text):
        return texts.ZH_STORY
    if _JOKE.search(text):
        return texts.ZH_JOKE
    if _TIME.search(text):
        return _time(now)
    if _DATE.search(text):
        return _date(text, now)
    if (name := _told_name(text)) is not None:
        return f"很高兴认识您，{name}。"
    for pattern, said in texts.ZH_SMALL_TALK:
        if re.search(pattern, text.strip(" \n。！？.!?")):
            return said
    heard = text.strip()
    return texts.ZH_FALLBACK.format(heard=heard if heard[-1] in "。！？.!?" else heard + "。")


def repeat(text: str) -> str | None:
    """Return what is to be repeated after "跟我说" or "重复"; None if nothing is."""
    match = _REPEAT.search(text)
    return None if match is None else unquote(match["said"])


def _count(text: str) -> str | None:
    if not _COUNTS.search(text):
        return None
    if match := _COUNT_FROM.search(text):
        first, last = (chinese_numbers(part)[0] for part in match.groups())
    elif match := _COUNT_TO.search(text):
        first, last = 1, chinese_numbers(match[1])[0]
    elif _COUNT.search(text):
        first, last = 1, 10
    else:
        return None
    note = f"我最多数到{COUNT_LIMIT}：" if max(first, last) > COUNT_LIMIT else ""
    return note + counted(min(first, COUNT_LIMIT), min(last, COUNT_LIMIT), "、") + "。"


def _time(now: datetime) -> str:
    part = ("凌晨", "上午", "下午", "晚上")[now.hour // 6]
    minute = "整" if now.minute == 0 else f"{now.minute:02d}分"
    return f"现在是{part}{now.hour % 12 or 12}点{minute}。"


def _date(text: str, now: datetime) -> str:
    days = 1 if "明天" in text else -1 if "昨天" in text else 0
    day = now + timedelta(days=days)
    name = {1: "明天", -1: "昨天"}.get(days, "今天")
    return f"{name}是{day.year}年{day.month}月{day.day}日，星期{_WEEKDAYS[day.weekday()]}。"


def _told_name(text: str) -> str | None:
    match = _NAME.search(text)
    return None if match is None else match["name"]
