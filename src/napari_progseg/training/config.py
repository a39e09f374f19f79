"""The document that says what a run does: frozen, checked, saved beside every model."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import UserError
from .presets import INTERACTIVE, PRESETS, PROGRESSIVE, RESTORATION, SHAPE

Task = Literal["segmentation", "restoration", "interactive", "shape"]
PresetName = Literal["paper", "transfer-paper", "default", "tiny", "progressive"]
Size = Literal["default", "tiny"]
Metric = Literal["mse", "psnr", "ssim", "uqi"]
SampleChoice = Literal["all", "pdl", "pdl-dissimilar", "random"]
PatchChoice = Literal["constant", "efficiency", "performance", "random"]
FreezeChoice = Literal["none", "encoder", "last_k", "head"]
ScaleChoice = Literal["stagewise", "joint", "single"]


class Section(BaseModel):
    """A frozen group of settings; an unknown name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelConfig(Section):
    """The network. `dims` None lets the data decide (algorithms: plan from data)."""

    architecture: Literal["dynunet", "basic_unet", "deeplab", "unetr", "swin_unetr"] = "dynunet"
    dims: Literal[2, 3] | None = None
    width: int = Field(16, ge=1, description="features at full resolution; doubled at every level")
    max_width: int = Field(320, ge=1, description="most features of a level")
    levels: int = Field(4, ge=1, le=7, description="most resolution levels below the first")
    norm: Literal["instance", "batch", "none"] = "instance"
    blocks: tuple[int, int, int, int] = Field((1, 1, 2, 1), description="bottlenecks of each stage (deeplab)")


class DataConfig(Section):
    """How images are brought to one scale."""

    window: tuple[float, float] | None = Field(None, description="CT window in HU; None: from the labelled voxels")
    spacing: tuple[float, float, float] | None = Field(
        None, description="voxel size the network sees, (z, y, x) in mm; None: the median of the training cases"
    )


class PatchConfig(Section):
    """What one batch holds. Sizes are in voxels, ordered (z, y, x) or (y, x)."""

    size: tuple[int, ...] | None = Field(None, description="None: the median shape within `voxels`")
    voxels: int = Field(16_384, ge=64, description="most voxels of a patch")
    batch: int = Field(32, ge=1)
    batch_voxels: int | None = Field(None, description="lowers the batch so that it holds at most so many voxels")
    least_batch: int | None = Field(
        None, ge=1, description="keeps patches so small that so many fit into `batch_voxels` (2D)"
    )
    foreground: float = Field(0.5, ge=0, le=1, description="share of patches centred on a labelled voxel")
    without_repetition: bool = Field(False, description="every slice once before any comes again (2D)")
    schedule: PatchChoice = Field("constant", description="growing patches with the batch kept or kept full; a control")
    generation: Literal[2024, 2025] = Field(2025, description="which published rule patches grow by")
    epochs: int = Field(1000, ge=1, description="equal parts of a run; every patch size lasts a whole number of them")
    most: int = Field(512, ge=1, description="largest batch of small patches")


class SampleConfig(Section):
    """Which cases a run learns from, and when (PDL paper; algorithms 1)."""

    schedule: SampleChoice = Field("all", description="similar cases first, dissimilar first, or a random order")
    start: float = Field(0.25, gt=0, le=1, description="share of the cases that the run begins with")
    stages: int = Field(2, ge=1, le=100, description="in how many steps all cases join")
    add_every: float | None = Field(
        None, gt=0, description="passes over the cases of a stage; None: 10 in CT, 20 in MR, as in the paper"
    )
    metrics: tuple[Metric, ...] = Field(("mse", "psnr", "ssim"), min_length=1, description="what ranks the cases")


class FreezeConfig(Section):
    """Which weights from `init` stay as they are (transfer paper; algorithms 3.4)."""

    policy: FreezeChoice = Field("none", description="encoder, all but the last convolutions, all but the head")
    last: int = Field(10, ge=1, description="convolutions that learn with last_k")


class OptimiserConfig(Section):
    """Loss, optimiser and learning rate."""

    name: Literal["adam", "adamw", "sgd"] = "adamw"
    rate: float = Field(3e-3, gt=0)
    warmup: float = Field(0.02, ge=0, le=0.5, description="share of the run with a rising rate")
    power: float = Field(0.9, ge=0, description="polynomial decay of the rate; 0 keeps it constant")
    weight_decay: float = Field(1e-4, ge=0)
    clip: float | None = Field(12.0, description="largest gradient norm")
    momentum: float = Field(0.9, ge=0, lt=1, description="sgd")
    nesterov: bool = Field(True, description="sgd")
    average: float = Field(0.99, ge=0, lt=1, description="decay of the averaged weights; 0 uses the last weights")
    loss: Literal["dice_ce", "ce"] = "dice_ce"


