"""A run in words, ready for the Methods part of a paper, with the papers that it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .. import __version__
from ..data.plan import Plan
from ..training.config import RunConfig
from . import papers
from .accuracy import Accuracy
from .models import RunFacts

_NETWORKS = {
    "dynunet": ("U-Net (MONAI DynUNet)", (papers.UNET,)),
    "basic_unet": ("U-Net (MONAI BasicUNet)", (papers.UNET, papers.LIMITED_DATA)),
    "deeplab": ("dilated residual network with pyramid pooling", (papers.TRANSFER,)),
    "unetr": ("UNETR (MONAI)", ()),
    "swin_unetr": ("SwinUNETR (MONAI)", ()),
}
_NORMS = {"instance": "instance normalisation", "batch": "batch normalisation", "none": "no normalisation"}
_OPTIMISERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "stochastic gradient descent"}
_LOSSES = {"dice_ce": "the sum of Dice and cross entropy", "ce": "cross entropy"}
_FROZEN = {
    "encoder": "its downsampling path was kept as it was",
    "last_k": "all but its last {last} convolutions were kept as they were",
    "head": "all but its last convolution was kept as it was",
}
_SAMPLES = {
    "pdl": "patients whose images are most similar came first, the others later",
    "pdl-dissimilar": "patients whose images are least similar came first, the others later",
    "random": "a part of the patients, drawn at random, came first, the others later",
}
_PATCHES = {
    "efficiency": "the patch grew from the smallest possible size to the full one at constant batch size",
    "performance": "the patch grew from the smallest possible size to the full one, the batch filled to equal voxels",
    "random": "the patch size was drawn at random for each step",
}


@dataclass(frozen=True)
class Statement:
    """A sentence without its full stop, and the papers it cites."""

    text: str
    papers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Methods:
    """A paragraph with numbered citations, and the papers in that order."""

    paragraph: str
    references: tuple[str, ...]


def methods_of(run: RunFacts, accuracy: Accuracy | None = None) -> Methods | None:
    """Describe a run; None where it never began. Only papers are cited whose methods the run used."""
    if run.plan is None:
        return None
    return cited(tuple(_statements(run, run.plan, accuracy)))


def cited(statements: Sequence[Statement]) -> Methods:
    """Join sentences and number their papers in the order of first use."""
    order = tuple(dict.fromkeys(paper for statement in statements for paper in statement.papers))
    texts = []
    for statement in statements:
        numbers = ", ".join(str(order.index(paper) + 1) for paper in dict.fromkeys(statement.papers))
        texts.append(f"{statement.text} [{numbers}]." if numbers else f"{statement.text}.")
    return Methods(" ".join(texts), order)


def _statements(run: RunFacts, plan: Plan, accuracy: Accuracy | None) -> Iterator[Statement]:
    config = run.config
    yield _network(plan)
    yield _images(plan)
    yield _patients(config, plan)
    yield _optimisation(run)
    if plan.click_tasks:
        yield _click_tasks(config)
    if config.task == "interactive":
        yield _clicks(config, plan)
    if config.init is not None:
        yield _start(run)
    if config.samples.schedule != "all":
        yield Statement(f"During training {_SAMPLES[config.samples.schedule]}", (papers.PDL,))
    if config.patches.schedule != "constant":
        yield Statement(f"During training {_PATCHES[config.patches.schedule]}", (papers.PGPS,))
    if config.validation:
        yield Statement("The weights with the best mean validation Dice were used")
    if accuracy is not None and (sentence := dice_sentence(accuracy)):
        yield Statement(sentence)


def _network(plan: Plan) -> Statement:
    name, cites = _NETWORKS[plan.architecture]
    structures = ", ".join(each.name for each in plan.classes)
    goal = f"for {structures}" if structures else "that restores images"
    return Statement(
        f"A {plan.dims}D {name} {goal} was trained with napari-progseg {__version__}, with {plan.widths[0]} to "
        f"{max(plan.widths)} features, {_NORMS[plan.norm]} and one output channel for each structure",
        cites,
    )


def _images(plan: Plan) -> Statement:
    grid = "×".join(f"{mm:.3g}" for mm in plan.spacing_zyx_mm[-plan.dims :])
    where = "slices were resampled to" if plan.dims == 2 else "volumes were resampled to (z×y×x)"
    if plan.window is None:
        scale = "intensities between the 0.5th and 99.5th percentile of each volume"
    else:
        scale = f"intensities from {plan.window[0]:.0f} to {plan.window[1]:.0f} HU"
    return Statement(f"{plan.modality.upper()} {where} {grid} mm and {scale} scaled to 0 to 1")


def _patients(config: RunConfig, plan: Plan) -> Statement:
    patch = "×".join(map(str, plan.patch))
    unit = "scans without labels" if config.task == "restoration" else "patients"
    others = len(config.validation)
    checked = f", with {others} other{'s' * (others != 1)} for validation" if others else ""
    changed = (
        "random rotation, scaling, shift, elastic deformation and changes of intensity"
        if config.augment.enabled
        else "no augmentation"
    )
    return Statement(
        f"It learned from {len(config.train)} {unit}{checked}, in batches of {plan.batch} patches of {patch} voxels "
        f"with {changed}"
    )


def _optimisation(run: RunFacts) -> Statement:
    settings = run.config.optimiser
    decay = f"polynomial decay (power {settings.power:g})" if settings.power else "no decay"
    warm = f", a linear warm-up over {settings.warmup:.0%} of the run" if settings.warmup else ""
    mean = f"; weights were averaged with a decay of {settings.average:g}" if settings.average else ""
    if run.config.task == "restoration":
        loss = {"l1": "the absolute error", "mse": "the squared error"}[run.config.restoration.loss]
    else:
        loss = _LOSSES[settings.loss]
    return Statement(
        f"{loss[0].upper()}{loss[1:]} was minimised with {_OPTIMISERS[settings.name]} at a learning rate of "
        f"{settings.rate:g}{warm} and {decay}, weight decay {settings.weight_decay:g}, for {run.status.step} steps "
        f"({run.status.seconds / 60:.1f} min){mean}"
    )


def _click_tasks(config: RunConfig) -> Statement:
    return Statement(
        f"{config.restoration.click_tasks:.0%} of the samples were not distorted; in these, simulated clicks named a "
        "supervoxel or a generated body pasted into the scan, whose mask a second output learned with the sum of Dice "
        "and cross entropy"
    )


def _clicks(config: RunConfig, plan: Plan) -> Statement:
    clicks = plan.clicks
    width = f"{clicks.sigma_mm:g} mm" if clicks.sigma_voxels is None else f"{clicks.sigma_voxels:g} voxels"
    channel = " and the mask before the last click" if clicks.previous_mask else ""
    none = f"; {clicks.none:.0%} of the samples got no click" if clicks.none else ""
    later = f", after {clicks.after:.0%} of the run without clicks" if clicks.after else ""
    pieces = (
        f"; {clicks.decoys:.0%} of the clicked samples asked for a connected piece of similar intensity "
        "that belongs to no structure"
        if clicks.decoys
        else ""
    )
    drawn = (
        "in masks that were drawn from the reference with random mistakes"
        if clicks.previous == "degraded"
        else "in the answer of the network"
    )
    return Statement(
        f"Besides the image the network sees Gaussian maps (σ {width}) of clicks inside and outside{channel}; 1 to "
        f"{clicks.most} clicks of a sample were simulated{later}, the first at the innermost point of the structure, "
        f"each further one at that of the largest error {drawn}{none}{pieces}",
        (papers.LIMITED_DATA,),
    )


def _start(run: RunFacts) -> Statement:
    config, start = run.config, run.start
    policy = config.freeze.policy
    kept = "" if policy == "none" else f"; {_FROZEN[policy].format(last=config.freeze.last)}"
    cites = () if policy == "none" else (papers.TRANSFER,)
    if start is not None and start.config.task == "restoration":
        clicks = " and to follow clicks on unlabelled objects in them" if start.config.restoration.click_tasks else ""
        text = f"Training started from a network that had learned to restore distorted patches of {_scans(start)}"
        return Statement(text + clicks + kept, (papers.LIMITED_DATA, papers.GENESIS, *cites))
    return Statement(f"Training started from the weights of another model{kept}", cites)


def _scans(start: RunFacts) -> str:
    return f"{len(start.config.train)} scans without labels"


def dice_sentence(accuracy: Accuracy) -> str:
    """Say mean Dice and its interval, on labels that did not begin as a prediction where there are such."""
    chosen, interval = "", accuracy.interval(independent=True)
    if interval is None:
        interval = accuracy.interval(independent=False)
        chosen = ", whose labels began as predictions"
    if interval is None:
        return ""
    return (
        f"On {interval.n} completed patient{'s' * (interval.n != 1)} that it had not learned from{chosen}, the mean "
        f"Dice without clicks was {interval.mean:.3f} (95 % bootstrap interval over patients {interval.low:.3f} to "
        f"{interval.high:.3f})"
    )
