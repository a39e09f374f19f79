"""What a step of a run may hold, as out-of-memory errors have taught it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil, prod
from pathlib import Path

import torch

from ..errors import UserError
from ..schedules.course import Stage
from ..schedules.patches import SMALLEST_STEP, Patch
from ..storage.atomic import read_json, write_json

MEMORY = "memory.json"
_SHORTEST = 16
# what the allocators of CPU, CUDA libraries and MPS say, since not all of them have an error of their own
_SIGNS = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")


@dataclass(frozen=True)
class Lowered:
    """From `step` on a batch holds at most so many voxels."""

    step: int
    voxels: int


class MemoryLimit:
    """How many voxels a batch may hold; starts without a limit.

    Parameters
    ----------
    divisor : sequence of int
        What the network divides each axis of a patch by.
    file : Path or None
        Remembers the limit, so that a resumed run takes the steps that it would have taken.
    whole : bool
        Patches are whole volumes, of which none may be cut.
    """

    def __init__(self, divisor: Sequence[int], file: Path | None = None, *, whole: bool = False) -> None:
        self._divisor, self._file, self._whole = tuple(divisor), file, whole
        known = read_json(file) if file is not None and file.exists() else []
        self.lowered = tuple(Lowered(**each) for each in known)

    def within(self, stage: Stage, step: int) -> Stage:
        """Return a stage as the limit of a step allows it: fewer patches, and smaller ones if one alone is too much."""
        voxels = min(
            (each.voxels for each in self.lowered if each.step <= step), default=stage.batch * prod(stage.patch)
        )
        patch: Patch | None = stage.patch
        while patch is not None and prod(patch) > voxels:
            patch = smaller(patch, self._divisor)
        patch = patch or stage.patch
        return replace(stage, patch=patch, batch=max(1, min(stage.batch, voxels // prod(patch))))

    def lower(self, stage: Stage, step: int) -> str:
        """Halve the batch, or take the next smaller patch where there is only one, and say so.

        Parameters
        ----------
        stage : Stage
            What was too much.
        step : int
            The step that is taken again, with less.

        Raises
        ------
        UserError
            If one patch of the smallest size was too much.
        """
        patch: Patch | None = stage.patch
        if stage.batch == 1:
            patch = None if self._whole else smaller(stage.patch, self._divisor)
        if patch is None:
            raise UserError(
                f"the memory is not enough for one patch of {_size(stage.patch)} a step, the smallest this network "
                "learns from; checkpoints and labels are safe; close other programs, or lower model.width and start "
                "a new run"
            )
        batch = max(1, stage.batch // 2)
        self.lowered += (Lowered(step, batch * prod(patch)),)
        if self._file is not None:
            write_json(self._file, [asdict(each) for each in self.lowered])
        now, before = (
            (f"{batch} patches a step", str(stage.batch))
            if stage.batch > 1
            else (f"patches of {_size(patch)}", _size(stage.patch))
        )
        return f"out of memory at step {step + 1}: {now} instead of {before} from here on; nothing is lost"


def smaller(patch: Patch, divisor: Sequence[int]) -> Patch | None:
    """Return the next smaller patch that a network takes: its longest axis cut; None if no axis may be cut."""
    steps = [d * ceil(SMALLEST_STEP / d) for d in divisor]
    axes = [axis for axis, (n, cut) in enumerate(zip(patch, steps, strict=True)) if n - cut >= _SHORTEST]
    if not axes:
        return None
    longest = max(axes, key=lambda axis: patch[axis])
    return tuple(n - steps[axis] * (axis == longest) for axis, n in enumerate(patch))


def gave_out(error: BaseException) -> bool:
    """Say whether an error means that the memory was not enough."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def _size(patch: Patch) -> str:
    return "×".join(map(str, patch))
