"""What a preset leaves open, decided once from the data and kept with the model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ..errors import UserError
from ..training.config import ClickConfig, ModelConfig, RunConfig, Task
from ..volume import LabelClass, Modality, Volume

CT_BELOW = -200
ANISOTROPIC = 3.0
SAMPLED_VOXELS = 20_000


@dataclass(frozen=True)
class CaseFacts:
    """What the plan needs to know of a case.

    Parameters
    ----------
    case : str
        Its id.
    modality : {"ct", "mr"}
        From the file, the project, or guessed: CT where the minimum is below -200.
    shape_zyx : tuple of int
        Voxels.
    spacing_zyx_mm : tuple of float
        Millimetres.
    foreground : ndarray, (N,)
        Intensities of at most 20,000 labelled voxels.
    """

    case: str
    modality: Modality
    shape_zyx: tuple[int, int, int]
    spacing_zyx_mm: tuple[float, float, float]
    foreground: NDArray[np.float32]


class Plan(BaseModel):
    """Everything that turns a file into network input, and network output back into labels.

    Parameters
    ----------
    window : tuple of float or None
        CT: intensities that become 0 and 1. None: percentiles 0.5 and 99.5 of each volume.
    spacing_zyx_mm : tuple of float
        Voxel size the network sees; in 2D slices keep their own distance.
    patch : tuple of int
        Training patch, (z, y, x) or (y, x).
    strides : tuple
        One stride per axis for each level below the first.
    mirror : bool
        Whether left and right are turned in training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task
    modality: Modality
    window: tuple[float, float] | None
    spacing_zyx_mm: tuple[float, float, float]
    dims: int
    patch: tuple[int, ...]
    batch: int
    architecture: str
    norm: str
    input_channels: int
    widths: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    classes: tuple[LabelClass, ...]
    clicks: ClickConfig
    mirror: bool = False
    sentence: str

    @property
    def patch_zyx(self) -> tuple[int, int, int]:
        """The patch as a box of the canonical grid; one slice in 2D."""
        return (1, *self.patch) if self.dims == 2 else self.patch  # type: ignore[return-value]

    @property
    def outputs(self) -> int:
        """Output channels of the network: one a class, or the restored image."""
        return 1 if self.task == "restoration" else len(self.classes)

    @property
    def sigma_voxels(self) -> tuple[float, ...]:
        """Width of a click on the network's grid, one value per axis of the patch."""
        if self.clicks.sigma_voxels is not None:
            return (self.clicks.sigma_voxels,) * self.dims
        return tuple(self.clicks.sigma_mm / mm for mm in self.spacing_zyx_mm[-self.dims :])


