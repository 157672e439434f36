"""Whatever clients, detectors, recognisers and pipelines do, the transport keeps them apart.

As `test_session_invariants.py`, one storey up: the real transport runs, with its guesses at
pauses and its answers that are begun early. Hypothesis pulls the strings of `puppets.py` in any
order that is possible. `EXAMPLES=20000` looks for longer, and elsewhere every time.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from session.ports import CloseReason
from tests.support.transport_driver import COMPLETED, Stage

EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
"""More of them than CI has time for, and others every time; 0: those of CI."""
GRACE_S = 3600

TURNS_OF_PHRASE = [
    "start hesitate heard answered",
    "start hesitate failed stop failed",
    "start hesitate heard",
    "resume hesitate heard answered stop answered",
    "stop answered answered",
    "start hesitate heard answered changed stop answered",
    "start hesitate heard answered stop",
    "start hesitate heard answered stop answered",
    "start hesitate stop heard answered",
    "start hesitate heard answered resume",
    "start hesitate heard resume hesitate",
    "start hesitate resume hesitate late answered stop answered",
    "start hesitate heard resume committed heard",
    "start hesitate resume committed heard heard",
    "start hesitate committed heard",
    "start hesitate cleared late start hesitate heard stop answered",
    "start hesitate heard committed start hesitate heard",
    "start hesitate heard clip heard stop",
    "start hesitate clip failed heard",
    "start hesitate resume heard hesitate heard answered stop answered",
    "start hesitate heard answered resume answered hesitate heard answered stop answered",
]

CLOSE_CALLS: list[tuple[Any, Any]] = [
    (("client", "response.cancel"), ("report", 0, "finish")),
    (("client", "response.cancel"), ("report", 0, "text")),
    (("client", "response.cancel"), ("respond", "auto")),
    (("client", "input_audio_buffer.commit"), ("speech", "stop")),
    (("client", "input_audio_buffer.commit"), ("speech", "hesitate")),
    (("client", "input_audio_buffer.clear"), ("speech", "stop")),
    (("client", "input_audio_buffer.clear"), ("recognise", -1, False)),
    (("delete", -1), ("respond", "auto")),
    (("delete", -1), ("report", 0, "finish")),
    (("delete", -1), ("recognise", -1, False)),
    (("speech", "resume"), ("recognise", -1, False)),
    (("speech", "resume"), ("report", 0, "text")),
    (("speech", "stop"), ("recognise", -1, True)),
    (("speech", "start"), ("report", 0, "finish")),
]
"""What may well happen at the same moment."""

ENDS = [
    "the client leaves at once",
    "the client leaves in a pause",
    "the client leaves at last",
    "the server stops",
]

choices = st.integers(0, 5)
updates = st.sampled_from(
    [
        {"instructions": "New."},
        {"output_modalities": ["text"]},
        {"output_modalities": ["audio"]},
        {"audio": {"input": {"transcription": {"model": "m", "language": "en"}}}},
        {"audio": {"input": {"transcription": {"model": "m"}}}},
        {"audio": {"input": {"turn_detection": None}}},
        {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}},
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}},
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": True}}}},
    ]
)
asked = st.sampled_from(["auto", "auto", "none"])
speech = st.tuples(
    st.just("speech"), st.sampled_from(["start", "hesitate", "hesitate", "resume", "stop", "stop"])
)
heard = st.one_of(
    st.just(("begin_to_recognise",)),
    st.just(("recognise_late",)),
    st.tuples(st.just("recognise"), choices, st.sampled_from([False, False, False, True])),
)
reported = st.tuples(
    st.just("report"),
    choices,
    st.sampled_from(["text", "text", "audio", "call", "finish", "finish", "fail"]),
)
clients = st.one_of(
    st.just(("append",)),
    st.just(("say",)),
    st.just(("send_clip",)),
    st.tuples(st.just("respond"), asked),
    st.tuples(st.just("update"), updates),
    st.tuples(st.just("delete"), choices),
    st.tuples(st.just("truncate"), choices),
    st.just(("client", "response.cancel")),
    st.just(("client", "input_audio_buffer.commit")),
    st.just(("client", "input_audio_buffer.clear")),
)
turns = st.tuples(st.just("turn"), st.sampled_from(TURNS_OF_PHRASE))
single = st.one_of(speech, heard, reported, reported, clients, clients)
pairs = st.sampled_from([*CLOSE_CALLS, *((other, one) for one, other in CLOSE_CALLS)])
races = st.one_of(
    pairs.map(lambda pair: ("race", *pair)), st.tuples(st.just("race"), single, single)
)
operations = st.one_of(turns, single, single, races)


async def play(
    happenings: list[tuple[Any, ...]], end: str, *, streaming: bool, hears: bool = False
) -> Stage:
    """Let things happen to one session, and then its end."""
    before = asyncio.all_tasks()
    stage = Stage(streaming=streaming, hears=hears)
    running = asyncio.create_task(stage.transport.run())
    await stage.settle()
    await stage.update({"audio": {"input": {"transcription": {"model": "m"}}}})
    for name, *arguments in happenings:
        await getattr(stage, name)(*arguments)
        if running.done():
            raise AssertionError(f"the session ended: {await running}")
    await stage.retrieve_all()
    match end:
        case "the client leaves in a pause":
            await stage.turn("start hesitate heard answered")
        case "the client leaves at last":
            await stage.settle_all()
        case "the server stops":
            stage.transport.leave(GRACE_S)
            await stage.settle_all()
            assert await running == "The server is shutting down."
            assert stage.peer.closed == (CloseReason.SERVER_STOPS, "The server is shutting down.")
    if not running.done():
        stage.peer.leave()
        assert await running == "the client left"
    assert stage.recogniser.stopped
    running_on = [p.number for p in stage.manager.pipelines if p.running]
    assert running_on == [], "pipelines that nobody stopped"
    assert asyncio.all_tasks() == before
    return stage


def test_nothing_is_mixed_up_whatever_happens() -> None:
    reached: set[str] = set()

    @given(
        st.lists(operations, min_size=10, max_size=40),
        st.sampled_from(ENDS),
        st.booleans(),
    )
    @settings(
        deadline=None,
        derandomize=not EXAMPLES,
        max_examples=EXAMPLES or 200,
        phases=[Phase.generate, Phase.shrink],
    )
    def run(happenings: list[tuple[Any, ...]], end: str, streaming: bool) -> None:
        stage = asyncio.run(play(happenings, end, streaming=streaming))
        reached.update(event["type"] for event in stage.events)
        if stage.overtaken:
            reached.add("a guess overtaken")
        answered = [stage.manager.pipelines[number].request for number in stage.made.values()]
        if {request.response_id for request in answered} - stage.made.keys():
            reached.add("an answer begun early")
        if any(pipeline.stopped and not pipeline.ended for pipeline in stage.manager.pipelines):
            reached.add("a pipeline stopped")

    run()
    assert reached >= {
        "a guess overtaken",
        "an answer begun early",
        "a pipeline stopped",
        COMPLETED,
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.failed",
        "conversation.item.truncated",
        "response.done",
        "response.output_audio.delta",
        "response.function_call_arguments.done",
    }


def test_nothing_is_mixed_up_where_the_model_hears() -> None:
    early: set[str] = set()
    whole = operations.filter(lambda one: "begin_to_recognise" not in repr(one))

    @given(st.lists(whole, min_size=5, max_size=20), st.booleans())
    @settings(
        deadline=None,
        derandomize=not EXAMPLES,
        max_examples=EXAMPLES or 40,
        phases=[Phase.generate, Phase.shrink],
    )
    def run(happenings: list[tuple[Any, ...]], streaming: bool) -> None:
        stage = asyncio.run(play(happenings, ENDS[0], streaming=streaming, hears=True))
        answered = [stage.manager.pipelines[number].request for number in stage.made.values()]
        early.update({request.response_id for request in answered} - stage.made.keys())

    run()
    assert early, "no answer was begun early"
