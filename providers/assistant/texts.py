"""What the built-in assistant says: the texts of its skills, apart from the rules that choose them.

They are written to be spoken: short sentences, no markup, nothing that needs to be seen.
"""

from __future__ import annotations

from typing import NamedTuple


class Phrases(NamedTuple):
    """Ways to say something, as whole words without accents, and the answer to them."""

    said: tuple[str, ...]
    answer: str
    at_most: int
    """Most words that a matching utterance may have."""


GREETING = "Hello! How can I help you?"
STILL_THERE = "Are you still there?"
NOT_CAUGHT = "Sorry, I did not catch that."
STILL_WAITING = "I am still waiting for the result of {names}."
HELP = (
    "I am the built-in demo assistant. You can ask me what time or what day it is, or say: "
    "count to ten, tell me a story, tell me a joke, what is twelve plus seven, "
    "or repeat after me. You can tell me your name and ask for it later. "
    "If your app offers me tools, name one and I will call it."
)
ABOUT = (
    "I am the built-in demo assistant of this server. I follow simple rules, so you can try "
    "everything without a key or a download."
)
FALLBACK = (
    "I heard: {heard} I am the built-in demo assistant, so I only know a few things: say help to "
    "hear them. For a real conversation, connect a real model in the settings of the server."
)

SMALL_TALK: tuple[Phrases, ...] = (
    Phrases(("stop", "wait", "be quiet", "shut up", "never mind", "cancel", "enough"), "Okay.", 3),
    Phrases(("how are you", "what is up"), "I am fine, thank you. How can I help you?", 8),
    Phrases(("who are you", "what are you", "your name", "are you a robot"), ABOUT, 10),
    Phrases(("what can you do", "your skills"), HELP, 12),
    Phrases(("help",), HELP, 6),
    Phrases(("can you hear me", "are you there"), "Yes, I can hear you.", 8),
    Phrases(("thank you", "thanks"), "You are welcome.", 8),
    Phrases(("bye", "goodbye", "good night"), "Goodbye! It was nice talking to you.", 8),
    Phrases(("hello", "hi", "hey", "good morning", "good evening"), GREETING, 5),
    Phrases(("yes", "no", "okay", "ok", "sure", "fine", "great", "good"), "All right.", 3),
)
"""English small talk; the first entry that fits answers."""

OTHER_LANGUAGES: tuple[Phrases, ...] = (
    Phrases(("como estas", "que tal"), "Muy bien, gracias. ¿Y tú?", 6),
    Phrases(("hola", "buenos dias"), "¡Hola! ¿En qué puedo ayudarte?", 5),
    Phrases(("ca va",), "Je vais bien, merci. Et vous ?", 6),
    Phrases(("bonjour", "salut"), "Bonjour ! Comment puis-je vous aider ?", 5),
    Phrases(("tschuss", "auf wiedersehen"), "Auf Wiedersehen!", 4),
    Phrases(("hallo", "guten tag"), "Hallo! Wie kann ich dir helfen?", 5),
    Phrases(("ciao", "buongiorno"), "Ciao! Come posso aiutarti?", 5),
    Phrases(("grazie",), "Prego.", 5),
)
"""Small talk in Spanish, French, German and Italian."""

GREETINGS_BY_LANGUAGE = (
    ("chinese", "你好！有什么可以帮您？"),
    ("spanish", "¡Hola! ¿En qué puedo ayudarte?"),
    ("french", "Bonjour ! Comment puis-je vous aider ?"),
    ("german", "Hallo! Wie kann ich dir helfen?"),
    ("italian", "Ciao! Come posso aiutarti?"),
)
"""Language as instructions name it → how to greet in it."""

JOKES = (
    "Why did the computer go to the doctor? Because it had a virus.",
    "Why was the math book so sad? Because it had too many problems.",
    "Why do programmers confuse Halloween and Christmas? Because Oct thirty-one equals Dec "
    "twenty-five.",
)

