"""§B.15: images."""

from __future__ import annotations

import base64
import os
import re
from typing import Any

import pytest

from session.ports import Capabilities
from tests.conformance.sequences import added, user_text
from tests.support.running_server import running
from tests.support.session_driver import Driver, of, session_config
from tests.support.wire_client import client

PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()


def create(driver: Driver, *content: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    item = {"type": "message", "role": "user", "content": list(content)}
    return driver.send("conversation.item.create", item=item, **fields)


def test_an_image_is_echoed_counted_and_given_to_the_model():
    driver = Driver()
    text = {"type": "input_text", "text": "what is this?"}
    picture = {"type": "input_image", "image_url": PNG, "detail": "low"}
    events = create(driver, text, picture)
    item = {**user_text("item_1", ""), "content": [text, picture]}
    assert driver.named(events) == added(item, None)
    assert driver.requests == []
    driver.respond()
    assert driver.requests[0].messages == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what is this?"},
                {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
            ],
        }
    ]
    driver.text("A cat.")
    done = of(driver.finish(), "response.done")[0]["response"]
    assert done["usage"]["input_token_details"]["image_tokens"] == 85


def test_the_detail_defaults_to_auto():
    events = create(Driver(), {"type": "input_image", "image_url": PNG})
    assert events[0]["item"]["content"][0]["detail"] == "auto"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/cat.png",
        "data:image/png;base64,AAAA",
        "data:text/html;base64,AAAA",
        "data:text/html,x",
        "data:image/png,x",
        PNG.removeprefix("data:image/png;base64,"),
        PNG.replace("K", "K ", 1),
        f"data:image/png;{'x' * 200};base64,{PNG.partition(',')[2]}",
        f"data:image/png;base64,{base64.b64encode(b'RIFF0000WAVE').decode()}",
        "",
    ],
)
def test_nothing_but_a_picture_in_the_event_itself_is_taken(url):
    (error,) = create(Driver(), {"type": "input_image", "image_url": url})
    assert error["error"]["param"] == "item.content[0].image_url"


def test_a_model_that_sees_nothing_is_named():
    blind = Capabilities(images=False, llm_name="the mole")
    (error,) = create(Driver(session_config(blind)), {"type": "input_image", "image_url": PNG})
    assert "the mole" in error["error"]["message"]


IMAGES = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF\x10\0\0\0WEBP",
}


def uri(head: str, image: bytes) -> str:
    return f"{head},{base64.b64encode(image).decode()}"


@pytest.mark.parametrize("length", [20, 100_000])
@pytest.mark.parametrize(
    "head",
    [
        *(f"data:{media_type};base64" for media_type in IMAGES),
        "data:image/jpg;base64",
        "DATA:Image/PNG;base64",
        "data:image/jpeg;charset=utf-8;name=cat.jpg;base64",
        "data:application/octet-stream;base64",
        "data:;base64",
    ],
)
@pytest.mark.parametrize("media_type", IMAGES)
def test_the_bytes_of_an_image_decide_what_it_is(media_type: str, head: str, length: int) -> None:
    image = IMAGES[media_type] + bytes(length)
    driver = Driver()
    events = create(driver, {"type": "input_image", "image_url": uri(head, image)})
    right = uri(f"data:{media_type};base64", image)
    assert events[0]["item"]["content"][0]["image_url"] == right
    driver.respond()
    (message,) = driver.requests[0].messages
    assert [part["image_url"]["url"] for part in message["content"]] == [right]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("length", [20, 200, 100_000, 700_000])
def test_an_image_may_have_line_ends_and_has_none_for_the_model(length: int, end: str) -> None:
    one_line = uri("data:image/png;base64", IMAGES["image/png"] + os.urandom(length))
    head, _, data = one_line.partition(",")
    lines = f"{head},{end.join(re.findall('.{1,76}', data))}{end}"
    driver = Driver()
    added, _ = create(driver, {"type": "input_image", "image_url": lines})
    assert added["item"]["content"][0]["image_url"] == one_line
    driver.respond()
    (message,) = driver.requests[0].messages
    assert message["content"][0]["image_url"]["url"] == one_line


async def test_an_image_of_any_name_reaches_a_session_on_a_socket() -> None:
    image = IMAGES["image/png"] + os.urandom(600_000)
    written = base64.encodebytes(image).decode().replace("\n", "\r\n")
    part = {"type": "input_image", "image_url": f"data:image/jpg;base64,{written}"}
    async with running() as server, client(server.url) as wire:
        message = {"type": "message", "role": "user", "content": [part], "id": "mine"}
        await wire.send("conversation.item.create", item=message)
        shown = await wire.until("conversation.item.done")
        assert shown["item"]["content"][0]["image_url"] == uri("data:image/png;base64", image)
        await wire.send("conversation.item.retrieve", item_id="mine")
        retrieved = await wire.until("conversation.item.retrieved")
        assert retrieved["item"] == shown["item"]
        await wire.send("response.create")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
