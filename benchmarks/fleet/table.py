"""A table as Markdown has it, and numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table."""
    return "\n".join(
        [
            _line(head),
            "|" + "---|" * len(head),
            *(_line([str(cell) for cell in row]) for row in rows),
        ]
    )


def number(value: float) -> str:
    """Write a number: whole ones from ten on, with commas; below, two digits that say something."""
    if abs(value) >= 9.95 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 0.95 else f"{value:.2g}"


def percent(share: float) -> str:
    """Write a share as a percentage; what rounds to nothing, and is not, says so."""
    if share == 0 or share >= 0.095:
        return f"{share:.0%}".replace("%", " %")
    return f"{100 * share:.1f} %" if share >= 0.0005 else "< 0.1 %"


def seconds(value: float) -> str:
    """Write a time in s, or in min where that is shorter."""
    return f"{number(value)} s" if value < 99.5 else f"{value / 60:.0f} min"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