STORY = (
    "Once upon a time, there was a small lighthouse at the edge of a quiet sea. A girl named "
    "Mira lived there with her grandfather. Every evening they climbed the long stairs together. "
    "Every evening they lit the great lamp. The ships far away saw the light, and they knew "
    "which way to go. One autumn day the grandfather fell ill. He lay in bed and could not climb "
    "the stairs. Do not worry, said Mira. I know every step. I will light the lamp alone. That "
    "night a heavy storm came over the water. The wind pulled at the windows, and the rain beat "
    "on the door. Mira took a lantern and began to climb. She counted the steps to keep her "
    "courage. At the hundredth step the lantern went out. It was so dark that she could not see "
    "her own hands. She stood still and listened. Somewhere above her, she heard a soft tapping. "
    "It was an old gull with a grey wing, who had come in from the storm. The gull hopped from "
    "step to step and tapped with its beak. Mira followed the sound, slowly, one step after "
    "another. At last her fingers touched the cold glass of the lamp. She struck a match. It "
    "broke. She struck a second one, and the wind blew it out. She had only one match left. Then "
    "the gull spread its wings and kept the wind away. The last match burned with a small yellow "
    "flame. The great lamp woke up, and its light ran over the waves. Far out at sea, a ship "
    "turned away from the rocks just in time. In the morning the storm was over, and the sea was "
    "as smooth as a mirror. The captain of the ship came to the door with a basket of oranges. "
    "Who lit the lamp in such a night, he asked. We did, said Mira, and she pointed to the gull "
    "on the roof. The grandfather laughed for the first time in weeks, and soon he was well "
    "again. From that day on, three of them climbed the stairs every evening. First came the "
    "girl, then the old man, and last came the gull, step by step. And if you sail past that "
    "lighthouse at night, you can still see the light. That is the end of the story."
)

ZH_NOT_CAUGHT = "抱歉，我没有听清。"
ZH_GREETING = "你好！有什么可以帮您？"
ZH_HELP = (
    "我是内置的演示助手。您可以问我现在几点、今天几号、星期几，也可以说：数到十、跟我说、"
    "讲个故事、讲个笑话。如果应用提供了工具，说出工具的名字，我就会调用它。"
)
ZH_FALLBACK = (
    "我听到的是：{heard}我是内置的演示助手，只会几件事，说“帮助”就能听到。"
    "想要真正的对话，请在服务器设置里连接一个真正的模型。"
)
ZH_JOKE = "为什么电脑总是很冷？因为它的窗户老是开着。"
ZH_STORY = (
    "从前，海边有一座小小的灯塔。女孩米拉和爷爷住在那里。每天晚上，他们一起爬上长长的楼梯，"
    "点亮大灯。远处的船看见灯光，就知道该往哪里走。有一年秋天，爷爷病了。那天夜里，"
    "海上起了大风暴。米拉一个人提着灯笼往上爬。爬到第一百级，灯笼灭了，四周一片漆黑。"
    "这时，她听见轻轻的敲击声。那是一只来躲雨的老海鸥，它一级一级地往上跳，用嘴敲着台阶。"
    "米拉跟着声音，一步一步走到了塔顶。她只剩下最后一根火柴。海鸥张开翅膀，挡住了风。"
    "火柴亮了，大灯也亮了，灯光照过海浪。远处的一条船及时避开了礁石。第二天早上，风暴过去了，"
    "船长带着一篮橙子来敲门。他问：这样的夜晚，是谁点亮了灯？米拉指着屋顶上的海鸥说：是我们。"
    "爷爷笑了，不久就康复了。从那以后，每天晚上有三个伙伴一起爬楼梯：女孩、爷爷，还有海鸥。"
    "故事讲完了。"
)
ZH_SMALL_TALK: tuple[tuple[str, str], ...] = (
    (
        "(你|您)(好(吗|嗎)|(最近)?(怎么样|怎麼樣))|^(最近)?(怎么样|怎麼樣)",
        "我很好，谢谢。有什么可以帮您？",
    ),
    (
        "你是(谁|誰|什么|什麼)|(你|您)叫什么|(你|您)叫什麼|(你|您)的名字|介绍一下|自我介绍",
        "我是这台服务器内置的演示助手，按简单的规则回答，不需要密钥，也不需要下载。",
    ),
    ("帮助|幫助|(会|會|能|可以)(做|干|幹|说|說)?(什么|什麼|啥)|怎么用|怎麼用", ZH_HELP),
    ("谢谢|謝謝|多谢|多謝|感谢|感謝", "不客气。"),
    ("再见|再見|拜拜|晚安", "再见！很高兴和您聊天。"),
    ("你好|您好|嗨|哈喽|哈囉|早上好|下午好|晚上好|早安", ZH_GREETING),
    ("^(停|停下|停止|别说了|別說了|等一下|够了|夠了)$", "好的。"),
)
"""Chinese small talk: a pattern to find, and the answer. The first that fits answers."""
