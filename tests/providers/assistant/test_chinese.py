"""Skills in Chinese."""

from __future__ import annotations

import pytest

from providers.assistant import texts
from tests.providers.assistant.asking import assistant, say


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("你好", texts.ZH_GREETING),
        ("你好吗？", "我很好，谢谢。有什么可以帮您？"),
        ("谢谢", "不客气。"),
        ("再见", "再见！很高兴和您聊天。"),
        ("帮助", texts.ZH_HELP),
        ("你能做什么？", texts.ZH_HELP),
        ("现在几点了", "现在是下午3点05分。"),
        ("現在幾點", "现在是下午3点05分。"),
        ("今天星期几", "今天是2029年11月22日，星期四。"),
        ("明天几号", "明天是2029年11月23日，星期五。"),
        ("数到五", "1、2、3、4、5。"),
        ("请从三数到一", "3、2、1。"),
        ("数到二十一", "、".join(map(str, range(1, 22))) + "。"),
        ("跟我说：今天天气很好", "今天天气很好"),
        ("重复 你好 World", "你好 World"),
        ("请说“早安”", "早安"),
        ("say exactly 你好", "你好"),
        ("讲个故事", texts.ZH_STORY),
        ("我叫安娜", "很高兴认识您，安娜。"),
        ("我叫什么", "您还没有告诉我您的名字。"),
    ],
)
def test_chinese(said: str, answered: str) -> None:
    assert say(said) == answered


def test_chinese_fallback_and_memory() -> None:
    assert say("我想买一台电脑").startswith("我听到的是：我想买一台电脑。我是内置的演示助手")
    assert say("我叫安娜", assistant("好"), "我叫什么名字") == "您叫安娜。"
    assert say("从九点到十点").startswith("我听到的是")
