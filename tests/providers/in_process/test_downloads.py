"""Downloads of models: from a loopback server, by the code that meets the real ones."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import threading
from pathlib import Path

import pytest

from config import STTConfig, TTSConfig
from providers.base import ProviderSetupError
from providers.in_process.downloads import Progress, fetch, in_background, mirrored
from providers.stt.whisper_files import model_folder
from tests.providers import tiny_whisper
from tests.providers.file_server import FileServer, serving_files
from tests.support.proxies import environment_of_proxies

CONFIG = TTSConfig(retries=0, timeout_s=2, connect_timeout_s=2)
VOICE = bytes([8, *range(1, 256)]) * 4096
"""A megabyte, which begins as a model does."""
PAGE = b"\n<!DOCTYPE html><html>please log in</html>"


@pytest.fixture
def web():
    with serving_files() as server:
        server.files["/voice.onnx"] = VOICE
        yield server


async def test_a_file_is_fetched_once_with_a_line_for_every_tenth(web, tmp_path, capsys):
    target = tmp_path / "deep" / "voice.onnx"
    for _ in range(2):
        await fetch({target: f"{web.url}/voice.onnx"}, CONFIG)
    assert target.read_bytes() == VOICE
    assert len(web.asked) == 1
    lines = capsys.readouterr().err.splitlines()
    assert str(target) in lines[0]
    assert lines[-1] == "voice.onnx: 100 % of 1.00MB"
    assert 2 <= len(lines) <= 11


async def test_a_mirror_on_this_machine_is_asked_without_a_proxy(web, tmp_path, monkeypatch):
    async with environment_of_proxies(monkeypatch) as asked:
        await fetch({tmp_path / "voice.onnx": f"{web.url}/voice.onnx"}, CONFIG)
        assert (len(web.asked), asked) == (1, [])
        with pytest.raises(ProviderSetupError):
            await fetch({tmp_path / "other": "http://mirror.invalid/other"}, CONFIG)
        assert asked == [b"GET http://mirror.invalid/other HTTP/1.1\r\n"]


async def test_on_a_terminal_there_is_a_bar(web, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    await fetch({tmp_path / "voice.onnx": f"{web.url}/voice.onnx"}, CONFIG)
    shown = capsys.readouterr().err
    assert "voice.onnx: 100%|" in shown
    assert "1.00M/1.00M" in shown


async def test_a_redirect_is_followed(web, tmp_path):
    web.files["/other"] = VOICE
    web.redirects["/latest"] = "/other"
    await fetch({tmp_path / "voice.onnx": f"{web.url}/latest"}, CONFIG)
    assert (tmp_path / "voice.onnx").read_bytes() == VOICE


@pytest.mark.parametrize(
    ("path", "cut_after", "reason"),
    [("/none.onnx", None, "HTTP 404"), ("/voice.onnx", 1000, "peer closed connection")],
)
async def test_a_failure_says_where_to_put_the_file_and_leaves_nothing_behind(
    web, tmp_path, path, cut_after, reason
):
    web.cut_after = cut_after
    target = tmp_path / "voice.onnx"
    with pytest.raises(ProviderSetupError) as failed:
        await fetch({target: web.url + path}, CONFIG)
    assert reason in str(failed.value)
    assert f"save it as {target}" in str(failed.value)
    assert list(tmp_path.iterdir()) == []


async def test_a_host_that_is_down_and_a_disk_that_refuses_are_named(tmp_path):
    with pytest.raises(ProviderSetupError, match="could not be downloaded"):
        await fetch({tmp_path / "a": "http://127.0.0.1:9/a"}, CONFIG)
    (tmp_path / "file").touch()
    with pytest.raises(ProviderSetupError, match="disk"):
        await fetch({tmp_path / "file" / "a": "http://127.0.0.1:9/a"}, CONFIG)


async def test_a_broken_download_is_tried_again_as_often_as_configured(web, tmp_path):
    web.cut_after, web.cuts = 1000, 1
    config = TTSConfig(retries=1)
    await fetch({tmp_path / "voice.onnx": f"{web.url}/voice.onnx"}, config)
    assert (tmp_path / "voice.onnx").read_bytes() == VOICE
    assert len(web.asked) == 2


async def test_a_server_that_falls_silent_is_given_up_on(web, tmp_path):
    go_on = threading.Event()
    web.half_way = go_on.wait
    config = TTSConfig(retries=0, timeout_s=0.1)
    with pytest.raises(ProviderSetupError, match="timed out"):
        await fetch({tmp_path / "voice.onnx": f"{web.url}/voice.onnx"}, config)
    go_on.set()


async def test_a_cancelled_start_stops_the_download():
    half, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def pause() -> None:
        half.set()
        go_on.wait()

    def work(progress: type[Progress]) -> None:
        try:
            with progress(total=2, desc="model") as bar:
                bar.update(1)
                pause()
                bar.update(1)
        finally:
            over.set()

    task = asyncio.create_task(in_background(work))
    await asyncio.to_thread(half.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await asyncio.to_thread(over.wait)


@pytest.mark.parametrize(
    ("variable", "origin"),
    [("HF_ENDPOINT", "https://huggingface.co"), ("GITHUB_ENDPOINT", "https://github.com")],
)
def test_a_mirror_stands_in_for_one_address_alone(variable, origin, monkeypatch):
    address = f"{origin}/owner/files/model.onnx"
    assert mirrored(address) == address
    monkeypatch.setenv(variable, "https://mirror.example/")
    assert mirrored(address) == "https://mirror.example/owner/files/model.onnx"
    for elsewhere in ("https://download.example/model.onnx", f"{origin}.example/model.onnx"):
        assert mirrored(elsewhere) == elsewhere


async def test_every_download_heeds_the_mirrors_and_a_failed_one_names_them(
    web, tmp_path, monkeypatch
):
    monkeypatch.setenv("HF_ENDPOINT", web.url)
    monkeypatch.setenv("GITHUB_ENDPOINT", f"{web.url}/https://github.com")
    web.files["/https://github.com/owner/voice.onnx"] = VOICE
    hub, github = tmp_path / "hub.onnx", tmp_path / "github.onnx"
    addresses = ("https://huggingface.co/voice.onnx", "https://github.com/owner/voice.onnx")
    await fetch(dict(zip((hub, github), addresses, strict=True)), CONFIG)
    assert hub.read_bytes() == github.read_bytes() == VOICE
    with pytest.raises(ProviderSetupError, match=r"heeded are HTTPS_PROXY, HF_ENDPOINT\)"):
        await fetch({tmp_path / "none": "https://huggingface.co/none"}, CONFIG)


async def test_two_that_fetch_into_one_folder_each_get_the_whole_file(web, tmp_path):
    both = threading.Barrier(2, timeout=30)
    web.half_way = lambda: both.wait() and None
    target = tmp_path / "voice.onnx"
    await asyncio.gather(*(fetch({target: f"{web.url}/voice.onnx"}, CONFIG) for _ in range(2)))
    assert len(web.asked) == 2
    assert target.read_bytes() == VOICE
    assert [file.name for file in tmp_path.iterdir()] == ["voice.onnx"]


async def test_one_that_is_stopped_harms_no_file_of_another(web, tmp_path):
    """The one that comes second is stopped in the middle, when the first has its file."""
    half, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        half.set()
        go_on.wait()

    target = tmp_path / "voice.onnx"
    web.half_way = wait
    second = asyncio.create_task(fetch({target: f"{web.url}/voice.onnx"}, CONFIG))
    await asyncio.to_thread(half.wait)
    web.half_way = lambda: None
    await fetch({target: f"{web.url}/voice.onnx"}, CONFIG)
    second.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await second
    await asyncio.get_running_loop().shutdown_default_executor()
    assert target.read_bytes() == VOICE
    assert list(tmp_path.iterdir()) == [target]


async def test_what_a_killed_download_left_is_removed_but_nothing_that_grows(web, tmp_path):
    left, grows = tmp_path / "voice.onnx.0.part", tmp_path / "voice.onnx.1.part"
    other = tmp_path / "other.onnx.0.part"
    for file in (left, grows, other):
        file.touch()
    for file in (left, other):
        os.utime(file, (0, 0))
    await fetch({tmp_path / "voice.onnx": f"{web.url}/voice.onnx"}, CONFIG)
    assert {file.name for file in tmp_path.iterdir()} == {"voice.onnx", grows.name, other.name}


async def test_a_file_comes_uncoded_or_not_at_all(web, tmp_path):
    web.files["/voice.onnx"] = gzip.compress(VOICE)
    web.headers = {"Content-Encoding": "gzip"}
    with pytest.raises(ProviderSetupError, match="coded by gzip"):
        await fetch({tmp_path / "voice.onnx": f"{web.url}/voice.onnx"}, CONFIG)
    assert web.codings == ["identity"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "headers", "reason"),
    [
        ("voice.onnx", VOICE, {"Content-Type": "text/html; charset=utf-8"}, "web page"),
        ("voices.bin", PAGE, {}, "web page"),
        ("tokens.txt", PAGE, {"Content-Type": "text/plain"}, "web page"),
        ("voice.onnx", b"", {}, "it is empty"),
        ("voice.onnx", b'{"error": "log in"}', {}, "does not begin as such a file"),
        ("encoder.ort", VOICE, {}, "does not begin as such a file"),
        ("voice.onnx.json", VOICE, {}, "does not begin as such a file"),
        ("voices.bin", VOICE, {"X-Linked-Size": "77"}, "1048576 bytes came of 77"),
        ("voices.bin", VOICE, {"X-Linked-ETag": f'"{"0" * 64}"'}, "SHA-256"),
    ],
)
async def test_what_is_not_the_file_that_was_asked_for_is_not_kept(
    web, tmp_path, name, content, headers, reason
):
    web.files["/file"], web.headers = content, headers
    with pytest.raises(ProviderSetupError, match=reason):
        await fetch({tmp_path / name: f"{web.url}/file"}, CONFIG)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damaged", [False, True])
async def test_a_hubs_redirect_tells_size_and_sum_of_what_it_leads_to(web, tmp_path, damaged):
    web.files["/other"] = VOICE[:-1] + b"?" if damaged else VOICE
    web.redirects["/latest"] = "/other"
    web.redirect_headers = {
        "X-Linked-Size": str(len(VOICE)),
        "X-Linked-ETag": f'"{hashlib.sha256(VOICE).hexdigest()}"',
    }
    fetched = fetch({tmp_path / "voice.onnx": f"{web.url}/latest"}, CONFIG)
    if damaged:
        with pytest.raises(ProviderSetupError, match="SHA-256"):
            await fetched
        assert list(tmp_path.iterdir()) == []
    else:
        await fetched
        assert (tmp_path / "voice.onnx").read_bytes() == VOICE


class Hub:
    """The few addresses of Hugging Face that a download needs."""

    def __init__(self, web: FileServer, folder: Path) -> None:
        self.web = web
        repository, commit = "Systran/faster-whisper-tiny", "c" * 40
        names = [file.name for file in folder.iterdir()]
        siblings = ",".join(f'{{"rfilename": "{name}"}}' for name in [*names, "README.md"])
        listing = f'{{"id": "{repository}", "sha": "{commit}", "siblings": [{siblings}]}}'
        web.files[f"/api/models/{repository}"] = listing.encode()
        for name in names:
            content = (folder / name).read_bytes()
            path = f"/{repository}/resolve/main/{name}"
            web.files[path] = content
            web.sums[path] = hashlib.sha256(content).hexdigest()
        web.headers = {"X-Repo-Commit": commit}


@pytest.fixture
def hub(web, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", web.url)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
        web.url + "/{repo_id}/resolve/{revision}/{filename}",
    )
    return Hub(web, tiny_whisper.build(tmp_path / "source"))


async def test_whisper_comes_from_the_hub_once_and_then_needs_no_network(hub, tmp_path, capsys):
    config, cache = STTConfig(), tmp_path / "cache"
    folder = await model_folder("tiny", config, cache)
    assert (folder / "model.bin").stat().st_size == len(
        hub.web.files["/Systran/faster-whisper-tiny/resolve/main/model.bin"]
    )
    assert "model.bin: 100 %" in capsys.readouterr().err
    assert not any("README" in asked for asked in hub.web.asked)
    asked = len(hub.web.asked)
    assert await model_folder("tiny", config, cache) == folder
    assert len(hub.web.asked) == asked


@pytest.mark.parametrize(
    ("name", "content", "told", "reason"),
    [
        ("tokenizer.json", PAGE, hashlib.sha256(PAGE).hexdigest(), "web page"),
        ("model.bin", VOICE, "0" * 64, "SHA-256"),
    ],
)
async def test_what_is_no_file_of_whispers_is_not_kept_in_the_hubs_cache(
    hub, tmp_path, name, content, told, reason
):
    path, cache = f"/Systran/faster-whisper-tiny/resolve/main/{name}", tmp_path / "cache"
    sound = hub.web.files[path], hub.web.sums[path]
    hub.web.files[path], hub.web.sums[path] = content, told
    with pytest.raises(ProviderSetupError, match=reason):
        await model_folder("tiny", STTConfig(), cache)
    hub.web.files[path], hub.web.sums[path] = sound
    folder = await model_folder("tiny", STTConfig(), cache)
    assert (folder / name).read_bytes() == sound[0]


async def test_a_cache_that_lacks_a_file_is_completed(hub, tmp_path):
    cache = tmp_path / "cache"
    folder = await model_folder("tiny", STTConfig(), cache)
    (folder / "tokenizer.json").unlink()
    assert (await model_folder("tiny", STTConfig(), cache) / "tokenizer.json").is_file()


async def test_an_unknown_repository_and_a_forbidden_download_name_the_remedy(
    hub, tmp_path, monkeypatch
):
    with pytest.raises(ProviderSetupError, match=r"owner/none.*stt\.model"):
        await model_folder("owner/none", STTConfig(), tmp_path / "cache")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ProviderSetupError, match="HF_HUB_OFFLINE"):
        await model_folder("tiny", STTConfig(), tmp_path / "cache")


async def test_a_hub_that_is_down_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ProviderSetupError, match="HTTPS_PROXY"):
        await model_folder("tiny", STTConfig(), tmp_path / "cache")
