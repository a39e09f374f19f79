"""Draw the distortions of restoration pretraining, and what a network makes of them.

``python scripts/pictures/restoration.py`` takes some minutes on two CPU cores.
"""

from __future__ import annotations

from pathlib import Path

import torch
from canvas import Slice, figure_of, save, show
from sample_runs import PATIENT, SCANS, SampleRuns, asked

from napari_progseg.data.preprocess import prepare
from napari_progseg.inference.model import TrainedModel, load_weights
from napari_progseg.inference.restored import Triplet, restored_slice
from napari_progseg.networks import build_network
from napari_progseg.restoration import apply, draw
from napari_progseg.training.config import RestorationConfig

LEARN, EXAMPLES = 1500, 5
NONE = {"flip": 0.0, "shuffle": 0.0, "curve": 0.0, "paint": 0.0, "mask": 0.0}
EACH = {
    "original": {},
    "local shuffling": {"shuffle": 1.0},
    "intensity curve": {"curve": 1.0},
    "in-painting": {"paint": 1.0, "inpaint": 1.0},
    "out-painting": {"paint": 1.0, "inpaint": 0.0},
    "masked blocks (optional)": {"mask": 1.0},
}


def main(target: Path, runs: SampleRuns) -> None:
    """Train where the run is missing, and draw each distortion by itself, then all of them and the answers."""
    model = restorer(runs.trained("restoration", "learn", LEARN))
    volume = runs.project.volume(PATIENT)
    plan = model.plan
    prepared = prepare(volume, plan)
    z = prepared.shape[0] // 2
    start = (z, *((n - p) // 2 for n, p in zip(prepared.shape[1:], plan.patch, strict=True)))
    patch = torch.from_numpy(prepared.box(start, plan.patch_zyx)).view(1, 1, *plan.patch)
    sentences = (
        f"Above: each distortion by itself. Below: all by chance, and how a network restores them after "
        f"{runs.steps(LEARN)} steps",
        f"on {SCANS - 1} scans without labels; this is another scan.",
    )
    examples = [restored_slice(model, volume, seed=seed) for seed in range(1, EXAMPLES + 1)]
    figure, grid = figure_of(3, len(EACH), sentences, width=1.75)
    for axes, (name, settings) in zip(grid[0], EACH.items(), strict=True):
        show(axes, distorted(patch, settings), most=1.0)
        axes.set_title(name, fontsize=9)
    rows(grid[1:], examples)
    save(figure, target, {})


def rows(grid: Slice, examples: list[Triplet]) -> None:
    """Draw distorted slices above their restorations, the original once at the left."""
    show(grid[0][0], examples[0].original, most=255)
    grid[0][0].set_title("original", fontsize=9)
    grid[1][0].set_axis_off()
    for number, example in enumerate(examples, 1):
        for axes, name, image in zip(
            (grid[0][number], grid[1][number]),
            ("distorted", "restored"),
            (example.distorted, example.restored),
            strict=True,
        ):
            show(axes, image, most=255)
            axes.set_title(name, fontsize=9)


def distorted(patch: torch.Tensor, settings: dict[str, float]) -> Slice:
    """Distort a patch in one way only."""
    chosen = RestorationConfig.model_validate(NONE | settings)
    drawn = draw(chosen, 1, patch.shape[2:], torch.Generator().manual_seed(3))
    return apply(patch, drawn).images[0, 0].numpy()


def restorer(run: Path) -> TrainedModel:
    """Load a restoration network, which is no model of any structure."""
    weights = load_weights(run)
    network = build_network(weights.plan, seed=0)
    network.load_state_dict(weights.tensors)
    return TrainedModel(network.eval(), weights.plan, weights.config, torch.device("cpu"), run.name, weights.step, None)


if __name__ == "__main__":
    with asked("restoration.png") as (picture, sample):
        main(picture, sample)
