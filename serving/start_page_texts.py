"""What the start page says, in each language that it speaks: a browser's, not the server's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "zh-CN"]

ENGLISH: Mapping[str, str] = {
    "starting": "Starting: models are being loaded. Load this page again in a moment.",
    "healthy": "Ready.",
    "draining": "Shutting down.",
    "failed": "The start failed; the server's log says why.",
    "address": "Address",
    "clients": "Clients connect to",
    "sdk": "base URL for the OpenAI SDKs",
    "no_sdk": "OpenAI's SDKs only connect to a path that ends in /realtime (server.ws_path).",
    "key": "This server needs an API key: its operator has it. The examples take it from the "
    "environment variable OPENAI_API_KEY.",
    "stack": "What answers",
    "VAD": "Turn detection",
    "STT": "Speech recognition",
    "LLM": "Language model",
    "TTS": "Voice",
    "limits": "What it cannot do",
    "trial": "Rules give the answers, for trying things out: configure a real model to converse.",
    "languages": "It understands speech in these languages only: {names}.",
    "prompt": "A prompt for the transcription has no effect.",
    "images": "It takes no images.",
    "reasoning": "A reasoning effort has no effect.",
    "webrtc": "There is no WebRTC and no SIP: clients connect by WebSocket.",
    "try": "Try it",
    "python": "Python",
    "javascript": "JavaScript",
    "curl": "Command line",
    "hello": "Hello!",
}

CHINESE: Mapping[str, str] = {
    "starting": "正在启动：模型加载中，请稍后刷新本页。",
    "healthy": "就绪。",
    "draining": "正在关闭。",
    "failed": "启动失败，原因见服务器日志。",
    "address": "地址",
    "clients": "客户端连接到",
    "sdk": "OpenAI SDK 的 base URL",
    "no_sdk": "OpenAI 的 SDK 只能连接以 /realtime 结尾的路径（server.ws_path）。",
    "key": "本服务器需要 API 密钥，请向其管理员索取。下面的示例从环境变量 OPENAI_API_KEY 读取。",
    "stack": "由什么来回答",
    "VAD": "轮次检测",
    "STT": "语音识别",
    "LLM": "语言模型",
    "TTS": "语音合成",
    "limits": "做不到的事",
    "trial": "目前由固定规则回答，仅供试用；要真正对话，请配置一个模型。",
    "languages": "只能听懂以下语言：{names}。",
    "prompt": "转写提示词不起作用。",
    "images": "不接受图片。",
    "reasoning": "推理强度不起作用。",
    "webrtc": "不支持 WebRTC 和 SIP，请用 WebSocket 连接。",
    "try": "试一试",
    "python": "Python",
    "javascript": "JavaScript",
    "curl": "命令行",
    "hello": "你好！",
}

TEXTS: Mapping[Language, Mapping[str, str]] = {"en": ENGLISH, "zh-CN": CHINESE}


def language_of(accepted: str) -> Language:
    """Return the page's language for a browser.

    Args:
        accepted: `Accept-Language`; of two with one weight the first counts.
    """
    best, weight = "en", 0.0
    for entry in accepted.lower().split(","):
        name, _semicolon, parameter = entry.strip().partition(";")
        language = name.partition("-")[0]
        try:
            asked = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if language in ("en", "zh", "cmn", "yue") and asked > weight:
            best, weight = language, asked
    return "en" if best == "en" else "zh-CN"
