"""§A.10: `response.cancel`."""

from __future__ import annotations

from tests.conformance.misuse import other, refusals
from tests.conformance.sequences import driver

NOT_ACTIVE = "Cancellation failed: no active response found"


ROWS = [
    other("none active", "response.cancel", "response_cancel_not_active", None, NOT_ACTIVE),
    other("unknown id", "response.cancel", "response_cancel_not_active", None, NOT_ACTIVE,
          response_id="resp_nobody"),
    other("unknown id beside an active one", "response.cancel", "response_cancel_not_active", None,
          NOT_ACTIVE, response_id="resp_nobody", given=("response",)),
    other("only an out-of-band one", "response.cancel", "response_cancel_not_active", None,
          NOT_ACTIVE, given=("out of band",)),
    other("response_id is no text", "response.cancel", "invalid_type", "response_id",
          response_id=5),
]  # fmt: skip


test_a_misuse_is_answered_by_one_error_and_nothing_is_applied = refusals(ROWS)


def test_out_of_band_responses_are_cancelled_by_id_only() -> None:
    d = driver()
    d.respond(conversation="none")
    aside = d.running
    (error,) = d.send("response.cancel")
    assert error["error"]["code"] == "response_cancel_not_active"
    (done,) = d.send("response.cancel", response_id=aside)
    assert (done["response"]["id"], done["response"]["status"]) == (aside, "cancelled")
