"""What `--check` found out about each stage of a stack, and the table that shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from session.ports import FailureReason
from settings.columns import columns, padded
from settings.localisation import _


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one stage."""

    stage: str
    provider: str
    label: str
    first_result_ms: float | None = None
    """Milliseconds to the first audio or text, or from the end of the speech to the transcript."""
    result: str = ""
    error: FailureReason | None = None
    answered: bool = False
    """Whether a stage that failed had begun to answer."""
    stacks: tuple[str, ...] = ()
    """The names of the stacks that have it."""

    @property
    def reachable(self) -> str:
        """`yes`, `no`, or `-` where it did not come to that."""
        if self.error is None or self.answered:
            return "yes"
        return {"provider_unreachable": "no", "provider_setup": "-"}.get(self.error.code, "yes")

    def failed(self, error: FailureReason) -> Verdict:
        """Return the verdict if the stage failed, perhaps in the middle of its answer."""
        answered = self.first_result_ms is not None
        return replace(self, first_result_ms=None, error=error, answered=answered)


def table(verdicts: Iterable[Verdict]) -> str:
    """Render verdicts for a terminal: one line each, and one more for what is to be done."""
    verdicts = list(verdicts)
    rows = [("", _("provider"), _("model"), _("reachable"), _("first result"))]
    notes = []
    several = len({name for verdict in verdicts for name in verdict.stacks}) > 1
    for verdict in verdicts:
        stage = f"{verdict.stage} ({', '.join(verdict.stacks)})" if several else verdict.stage
        took = verdict.first_result_ms
        shown = _("failed") if took is None else _("after {ms:.0f} ms").format(ms=took)
        reachable = {"yes": _("yes"), "no": _("no")}.get(verdict.reachable, verdict.reachable)
        rows.append((stage, verdict.provider, verdict.label, reachable, shown))
        note = verdict.error.message if verdict.error else verdict.result
        notes.append(f"{stage}  {note}")
    widths = [max(columns(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, "", *notes])
