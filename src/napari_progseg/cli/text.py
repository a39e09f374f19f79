"""Plain text for the terminal: tables and numbers."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import UserError


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align cells in columns; the last column may be as long as it likes."""
    lines = [tuple(headings), *map(tuple, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip()
        for line in lines
    )


def shape(shape_zyx: Sequence[int] | None) -> str:
    """Write a shape (z, y, x), such as 35×50×36."""
    return "×".join(map(str, shape_zyx or ()))


def spacing(spacing_zyx_mm: Sequence[float] | None) -> str:
    """Write a spacing (z, y, x) in mm, such as 3.27×0.977×0.977."""
    return "×".join(f"{value:.3g}" for value in spacing_zyx_mm or ())


def dice(value: float | None) -> str:
    """Write a Dice coefficient with three digits; None, empty against empty, is n/a."""
    return "n/a" if value is None else f"{value:.3f}"


def mm(value: float | None) -> str:
    """Write a distance in mm with two digits; None is n/a."""
    return "n/a" if value is None else f"{value:.2f} mm"


def duration(seconds: float) -> str:
    """Write a time as people say it: 45 s, 12 min, 2 h 05 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def counts_of(text: str) -> tuple[int, ...]:
    """Read numbers of clicks, such as ``"0,1,3"``.

    Raises
    ------
    UserError
        If they are none.
    """
    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError:
        counts = (-1,)
    if min(counts) < 0:
        raise UserError(f"{text!r} are no numbers of clicks; nothing was evaluated; write for instance 0,1,3,5")
    return counts
