"""What a preset leaves open, decided once from the data and kept with the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ..errors import UserError
from ..training.config import ClickConfig, RunConfig, Task
from ..volume import LabelClass, Modality, Volume
from .grid import patch_and_strides, whole_patch, whole_volumes

CT_BELOW = -200
ANISOTROPIC = 3.0
SAMPLED_VOXELS = 20_000
_TAKEN_OVER = ("window", "spacing_zyx_mm", "dims", "architecture", "norm", "widths", "strides", "blocks")


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
    body : ndarray, (N,)
        Intensities above -200 among at most 20,000 voxels of the whole volume.
    """

    case: str
    modality: Modality
    shape_zyx: tuple[int, int, int]
    spacing_zyx_mm: tuple[float, float, float]
    foreground: NDArray[np.float32]
    body: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))


class ShapeHeads(BaseModel):
    """What a network predicts of a shape.

    Parameters
    ----------
    backbone : {"unet", "base"}
        Which convolutions read the image.
    scales, modes : tuple of int
        Points and modes of each scale, coarse to fine.
    previous : {"latent", "points"}
        What a scale is told of the one before.
    detach_previous : bool
        Whether gradients stop there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: Literal["unet", "base"]
    scales: tuple[int, ...]
    modes: tuple[int, ...]
    previous: Literal["latent", "points"]
    detach_previous: bool


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
        One stride per axis for each level below the first; none where the network takes any size.
    blocks : tuple of int
        Bottlenecks of each stage, for networks that have such.
    click_tasks : bool
        Whether a network of task ``restoration`` also follows clicks: it then has their channels, and a second output.
    heads : ShapeHeads or None
        What a network of task ``shape`` has behind its convolutions.
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
    blocks: tuple[int, ...] = ()
    classes: tuple[LabelClass, ...]
    clicks: ClickConfig
    click_tasks: bool = False
    heads: ShapeHeads | None = None
    sentence: str

    @property
    def patch_zyx(self) -> tuple[int, int, int]:
        """The patch as a box of the canonical grid; one slice in 2D."""
        return (1, *self.patch) if self.dims == 2 else self.patch  # type: ignore[return-value]

    @property
    def outputs(self) -> int:
        """Output channels of the network: one a class, or the restored image and maybe the clicked object."""
        return 1 + self.click_tasks if self.task == "restoration" else len(self.classes)

    @property
    def channels(self) -> tuple[str, ...]:
        """What the input channels mean, in their order."""
        return channels_of(self.task, self.clicks, click_tasks=self.click_tasks)

    @property
    def divisor(self) -> tuple[int, ...]:
        """What each axis of a patch is divisible by."""
        return tuple(int(n) for n in np.prod(np.array(self.strides).reshape(-1, self.dims), axis=0))

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
        inside = volume.image[np.unravel_index(found[:: _step(found.size)], labels.shape)].astype(np.float32)
    size = volume.image.size
    some = volume.image[np.unravel_index(np.arange(0, size, _step(size)), volume.image.shape)].astype(np.float32)
    spacing = volume.geometry.spacing_zyx_mm
    return CaseFacts(case, modality, volume.image.shape, spacing, inside, some[some > CT_BELOW])


def _step(voxels: int) -> int:
    return max(1, -(-voxels // SAMPLED_VOXELS))


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
        If modalities are mixed, no voxel is labelled, a given patch does not suit the network, or settings contradict
        `source`.
    """
    modality = _modality(facts)
    learns_classes = config.task != "restoration"
    if learns_classes and not sum(fact.foreground.size for fact in facts):
        raise UserError(
            "the labels of all training cases are empty; nothing was started; label some voxels of each structure"
        )
    click_tasks = config.task == "restoration" and config.restoration.click_tasks > 0
    carried = _own(facts, config, modality) if source is None else _taken_over(facts, source, config, modality)
    plan = Plan(
        task=config.task,
        modality=modality,
        batch=_batch(config, carried["patch"]),
        input_channels=len(channels_of(config.task, config.clicks, click_tasks=click_tasks)),
        classes=classes if learns_classes else (),
        clicks=config.clicks,
        click_tasks=click_tasks,
        sentence="",
        **carried,
    )
    return plan.model_copy(update={"sentence": _sentence(plan, len(facts), config, source)})


def _own(facts: Sequence[CaseFacts], config: RunConfig, modality: Modality) -> dict[str, Any]:
    """Decide grid, window and network from the cases."""
    spacing = config.data.spacing or _median([fact.spacing_zyx_mm for fact in facts])
    whole = config.task == "shape"
    dims = config.model.dims or (2 if not whole and max(spacing) > ANISOTROPIC * min(spacing) else 3)
    if dims == 3 and config.patches.without_repetition:
        raise UserError(
            "patches.without_repetition draws slices, but these volumes are trained in 3D; nothing was started; "
            "set model.dims=2 or patches.without_repetition=false"
        )
    if dims == 3 and config.model.architecture == "deeplab":
        raise UserError("model.architecture deeplab is for slices; nothing was started; set model.dims=2")
    shape = _median([(np.multiply(f.shape_zyx, f.spacing_zyx_mm) / spacing).tolist() for f in facts])
    if whole:
        spacing, patch, strides = whole_volumes(_largest_mm(facts), config, spacing)
    else:
        patch, strides = patch_and_strides(config, shape[-dims:], spacing[-dims:])
    return {
        "window": _window(facts, config) if modality == "ct" else None,
        "spacing_zyx_mm": spacing,
        "dims": dims,
        "patch": patch,
        "architecture": config.model.architecture,
        "norm": config.model.norm,
        "widths": tuple(
            min(config.model.width * 2**level, config.model.max_width) for level in range(len(strides) + 1)
        ),
        "strides": strides,
        "blocks": config.model.blocks if config.model.architecture == "deeplab" else (),
    }


