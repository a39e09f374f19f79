"""What was learned of one structure from accepted patients, and whether it may answer in the starter's place."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from ..evaluation.metrics import mean_of
from ..inference.cases import ReferenceCase
from ..inference.click_model import ClickModel
from ..inference.gestures import GestureReport, evaluate_gestures
from ..inference.starter import StarterSession, StructureModel
from ..inference.zoom import UsualSize
from ..volume import LabelClass
from .accepted import AcceptedRecipe, AcceptedStructure, cut_windows, learn_accepted

COUNTS = (1, 3)
_NEWEST = 3
_ROOM, _SPREAD = 1.6, 0.25


@dataclass(frozen=True)
class Comparison:
    """Both models clicked on the newest patient.

    Parameters
    ----------
    patient : str
        Name of the case.
    starter, learned : float
        Dice of the whole volume, mean of those after 1 and 3 simulated clicks.
    held_out : bool
        Whether the learned one had not learned from this patient; of the first one it has.
    """

    patient: str
    starter: float
    learned: float
    held_out: bool


@dataclass(frozen=True, eq=False)
class Learned:
    """What was learned of one structure.

    Parameters
    ----------
    patients : tuple of AcceptedStructure
        From whom, oldest first.
    network : nn.Module
        A copy of the starter that has learned from them.
    comparisons : tuple of Comparison
        One for each patient that was ever learned from, oldest first.
    """

    patients: tuple[AcceptedStructure, ...]
    network: nn.Module
    comparisons: tuple[Comparison, ...]

    @property
    def trusted(self) -> bool:
        """Whether it marks the newest patients at least as well as the starter: those held out, where there are any."""
        held_out = [each for each in self.comparisons if each.held_out][-_NEWEST:]
        judged = held_out or self.comparisons
        return sum(each.learned - each.starter for each in judged) >= 0

    def structure_model(self, device: torch.device) -> StructureModel:
        """Return it as what answers prompts on the structure."""
        sides = np.log([_ROOM * each.longest_mm for each in self.patients])
        return StructureModel(ClickModel(self.network, device), UsualSize(float(np.exp(sides.mean())), _SPREAD))


def learn_case(
    starter: ClickModel,
    known: Learned | None,
    case: ReferenceCase,
    structure: LabelClass,
    recipe: AcceptedRecipe,
    seed: int = 0,
) -> Generator[float, None, Learned]:
    """Learn a structure from one more patient, and compare what was known before with the starter on that patient.

    Parameters
    ----------
    known : Learned or None
        What was learned from earlier patients; left as it is.
    case : ReferenceCase
        A patient of whom nothing was learned yet, whose labels were accepted and hold the structure.
    seed : int
        Draws windows, clicks and batches.

    Yields
    ------
    float
        Share of the steps that are done, after some tenths of a second each: a place to pause.

    Returns
    -------
    Learned
        Of all patients that are kept.
    """
    volume, labels = case.volume(), case.labels()
    read = ReferenceCase(case.id, lambda: volume, lambda: labels)
    windows = np.random.default_rng([seed, len(known.comparisons) if known else 0])
    newest = cut_windows(volume, labels.labels == structure.value, case.id, recipe.windows, windows)
    earlier = () if known is None else known.patients
    compared: tuple[Comparison, ...] = () if known is None else known.comparisons
    if known is not None:
        compared = (*compared, (yield from _compare(starter, known, read, structure, held_out=True)))
    yield 0.0
    patients = (*earlier, newest)[-recipe.patients :]
    network = yield from learn_accepted(starter.network, patients, recipe, torch.Generator().manual_seed(seed))
    learned = Learned(patients, network, compared)
    if known is not None:
        return learned
    return replace(learned, comparisons=((yield from _compare(starter, learned, read, structure, held_out=False)),))


def finish(learning: Generator[float, None, Learned], pause: Callable[[], None] | None = None) -> Learned:
    """Go through with learning, and return what was learned; `pause` is called after each step."""
    while True:
        try:
            next(learning)
        except StopIteration as finished:
            learned: Learned = finished.value
            return learned
        if pause is not None:
            pause()


def _compare(
    starter: ClickModel, learned: Learned, case: ReferenceCase, structure: LabelClass, *, held_out: bool
) -> Generator[float, None, Comparison]:
    """Let both answer simulated clicks, with a place to pause after each of them."""
    by = {structure.value: learned.structure_model(starter.device)}
    dice = []
    for session in (StarterSession(starter), StarterSession(starter, by)):
        dice.append(_mean(evaluate_gestures(session, [case], [structure], counts=COUNTS)))
        yield 0.0
    return Comparison(case.id, dice[0], dice[1], held_out=held_out)


def _mean(report: GestureReport) -> float:
    return mean_of(map(report.mean, COUNTS)) or 0.0
