"""The built-in assistant: what it answers, and that nothing an app sends can break it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.assistant import texts
from providers.assistant.reply import Answer, ToolCall, reply

NOW = datetime(2029, 11, 22, 15, 5)
"""A Thursday."""


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def called(*calls: tuple[str, str]) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}
            for call_id, name in calls
        ],
    }


def returned(call_id: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def tool(name: str, required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": required or []}
    return {"type": "function", "name": name, "description": "", "parameters": parameters}


def ask(
    *messages: dict[str, Any] | str,
    tools: list[Any] | None = None,
    choice: Any = "auto",
    instructions: str = "You are helpful.",
    now: datetime = NOW,
) -> Answer:
    conversation = [user(m) if isinstance(m, str) else m for m in messages]
    return reply(conversation, tools or [], choice, instructions, now)


def say(*messages: dict[str, Any] | str, **kwargs: Any) -> str:
    answer = ask(*messages, **kwargs)
    assert answer.tool_calls == ()
    return answer.text


def numbers(first: int, last: int) -> str:
    step = 1 if last >= first else -1
    return ", ".join(map(str, range(first, last + step, step)))


STRING = {"type": "string"}
INTEGER = {"type": "integer"}
WEATHER = tool(
    "get_weather",
    ["location"],
    location=STRING,
    unit={"type": "string", "enum": ["celsius", "fahrenheit"]},
)
TIMER = tool("set_timer", ["minutes"], minutes=INTEGER, label=STRING)
LIGHTS_ON = tool("turn_on_lights", ["room"], room={"enum": ["kitchen", "living_room"]})
LIGHTS_OFF = tool("turn_off_lights")
SEARCH = tool("search", ["query"], query=STRING)
TOOLS = [WEATHER, TIMER, LIGHTS_ON, LIGHTS_OFF, SEARCH]


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("hello", texts.GREETING),
        ("Hi there!", texts.GREETING),
        ("good morning", texts.GREETING),
        ("hello how are you today", "I am fine, thank you. How can I help you?"),
        ("thanks a lot", "You are welcome."),
        ("thank you very much", "You are welcome."),
        ("good bye", "Goodbye! It was nice talking to you."),
        ("who are you", texts.ABOUT),
        ("What's your name?", texts.ABOUT),
        ("whats your name", texts.ABOUT),
        ("are you a robot", texts.ABOUT),
        ("what can you do", texts.HELP),
        ("help", texts.HELP),
        ("can you help me please", texts.HELP),
        ("can you hear me", "Yes, I can hear you."),
        ("stop", "Okay."),
        ("okay", "All right."),
        ("hola", "¡Hola! ¿En qué puedo ayudarte?"),
        ("¿Cómo estás?", "Muy bien, gracias. ¿Y tú?"),
        ("Bonjour", "Bonjour ! Comment puis-je vous aider ?"),
        ("ça va", "Je vais bien, merci. Et vous ?"),
        ("guten tag", "Hallo! Wie kann ich dir helfen?"),
        ("tschüss", "Auf Wiedersehen!"),
        ("grazie mille", "Prego."),
    ],
)
def test_small_talk(said: str, answered: str) -> None:
    assert say(said) == answered


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("what time is it", "It is 3:05 PM."),
        ("What's the time?", "It is 3:05 PM."),
        ("do you have the time", "It is 3:05 PM."),
        ("what day is it", "Today is Thursday, November 22, 2029."),
        ("what is today's date", "Today is Thursday, November 22, 2029."),
        ("which day of the week is it", "Today is Thursday, November 22, 2029."),
        ("what is the date tomorrow", "Tomorrow is Friday, November 23, 2029."),
        ("what day was yesterday", "Yesterday was Wednesday, November 21, 2029."),
        ("tell me the time and the date", "It is 3:05 PM. Today is Thursday, November 22, 2029."),
    ],
)
def test_clock(said: str, answered: str) -> None:
    assert say(said) == answered


@pytest.mark.parametrize(
    ("hour", "minute", "spoken"),
    [
        (0, 0, "12 AM"),
        (0, 30, "12:30 AM"),
        (9, 0, "9 AM"),
        (12, 1, "12:01 PM"),
        (23, 59, "11:59 PM"),
    ],
)
def test_time_of_day(hour: int, minute: int, spoken: str) -> None:
    assert say("what time is it", now=NOW.replace(hour=hour, minute=minute)) == f"It is {spoken}."


@pytest.mark.parametrize(
    ("said", "repeated"),
    [
        ("repeat after me the quick Brown fox", "the quick Brown fox"),
        ("Repeat after me: It's ME, again!", "It's ME, again!"),
        ("please say after me hello", "hello"),
        ("say exactly: Hello, World! It's 5.", "Hello, World! It's 5."),
        ("Say exactly what time is it", "what time is it"),
        ("Say the following: one two", "one two"),
        ("Say the following exactly: A.\nB.", "A.\nB."),
        ('Could you say "Good Morning"?', "Good Morning"),
        ("say “a” and “b”", "“a” and “b”"),
        ("say 'tis the season", "'tis the season"),
        ("say hello", "hello"),
        ("repeat exactly -5", "-5"),
        ("repeat after me count to ten", "count to ten"),
        ("repeat after me", "What shall I repeat?"),
    ],
)
def test_repeat(said: str, repeated: str) -> None:
    assert say(said) == repeated


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("count to ten", 1, 10),
        ("Count to 20, please.", 1, 20),
        ("can you count to twenty five for me", 1, 25),
        ("count two twenty", 1, 20),
        ("count two twenty five", 1, 25),
        ("count to two", 1, 2),
        ("count to for", 1, 4),
        ("count the ten", 1, 10),
        ("count from three to seven", 3, 7),
        ("count from two two ten", 2, 10),
        ("count from to to ten", 2, 10),
        ("count from one to two", 1, 2),
        ("count from ten to one", 10, 1),
        ("count down from five", 5, 1),
        ("count backwards from 3", 3, 1),
        ("count to a hundred", 1, 100),
        ("count for me", 1, 10),
        ("start counting", 1, 10),
    ],
)
def test_count(said: str, first: int, last: int) -> None:
    assert say(said) == numbers(first, last) + "."


def test_count_ends() -> None:
    assert say("count to one million") == f"I only count to 100: {numbers(1, 100)}."


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("what is twelve plus seven", "12 plus 7 is 19."),
        ("3 times 4", "3 times 4 is 12."),
        ("what's 2 + 3 * 4?", "2 plus 3 times 4 is 14."),
        ("ten minus twelve", "10 minus 12 is minus 2."),
        ("what is ten take away three", "10 minus 3 is 7."),
        ("what is one hundred and twenty divided by seven", "120 divided by 7 is about 17.1429."),
        ("ten multiplied by two point five", "10 times 2.5 is 25."),
        ("two plus for", "2 plus 4 is 6."),
        ("to plus to", "2 plus 2 is 4."),
        ("add five to seven", "5 plus 7 is 12."),
        ("subtract three from ten", "10 minus 3 is 7."),
        ("minus five plus three", "minus 5 plus 3 is minus 2."),
        ("1,000 minus 1", "1000 minus 1 is 999."),
        ("five divided by zero", "I cannot divide by zero."),
        ("999999999999999 times 999999999999999", "That number is too big for me."),
    ],
)
def test_arithmetic(said: str, answered: str) -> None:
    assert say(said) == answered


@pytest.mark.parametrize("said", ["tell me a long story", "Tell me a story.", "another story"])
def test_story_is_long_enough_to_interrupt(said: str) -> None:
    story = say(said)
    assert len(story.split()) >= 250
    assert max(len(sentence.split()) for sentence in story.split(".")) < 25


def test_jokes_take_turns() -> None:
    first = say("tell me a joke")
    second = say("tell me a joke", assistant(first), "tell me another joke")
    assert {first, second} <= set(texts.JOKES)
    assert first != second


@pytest.mark.parametrize(
    ("conversation", "answered"),
    [
        (["my name is anna"], "Nice to meet you, Anna."),
        (["I'm Anna."], "Nice to meet you, Anna."),
        (["hello my name is Anna Smith and I like tea"], "Nice to meet you, Anna Smith."),
        (["call me bob please"], "Nice to meet you, Bob."),
        (["what is my name"], "You have not told me your name yet."),
        (["my name is anna", "what's my name"], "Your name is Anna."),
        (["my name is anna", "no call me bob", "do you remember my name"], "Your name is Bob."),
        (["my name is anna what is my name"], "Your name is Anna."),
        (["my name is anna", "hello"], "Hello Anna! How can I help you?"),
        (["I like tea", "what did I say before"], "Before that, you said: I like tea."),
        (["what did i just say"], "This is the first thing you have said to me."),
        (["one", "two", "what did we talk about"], "So far, you said: one; two."),
    ],
)
def test_memory_of_the_user(conversation: list[str], answered: str) -> None:
    messages = [m for text in conversation for m in (user(text), assistant("Fine."))]
    assert say(*messages[:-1]) == answered


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("say that again", "Nice weather"),
        ("can you repeat that please", "Nice weather"),
        ("repeat", "Nice weather"),
        ("what did you say", "I said: Nice weather."),
    ],
)
def test_memory_of_the_assistant(said: str, answered: str) -> None:
    assert say("hello", assistant("Nice weather"), said) == answered
    assert say(said) == "I have not said anything yet."


@pytest.mark.parametrize(
    "said", ["", "  ", "...", "um", "uh hmm", "[noise]", "<sil>", "++BREATH++", []]
)
def test_unintelligible(said: Any) -> None:
    assert say(user(said)) == "Sorry, I did not catch that."


@pytest.mark.parametrize(
    "said",
    [
        "the quick brown fox jumps",
        "hello i would like to order a large pizza",
        "we have 24/7 service",
        "call 555-1234",
        "that was a nice story",
        "do you know about photosynthesis",
    ],
)
def test_fallback_says_what_it_heard_and_what_it_is(said: str) -> None:
    answer = say(said)
    assert answer.startswith(f"I heard: {said}. I am the built-in demo assistant")
    assert "real model" in answer


def test_fallback_cuts_what_is_long() -> None:
    assert len(say("blah " * 1000).split()) < 100


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


@pytest.mark.parametrize(
    ("instructions", "answered"),
    [
        ("", texts.GREETING),
        ("You are a pirate. If asked about money, say that you have none.", texts.GREETING),
        ("Greet the user and ask how you can help.", texts.GREETING),
        ("Greet Anna warmly.", "Hello Anna! How can I help you?"),
        ("Greet the user in French.", "Bonjour ! Comment puis-je vous aider ?"),
        ("用中文问候用户。", texts.ZH_GREETING),
        ("Say exactly: Welcome to ACME. How can I help?", "Welcome to ACME. How can I help?"),
        ("You are nice. Say 'hi there' to the user.", "hi there"),
        ("Say hello. Be brief.", "hello."),
        ("Please say exactly “Goodbye”.", "Goodbye"),
    ],
)
def test_instructions_alone(instructions: str, answered: str) -> None:
    assert say(instructions=instructions) == answered


def test_instructions_matter_only_where_nothing_is_to_be_answered() -> None:
    order = "Say exactly: still there?"
    assert say("count to two", instructions=order) == "1, 2."
    assert say("count to two", assistant("1, 2."), instructions=order) == "still there?"
    system = {"role": "system", "content": order}
    assert say("count to two", assistant("1, 2."), system) == "still there?"


def test_a_turn_without_words_in_mid_conversation() -> None:
    # The session leaves such turns out: what comes last is what the assistant said.
    assert say("count to two", assistant("1, 2.")) == "Sorry, I did not catch that."
    assert say("你好", assistant("你好！")) == "抱歉，我没有听清。"
    assert say(assistant("Hello!")) == "Sorry, I did not catch that."
    assert say(assistant("Hello!"), instructions="Greet Anna.").startswith("Hello Anna!")


def test_a_result_that_came_while_the_user_was_talking() -> None:
    talk = [user("weather"), called(("a", "get_weather")), returned("a", "sun")]
    talk += [user("count to two"), assistant("1, 2.")]
    result = "The result of get weather is: sun."
    assert say(*talk) == result
    assert say(*talk, assistant(result)) == "Sorry, I did not catch that."
    assert say(*talk, user("count to two")) == "1, 2."


def test_content_in_parts() -> None:
    parts = [{"type": "text", "text": "count"}, {"type": "text", "text": "to three"}]
    assert say(user(parts)) == "1, 2, 3."


@pytest.mark.parametrize(
    ("said", "calls"),
    [
        ("what's the weather in london this morning", [("get_weather", {"location": "London"})]),
        ("hows the whether in new york city", [("get_weather", {"location": "New York City"})]),
        ("weather for Paris, France please", [("get_weather", {"location": "Paris, France"})]),
        (
            "weather in fahrenheit in rome",
            [("get_weather", {"location": "Rome", "unit": "fahrenheit"})],
        ),
        ("What's the weather in Oslo? I wonder", [("get_weather", {"location": "Oslo"})]),
        ("london weather", [("get_weather", {"location": "London"})]),
        ("what is the weather like", [("get_weather", {"location": "here"})]),
        ("get_weather", [("get_weather", {"location": "here"})]),
        ("set a timer for five minutes", [("set_timer", {"minutes": 5})]),
        ("timer 90 seconds", [("set_timer", {"minutes": 1})]),
        ("set a timer for two hours", [("set_timer", {"minutes": 120})]),
        ("set a timer for 3 minutes called tea", [("set_timer", {"minutes": 3, "label": "tea"})]),
        ('a timer "green tea"', [("set_timer", {"minutes": 1, "label": "green tea"})]),
        ("turn off the lights", [("turn_off_lights", {})]),
        ("lights on in the living room", [("turn_on_lights", {"room": "living_room"})]),
        ("turn the light on", [("turn_on_lights", {"room": "kitchen"})]),
        ("search for funny cats please", [("search", {"query": "funny cats"})]),
        (
            "weather in paris and set a timer for ten minutes",
            [("get_weather", {"location": "Paris"}), ("set_timer", {"minutes": 10})],
        ),
        (
            "weather in paris and the weather in rome",
            [("get_weather", {"location": "Paris"}), ("get_weather", {"location": "Rome"})],
        ),
    ],
)
def test_tools_are_called_by_name(said: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
    answer = ask(said, tools=TOOLS)
    assert answer == Answer(tool_calls=tuple(ToolCall(*call) for call in calls))
    assert ask(said, tools=TOOLS, choice="none").tool_calls == ()


@pytest.mark.parametrize("said", ["tell me a joke", "repeat after me the weather is nice", "um"])
def test_tools_are_not_called_otherwise(said: str) -> None:
    assert ask(said, tools=TOOLS).text


def test_tool_choice_forces_a_call() -> None:
    assert ask("tell me a joke", tools=TOOLS, choice="required").tool_calls[0].name == "get_weather"
    assert ask("a timer", tools=TOOLS, choice="required").tool_calls[0].name == "set_timer"
    chosen = {"type": "function", "name": "search"}
    assert ask("repeat after me hello", tools=TOOLS, choice=chosen).tool_calls[0].name == "search"
    assert ask(tools=TOOLS, choice=chosen).tool_calls == (ToolCall("search", {"query": ""}),)
    assert ask("hello", tools=[], choice="required") == Answer(texts.GREETING)
    assert ask("hello", tools=TOOLS, choice={"type": "function", "name": "nope"}).text


def test_names_in_other_forms() -> None:
    assert ask("weather", tools=[tool("getWeather")]).tool_calls[0].name == "getWeather"
    assert ask("light bulb", tools=[tool("set-lightbulb")]).tool_calls[0].name == "set-lightbulb"
    assert ask("今天的天气怎么样", tools=[tool("天气")]).tool_calls[0].name == "天气"
    assert ask("terms and conditions", tools=[tool("terms_and_conditions")]).tool_calls


def arguments(said: str, required: list[str], **properties: Any) -> dict[str, Any]:
    (call,) = ask(said, tools=[tool("do_it", required, **properties)], choice="required").tool_calls
    return call.arguments


@pytest.mark.parametrize(
    ("said", "name", "schema", "value"),
    [
        ("", "n", INTEGER, 1),
        ("", "n", {"type": "integer", "minimum": 5}, 5),
        ("", "n", {"type": "number", "default": 7.5, "minimum": 5}, 7.5),
        ("twenty one", "n", INTEGER, 21),
        ("two point five", "n", {"type": "number"}, 2.5),
        ("five hundred", "n", {"type": "integer", "maximum": 100}, 100),
        ("", "on", {"type": "boolean"}, True),
        ("i want it loud", "loud", {"type": "boolean"}, True),
        ("please not loud", "loud", {"type": "boolean"}, False),
        ("make it Blue", "color", {"type": "string", "enum": ["red", "blue"]}, "blue"),
        ("make it pink", "color", {"type": "string", "enum": ["red", "blue"]}, "red"),
        ("make it dark blue", "color", {"enum": ["blue", "dark blue"]}, "dark blue"),
        ("level three", "level", {"enum": [1, 2, 3]}, 3),
        ("北京怎么样", "city", {"enum": ["上海", "北京"]}, "北京"),
        ("whatever", "kind", {"const": "x"}, "x"),
        ('add "green eggs" now', "item", STRING, "green eggs"),
        ("buy some milk please", "item", STRING, "buy some milk"),
        ("hello", "item", {"type": "string", "default": "eggs"}, "eggs"),
        ("abcdef", "item", {"type": "string", "maxLength": 3}, "abc"),
        ("tomorrow", "date", {"type": "string", "format": "date"}, "2029-11-23"),
        ("on friday", "day", STRING, "friday"),
        ("hello", "items", {"type": "array", "items": STRING}, []),
        ("one and two", "items", {"type": "array", "items": INTEGER}, [1, 2]),
        (
            "red blue",
            "items",
            {"type": "array", "items": {"enum": ["red", "blue"]}},
            ["red", "blue"],
        ),
        ("", "items", {"type": "array", "items": INTEGER, "minItems": 2}, [1, 1]),
        ("b", "items", {"type": "array", "items": {"enum": ["a", "b", "c"]}}, ["b"]),
        ("", "thing", {"type": "object"}, {}),
        (
            "",
            "thing",
            {"type": "object", "properties": {"n": INTEGER, "m": INTEGER}, "required": ["n"]},
            {"n": 1},
        ),
        ("seven", "n", {"type": ["null", "integer"]}, 7),
        ("seven", "n", {"anyOf": [{"type": "null"}, {"type": "integer"}]}, 7),
        ("", "n", {"type": "null"}, None),
    ],
)
def test_arguments(said: str, name: str, schema: Any, value: Any) -> None:
    filled = arguments(said, [name], **{name: schema})
    assert filled == {name: value}
    assert type(filled[name]) is type(value)


def test_arguments_of_several_properties() -> None:
    flight = arguments(
        "a flight from new york to san francisco tomorrow for two",
        ["origin", "destination", "date", "passengers"],
        origin=STRING,
        destination=STRING,
        date={"type": "string", "format": "date"},
        passengers=INTEGER,
    )
    assert flight == {
        "origin": "New York",
        "destination": "San Francisco",
        "date": "2029-11-23",
        "passengers": 2,
    }
    message = arguments(
        "text to bob saying hello there how are you",
        ["recipient", "body"],
        recipient=STRING,
        body=STRING,
    )
    assert message == {"recipient": "bob", "body": "hello there how are you"}


def test_optional_arguments_only_when_mentioned() -> None:
    optional = {
        "city": STRING,
        "unit": {"enum": ["c", "f"]},
        "days": INTEGER,
        "note": STRING,
        "loud": {"type": "boolean"},
        "when": {"type": "string", "format": "date"},
    }
    assert arguments("just do it", [], **optional) == {}
    assert arguments("do it in rome loud for three days", [], **optional) == {
        "city": "Rome",
        "days": 3,
        "loud": True,
    }


def test_arguments_follow_references() -> None:
    schema = {
        "type": "object",
        "properties": {"place": {"$ref": "#/$defs/Place"}},
        "required": ["place"],
        "$defs": {
            "Place": {"type": "object", "properties": {"city": STRING}, "required": ["city"]}
        },
    }
    travel = {"type": "function", "name": "travel", "parameters": schema}
    (call,) = ask("travel to rome", tools=[travel]).tool_calls
    assert call.arguments == {"place": {"city": "Rome"}}


def test_arguments_of_a_schema_that_contains_itself_end() -> None:
    node: dict[str, Any] = {"type": "object", "required": ["l", "r", "s"]}
    node["properties"] = {
        "l": {"$ref": "#"},
        "r": {"$ref": "#"},
        "s": {"type": "array", "minItems": 3, "items": {"$ref": "#"}},
    }
    (call,) = ask("tree", tools=[{"name": "tree", "parameters": node}]).tool_calls
    assert {"l", "r", "s"} == set(call.arguments)
    loop = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert ask("tree", tools=[{"name": "tree", "parameters": loop}]).tool_calls[0].arguments == {}


@pytest.mark.parametrize(
    ("content", "spoken"),
    [
        ("21C and sunny", "The result of get weather is: 21C and sunny."),
        ("It is fine!", "The result of get weather is: It is fine!"),
        (
            '{"temp_c": 21, "sky": "sunny"}',
            "The result of get weather is: temp c is 21, sky is sunny.",
        ),
        (
            '{"wind": {"speed": 3}, "ok": true}',
            "The result of get weather is: wind speed is 3, ok is yes.",
        ),
        ('["a", 1, null]', "The result of get weather is: a, 1, nothing."),
        ('"sunny"', "The result of get weather is: sunny."),
        ("[]", "The result of get weather is: empty."),
        ("", "The tool get weather is done."),
        ("null", "The tool get weather is done."),
        ('{"error": "no such city"}', "The tool get weather failed: no such city."),
        ([{"type": "text", "text": "rain"}], "The result of get weather is: rain."),
    ],
)
@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_results_are_spoken(content: Any, spoken: str, choice: str) -> None:
    talk = (user("weather"), called(("a", "get_weather")), returned("a", content))
    assert say(*talk, tools=TOOLS, choice=choice) == spoken


def test_parallel_results() -> None:
    calls = called(("a", "get_weather"), ("b", "set_timer"))
    spoken = "The result of get weather is: sun. The result of set timer is: 5."
    assert say("x", calls, returned("a", "sun"), returned("b", "5")) == spoken
    separate = [called(("a", "get_weather")), returned("a", "sun")]
    separate += [called(("b", "set_timer")), returned("b", "5")]
    assert say("x", *separate) == spoken
    assert say("x", calls, returned("a", "sun"), assistant("Sun."), returned("b", "5")) == (
        "The result of set timer is: 5."
    )


def test_results_in_chinese() -> None:
    talk = (user("天气"), called(("a", "get_weather")), returned("a", '{"temp": 21}'))
    assert say(*talk) == "get weather 的结果是：temp 是 21。"


def test_a_call_without_its_result() -> None:
    assert "get weather" in say("weather", called(("a", "get_weather")))
    assert (
        say("weather", called(("a", "get_weather")), returned("a", "sun"), "count to two")
        == "1, 2."
    )


def test_long_results_are_cut() -> None:
    talk = (user("x"), called(("a", "get_weather")), returned("a", json.dumps(list(range(9999)))))
    assert len(say(*talk).split()) < 150
    assert say(user("x"), called(("a", "f")), returned("a", "[" * 100_000))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)
WORDS = (
    "get weather timer count to two ten from say repeat after me what is plus minus times over "
    "divided by zero my name in for at and hundred point a 5 1,000 - / ' \" 数到 十 跟我说 please "
    "tell story time date tomorrow not"
)
VOCABULARY = st.sampled_from(WORDS.split())
SPOKEN = st.lists(VOCABULARY, max_size=12).map(" ".join) | st.text(max_size=60)
NAMES = st.sampled_from(["get_weather", "timer", "location", "count", "date", ""]) | st.text(
    max_size=8
)
KINDS = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"])


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {},
        optional={
            "type": KINDS | JSON,
            "properties": st.dictionaries(NAMES, inner, max_size=3) | JSON,
            "required": st.lists(NAMES, max_size=3) | JSON,
            "items": inner,
            "enum": st.lists(JSON, max_size=3) | JSON,
            "const": JSON,
            "default": JSON,
            "minimum": JSON,
            "maximum": JSON,
            "exclusiveMinimum": JSON,
            "minItems": JSON,
            "maxLength": JSON,
            "format": st.sampled_from(["date", "time", "date-time"]) | JSON,
            "anyOf": st.lists(inner, max_size=2) | JSON,
            "$ref": st.sampled_from(["#", "#/properties/date", "#/x"]) | JSON,
        },
    )


SCHEMAS = st.recursive(JSON, schemas, max_leaves=8)
PARTS = st.lists(
    st.fixed_dictionaries({"type": st.just("text"), "text": SPOKEN}) | JSON, max_size=3
)
CALLS = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from("ab"), "function": st.fixed_dictionaries({"name": NAMES})}
    )
    | JSON,
    max_size=2,
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "user", "assistant", "tool", "system"]),
            "content": SPOKEN | PARTS | JSON.map(json.dumps) | JSON,
        },
        optional={"tool_calls": CALLS | JSON, "tool_call_id": st.sampled_from("ab") | JSON},
    )
    | JSON,
    max_size=6,
)
TOOL = st.fixed_dictionaries(
    {"name": NAMES}, optional={"type": st.just("function"), "parameters": schemas(SCHEMAS) | JSON}
)
CHOICES = (
    st.sampled_from(["auto", "none", "required", {"type": "function", "name": "timer"}]) | JSON
)


def required_of(parameters: Any) -> set[str]:
    required = parameters.get("required") if isinstance(parameters, dict) else None
    return (
        {name for name in required if isinstance(name, str)}
        if isinstance(required, list)
        else set()
    )


@given(MESSAGES, st.lists(TOOL | JSON, max_size=3), CHOICES, SPOKEN)
def test_never_raises_and_always_answers(
    messages: list[Any], tools: list[Any], choice: Any, instructions: str
) -> None:
    answer = reply(messages, tools, choice, instructions, NOW)
    assert answer.text or answer.tool_calls
    assert answer == reply(messages, tools, choice, instructions, NOW)


@given(SPOKEN, TOOL)
def test_arguments_have_every_required_key(said: str, offered: dict[str, Any]) -> None:
    answer = ask(said, tools=[offered], choice="required")
    for call in answer.tool_calls:
        json.dumps(call.arguments)
        assert required_of(offered.get("parameters")) <= set(call.arguments)
    assert len(answer.tool_calls) == (1 if offered["name"] else 0) or " and " in f" {said} "


BOUNDED = st.tuples(st.integers(-50, 50), st.integers(0, 50)).map(
    lambda pair: {"type": "integer", "minimum": pair[0], "maximum": pair[0] + pair[1]}
)
SOUND = st.recursive(
    st.sampled_from(["string", "integer", "number", "boolean"]).map(lambda kind: {"type": kind})
    | BOUNDED
    | st.lists(st.sampled_from(["weather", "ten", "x", 5]), min_size=1).map(lambda v: {"enum": v}),
    lambda inner: (
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner, "minItems": st.integers(0, 3)}
        )
        | st.dictionaries(st.sampled_from(["city", "n", "date", "text"]), inner, max_size=3).map(
            lambda properties: {
                "type": "object",
                "properties": properties,
                "required": sorted(properties)[:2],
            }
        )
    ),
    max_leaves=5,
)
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def check(value: Any, schema: dict[str, Any]) -> None:
    if "enum" in schema:
        assert value in schema["enum"]
    elif schema["type"] == "array":
        assert len(value) >= schema["minItems"]
        for item in value:
            check(item, schema["items"])
    elif schema["type"] == "object":
        assert set(schema["required"]) <= set(value) <= set(schema["properties"])
        for name, part in value.items():
            check(part, schema["properties"][name])
    else:
        assert isinstance(value, TYPES[schema["type"]])
        assert schema.get("minimum", value) <= value <= schema.get("maximum", value)


@given(SPOKEN, st.dictionaries(st.sampled_from(["location", "n", "note", "minutes"]), SOUND))
def test_arguments_are_valid_where_the_schema_is_sound(said: str, properties: Any) -> None:
    required = sorted(properties)[:2]
    filled = arguments(said.replace("and", ""), required, **properties)
    check(filled, {"type": "object", "properties": properties, "required": required})
