"""A simulated person who labels a patient: clicks on what is wrong, then paints the slices that are still wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..evaluation.metrics import dice, mean_of
from ..guidance.clicks import Click
from ..guidance.robot import missed, worst_error
from ..inference.answer import Answer
from ..volume import LabelClass, LabelMap, Volume

Labels = NDArray[np.unsignedinteger[Any]]
# a prediction below this Dice is not taken over, which in the dock costs nothing
_USEFUL = 0.5


class Answers(Protocol):
    """What answers clicks, see `InteractiveSession` and `StarterSession`."""

    def set_image(self, volume: Volume) -> None:
        """Take an image in hand."""

    def answer(self, clicks: Sequence[Click], revision: int, current: Labels | None = None) -> Answer:
        """Answer all clicks on it so far."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """A patient as labelled.

    Parameters
    ----------
    labels : ndarray of label values, (Z, Y, X)
        The mask that was accepted.
    clicks, strokes : int
        What it took; a stroke is one slice of one structure, painted or wiped.
    before, dice : float or None
        Dice of what was predicted and of the accepted mask; None where nothing is there and nothing is marked.
    """

    labels: Labels
    clicks: int
    strokes: int
    before: float | None
    dice: float | None


@dataclass(frozen=True)
class Costs:
    """How long a person takes.

    Parameters
    ----------
    click_s : float
        Seconds a click, with the time to find the next error. In photographs the first click on an object takes 2.4 s
        (Bearman et al., ECCV 2016).
    slice_s : float
        Seconds a painted slice. An outline of an object in a photograph takes 54 to 79 s (the same paper), so that 12 s
        favours painting.
    """

    click_s: float = 2.5
    slice_s: float = 12.0

    def __post_init__(self) -> None:
        if self.click_s < 0 or self.slice_s < 0:
            raise UserError(
                f"nothing takes --click-seconds {self.click_s:g} or --slice-seconds {self.slice_s:g}; nothing was "
                "started; give 0 or more"
            )

    def seconds(self, clicks: int, strokes: int) -> float:
        """Return how long so many clicks and painted slices take."""
        return self.click_s * clicks + self.slice_s * strokes


USUAL = Costs()


@dataclass(frozen=True)
class Annotator:
    """How the simulated person works.

    Parameters
    ----------
    accept : float
        Dice with the reference, mean over structures, at which a mask is good enough; in (0, 1].
    most_clicks : int
        Clicks after which the person paints.
    jitter_mm : float
        Standard deviation along each axis by which a click misses the place it aims at.
    """

    accept: float = 0.9
    most_clicks: int = 20
    jitter_mm: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.accept <= 1 or self.most_clicks < 0 or self.jitter_mm < 0:
            raise UserError(
                f"nobody labels with --accept {self.accept:g}, --most-clicks {self.most_clicks} and --jitter "
                f"{self.jitter_mm:g}; nothing was started; accept lies in (0, 1], the others are not negative"
            )

    def label(
        self,
        desk: Answers | None,
        dims: int,
        volume: Volume,
        reference: LabelMap,
        start: Labels,
        classes: Sequence[LabelClass],
        rng: np.random.Generator,
        smallest: int = 1,
    ) -> Labelled:
        """Label a patient: click on the largest error until the mask is good enough, then paint.

        A click aims at the innermost point of the largest erroneous region (limited-data paper, section 2.3) and misses
        it by a Gaussian, never so far that what it says is wrong. What is still not good enough after the last click,
        or where only smaller errors are left, is painted slice by slice, the most wrong one first, exactly as the
        reference is.

        Parameters
        ----------
        desk : Answers or None
            Answers the clicks; None: there is only the brush.
        dims : int
            2: errors are looked for, and clicks miss, within axial slices; 3: in the volume.
        reference : LabelMap
            Truth, (Z, Y, X); the person sees it, the desk does not.
        start : ndarray of label values, (Z, Y, X)
            What is predicted; the mask to begin with, unless its Dice is below 0.5: then it begins empty.
        rng : numpy.random.Generator
            Draws by how much clicks miss.
        smallest : int
            Errors of fewer voxels get no click, as in the training of the model that answers.
        """
        truth = reference.labels
        before = patient_dice(start, truth, classes)
        labels = np.zeros_like(start) if before is not None and before < _USEFUL else start.copy()
        clicks = 0 if desk is None else self._click(desk, dims, volume, labels, truth, classes, rng, smallest)
        strokes = self._paint(labels, truth, classes)
        return Labelled(labels, clicks, strokes, before, patient_dice(labels, truth, classes))

    def _click(
        self,
        desk: Answers,
        dims: int,
        volume: Volume,
        labels: Labels,
        truth: Labels,
        classes: Sequence[LabelClass],
        rng: np.random.Generator,
        smallest: int,
    ) -> int:
        """Mend labels in place, click by click; returns how many it took."""
        desk.set_image(volume)
        clicks: list[Click] = []
        while len(clicks) < self.most_clicks and not self._content(labels, truth, classes):
            aim = _worst(labels, truth, classes, dims, smallest)
            if aim is None:
                break
            spacing = volume.geometry.spacing_zyx_mm
            clicks.append(missed(aim, truth == aim.label, spacing, self._offsets(dims, rng)))
            for region, patch in desk.answer(clicks, len(clicks), labels).patches:
                labels[region] = patch
        return len(clicks)

    def _content(self, labels: Labels, truth: Labels, classes: Sequence[LabelClass]) -> bool:
        found = patient_dice(labels, truth, classes)
        return found is None or found >= self.accept

    def _offsets(self, dims: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
        """Yield by how much a click may miss, (3,) in mm along z, y, x."""
        while True:
            offset = rng.normal(0, self.jitter_mm, 3)
            if dims == 2:
                offset[0] = 0
            yield offset

    def _paint(self, labels: Labels, truth: Labels, classes: Sequence[LabelClass]) -> int:
        """Paint, in place, slices that are not good enough until the patient is; returns how many strokes it took."""
        strokes = 0
        for z, value in self._wrong_slices(labels, truth, classes):
            if self._content(labels, truth, classes):
                break
            labels[z][labels[z] == value] = 0
            labels[z][truth[z] == value] = value
            strokes += 1
        return strokes

    def _wrong_slices(self, labels: Labels, truth: Labels, classes: Sequence[LabelClass]) -> list[tuple[int, int]]:
        """Return slice and label value of what is not good enough, most wrong voxels first."""
        found: list[tuple[int, int, int]] = []
        for each in classes:
            now, wanted = labels == each.value, truth == each.value
            scores = {z: dice(now[z], wanted[z], [1])[1] for z in range(len(now))}
            wrong = [z for z, score in scores.items() if score is not None and score < self.accept]
            found += [(-int((now[z] != wanted[z]).sum()), z, each.value) for z in wrong]
        return [(z, value) for _, z, value in sorted(found)]


def slices_of(reference: LabelMap, classes: Sequence[LabelClass]) -> int:
    """Count the axial slices that hold a structure, for each structure."""
    return sum(int((reference.labels == each.value).any(axis=(1, 2)).sum()) for each in classes)


def patient_dice(labels: Labels, truth: Labels, classes: Sequence[LabelClass]) -> float | None:
    """Return the mean Dice over structures; None where none is there and none is marked."""
    return mean_of(dice(labels, truth, [each.value for each in classes]).values())


def _worst(labels: Labels, truth: Labels, classes: Sequence[LabelClass], dims: int, smallest: int) -> Click | None:
    """Aim at the largest erroneous region of all structures; None where none has so many voxels."""
    found = (worst_error(labels == each.value, truth == each.value, each.value, dims, smallest) for each in classes)
    aims = [aim for aim in found if aim is not None]
    return max(aims, key=lambda aim: aim.voxels).click if aims else None
