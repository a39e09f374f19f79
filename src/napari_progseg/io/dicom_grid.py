"""Whether the slices of a DICOM series form a regular volume, and its grid; highdicom has the last word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from highdicom.spatial import get_series_volume_positions
from numpy.typing import NDArray

from ..errors import UserError
from .decoded import SHEAR_TOLERANCE_DEGREES
from .dicom_scan import Slice

_SAME_PLACE_MM = 0.01
_STEP_TOLERANCE = 0.01
# headers often round positions to 0.01 mm
_ROUNDING_MM = 0.011
_TURN_TOLERANCE = 1e-3
_MOST_LISTED = 6


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices in order along their normal, and the affine from (column, row, slice) to LPS mm, (4, 4)."""

    slices: tuple[Slice, ...]
    affine_lps: NDArray[np.float64]


def stack(slices: Sequence[Slice]) -> Stack:
    """Sort slices along their normal and check that they form a regular, right-angled volume.

    Parameters
    ----------
    slices : sequence of Slice
        Single-frame slices of one series, in any order.

    Raises
    ------
    UserError
        Naming the positions, if slices are missing, duplicate, tilted, turned, of several sizes or irregularly spaced.
    """
    _check_alike(slices)
    if len(slices) < 2:
        raise UserError("a single 2D slice; a 3D volume is needed, open a folder with all slices of the series")
    first = slices[0].header
    row, column = np.array(first.ImageOrientationPatient, dtype=float).reshape(2, 3)
    normal = np.cross(row, column)
    positions = np.array([s.header.ImagePositionPatient for s in slices], dtype=float)
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    ordered = tuple(slices[i] for i in order)
    steps = np.diff(along[order])
    _check_duplicates(ordered, along[order], steps)
    step = (positions[order[-1]] - positions[order[0]]) / (len(slices) - 1)
    _check_steps(along[order], steps)
    _check_tilt(step, normal, positions[order])
    _ask_highdicom(ordered, float(np.median(steps)))
    dy, dx = (float(s) for s in first.PixelSpacing)
    affine = np.eye(4)
    affine[:3] = np.column_stack([row * dx, column * dy, step, positions[order[0]]])
    return Stack(ordered, affine)


def _check_alike(slices: Sequence[Slice]) -> None:
    sizes = {(int(s.header.Columns), int(s.header.Rows)) for s in slices}
    if len(sizes) > 1:
        listed = ", ".join(f"{c} × {r}" for c, r in sorted(sizes))
        raise UserError(f"its slices have several sizes ({listed}); export one volume as its own series")
    for tag, what, tolerance in (
        ("ImageOrientationPatient", "orientations", _TURN_TOLERANCE),
        ("PixelSpacing", "pixel spacings", _TURN_TOLERANCE),
    ):
        values = np.array([s.header.get(tag) for s in slices], dtype=float)
        apart = np.abs(values - values[0]).max(axis=1)
        if apart.max() > tolerance:
            other = slices[int(apart.argmax())]
            raise UserError(
                f"its slices have several {what} ({_numbers(values[0])} in {slices[0].path.name}, "
                f"{_numbers(values[int(apart.argmax())])} in {other.path.name}); export one volume as its own series"
            )


def _check_duplicates(slices: Sequence[Slice], along: NDArray[np.float64], steps: NDArray[np.float64]) -> None:
    same = np.flatnonzero(steps < _SAME_PLACE_MM)
    if len(same):
        listed = ", ".join(
            f"{along[i]:.2f} mm ({slices[i].path.name}, {slices[i + 1].path.name})" for i in same[:_MOST_LISTED]
        )
        raise UserError(
            f"duplicate slices: two or more images at the same position {listed}{_more(len(same))} along the normal; "
            "these may be copies, echoes or time points, export one volume as its own series"
        )


def _check_steps(along: NDArray[np.float64], steps: NDArray[np.float64]) -> None:
    typical = float(np.median(steps))
    tolerance = max(_STEP_TOLERANCE * typical, _ROUNDING_MM)
    odd = np.flatnonzero(np.abs(steps - typical) > tolerance)
    if not len(odd):
        return
    listed = ", ".join(f"{along[i]:.2f} to {along[i + 1]:.2f} mm" for i in odd[:_MOST_LISTED]) + _more(len(odd))
    times = steps[odd] / typical
    if (np.abs(times - np.rint(times)) < 0.05).all() and (times > 1.5).all():
        missing = int(np.rint(times).sum()) - len(odd)
        raise UserError(
            f"{missing} missing slice{'s' if missing > 1 else ''}: gap from {listed} along the normal where the step "
            f"is {typical:.4g} mm; nothing was stretched or filled in, export the series again"
        )
    raise UserError(
        f"irregular slice spacing: {steps.min():.4g} to {steps.max():.4g} mm, odd steps from {listed} along the "
        "normal; resample the series to one spacing first"
    )


def _check_tilt(step: NDArray[np.float64], normal: NDArray[np.float64], positions: NDArray[np.float64]) -> None:
    cosine = float(step @ normal / np.linalg.norm(step) / np.linalg.norm(normal))
    tilt = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    if tilt > SHEAR_TOLERANCE_DEGREES:
        raise UserError(
            f"tilted slices: the stack leans by {tilt:.2f}° from the slices' normal (gantry tilt), from "
            f"({_numbers(positions[0])}) to ({_numbers(positions[-1])}) mm; correct the tilt by resampling first"
        )
    line = positions[0] + np.outer(np.arange(len(positions)), step)
    away = np.linalg.norm(positions - line, axis=1)
    tolerance = max(_STEP_TOLERANCE * float(np.linalg.norm(step)), _ROUNDING_MM) * 5
    if away.max() > tolerance:
        worst = int(away.argmax())
        raise UserError(
            f"irregular slices: the one at ({_numbers(positions[worst])}) mm lies {away.max():.3g} mm beside the "
            "line from the first to the last; resample the series first"
        )


def _ask_highdicom(slices: Sequence[Slice], step: float) -> None:
    tolerance = max(_STEP_TOLERANCE * step, _ROUNDING_MM)
    try:
        spacing, _ = get_series_volume_positions(
            [s.header for s in slices], atol=tolerance, orientation_tol=_TURN_TOLERANCE
        )
    except (ValueError, AttributeError) as error:
        raise UserError(f"its slices form no volume ({error}); export the series again") from error
    if spacing is None:
        raise UserError("its slices form no regular volume; export the series again or resample it")


def _more(count: int) -> str:
    return f" and {count - _MOST_LISTED} more" if count > _MOST_LISTED else ""


def _numbers(values: NDArray[np.float64]) -> str:
    return ", ".join(f"{v:.6g}" for v in values)
