"""`"package.module:Class"`: any Pipecat service, and any class of one's own, by its name."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from providers import llm, running_pipeline, stt, tts
from providers.base import ProviderSetupError
from tests.providers import own_backends
from tests.providers.fakes.anthropic import FakeAnthropic
from tests.providers.fakes.chat import FakeChat
from tests.providers.fakes.model_server import Answer
from tests.providers.model_vendors import answer, failure, text_of
from tests.support.fake_openai import FakeOpenAI
from tests.support.running_server import running, scripted_settings, serving
from tests.support.wire_client import WireClient, client, speech

OWN = "tests.providers.own_backends"
GROQ = "pipecat.services.groq.llm:GroqLLMService"
ANTHROPIC = "pipecat.services.anthropic.llm:AnthropicLLMService"
TOOLS = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in "ab"]
LOAD: dict[str, Any] = {"stt": stt.load, "llm": llm.load, "tts": tts.load}


OPENAI_LIKE = {
    "stt": "pipecat.services.openai.stt:OpenAISTTService",
    "llm": "pipecat.services.openai.llm:OpenAILLMService",
    "tts": "pipecat.services.openai.tts:OpenAITTSService",
}


@asynccontextmanager
async def session(written: bool = True, **groups: dict[str, Any]) -> AsyncIterator[WireClient]:
    async with running(scripted_settings(**groups)) as server, client(server.url) as wire:
        if written:
            await wire.update(output_modalities=["text"])
        yield wire


def audio_of(wire: WireClient) -> bytes:
    deltas = wire.of("response.output_audio.delta")
    return b"".join(base64.b64decode(event["delta"]) for event in deltas)


async def test_a_chat_service_of_pipecats():
    fake = FakeChat()
    fake.usage = {"prompt_tokens": 5, "completion_tokens": 7}
    async with serving(fake.app) as port:
        base = f"http://127.0.0.1:{port}/v1"
        group = {
            "provider": GROQ,
            "api_base": base,
            "api_key": "secret-key",
            "model": "llama-y",
            "retries": 0,
            "timeout_s": 1,
            "options": {"settings": {"top_p": 0.5, "max_tokens": 99}},
        }
        async with session(llm=group) as wire:
            await wire.update(instructions="Be brief.", tools=TOOLS, max_output_tokens=20)
            await wire.update(parallel_tool_calls=False)
            response = await answer(wire)
            assert text_of(response) == "Hello from the fake."
            assert response["usage"]["output_tokens"] == 7
            asked = fake.asked[0]
            assert (asked["model"], asked["top_p"]) == ("llama-y", 0.5)
            assert asked["max_tokens"] == 20, "the session has the last word"
            assert asked["parallel_tool_calls"] is False
            assert asked["messages"][0] == {"role": "system", "content": "Be brief."}
            assert fake.headers[0]["authorization"] == "Bearer secret-key"

            fake.answer = Answer([], [("a", {"x": 1}), ("b", {})], "tool_calls")
            calls = (await answer(wire))["output"]
            assert [(c["name"], c["arguments"]) for c in calls] == [("a", '{"x": 1}'), ("b", "{}")]

            fake.answer = Answer()
            for fault in (401, "hangs", "ends"):
                fake.fault = fault
                error = failure(await answer(wire))
                assert "GroqLLMService (llama-y) at 127.0.0.1 failed" in error["message"]
                if fault == 401:
                    assert "llm.api_key (REALTIME_LLM__API_KEY)" in error["message"]
                fake.fault = None
                assert (await answer(wire))["status"] == "completed"
        assert len(fake.connections) <= 3, "one connection, but for those that failed"


@pytest.mark.parametrize("form", [None, "alternating"])
async def test_a_chat_service_is_told_the_conversation_in_the_form_asked_for(form):
    fake = FakeChat()
    async with serving(fake.app) as port:
        base = f"http://127.0.0.1:{port}/v1"
        options = {"messages": form} if form else {}
        group = {"provider": GROQ, "api_base": base, "api_key": "none", "options": options}
        async with session(llm=group) as wire:
            await wire.update(instructions="Be brief.")
            content = [{"type": "input_text", "text": "Hello."}]
            item = {"type": "message", "role": "user", "content": content}
            await wire.send("conversation.item.create", item=item)
            await answer(wire, "Anyone there?")
    users = ["Hello.\nAnyone there?"] if form else ["Hello.", "Anyone there?"]
    assert fake.asked[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        *({"role": "user", "content": text} for text in users),
    ]


@pytest.mark.parametrize("named_in", ["api_base", "options"])
@pytest.mark.parametrize("classes", [OPENAI_LIKE, dict.fromkeys(OPENAI_LIKE, "openai")])
async def test_no_key_of_a_vendors_variable_goes_to_another_address(
    classes: dict[str, str], named_in: str, monkeypatch
):
    """Libraries read the variables themselves, where they are given no key."""
    if classes["llm"] == "openai" and named_in == "options":
        pytest.skip("it has no such option")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-alone")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-for-openai-alone-too")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-for-openai-alone")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-for-openai-alone")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Key: sk-for-openai-alone")
    fake = FakeOpenAI()
    async with serving(fake.app) as port:
        base = f"http://127.0.0.1:{port}/v1"
        there = {"options": {"base_url": base}} if named_in == "options" else {"api_base": base}
        groups = {kind: {"provider": name, **there} for kind, name in classes.items()}
        async with session(written=False, **groups) as wire:
            await wire.append(speech())
            done = (await wire.until("response.done"))["response"]
            assert done["status"] == "completed"
    assert (len(fake.transcriptions), len(fake.chats), len(fake.speeches)) >= (1, 1, 1)
    assert fake.voices_asked == (classes["tts"] == "openai")
    sent = {value for headers in fake.headers for value in headers.values()}
    assert "Bearer none" in sent
    assert not [value for value in sent if "for-openai-alone" in value]


async def test_nor_does_it_by_a_class_of_ones_own_that_hands_its_key_on(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-alone")
    fake = FakeOpenAI()
    async with serving(fake.app) as port:
        group = {"provider": f"{OWN}:HandsItsKeyOn", "api_base": f"http://127.0.0.1:{port}/v1"}
        async with session(llm=group) as wire:
            assert text_of(await answer(wire)) == "Hello from the fake."
    assert [headers["authorization"] for headers in fake.headers] == ["Bearer none"]


async def test_an_organisation_that_the_settings_name_is_sent(monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-for-openai-alone")
    fake = FakeOpenAI()
    async with serving(fake.app) as port:
        base = f"http://127.0.0.1:{port}/v1"
        options = {"organization": "org-of-the-proxy", "default_headers": {"X-Team": "b"}}
        group = {"provider": OPENAI_LIKE["llm"], "api_base": base, "options": options}
        async with session(llm=group) as wire:
            await answer(wire)
    (headers,) = fake.headers
    assert (headers["openai-organization"], headers["x-team"]) == ("org-of-the-proxy", "b")


async def test_a_class_with_a_key_of_its_own_keeps_it(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-alone")
    fake = FakeOpenAI()
    async with serving(fake.app) as port:
        group = {
            "provider": "pipecat.services.ollama.llm:OLLamaLLMService",
            "api_base": f"http://127.0.0.1:{port}/v1",
        }
        async with session(llm=group) as wire:
            assert text_of(await answer(wire)) == "Hello from the fake."
    assert [headers["authorization"] for headers in fake.headers] == ["Bearer ollama"]


GEMINI = "pipecat.services.google.llm:GoogleLLMService"


@pytest.mark.parametrize(
    ("service", "settings", "named_in"),
    [
        (GROQ, {"extra": {"top_q": 5}}, "settings.extra.top_q"),
        (ANTHROPIC, {"extra": {"top_q": 5}}, "settings.extra.top_q"),
        (GEMINI, {"extra": {"top_q": 5}}, "settings.extra.top_q"),
        (GEMINI, {"top_k": "many"}, "settings.top_k"),
    ],
)
async def test_a_setting_that_the_library_does_not_know_is_named(service, settings, named_in):
    options = {"settings": settings}
    group = {"provider": service, "api_key": "none", "options": options}
    async with session(llm=group) as wire:
        error = failure(await answer(wire))
    assert error["code"] == "invalid_request"
    assert f"does not take llm.options.{named_in} as it is" in error["message"]


async def test_a_service_of_pipecats_that_is_not_openai_like(monkeypatch):
    fake = FakeAnthropic()
    async with serving(fake.app) as port:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{port}")
        group = {
            "provider": "pipecat.services.anthropic.llm:AnthropicLLMService",
            "api_key": "secret-key",
            "timeout_s": 1,
        }
        async with session(llm=group) as wire:
            assert text_of(await answer(wire)) == "Hello from the fake."
            for fault in ("hangs", "stalls"):
                fake.fault = fault
                error = failure(await answer(wire))
                assert error["code"] == "provider_unreachable"
                assert "did not answer in time" in error["message"]
                fake.fault = None
                assert (await answer(wire))["status"] == "completed"


async def test_a_model_of_ones_own():
    async with session(llm={"provider": f"{OWN}:EchoLLM", "options": {"mood": "gay"}}) as wire:
        await wire.update(instructions="Be kind.")
        assert text_of(await answer(wire)) == "gay. system: Be kind. / user: hi"


@pytest.mark.parametrize(("parallel", "names"), [(True, ["a", "b"]), (False, ["a"])])
async def test_a_model_of_ones_own_may_call_tools(parallel, names):
    async with session(llm={"provider": f"{OWN}:EchoLLM", "options": {"mood": "helpful"}}) as wire:
        await wire.update(tools=TOOLS, parallel_tool_calls=parallel)
        calls = (await answer(wire))["output"]
        assert [call["name"] for call in calls] == names
        assert {call["arguments"] for call in calls} == {'{"n": 1}'}


async def test_a_model_that_never_answers():
    silent = {"provider": f"{OWN}:EchoLLM", "timeout_s": 0.2, "options": {"mood": "silent"}}
    async with session(llm=silent) as wire:
        for _ in range(2):
            assert failure(await answer(wire))["code"] == "provider_unreachable"


async def test_a_recogniser_of_pipecats_that_takes_segments():
    fake = FakeOpenAI()
    async with serving(fake.app) as port:
        group = {
            "provider": "pipecat.services.groq.stt:GroqSTTService",
            "api_base": f"http://127.0.0.1:{port}/v1",
            "api_key": "secret-key",
            "model": "whisper-y",
            "language": "de",
        }
        async with session(stt=group) as wire:
            await wire.update(audio={"input": {"transcription": {"prompt": "Bo"}}})
            await wire.append(speech())
            done = await wire.until("conversation.item.input_audio_transcription.completed")
            assert done["transcript"] == "what the user said"
            heard = fake.transcriptions[0]
            assert (heard["model"], heard["language"], heard["prompt"]) == ("whisper-y", "de", "Bo")


async def transcribed(wire: WireClient, **transcription: Any) -> dict[str, Any]:
    wanted = {"model": "whisper-1", **transcription}
    await wire.update(audio={"input": {"transcription": wanted}})
    await wire.append(speech())
    while True:
        event = await wire.receive()
        kind = event["type"].removeprefix("conversation.item.input_audio_transcription.")
        if kind in ("completed", "failed"):
            return event


async def test_a_recogniser_of_ones_own_that_takes_segments():
    group = {"provider": f"{OWN}:SegmentSTT", "model": "mine", "language": "fr"}
    async with session(stt=group) as wire:
        assert (await transcribed(wire, prompt="Bo"))["transcript"] == "mine fr Bo"
        await wire.until("response.done")
        event = await transcribed(wire, language="it", prompt="Bo")
        assert event["transcript"] == "mine it Bo"


async def test_hints_are_given_by_the_names_that_a_service_has_for_them():
    async with session(stt={"provider": f"{OWN}:HintedSTT"}) as wire:
        hints = {"languages": ["de", "en"], "keywords": ["Bo", "Li"], "delay": "high"}
        event = await transcribed(wire, **hints)
        assert event["transcript"] == "['de', 'en'] ['Bo', 'Li'] high"
        await wire.until("response.done")
        event = await transcribed(wire, languages=["fr"], keywords=[], delay=None)
        assert event["transcript"] == "None None None"


async def test_a_streaming_service_is_built_with_the_hints_of_the_turn():
    async with session(stt={"provider": f"{OWN}:HintedStream"}) as wire:
        hints = {"languages": ["de", "en"], "keywords": ["Bo", "Li"], "delay": "high"}
        assert (await transcribed(wire, **hints))["transcript"] == "Bo, Li, de"
        await wire.until("response.done")
        nothing: dict[str, Any] = dict.fromkeys(hints)
        assert (await transcribed(wire, **nothing))["transcript"] == "nothing, any"


async def test_hints_for_which_a_service_has_no_name_have_no_effect():
    async with session(stt={"provider": f"{OWN}:SegmentSTT", "model": "mine"}) as wire:
        event = await transcribed(wire, languages=["de", "en"], keywords=["Bo"], delay="low")
        assert event["transcript"] == "mine de NOT_GIVEN"


async def test_a_recogniser_of_ones_own_that_streams():
    async with session(stt={"provider": f"{OWN}:StreamSTT", "language": "fr"}) as wire:
        assert (await transcribed(wire))["transcript"] == "hello fr"
        deltas = wire.of("conversation.item.input_audio_transcription.delta")
        assert deltas[0]["delta"] == "hello"


@pytest.mark.parametrize(
    ("fault", "reason"), [("broken", "out of order"), ("silent", "nothing came within 0.2 s")]
)
async def test_a_recogniser_that_fails(fault, reason):
    group = {"provider": f"{OWN}:SegmentSTT", "timeout_s": 0.2, "options": {"fault": fault}}
    async with session(stt=group) as wire:
        event = await transcribed(wire)
        assert event["type"].endswith("failed")
        assert reason in event["error"]["message"]
        assert "SegmentSTT" in event["error"]["message"]


async def test_a_voice_of_pipecats():
    fake = FakeOpenAI()
    async with serving(fake.app) as port:
        group = {
            "provider": "pipecat.services.openai.tts:OpenAITTSService",
            "api_base": f"http://127.0.0.1:{port}/v1",
            "api_key": "secret-key",
            "model": "tts-y",
            "timeout_s": 2,
            "options": {"sample_rate": 24000, "settings": {"instructions": "Whisper."}},
        }
        async with session(written=False, tts=group) as wire:
            await wire.update(audio={"output": {"voice": "coral"}})
            assert (await answer(wire))["status"] == "completed"
            spoken = fake.speeches[0]
            assert (spoken["model"], spoken["voice"], spoken["instructions"]) == (
                "tts-y",
                "coral",
                "Whisper.",
            )
            assert audio_of(wire)
            fake.status = 400
            assert "400" in failure(await answer(wire))["message"]
            fake.status = 200
            assert (await answer(wire))["status"] == "completed"


async def test_a_voice_that_wants_an_http_client_shares_the_stages():
    fake = FakeOpenAI()
    group = {
        "provider": "pipecat.services.piper.tts:PiperHttpTTSService",
        "api_base": "http://127.0.0.1:9/voice",
    }
    async with serving(fake.app), session(written=False, tts=group) as wire:
        error = failure(await answer(wire))
        assert "PiperHttpTTSService at 127.0.0.1 failed" in error["message"]


@pytest.mark.parametrize(
    ("config", "chosen", "heard"),
    [({}, None, "p"), ({"voice_id": "zoe"}, None, "z"), ({"voice_id": "zoe"}, "max", "m")],
)
async def test_a_voice_of_ones_own(config, chosen, heard):
    group = {"provider": f"{OWN}:ToneTTS", **config}
    async with session(written=False, tts=group) as wire:
        if chosen:
            await wire.update(audio={"output": {"voice": chosen}})
        response = await answer(wire)
        assert response["status"] == "completed"
        pcm = audio_of(wire)
        middle = int.from_bytes(pcm[len(pcm) // 2 & ~1 :][:2], "little", signed=True)
        # Resampling leaves a constant what it is.
        assert abs(middle - ord(heard)) <= 1


@pytest.mark.parametrize(
    ("fault", "reason"), [("broken", "is hoarse"), ("silent", "nothing came within 0.2 s")]
)
async def test_a_voice_that_fails(fault, reason):
    group = {"provider": f"{OWN}:ToneTTS", "timeout_s": 0.2, "options": {"fault": fault}}
    async with session(written=False, tts=group) as wire:
        for _ in range(2):
            error = failure(await answer(wire))
            assert reason in error["message"]
            assert "TTS ToneTTS failed" in error["message"]


@pytest.mark.parametrize(
    ("limits", "within"),
    [({"timeout_s": 0.2}, "0.2"), ({"timeout_s": 60, "gap_timeout_s": 0.3}, "0.3")],
)
async def test_a_voice_that_falls_silent(limits, within):
    group = {"provider": f"{OWN}:ToneTTS", "options": {"fault": "falls silent"}, **limits}
    async with session(written=False, tts=group) as wire:
        error = failure(await answer(wire))
        assert f"nothing came within {within} s" in error["message"]


async def test_a_voice_without_audio_is_an_error_and_no_wait():
    group = {"provider": f"{OWN}:ToneTTS", "options": {"fault": "mute"}}
    async with session(written=False, tts=group) as wire:
        for _ in range(4):
            assert "no audio" in failure(await answer(wire))["message"]


@pytest.mark.parametrize("name", ["EchoLLM", "ToneTTS", "SegmentSTT", "StreamSTT"])
async def test_a_service_that_cannot_be_set_up_fails_each_turn_at_once(name, monkeypatch):
    async def setup(_service: object, _setup: object) -> None:
        raise RuntimeError("there is no room")

    monkeypatch.setattr(getattr(own_backends, name), "setup", setup)
    # Nobody may wait for the rest of its pipeline to start or to stop.
    monkeypatch.setattr(running_pipeline, "PATIENCE_S", 3600)
    kind = name[-3:]
    settings = scripted_settings(**{kind.lower(): {"provider": f"{OWN}:{name}"}})
    async with running(settings) as server:
        async with client(server.url) as wire:
            for _ in range(2):
                await wire.append(speech())
                error = failure((await wire.until("response.done"))["response"])
                assert error["message"].startswith(f"{kind} {name} failed: ")
                assert "there is no room" in error["message"]
        await server.emptied()


async def test_providers_of_ones_own():
    groups = {kind: {"provider": f"{OWN}:Own{kind.upper()}"} for kind in LOAD}
    async with session(written=False, **groups) as wire:
        await wire.update(instructions="")
        await wire.append(speech())
        response = (await wire.until("response.done"))["response"]
        assert response["status"] == "completed"
        said = response["output"][0]["content"][0]["transcript"]
        assert said == "own. user: own None None"
        assert audio_of(wire)


@pytest.mark.parametrize(
    ("kind", "group", "named"),
    [
        (
            "llm",
            {"provider": "no.such.module:Thing"},
            "There is no module no for llm.provider .no.such.module:Thing.: it is looked for",
        ),
        ("llm", {"provider": f"{OWN}:Nothing"}, "has no Nothing"),
        ("llm", {"provider": f"{OWN}:A_CLASS_OF_ANOTHER_KIND"}, "LLMService nor a LLMProvider"),
        ("tts", {"provider": f"{OWN}:EchoLLM"}, "TTSService nor a TTSProvider"),
        ("stt", {"provider": f"{OWN}:ToneTTS"}, "STTService nor a STTProvider"),
        ("llm", {"provider": f"{OWN}:EchoLLM", "options": {"tone": 1}}, "llm.options.tone: .*mood"),
        ("llm", {"provider": f"{OWN}:EchoLLM", "api_key": "k"}, "llm.api_key .*no meaning"),
        ("llm", {"provider": f"{OWN}:EchoLLM", "api_base": "http://x"}, "llm.api_base .*no mean"),
        ("llm", {"provider": f"{OWN}:EchoLLM", "model": "x"}, "llm.model .*no meaning"),
        ("llm", {"provider": GROQ}, "without api_key: set llm.api_key"),
        (
            "llm",
            {"provider": GROQ, "api_key": "k", "options": {"settings": {"tone": 1}}},
            "llm.options.settings.tone: .*top_p",
        ),
        (
            "tts",
            {"provider": "pipecat.services.xtts.tts:XTTSService"},
            "without base_url: set tts.api_base",
        ),
        (
            "tts",
            {"provider": "pipecat.services.neuphonic.tts:NeuphonicHttpTTSService"},
            "without api_key: set tts.api_key",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_a_reason(kind, group, named):
    config = getattr(scripted_settings(**{kind: group}), kind)
    with pytest.raises(ProviderSetupError, match=f"(?s){named}"):
        LOAD[kind](config)


async def test_what_only_the_class_can_know_is_refused_before_the_first_session():
    group = {"provider": f"{OWN}:ToneTTS", "options": {"fault": "loud"}}
    provider = tts.load(scripted_settings(tts=group).tts)
    with pytest.raises(ProviderSetupError, match="no fault is called loud"):
        await provider.start()


@pytest.mark.parametrize(
    "name",
    [
        "tests.own_processors.exits_at_import:Voice",
        "tests.providers.exiting:ExitingTTS",
        "tests.providers.exiting:ExitingService",
    ],
)
async def test_one_that_ends_the_program_is_refused_by_name(name: str):
    settings = scripted_settings(tts={"provider": name})
    with pytest.raises(ProviderSetupError) as refused:
        await tts.load(settings.tts).start()
    assert name in str(refused.value)
    assert "tts.provider" in str(refused.value)
    assert "SystemExit: gone" in str(refused.value)
