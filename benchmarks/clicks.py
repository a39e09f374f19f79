"""Mean Dice after 1, 3, 5 and 10 gestures a structure, in whole volumes of many kinds, for all that can answer them.

``python benchmarks/clicks.py SHARED/data --json clicks.json`` measures the starter (begun with a drag, and with a
click), contrast alone, and the ellipsoid that fills the structure's box. ``--few N`` takes the first N cases of each
set, ``--sets NAME,NAME`` some of the sets. Every row is printed when it is known.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_progseg.guidance.gestures import WRONG_BY, Gesture
from napari_progseg.inference.cases import ReferenceCase, folder_cases
from napari_progseg.inference.gestures import Answers, evaluate_gestures
from napari_progseg.inference.starter import StarterSession
from napari_progseg.inference.without_model import ClicksAlone
from napari_progseg.io import read_labels
from napari_progseg.storage.atomic import write_json
from napari_progseg.volume import LabelClass

COUNTS = (1, 3, 5, 10)
FEWEST_VOXELS = 300


@dataclass(frozen=True)
class DataSet:
    """Structures of one kind.

    Parameters
    ----------
    name : str
        As it stands in the table.
    folder : str
        Below the shared data, with ``images`` and ``labels``.
    values : tuple of int
        Label values that together are the structure; none: each value of 300 voxels or more is one.
    only : str or None
        The case to take; None takes all.
    """

    name: str
    folder: str
    values: tuple[int, ...]
    only: str | None = None

    def cases(self, data: Path, few: int | None) -> tuple[tuple[ReferenceCase, ...], tuple[LabelClass, ...]]:
        """Return the cases and the structures in them."""
        folders = data / self.folder / "images", data / self.folder / "labels"
        classes = (LabelClass(self.name, self.values),) if self.values else _each_value(folders[1], self.only)
        cases = folder_cases(*folders, classes, others_are_background=True)
        chosen = [case for case in cases if self.only in {None, case.id}]
        return tuple(chosen[:few]), classes


SETS = (
    DataSet("sarcoma MR", "ibsi_sts_mr", (1,)),
    DataSet("sarcoma CT", "ibsi_sts_ct", (1,)),
    DataSet("left ventricle", "acdc_heart", (3,)),
    DataSet("right ventricle", "acdc_heart", (1,)),
    DataSet("myocardium", "acdc_heart", (2,)),
    DataSet("glioma", "brats_flair", (1, 2, 3, 4)),
    DataSet("organs in trunk CT", "totalseg_ct", (), "example_ct"),
    DataSet("hippocampus", "msd_hippocampus", (1, 2)),
)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    structures : str
        Name of the data set.
    by, begun_with : str
        Who answered, and the first gesture.
    volumes : int
        Cases that hold the structure.
    dice : dict of str to float or None
        Mean Dice by number of gestures.
    seconds : float or None
        Median time of an answer.
    """

    structures: str
    by: str
    begun_with: str
    volumes: int
    dice: dict[str, float | None]
    seconds: float | None

    def __str__(self) -> str:
        dice = (self.dice.get(str(count)) for count in COUNTS)
        seconds = "–" if self.seconds is None else f"{self.seconds:.2f}"
        figures = ["–" if each is None else f"{each:.3f}" for each in dice]
        return (
            "| " + " | ".join([self.structures, str(self.volumes), self.by, self.begun_with, *figures, seconds]) + " |"
        )


ANSWERS: tuple[tuple[str, Callable[[], Answers], Gesture], ...] = (
    ("starter", StarterSession, "drag"),
    ("starter", StarterSession, "click"),
    ("contrast", ClicksAlone, "click"),
)


def measure(data: Path, chosen: DataSet, few: int | None, seed: int) -> Iterator[Row]:
    """Measure all that can answer on one data set."""
    cases, classes = chosen.cases(data, few)
    for name, build, gesture in ANSWERS:
        found = evaluate_gestures(build(), cases, classes, counts=COUNTS, gesture=gesture, seed=seed).to_json()
        seconds = found["seconds_an_answer"]["median"]
        yield Row(chosen.name, name, gesture, len(found["cases"]), found["clicks"], seconds)
    generator = np.random.default_rng(seed)
    scores = [list(_ellipsoids(case, classes, generator)) for case in cases]
    means = [float(np.mean(each)) for each in scores if each]
    yield Row(chosen.name, "ellipsoid", "box", len(means), {"1": float(np.mean(means))}, None)


def ellipsoid_in_box(reference: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.bool_]:
    """Fill the box of a structure, each of its sides wrong by up to a fifth, with an ellipsoid; (Z, Y, X)."""
    places = np.argwhere(reference)
    first, last = places.min(0), places.max(0)
    middle, half = (first + last) / 2, (last - first + 1) / 2
    half = half * generator.uniform(1 - WRONG_BY, 1 + WRONG_BY, 3)
    z, y, x = (
        ((np.arange(size) - at) / radius) ** 2 for size, at, radius in zip(reference.shape, middle, half, strict=True)
    )
    inside: NDArray[np.bool_] = z[:, None, None] + y[:, None] + x <= 1
    return inside


def _ellipsoids(case: ReferenceCase, classes: Sequence[LabelClass], generator: np.random.Generator) -> Iterator[float]:
    """Yield the Dice of each structure's ellipsoid."""
    labels = case.labels().labels
    for each in classes:
        reference = labels == each.value
        if reference.any():
            found = ellipsoid_in_box(reference, generator)
            yield 2 * float((found & reference).sum()) / float(found.sum() + reference.sum())


def _each_value(labels: Path, only: str | None) -> tuple[LabelClass, ...]:
    """Make a structure of each label value that is large enough in one of the cases."""
    counts = np.zeros(2**16, np.int64)
    for path in sorted(labels.glob(f"{only or '*'}.*")):
        counts = np.maximum(counts, np.bincount(read_labels(path).labels.ravel(), minlength=len(counts)))
    return tuple(
        LabelClass(str(value), (value,)) for value in np.flatnonzero(counts >= FEWEST_VOXELS).tolist() if value
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the shared data")
    parser.add_argument("--sets", help=f"some of: {', '.join(each.name for each in SETS)}")
    parser.add_argument("--few", type=int, help="cases of each set; without it all of them")
    parser.add_argument("--seed", type=int, default=0, help="draws how wrong drags and boxes are")
    parser.add_argument("--json", type=Path, help="file for the rows")
    asked = parser.parse_args()
    names = [each.name for each in SETS] if asked.sets is None else asked.sets.split(",")
    if unknown := set(names) - {each.name for each in SETS}:
        parser.error(f"there is no set {', '.join(sorted(unknown))}")
    print("| structures | volumes | by | begun with | " + " | ".join(map(str, COUNTS)) + " | s an answer |")
    print("|" + " --- |" * (len(COUNTS) + 5))
    rows: list[Row] = []
    for chosen in (each for each in SETS if each.name in names):
        for row in measure(asked.data, chosen, asked.few, asked.seed):
            print(row, flush=True)
            rows.append(row)
            if asked.json is not None:
                write_json(asked.json, [asdict(each) for each in rows])


if __name__ == "__main__":
    main()
