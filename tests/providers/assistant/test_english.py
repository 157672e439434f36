"""Skills in English: small talk, the clock, stories, what was said before."""

from __future__ import annotations

from typing import Any

import pytest

from providers.assistant import texts
from tests.providers.assistant.asking import NOW, assistant, say, user


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