def _taken_over(facts: Sequence[CaseFacts], source: Plan, config: RunConfig, modality: Modality) -> dict[str, Any]:
    """Take grid, window and network from the plan of the run that gives the weights."""
    if source.modality != modality:
        raise UserError(
            f"the run to start from (init) learned from {source.modality.upper()}, these cases are {modality.upper()}; "
            "nothing was started; start from another run, or say what they are: progseg modality PROJECT ct"
        )
    refuse_contradictions(config, source)
    if config.task == "shape":
        patch = whole_patch(_largest_mm(facts), source.spacing_zyx_mm, source.divisor)
    else:
        patch = source.patch if config.patches.size is None else tuple(config.patches.size)
    return {"patch": patch, **{name: getattr(source, name) for name in _TAKEN_OVER}}


def refuse_contradictions(config: RunConfig, source: Plan) -> None:
    """Refuse settings that the run to start from has decided otherwise.

    Raises
    ------
    UserError
        Naming the setting and what `source`, the plan of that run, says.
    """
    decided: dict[str, tuple[object, object]] = {
        "model.dims": (config.model.dims, source.dims),
        "data.spacing": (config.data.spacing, source.spacing_zyx_mm),
        "data.window": (config.data.window, source.window),
    }
    for name, (wanted, there) in decided.items():
        if None not in (wanted, there) and wanted != there:
            raise UserError(
                f"{name} is {wanted}, and the run to start from (init) was trained with {there}; nothing was started; "
                f"set {name}=None or start from another run"
            )
    if config.patches.without_repetition and source.dims == 3:
        raise UserError(
            "patches.without_repetition draws slices, and the run to start from (init) was trained in 3D; "
            "nothing was started; set patches.without_repetition=false or start from another run"
        )
    divisor = source.divisor
    size = config.patches.size or source.patch
    if len(size) != source.dims or any(n % d for n, d in zip(size, divisor, strict=True)):
        raise UserError(
            f"patches.size is {size}, and the network of the run to start from (init) needs {source.dims} "
            f"numbers divisible by {divisor}; nothing was started; {source.patch} would do"
        )


def channels_of(task: Task, clicks: ClickConfig, *, click_tasks: bool = False) -> tuple[str, ...]:
    """Name the input channels: image, where clicks are followed two click maps, and the previous mask if it is used."""
    if task != "interactive" and not click_tasks:
        return ("image",)
    return ("image", "inside clicks", "outside clicks", *(("previous mask",) if clicks.previous_mask else ()))


def _modality(facts: Sequence[CaseFacts]) -> Modality:
    kinds = {fact.modality for fact in facts}
    if len(kinds) > 1:
        ct, mr = ([f.case for f in facts if f.modality == kind] for kind in ("ct", "mr"))
        raise UserError(
            f"CT and MR are mixed: {', '.join(ct[:3])} look like CT, {', '.join(mr[:3])} like MR; nothing was started; "
            "train on one modality, or say what they are: progseg modality PROJECT ct (or mr)"
        )
    return facts[0].modality


def _largest_mm(facts: Sequence[CaseFacts]) -> NDArray[np.float64]:
    return np.asarray(np.max([np.multiply(fact.shape_zyx, fact.spacing_zyx_mm) for fact in facts], axis=0))


def _median(rows: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    return tuple(float(value) for value in np.median(np.asarray(rows, dtype=float), axis=0))  # type: ignore[return-value]


def _window(facts: Sequence[CaseFacts], config: RunConfig) -> tuple[float, float]:
    if config.data.window is not None:
        return config.data.window
    labelled = np.concatenate([fact.foreground for fact in facts])
    low, high = np.percentile(labelled if labelled.size else np.concatenate([f.body for f in facts]), [0.5, 99.5])
    return float(low), float(max(high, low + 1))


def _batch(config: RunConfig, patch: tuple[int, ...]) -> int:
    if config.patches.batch_voxels is None:
        return config.patches.batch
    return min(config.patches.batch, max(2, config.patches.batch_voxels // int(np.prod(patch))))


def _sentence(plan: Plan, cases: int, config: RunConfig, source: Plan | None) -> str:
    what = "slices (2D)" if plan.dims == 2 else "whole volumes" if plan.task == "shape" else "volumes (3D)"
    scale = "percentiles of each volume" if plan.window is None else f"HU {plan.window[0]:.0f} to {plan.window[1]:.0f}"
    size = "×".join(map(str, plan.patch))
    spacing = "×".join(f"{mm:.3g}" for mm in plan.spacing_zyx_mm)
    begun = (
        ""
        if source is None
        else f"; starts from {PurePath(config.init or 'another run').name} with its grid and network"
    )
    return (
        f"{cases} {plan.modality.upper()} cases, {what} at {spacing} mm, patch {size}, batch {plan.batch}, "
        f"intensities by {scale}, {plan.architecture} with {plan.widths[0]} to {max(plan.widths)} features"
        f"{begun}"
    )
