"""Predict all cases of a project that are not completed; called again, it goes on where it was interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ..errors import UserError
from ..predictions import ModelIdentity, Prediction, Predictions
from ..project import CaseState, Project
from ..storage.atomic import CannotWriteError
from .model import TrainedModel
from .predict import predict_volume
from .unsure import MeanEntropy


@dataclass(frozen=True, slots=True)
class Place:
    """How far it is: `fraction` of a case is done, the `number`-th (from 1) of so many that are to be predicted."""

    case: str
    number: int
    of: int
    fraction: float = 0.0

    @property
    def overall(self) -> float:
        """Fraction of all cases, 0 to 1."""
        return (self.number - 1 + self.fraction) / self.of


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case: its prediction, new or `kept` from before, or why there is none."""

    case: str
    prediction: Prediction | None = None
    kept: bool = False
    fault: str | None = None


def predict_project(
    model: TrainedModel,
    project: Project,
    *,
    progress: Callable[[Place], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[Outcome]:
    """Predict every case that is not completed into ``predictions/``; a case that cannot be read stops no other.

    What the same weights have predicted before is kept. Interactive models predict without clicks.

    Parameters
    ----------
    model : TrainedModel
        From `load_trained`; its classes are those of the project.
    progress : callable or None
        Called with the place while a case is predicted.
    cancelled : callable or None
        Asked between parts; once it says True, the case in hand is dropped and the iteration ends.

    Yields
    ------
    Outcome
        First of the cases that are kept, then of each other one when it is done.

    Raises
    ------
    UserError
        If the model knows other classes than the project, or the disk refuses.
    """
    _refuse_other_classes(model, project)
    told = progress or (lambda place: None)
    ended = cancelled or (lambda: False)
    predictions = Predictions(project)
    identity = ModelIdentity(model.name, model.step, model.sha256)
    waiting = [case for case in project.cases if case.state is not CaseState.COMPLETED]
    kept = {case.id: found for case in waiting if (found := predictions.get(case.id)) and found.is_from(identity)}
    yield from (Outcome(case_id, found, kept=True) for case_id, found in kept.items())
    todo = [case for case in waiting if case.id not in kept]
    for number, case in enumerate(todo, 1):
        if ended():
            return
        # it may have been completed meanwhile
        if project.case(case.id).state is not CaseState.COMPLETED:
            outcome = _outcome(model, project, predictions, Place(case.id, number, len(todo)), told, ended)
            if outcome is None:
                return
            yield outcome


def _outcome(
    model: TrainedModel,
    project: Project,
    predictions: Predictions,
    place: Place,
    told: Callable[[Place], None],
    ended: Callable[[], bool],
) -> Outcome | None:
    """Predict and save one case; None if that was cancelled."""
    began = time.perf_counter()
    told(place)

    def part_done(fraction: float) -> None:
        told(Place(place.case, place.number, place.of, fraction))

    try:
        volume = project.volume(place.case)
        entropy = MeanEntropy()
        found = predict_volume(model, volume, progress=part_done, cancelled=ended, seen=entropy.add)
        if ended():
            return None
        record = Prediction(
            case=place.case,
            run=model.name,
            step=model.step,
            model_sha256=model.sha256,
            unsure=entropy.bits,
            dice=model.dice,
            seconds=time.perf_counter() - began,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        return Outcome(place.case, predictions.save(found, record))
    except CannotWriteError:
        raise
    except UserError as error:
        return Outcome(place.case, fault=str(error))
    except MemoryError:
        return Outcome(place.case, fault="the memory was not enough for it; nothing of it was written")


def _refuse_other_classes(model: TrainedModel, project: Project) -> None:
    theirs, ours = ({(each.name, each.values) for each in part} for part in (model.classes, project.classes))
    if theirs != ours:
        there, here = (", ".join(sorted(name for name, _ in part)) for part in (theirs, ours))
        raise UserError(
            f"{model.name} knows {there} and the project has {here}, or their label values differ; nothing was "
            "predicted; choose a run of this project"
        )
