"""Before the gateways: silent sessions are kept, and a 503 of one pod is not the last word."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from config import Settings
from tests.deploy.compositions import COMPOSITIONS, OWN
from tests.deploy.helm import NAME, merged, one, rendered
from tests.support.ports import free_port
from tests.support.running_server import plain_http

ANSWERS = {
    503: b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\n",
    200: b"HTTP/1.1 200 OK\r\n",
}


def annotated(composition: str) -> dict[str, str]:
    found: dict[str, str] = one(rendered(COMPOSITIONS[composition]), "Ingress")["metadata"][
        "annotations"
    ]
    return found


def longest_silence_s() -> float:
    """Return how long a connection may be silent while its session lives."""
    limits = Settings.model_construct().limits
    return limits.ping_interval_s + limits.ping_timeout_s


def test_nginx_waits_longer_than_a_session_is_silent_and_asks_another_pod() -> None:
    said = {name.rpartition("/")[2]: value for name, value in annotated("production").items()}
    assert float(said["proxy-read-timeout"]) > longest_silence_s()
    assert float(said["proxy-send-timeout"]) > longest_silence_s()
    # A client secret and a call are made by POST.
    assert {"http_503", "non_idempotent"} <= {*said["proxy-next-upstream"].split()}
    assert int(said["proxy-next-upstream-tries"]) > 1


def test_own_annotations_come_besides() -> None:
    own = {"ingress": {"controller": "", "annotations": {"alb.example.com/idle": "120"}}}
    ingress = one(rendered(merged(COMPOSITIONS["production"], own)), "Ingress")
    assert ingress["metadata"]["annotations"] == own["ingress"]["annotations"]


def test_only_what_clients_need_is_published() -> None:
    for composition in ("production", "haproxy"):
        [rule] = one(rendered(COMPOSITIONS[composition]), "Ingress")["spec"]["rules"]
        assert [path["path"] for path in rule["http"]["paths"]] == ["/v1", "/openai"]
    [rule] = one(rendered(COMPOSITIONS["gateway api"]), "HTTPRoute")["spec"]["rules"]
    paths = [match["path"]["value"] for match in rule["matches"]]
    assert paths == ["/v1", "/openai"]


def test_the_gateway_api_knows_no_time_limit_and_asks_another_pod() -> None:
    manifests = rendered(COMPOSITIONS["gateway api"])
    [rule] = one(manifests, "HTTPRoute")["spec"]["rules"]
    assert rule["timeouts"] == {"request": "0s"}
    assert rule["retry"]["codes"] == [503]
    [backend] = rule["backendRefs"]
    service = one(manifests, "Service")
    assert backend == {"name": NAME, "port": service["spec"]["ports"][0]["port"]}
    assert not [manifest for manifest in manifests if manifest["kind"] == "Ingress"]


def test_proxies_are_believed_where_it_is_said() -> None:
    def believed(values: dict[str, Any]) -> list[str]:
        [server] = one(rendered(values), "Deployment")["spec"]["template"]["spec"]["containers"]
        return [one["value"] for one in server["env"] if one["name"] == "FORWARDED_ALLOW_IPS"]

    assert believed(merged(OWN, {"trustedProxies": "10.0.0.0/8"})) == ["10.0.0.0/8"]
    assert believed(merged(OWN, {})) == []


@asynccontextmanager
async def answering(status: int) -> AsyncIterator[int]:
    """Answer every request with a status; yields the port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWERS[status] + b"Connection: close\r\nContent-Length: 0\r\n\r\n")
        # To close before a body has come would reset the connection, answer and all.
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def haproxy(folder: Path, ports: list[int]) -> AsyncIterator[httpx.AsyncClient]:
    """Run HAProxy with what the ingress says, before servers at ports."""
    said = annotated("haproxy")
    snippet = said["haproxy.org/backend-config-snippet"]
    patience = re.search(r"timeout tunnel (\d+)s", snippet)
    assert patience is not None and int(patience[1]) > longest_silence_s()
    port = free_port()
    file = folder / "haproxy.cfg"
    servers = "".join(f"  server s{at} 127.0.0.1:{at}\n" for at in ports)
    file.write_text(
        "defaults\n  mode http\n  timeout client 10s\n  timeout server 10s\n"
        f"frontend voice\n  bind 127.0.0.1:{port}\n  default_backend pods\n"
        f"backend pods\n  balance {said['haproxy.org/load-balance']}\n{snippet}{servers}"
    )
    process = await asyncio.create_subprocess_exec("haproxy", "-db", "-f", str(file))
    try:
        async with plain_http(base_url=f"http://127.0.0.1:{port}") as http:
            async with asyncio.timeout(20):
                while True:
                    try:
                        await http.get("/")
                        break
                    except httpx.ConnectError:
                        assert process.returncode is None, "HAProxy does not take the snippet"
                        await asyncio.sleep(0.01)
            yield http
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_haproxy_takes_what_the_ingress_says_and_asks_another_pod(tmp_path: Path) -> None:
    if shutil.which("haproxy") is None:
        pytest.skip("haproxy is not installed")
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(answering(status)) for status in (503, 200, 503)]
        # A pod that is gone, too.
        http = await stack.enter_async_context(haproxy(tmp_path, [*ports, free_port()]))
        for _ in range(8):
            assert (await http.get("/v1/realtime")).status_code == 200
            assert (await http.post("/v1/realtime/client_secrets")).status_code == 200


async def test_haproxy_asks_another_pod_though_a_body_comes_after_its_head(tmp_path: Path) -> None:
    """As those of client secrets and calls do."""
    if shutil.which("haproxy") is None:
        pytest.skip("haproxy is not installed")
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(answering(status)) for status in (503, 200)]
        http = await stack.enter_async_context(haproxy(tmp_path, ports))
        for _ in range(8):
            reader, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port)
            head = "POST /v1/realtime/calls HTTP/1.1\r\nHost: pods\r\nContent-Length: 3\r\n\r\n"
            writer.write(head.encode())
            # Until HAProxy has had time enough for the head: it answers others meanwhile.
            for _ in range(5):
                assert (await http.get("/v1/realtime")).status_code == 200
            writer.write(b"v=0")
            async with asyncio.timeout(20):
                assert b" 200 " in await reader.readline()
            writer.close()
