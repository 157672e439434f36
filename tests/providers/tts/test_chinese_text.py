"""Chinese as it is said, clause by clause; and what its libraries must not do."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from providers.tts.chinese_text import clauses, readable

needs_misaki = pytest.mark.skipif(
    find_spec("misaki") is None or find_spec("jieba") is None,
    reason="misaki and jieba are not installed (requirements/offline.txt)",
)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("价格是¥5.50", "价格是5.50元"),
        ("$3，€4", "3美元，4欧元"),
        ("9:00、9:05和15:30", "9点、9点零5分和15点30分"),
        ("今天25°C", "今天25摄氏度"),
        ("3+4=7，6*7", "3加4等于7，6乘7"),
        ("1,234人", "1234人"),
        ("电话13800138000", "电话幺三八零零幺三八零零零"),
        ("**重要**", "重要"),
    ],
)
def test_signs_are_said(written: str, spoken: str) -> None:
    assert readable(written) == spoken


def test_text_is_said_clause_by_clause() -> None:
    text = "你好！今天天气很好，我们去公园吧，好吗？是的，谢谢"
    assert list(clauses(text)) == [
        "你好！",
        "今天天气很好，",
        "我们去公园吧，",
        "好吗？",
        "是的，谢谢",
    ]
    assert "".join(clauses(text)) == text
    assert list(clauses("")) == []


@pytest.mark.parametrize("text", ["价格一共是1,250元", "我们明天是7:30走", "一共有3：2"])
def test_a_number_is_no_two_clauses(text: str) -> None:
    assert list(clauses(text)) == [text]


@needs_misaki
def test_its_dictionary_is_no_file_of_somebody_elses(tmp_path: Path) -> None:
    poisoned = tmp_path / "jieba.cache"
    poisoned.write_bytes(b"no dictionary")
    script = (
        "from providers.tts.chinese_text import load_phonemes\n"
        "print(load_phonemes()('你好，'), load_phonemes()('50%'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["ni↓xau↓,", "pai↓fə→nꭧɨ→u↓ʂɨ↗"]
    assert "jieba" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["jieba.cache"]
    assert poisoned.read_bytes() == b"no dictionary"