class AugmentConfig(Section):
    """Random changes of training patches."""

    enabled: bool = True
    rotation_degrees: float = Field(20.0, ge=0, le=180)
    scale: float = Field(0.25, ge=0, lt=1, description="largest relative change of size")
    shift: float = Field(0.1, ge=0, le=0.5, description="largest shift as a share of the patch")
    elastic: float = Field(0.06, ge=0, le=0.3, description="elastic displacement as a share of the patch")
    intensity: float = Field(1.0, ge=0, le=3, description="strength of contrast, gamma, bias field and noise")
    mirror: bool = Field(False, description="left-right mirroring; wrong where sides are told apart")
    scales: tuple[float, ...] | None = Field(None, description="sizes to choose from, instead of `scale`")
    outside: Literal["background", "ignore"] = Field("background", description="what is learned beyond the image")


class ClickConfig(Section):
    """Click maps and simulated clicks (limited-data paper, section 2.3; algorithms 4.3)."""

    sigma_mm: float = Field(3.0, gt=0)
    sigma_voxels: float | None = Field(None, description="fixed width in voxels, the faithful reading")
    combine: Literal["max", "sum"] = "max"
    most: int = Field(5, ge=1, le=20, description="most simulated clicks of a training sample")
    background: float = Field(0.1, ge=0, le=1, description="share of samples whose target becomes background")
    none: float = Field(0.5, ge=0, le=1, description="share of samples without clicks, all classes learned")
    after: float = Field(0.1, ge=0, lt=1, description="share of the run that learns without any click first")
    decoys: float = Field(
        0.25, ge=0, le=1, description="share of clicked samples whose clicks name a piece of the image, not a class"
    )
    previous_mask: bool = True
    previous: Literal["degraded", "answers"] = Field(
        "degraded", description="where the mask before a click comes from: mistakes drawn from the truth, the network"
    )
    previous_dropout: float = Field(0.3, ge=0, le=1)
    emphasis: float = Field(0.5, ge=0, description="weight of the cross entropy near the clicks; 0 leaves it out")
    bent: float = Field(0.5, ge=0, le=1, description="share of samples with several clicks whose contour is bent")
    bend: float = Field(0.25, ge=0, le=1, description="how far, as a share of the object's radius")
    min_component: int = Field(5, ge=0, description="smaller errors get no click (voxels)")

    @model_validator(mode="before")
    @classmethod
    def _as_it_was(cls, document: Any) -> Any:
        """Read the settings of a run from before clicks named pieces: it learned without them."""
        if isinstance(document, dict) and "min_component" in document and not {"previous", "decoys"} & set(document):
            whole = set(cls.model_fields) - {"previous", "decoys", "emphasis"}
            if whole <= set(document):
                return {**document, "previous": "answers", "decoys": 0.0, "emphasis": 0.0}
        return document


class RestorationConfig(Section):
    """Distortions of restoration pretraining, probabilities as in Models Genesis (algorithms 4.2)."""

    flip: float = Field(0.4, ge=0, le=1, description="chance of each of up to three flips, of input and target")
    shuffle: float = Field(0.5, ge=0, le=1, description="chance of local shuffling")
    curve: float = Field(0.9, ge=0, le=1, description="chance of a Bézier curve of the intensities")
    paint: float = Field(0.9, ge=0, le=1, description="chance of in- or out-painting")
    inpaint: float = Field(0.2, ge=0, le=1, description="share of in-painting among the painted")
    mask: float = Field(0.0, ge=0, le=1, description="chance of masked blocks; the loss then reads these alone")
    mask_share: float = Field(0.75, gt=0, lt=1, description="share of blocks that are masked")
    mask_block: int = Field(8, ge=1, description="side of a masked block (voxels)")
    loss: Literal["l1", "mse"] = "l1"
    click_tasks: float = Field(
        0.0, ge=0, le=0.9, description="share of samples in which clicks name a supervoxel or a pasted body instead"
    )