def facts_of(
    case: str, volume: Volume, labels: NDArray[np.unsignedinteger] | None, modality: Modality | None
) -> CaseFacts:
    """Look at one case; `labels` are label values on the volume's grid, (Z, Y, X)."""
    if modality is None:
        modality = volume.modality or ("ct" if float(volume.image.min()) < CT_BELOW else "mr")
    inside = np.zeros(0, np.float32)
    if labels is not None:
        found = np.flatnonzero(labels)
        step = max(1, -(-found.size // SAMPLED_VOXELS))
        inside = volume.image[np.unravel_index(found[::step], labels.shape)].astype(np.float32)
    return CaseFacts(case, modality, volume.image.shape, volume.geometry.spacing_zyx_mm, inside)


def make_plan(
    facts: Sequence[CaseFacts], config: RunConfig, classes: tuple[LabelClass, ...], source: Plan | None = None
) -> Plan:
    """Decide modality, window, spacing, dimensions, patch, batch and levels.

    Parameters
    ----------
    facts : sequence of CaseFacts
        The training cases.
    source : Plan or None
        Plan of the run whose weights this run begins with: its grid, window and network are taken over.

    Raises
    ------
    UserError
        If modalities are mixed, no voxel is labelled, or a given patch does not suit the network.
    """
    modality = _modality(facts)
    if not sum(fact.foreground.size for fact in facts):
        raise UserError(
            "the labels of all training cases are empty; nothing was started; label some voxels of each structure"
        )
    spacing = _median([fact.spacing_zyx_mm for fact in facts])
    dims = config.model.dims or (2 if max(spacing) > ANISOTROPIC * min(spacing) else 3)
    if dims == 3 and config.patches.without_repetition:
        raise UserError(
            "patches.without_repetition draws slices, but these volumes are trained in 3D; nothing was started; "
            "set model.dims=2 or patches.without_repetition=false"
        )
    shape = _median([(np.multiply(f.shape_zyx, f.spacing_zyx_mm) / spacing).tolist() for f in facts])
    patch, strides = _patch_and_strides(config, shape[-dims:], spacing[-dims:])
    widths = tuple(min(config.model.width * 2**level, config.model.max_width) for level in range(len(strides) + 1))
    plan = Plan(
        task=config.task,
        modality=modality,
        window=_window(facts, config) if modality == "ct" else None,
        spacing_zyx_mm=spacing,
        dims=dims,
        patch=patch,
        batch=_batch(config, patch),
        architecture=config.model.architecture,
        norm=config.model.norm,
        input_channels=input_channels(config),
        widths=widths,
        strides=strides,
        classes=classes,
        clicks=config.clicks,
        mirror=_mirror(config, classes),
        sentence="",
    )
    return plan.model_copy(update={"sentence": _sentence(plan, len(facts))})


def input_channels(config: RunConfig) -> int:
    """Image, for interactive models two click maps, and the previous mask where it is used."""
    return 3 + config.clicks.previous_mask if config.task == "interactive" else 1


def _mirror(config: RunConfig, classes: Sequence[LabelClass]) -> bool:
    if config.augment.mirror is not None:
        return config.augment.mirror and config.augment.enabled
    return config.augment.enabled and not any(_names_a_side(each.name) for each in classes)


def _names_a_side(name: str) -> bool:
    """Say whether a class is named after a side of the body, as in ``kidney_left`` or ``L hippocampus``."""
    return bool({"left", "right", "l", "r"} & set(re.split(r"[^a-z]+", name.lower())))


def _modality(facts: Sequence[CaseFacts]) -> Modality:
    kinds = {fact.modality for fact in facts}
    if len(kinds) > 1:
        ct, mr = ([f.case for f in facts if f.modality == kind] for kind in ("ct", "mr"))
        raise UserError(
            f"CT and MR are mixed: {', '.join(ct[:3])} look like CT, {', '.join(mr[:3])} like MR; nothing was started; "
            "train on one modality, or correct it in the project"
        )
    return facts[0].modality


def _median(rows: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    return tuple(float(value) for value in np.median(np.asarray(rows, dtype=float), axis=0))  # type: ignore[return-value]


def _window(facts: Sequence[CaseFacts], config: RunConfig) -> tuple[float, float]:
    if config.data.window is not None:
        return config.data.window
    low, high = np.percentile(np.concatenate([fact.foreground for fact in facts]), [0.5, 99.5])
    return float(low), float(max(high, low + 1))


def _batch(config: RunConfig, patch: tuple[int, ...]) -> int:
    if config.patches.batch_voxels is None:
        return config.patches.batch
    return min(config.patches.batch, max(2, config.patches.batch_voxels // int(np.prod(patch))))


def _patch_and_strides(
    config: RunConfig, shape: Sequence[float], spacing: Sequence[float]
) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """Fit the patch to the median shape within the budget, and halve each axis while voxels and spacing allow."""
    model = config.model
    if model.architecture == "basic_unet":
        model = model.model_copy(update={"levels": 4})
    wanted = config.patches.size
    size = np.array(wanted if wanted is not None else _within(shape, config.patches.voxels), dtype=float)
    strides = _strides(size, spacing, model)
    divisor = np.prod(strides, axis=0) if strides else np.ones(len(size))
    blocks = np.maximum(np.ceil(np.round(size / divisor, 6)), 1)
    while wanted is None and np.prod(blocks * divisor) > config.patches.voxels and blocks.max() > 1:
        blocks[np.argmax(np.where(blocks > 1, blocks * divisor, 0))] -= 1
    patch = tuple(int(n) for n in blocks * divisor)
    if wanted is not None and patch != tuple(wanted):
        raise UserError(
            f"patches.size {tuple(wanted)} is not divisible by {tuple(int(d) for d in divisor)}, as the network asks; "
            f"nothing was started; {patch} would do"
        )
    return patch, strides


def _within(shape: Sequence[float], voxels: int) -> NDArray[np.float64]:
    size = np.ceil(np.asarray(shape, dtype=float))
    while np.prod(size) > voxels:
        size[np.argmax(size)] *= 0.95
    return np.asarray(np.maximum(np.floor(size), 1))


def _strides(size: NDArray[np.float64], spacing: Sequence[float], model: ModelConfig) -> tuple[tuple[int, ...], ...]:
    """Halve an axis only while it keeps 4 voxels and its voxels are not yet twice as long as the shortest."""
    if model.architecture == "basic_unet":
        return ((2,) * len(size),) * 4
    left, now, strides = size.copy(), np.asarray(spacing, dtype=float).copy(), []
    for _ in range(model.levels):
        halve = (left >= 8) & (now <= 2 * now.min())
        if not halve.any():
            break
        stride = np.where(halve, 2, 1)
        left, now = left / stride, now * stride
        strides.append(tuple(int(s) for s in stride))
    # DynUNet has at least three levels
    strides += [(1,) * len(size)] * (2 - len(strides))
    return tuple(strides)


def _sentence(plan: Plan, cases: int) -> str:
    what = "slices (2D)" if plan.dims == 2 else "volumes (3D)"
    scale = "percentiles of each volume" if plan.window is None else f"HU {plan.window[0]:.0f} to {plan.window[1]:.0f}"
    size = "×".join(map(str, plan.patch))
    spacing = "×".join(f"{mm:.3g}" for mm in plan.spacing_zyx_mm)
    return (
        f"{cases} {plan.modality.upper()} cases, {what} at {spacing} mm, patch {size}, batch {plan.batch}, "
        f"intensities by {scale}, {plan.architecture} with {plan.widths[0]} to {max(plan.widths)} features"
        + (", left and right mirrored" if plan.mirror else "")
    )
