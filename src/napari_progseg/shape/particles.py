"""ShapeWorks particles: corresponding points as text, one ``x y z`` a line, in world mm (LPS)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UserError
from ..storage.atomic import write_bytes

SUFFIX = ".particles"


def read_particles(path: Path) -> NDArray[np.float64]:
    """Read points, (P, 3) ordered (x, y, z), world mm.

    Raises
    ------
    UserError
        If a line is not three finite numbers, or there is none.
    """
    rows = []
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        point = _point(line)
        if point is None:
            raise UserError(
                f"{path.name}, line {number}: {line.strip()[:40]!r} is no point x y z; nothing was changed; "
                "give particles as ShapeWorks writes them"
            )
        rows.append(point)
    if not rows:
        raise UserError(f"{path.name} holds no points; nothing was changed; write it again in ShapeWorks")
    return np.array(rows, dtype=np.float64)


def write_particles(path: Path, points_xyz: ArrayLike) -> None:
    """Write points, (P, 3) ordered (x, y, z), world mm, in their order."""
    lines = (" ".join(f"{value:.12g}" for value in point) for point in np.asarray(points_xyz, dtype=np.float64))
    write_bytes(path, ("\n".join(lines) + "\n").encode("ascii"))


def read_all(folder: Path, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Read ``NAME.particles`` of every name; ShapeWorks' ``NAME_world.particles`` and ``_local`` are found, too.

    Raises
    ------
    UserError
        If one is missing or has another number of points.
    """
    found = {name: read_particles(_file(folder, name)) for name in names}
    counts = {name: len(points) for name, points in found.items()}
    if len(set(counts.values())) > 1:
        few, many = min(counts, key=lambda name: counts[name]), max(counts, key=lambda name: counts[name])
        raise UserError(
            f"{few} has {counts[few]} particles and {many} has {counts[many]}; nothing was changed; "
            "take all from one ShapeWorks project and one number of particles"
        )
    return found


def _file(folder: Path, name: str) -> Path:
    for end in ("", "_world", "_local"):
        path = folder / f"{name}{end}{SUFFIX}"
        if path.is_file():
            return path
    raise UserError(f"{folder} has no {name}{SUFFIX}; nothing was changed; name the files like the cases")


def _point(line: str) -> tuple[float, float, float] | None:
    try:
        x, y, z = (float(part) for part in line.split())
    except ValueError:
        return None
    return (x, y, z) if np.isfinite([x, y, z]).all() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as particles ({error}); nothing was changed; check the file") from error