class ShapeConfig(Section):
    """From image to shape, scale by scale (Progressive DeepSSM; algorithms 5)."""

    structure: str | None = Field(None, description="class whose shape is learned; None: the only one")
    backbone: Literal["unet", "base"] = Field("unet", description="U-Net with a mask head, or DeepSSM's convolutions")
    scales: tuple[int, ...] = Field((64, 128, 256, 512), min_length=1, description="points of each scale")
    schedule: ScaleChoice = Field("stagewise", description="scales one after the other, at once, or the finest alone")
    supervision: Literal["deep", "shallow"] = Field("deep", description="the loss reads all scales so far, or one")
    previous: Literal["latent", "points"] = Field("latent", description="what a scale is told of the one before")
    detach_previous: bool = Field(False, description="let no gradient pass from a scale to the one before")
    variance: float = Field(0.95, gt=0, le=1, description="share of the variance that the modes of a scale keep")
    modes: int | None = Field(None, ge=1, description="number of modes, instead of `variance`")
    release: float = Field(0.8, ge=0, le=1, description="share of the run in which decoders stay mean and modes")
    loss: Literal["mse", "focal"] = "mse"
    sharpness: float = Field(10.0, gt=0, description="focal loss: how sharply small errors are left out")
    tolerated: float = Field(1.32, ge=0, description="focal loss: errors below count little, in standard deviations")
    mask: float = Field(1.0, ge=0, description="weight of the mask head's loss (unet)")
    latent: float = Field(1.0, ge=0, description="weight of the loss on scores and pose")
    warped: float = Field(0.8, ge=0, le=1, description="share of samples warped to a shape and a pose that are drawn")
    sampling: Literal["kde", "gaussian", "mixture"] = Field("kde", description="how the drawn shapes spread")
    model: str | None = Field(None, description="file of a shape model; None: built from the training cases")
    reflect: bool = Field(False, description="mirror a case left to right where that registers better")

    @model_validator(mode="after")
    def _ascending(self) -> ShapeConfig:
        if list(self.scales) != sorted(set(self.scales)) or self.scales[0] < 8:
            raise ValueError(f"shape.scales {self.scales} must rise from 8 points or more")
        return self


class StartConfig(Section):
    """How a run treats the weights it takes from `init`."""

    keep_head: bool = Field(False, description="keep the last convolution of a restoration network, too")
    rate: float = Field(1.0, gt=0, le=1, description="learning rate of the carried weights, relative to new ones")
    warmup: float = Field(0.0, ge=0, le=1, description="share of the run in which that rate rises from 0")


class BudgetConfig(Section):
    """When the run ends: after so many steps or minutes, never both."""

    steps: int | None = Field(None, ge=1)
    minutes: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _one_of_two(self) -> BudgetConfig:
        if (self.steps is None) == (self.minutes is None):
            raise ValueError("give budget.steps or budget.minutes, one of the two")
        return self


class ValidationConfig(Section):
    """How often and on how much the run is validated."""

    times: int = Field(12, ge=1, description="planned validations of a run, the last at its end")
    share: float = Field(0.2, gt=0, le=1, description="largest share of the time")
    clicks: int = Field(1, ge=0, description="simulated clicks for interactive models")


