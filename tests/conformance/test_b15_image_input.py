"""§B.15: images."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from session.ports import Capabilities
from tests.conformance.sequences import added, user_text
from tests.support.session_driver import Driver, of, session_config

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
    "url", ["https://example.com/cat.png", "data:image/png;base64,AAAA", "data:text/html,x", ""]
)
def test_nothing_but_a_picture_in_the_event_itself_is_taken(url):
    (error,) = create(Driver(), {"type": "input_image", "image_url": url})
    assert error["error"]["param"] == "item.content[0].image_url"


def test_a_model_that_sees_nothing_is_named():
    blind = Capabilities(images=False, llm_name="the mole")
    (error,) = create(Driver(session_config(blind)), {"type": "input_image", "image_url": PNG})
    assert "the mole" in error["error"]["message"]


def test_a_jpeg_is_an_image_too() -> None:
    url = "data:image/jpeg;base64," + base64.b64encode(b"\xff\xd8\xff" + bytes(20)).decode()
    events = create(Driver(), {"type": "input_image", "image_url": url})
    assert events[0]["item"]["content"][0]["image_url"] == url
