"""Nothing leaves this machine that its user did not ask for."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import wave
from pathlib import Path

import numpy as np
import pytest
import soxr
from httpx import ConnectError

from audio.pcm import read_wav
from settings.silent_libraries import SWITCHES, silence
from tests.providers import tiny_moonshine, tiny_voices, tiny_whisper
from tests.support.places import DATA, ROOT
from tests.support.running_server import plain_http
from tests.support.server_process import Process, server_process, started, under_uvicorn
from tests.support.system_calls import Watch, beyond_loopback, written_outside
from tests.support.wire_client import client, speech

pytestmark = pytest.mark.long

MINUTE_S = 60
PATIENCE_S = 90
PROGRAMS = [
    "main",
    "push_to_talk_app",
    "test_client",
    "pipeline_manager",
    "providers",
    "transport",
    "examples.custom_backend",
    "benchmarks.bars",
]
QUIT = b"\x11"
"""Ctrl+Q."""
_SPY = """
import importlib.abc, os, sys
class Spy(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print("imported with", os.environ.get("ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Spy())
"""


@pytest.mark.parametrize(("mirror", "switched"), [("https://mirror.example", "1"), ("", None)])
def test_large_files_come_from_the_mirror_too(
    mirror: str, switched: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hugging Face's library fetches them from another host, unless that is switched off."""
    monkeypatch.setattr(os, "environ", {"HF_ENDPOINT": mirror})
    silence()
    assert os.environ.get("HF_HUB_DISABLE_XET") == switched


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_silences_libraries_before_it_imports_them(program: str):
    kept = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    code = f"{_SPY}\nimport {program}\nprint('done with', os.environ['ORT_DISABLE_TELEMETRY'])"
    run = subprocess.run(
        (sys.executable, "-c", code), cwd=ROOT, env=kept, capture_output=True, text=True, check=True
    )
    said = [line for line in run.stdout.splitlines() if " with " in line]
    assert {line.partition(" with ")[2] for line in said} == {"1"}, said


def test_whoever_wants_a_library_to_report_is_heeded(monkeypatch: pytest.MonkeyPatch):
    run = subprocess.run(
        (sys.executable, "-c", "import settings, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"),
        cwd=ROOT,
        env={**os.environ, "ORT_DISABLE_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "0"


def test_a_trace_is_read_for_what_it_shows():
    quiet = [
        'connect(8, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16)',
        'connect(8, {sa_family=AF_UNIX, sun_path="/run/nscd/socket"}, 110) = -1 ENOENT (No such)',
    ]
    loud = [
        'connect(8, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.53")}, 16)',
        'connect(8, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, 16)',
        'connect(8, {sa_family=AF_UNIX, sun_path="/run/systemd/resolve/io.systemd.Resolve"}, 42)',
        "sendto(8, ..., {sa_family=AF_INET6, sin6_port=htons(443), "
        'inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28)',
    ]
    assert beyond_loopback([*quiet, *loud]) == loud
    files = [
        'openat(AT_FDCWD, "/own/cache", O_WRONLY|O_CREAT, 0666) = 3',
        'openat(AT_FDCWD, "/etc/hosts", O_RDONLY) = 3',
        'openat(AT_FDCWD, "/denied", O_WRONLY|O_CREAT, 0666) = -1 EACCES (Permission denied)',
        'openat(AT_FDCWD, "/lib/__pycache__/a.pyc", O_WRONLY|O_CREAT, 0666) = 3',
        'openat(AT_FDCWD, "/var/note", O_WRONLY|O_CREAT, 0666) = 3',
        'mkdir("/opt/new", 0777) = 0',
    ]
    assert written_outside(files, [Path("/own")]) == {"/var/note", "/opt/new"}


@pytest.mark.parametrize(
    "code",
    [
        "import socket\ntry: socket.getaddrinfo('example.invalid', 443)\nexcept OSError: pass",
        "import socket\nsocket.socket(2, 2).connect(('192.0.2.1', 9))",
        "import pathlib; pathlib.Path.home().joinpath('.device').write_text('id')",
    ],
    ids=["a look-up", "a connection", "a file"],
)
def test_a_program_that_is_not_silent_is_noticed(code: str, tmp_path: Path):
    watch = Watch(tmp_path)
    subprocess.run(watch.command("-c", code), cwd=ROOT, check=True, timeout=PATIENCE_S)
    with pytest.raises(AssertionError):
        watch.check()


async def ended(server: Process) -> None:
    """Stop a server as its operator would, so that all it does at its end is seen too."""
    server.process.send_signal(signal.SIGTERM)
    assert await server.ended() == 0


async def converse(url: str) -> None:
    """Hold a spoken turn and a typed one."""
    async with client(url) as wire:
        await wire.append(speech())
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        await wire.say("What time is it?")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def test_a_minute_of_talk_reaches_no_other_machine_and_leaves_no_files(tmp_path: Path):
    watch = Watch(tmp_path)
    async with started(watch.command("main.py"), ROOT) as server:
        until = time.monotonic() + MINUTE_S
        while time.monotonic() < until:
            await converse(server.url)
        await ended(server)
    watch.check()


async def test_workers_reach_no_other_machine(tmp_path: Path):
    watch = Watch(tmp_path)
    async with started([*watch.command("main.py"), "--workers", "2"], ROOT) as server:
        for _ in range(4):
            await converse(server.url)
        await ended(server)
    watch.check()


async def test_calls_reach_no_other_machine_whatever_an_offer_names(tmp_path: Path):
    pytest.importorskip("aiortc", reason="requirements/webrtc.txt is not installed")
    from tests.support.rtc_caller import calling

    watch = Watch(tmp_path)
    async with started(watch.command("main.py"), ROOT) as server:
        async with calling(server.http) as caller:
            caller.microphone.say(speech())
            await caller.until("output_audio_buffer.stopped")
            await caller.until("response.done") if "response.done" not in caller.types() else None
            offer = caller.connection.localDescription.sdp
        elsewhere = "a=candidate:1 1 udp 2130706431 192.0.2.1 9 typ host\r\n"
        named = "a=candidate:2 1 udp 2130706430 somebody.local 9 typ host\r\n"
        async with plain_http(timeout=PATIENCE_S) as http:
            answered = await http.post(
                f"{server.http}/v1/realtime/calls",
                content=offer + elsewhere + named,
                headers={"Content-Type": "application/sdp"},
            )
            assert answered.status_code == 201, answered.text
            # The server's own checks would come within a tick.
            async with calling(server.http):
                pass
            place = server.http + answered.headers["Location"]
            assert (await http.delete(place)).status_code == 200
        await ended(server)
    watch.check()


async def test_the_application_under_uvicorn_reaches_no_other_machine(tmp_path: Path):
    watch = Watch(tmp_path)
    embedded = {f"REALTIME_{kind}__PROVIDER": "embedded" for kind in ("STT", "LLM", "TTS")}
    async with under_uvicorn(watch.command(), **embedded) as server:
        await converse(f"{server.http.replace('http', 'ws')}/v1/realtime")
    watch.check()


OWN = """
from pathlib import Path

import onnxruntime
import pipecat

from tests.providers.own_backends import EchoLLM

MODEL = next(Path(pipecat.__file__).parent.rglob("silero*.onnx"))
SESSION = onnxruntime.InferenceSession(str(MODEL))


class Mine(EchoLLM):
    pass
"""


async def test_a_class_of_ones_own_that_imports_a_library_first_is_silent_too(tmp_path: Path):
    (tmp_path / "own_model.py").write_text(OWN)
    watch = Watch(tmp_path)
    own = {
        "PYTHONPATH": str(tmp_path),
        "REALTIME_STT__PROVIDER": "scripted",
        "REALTIME_LLM__PROVIDER": "own_model:Mine",
        "REALTIME_TTS__PROVIDER": "scripted",
    }
    async with started(watch.command("main.py"), ROOT, **own) as server:
        await converse(server.url)
        await ended(server)
    watch.check()


async def test_engines_in_the_servers_process_reach_no_other_machine(tmp_path: Path):
    tiny_whisper.build(tmp_path / "whisper")
    tiny_voices.build_piper(tmp_path / "en_US-one-low.onnx")
    watch = Watch(tmp_path)
    engines = {
        "REALTIME_STT__PROVIDER": "whisper",
        "REALTIME_STT__MODEL": str(tmp_path / "whisper"),
        "REALTIME_TTS__PROVIDER": "piper",
        "REALTIME_TTS__VOICE_ID": "en_US-one-low",
        "REALTIME_TTS__OPTIONS": f'{{"download_dir": "{tmp_path}"}}',
    }
    async with started(watch.command("main.py"), ROOT, **engines) as server:
        await converse(server.url)
        await ended(server)
    watch.check()


async def test_engines_that_bring_a_runtime_of_their_own_reach_no_other_machine(tmp_path: Path):
    tiny_moonshine.build(tmp_path / "download.moonshine.ai/model/tiny-en/quantized/tiny-en")
    tiny_voices.build_kokoro(tmp_path, {"af_heart": 300.0})
    watch = Watch(tmp_path)
    engines = {
        "REALTIME_STT__PROVIDER": "moonshine",
        "REALTIME_STT__MODEL": "tiny",
        "REALTIME_STT__OPTIONS": f'{{"download_dir": "{tmp_path}"}}',
        "REALTIME_TTS__PROVIDER": "kokoro",
        "REALTIME_TTS__MODEL": str(tmp_path / "tiny.onnx"),
        "REALTIME_TTS__VOICE_ID": "af_heart",
        "REALTIME_TTS__OPTIONS": f'{{"voices_path": "{tmp_path / "voices.bin"}"}}',
    }
    async with started(watch.command("main.py"), ROOT, **engines) as server:
        await converse(server.url)
        await ended(server)
    watch.check()


_PEER = "module.RTCPeerConnection(module.RTCConfiguration(iceServers=[]))"
LIBRARIES = {
    "aioice": "asyncio.run(module.Connection(ice_controlling=False).gather_candidates())",
    "aiortc": f"asyncio.run({_PEER}.createOffer())",
    "anthropic": "module.AsyncAnthropic(api_key='none')",
    "azure.cognitiveservices.speech": "module.SpeechConfig(subscription='none', region='none')",
    "av": "",
    "ctranslate2": "module.get_supported_compute_types('cpu')",
    "deepgram": "module.AsyncDeepgramClient(api_key='none')",
    "edge_tts": "",
    "google.genai": "module.Client(api_key='none')",
    "hibari": "b''.join(map(bytes, module.Hibari().stream('Hello there.')))",
    "huggingface_hub.utils": "module.build_hf_headers(); module.send_telemetry('test')",
    "kokoro_onnx": "",
    "mcp": "module.StdioServerParameters(command='none')",
    "misaki.zh": "module.ZHG2P()('你好')",
    "moonshine_voice": "",
    "onnxruntime": "module.get_all_providers()",
    "openai": "module.AsyncOpenAI(api_key='none')",
    "opentelemetry.sdk.trace": "module.TracerProvider().get_tracer('t').start_span('t').end()",
    "piper": "",
    "pipecat.audio.vad.silero": "module.SileroVADAnalyzer()",
    "pocketsphinx": "",
    "pylibsrtp": "",
    "pywebrtc_audio": "module.AudioProcessor(sample_rate=16000, echo_cancellation=True)",
    "sherpa_onnx": "",
    "textual.app": "",
    "xllamacpp": "module.CommonParams()",
}
"""Module → what is done with it, beyond importing it."""
USED = """
import asyncio, importlib, importlib.util, json, sys, time
import settings
for name, use in json.load(sys.stdin).items():
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    print(name, flush=True)
    exec(use)
time.sleep(10)  # ONNX Runtime sends what it has to tell some seconds later.
"""


async def test_no_library_reports_when_it_is_imported_and_used(tmp_path: Path):
    watch = Watch(tmp_path)
    process = await asyncio.create_subprocess_exec(
        *watch.command("-c", USED),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        used, _ = await process.communicate(json.dumps(LIBRARIES).encode())
    assert process.returncode == 0
    assert set(used.decode().split()) >= {"onnxruntime", "openai", "pipecat.audio.vad.silero"}
    watch.check()


async def test_the_test_client_reaches_nobody_but_its_server(tmp_path: Path):
    watch = Watch(tmp_path)
    async with server_process() as server:
        wav = str(DATA / "flite-slt_s01.wav")
        command = watch.command("test_client.py", "--url", server.url, "--wav", wav)
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(PATIENCE_S):
            said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
    watch.check()


async def test_the_examples_reach_nobody_but_their_server(tmp_path: Path):
    watch = Watch(tmp_path)
    question, answer = DATA / "flite-slt_s01.wav", tmp_path / "answer.wav"
    with wave.open(str(tmp_path / "question.wav"), "wb") as narrow:
        narrow.setparams((1, 2, 16000, 0, "NONE", ""))
        narrow.writeframes(soxr.resample(np.frombuffer(read_wav(question), "<i2"), 24000, 16000))
    files = ("--wav-in", str(tmp_path / "question.wav"), "--wav-out", str(answer))
    async with server_process() as server:
        command = watch.command("examples/satellite.py", "--url", server.url, *files)
        async with asyncio.timeout(PATIENCE_S):
            process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
            assert await process.wait() == 0
        watch.check()
        command = watch.command(str(ROOT / "examples" / "agent_with_tools.py"))
        async with asyncio.timeout(PATIENCE_S):
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=tmp_path,
                env={**os.environ, "REALTIME_URL": f"{server.http}/v1"},
                stdin=asyncio.subprocess.PIPE,
            )
            await process.communicate(b"Hello\n")
            assert process.returncode == 0
        watch.check(tmp_path)


async def test_a_backend_of_ones_own_reaches_no_other_machine(tmp_path: Path):
    watch = Watch(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *watch.command("examples/custom_backend.py"),
        cwd=ROOT,
        env={**os.environ, "REALTIME_SERVER__PORT": str(port)},
        stdout=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(PATIENCE_S), plain_http() as http:
        while True:
            assert process.returncode is None
            try:
                if (await http.get(f"http://127.0.0.1:{port}/health")).is_success:
                    break
            except ConnectError:
                pass
            await asyncio.sleep(0.1)
        await converse(f"ws://127.0.0.1:{port}/v1/realtime")
        process.send_signal(signal.SIGTERM)
        await process.wait()
    watch.check()


async def test_the_terminal_client_reaches_nobody_but_its_server(tmp_path: Path):
    watch = Watch(tmp_path)
    async with server_process(REALTIME_LLM__OPTIONS='{"text": "Marzipan."}') as server:
        command = watch.command("push_to_talk_app.py", "--url", server.url)
        keyboard, screen = pty.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color"},
            stdin=screen,
            stdout=screen,
            stderr=screen,
        )
        shown = asyncio.StreamReader()
        reading, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(shown), os.fdopen(keyboard, "rb", 0)
        )
        async with asyncio.timeout(PATIENCE_S):
            await shown.readuntil(b"connected")
            os.write(keyboard, b"/Hello\r")
            await shown.readuntil(b"Marzipan")
            os.write(keyboard, QUIT)
            # A terminal whose screen nobody reads any more would make it wait.
            rest = asyncio.create_task(shown.read())
            assert await process.wait() == 0
        rest.cancel()
        reading.close()
        os.close(screen)
    watch.check()