class RunConfig(Section):
    """Everything that decides a run.

    Parameters
    ----------
    task : {"segmentation", "restoration", "interactive", "shape"}
        What the network learns.
    name : str
        Name of the run folder after its number.
    train, validation : tuple of str
        Case ids.
    init : str or None
        Run whose weights the network starts from.
    """

    task: Task
    name: str = Field("run", pattern=r"^[\w.-]{1,64}$")
    preset: PresetName = "tiny"
    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    seed: int = Field(0, ge=0, lt=2**31)
    device: str = "auto"
    init: str | None = None
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    patches: PatchConfig = PatchConfig()
    samples: SampleConfig = SampleConfig()
    freeze: FreezeConfig = FreezeConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    augment: AugmentConfig = AugmentConfig()
    clicks: ClickConfig = ClickConfig()
    restoration: RestorationConfig = RestorationConfig()
    shape: ShapeConfig = ShapeConfig()
    start: StartConfig = StartConfig()
    budget: BudgetConfig
    validate_on: ValidationConfig = ValidationConfig()

    @model_validator(mode="after")
    def _possible(self) -> RunConfig:
        if shared := set(self.train) & set(self.validation):
            raise ValueError(f"train and validation share the cases {', '.join(sorted(shared))}")
        if self.task == "restoration" and self.validation:
            raise ValueError("restoration learns from scans alone; leave validation empty")
        if self.preset == "progressive" and (self.task != "interactive" or self.init is None):
            raise ValueError("preset progressive is task interactive with init, a restoration run")
        if self.freeze.policy != "none" and self.init is None:
            raise ValueError(f"freeze.policy {self.freeze.policy} keeps weights of another run; name it with init")
        if self.patches.size is not None and self.model.dims not in (None, len(self.patches.size)):
            raise ValueError(f"patches.size {self.patches.size} does not fit model.dims {self.model.dims}")
        if self.patches.without_repetition and self.model.dims == 3:
            raise ValueError("patches.without_repetition draws slices and needs model.dims = 2")
        if self.task == "shape":
            self._possible_shape()
        return self

    def _possible_shape(self) -> None:
        """Refuse what would part an image from its points, or show a part of it only (algorithms 6)."""
        augment = self.augment
        wrong = {
            f"preset {self.preset}": self.preset not in ("default", "tiny"),
            "model.dims = 2": self.model.dims == 2,
            f"model.architecture {self.model.architecture}": self.model.architecture != "dynunet",
            f"patches.schedule {self.patches.schedule}": self.patches.schedule != "constant",
            "patches.without_repetition": self.patches.without_repetition,
            "init with shape.backbone base": self.init is not None and self.shape.backbone == "base",
            "freeze.policy": self.freeze.policy != "none",
            "augment.mirror": augment.mirror,
            "augment.scales": augment.scales is not None,
            "augment.rotation_degrees, scale, shift or elastic": any(
                (augment.rotation_degrees, augment.scale, augment.shift, augment.elastic)
            ),
        }
        if found := next((name for name, is_so in wrong.items() if is_so), None):
            raise ValueError(f"task shape reads whole volumes, which it warps itself, and cannot have {found}")


def preset_config(preset: PresetName, task: Task, /, *, size: Size = "tiny", **fields: Any) -> RunConfig:
    """Build the settings of a preset.

    Parameters
    ----------
    preset : {"paper", "transfer-paper", "default", "tiny", "progressive"}
        ``paper`` is the limited-data paper's baseline, ``transfer-paper`` the network and recipe of the transfer paper,
        ``default`` what suits a GPU today, ``tiny`` what trains usefully on two CPU cores in minutes; ``progressive``
        is interactive training with the previous mask that begins with a restoration run, at the `size` of ``default``
        or ``tiny``.
    task : {"segmentation", "restoration", "interactive", "shape"}
        What the network learns.
    **fields
        Further fields of `RunConfig`; ``budget`` is required.
    """
    sections = PRESETS[size if preset == "progressive" else preset]
    if preset == "progressive":
        sections = _with(sections, PROGRESSIVE)
    if task == "restoration":
        sections = _with(sections, RESTORATION)
    if task == "interactive":
        sections = _with(sections, INTERACTIVE.get(size if preset == "progressive" else preset, {}))
    if task == "shape" and preset in SHAPE:
        sections = _with(sections, SHAPE[preset])
    return _checked({"task": task, "preset": preset, **sections, **fields})


def _with(sections: dict[str, dict[str, Any]], more: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return sections | {name: sections.get(name, {}) | settings for name, settings in more.items()}


def apply_settings(config: RunConfig, settings: list[str]) -> RunConfig:
    """Return the config with ``section.field=value`` settings applied.

    Raises
    ------
    UserError
        If a setting has no ``=``, names no field, or its value is refused.
    """
    document = config.model_dump()
    for setting in settings:
        path, equals, text = setting.partition("=")
        *sections, field = path.strip().split(".")
        target: Any = document
        for section in sections:
            target = target.get(section) if isinstance(target, dict) else None
        if not equals or not isinstance(target, dict) or field not in target:
            raise UserError(
                f"{setting!r} is no setting; nothing was started; write section.field=value, for instance model.dims=2"
            )
        target[field] = _value(text)
    return _checked(document)


def _value(text: str) -> Any:
    if "," in text and not text.strip().startswith("["):
        return tuple(_value(part) for part in text.split(","))
    try:
        return json.loads(text.strip().replace("None", "null").replace("True", "true").replace("False", "false"))
    except ValueError:
        return text.strip()


def _checked(document: dict[str, Any]) -> RunConfig:
    try:
        return RunConfig.model_validate(document)
    except ValidationError as error:
        raise UserError(sentence_of(error)) from error


def sentence_of(error: ValidationError) -> str:
    """Say in one sentence which setting was refused and why."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    return f"the setting {field or 'of the run'} was refused: {reason}; nothing was started; change it and try again"
