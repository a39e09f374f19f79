"""Validation and live previews while a run trains, each within its share of the time."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from ..data.plan import Plan
from ..errors import UserError
from ..evaluation.metrics import mean_dice
from ..inference.cases import ReferenceCase, project_cases
from ..inference.evaluate import class_dice, evaluate_case
from ..inference.model import TrainedModel
from ..inference.predict import predict_volume
from ..inference.restored import restored_slice
from ..project import Project
from ..volume import LabelMap, Volume
from .config import RunConfig
from .events import Event, Previewed, Restored, Said, Validated
from .fit import Trainee
from .keeper import CheckpointKeeper, PreviewWriter

_PREVIEW_SHARE = 0.05
_REMEMBERED_VOXELS = 100_000_000


class Validator:
    """Validates at planned points of a run, and always at its end; its events follow the step they belong to."""

    def __init__(self, project: Project, plan: Plan, config: RunConfig, keeper: CheckpointKeeper) -> None:
        self._cases = remembered(project_cases(project, config.validation if plan.classes else ()))
        self._plan, self._config, self._keeper = plan, config, keeper
        self._done = 0
        self._spent = 0.0

    def __call__(self, trainee: Trainee, progress: float, seconds: float) -> Iterator[Event]:
        """Validate if it is time to; a better model is saved before it is announced."""
        if not self._cases or not self._due(progress, seconds):
            return
        self._done = int(progress * self._config.validate_on.times)
        began = time.monotonic()
        scores = self._scores(model_of(trainee, self._plan, self._config))
        took = time.monotonic() - began
        self._spent += took
        mean = mean_dice(scores)
        best = mean is not None and (self._keeper.best is None or mean > self._keeper.best)
        saved = self._keeper.save(trainee, seconds, mean) if best else None
        clicks = self._clicks
        yield Validated(trainee.step, progress, seconds, mean, scores, saved is not None, clicks, took)
        if saved is not None:
            yield saved

    @property
    def _clicks(self) -> int:
        return self._config.validate_on.clicks if self._config.task == "interactive" else 0

    def _due(self, progress: float, seconds: float) -> bool:
        settings = self._config.validate_on
        if progress >= 1:
            return True
        return int(progress * settings.times) > self._done and self._spent <= settings.share * seconds

    def _scores(self, model: TrainedModel) -> dict[str, dict[str, float | None]]:
        count = self._clicks
        return {case.id: evaluate_case(model, case, (count,)).dice[count] for case in self._cases}


class Previewer:
    """Predicts the case on screen, at most a twentieth of the time."""

    def __init__(self, project: Project, plan: Plan, config: RunConfig, writer: PreviewWriter) -> None:
        self._project, self._plan, self._config, self._writer = project, plan, config, writer
        self._next = 0.0
        self._shown: tuple[Any, int] | None = None
        self._broken: set[str] = set()
        self._load = cache(self._loaded)

    def answer(self, request: dict[str, Any], trainee: Trainee) -> Previewed | Restored | Said | None:
        """Answer a standing request for a preview, if it is time to; a case that cannot be read is told once."""
        asked = request.get("preview") or {}
        case = asked.get("case")
        if not case or time.monotonic() < self._next or self._shown == (asked, trainee.step):
            return None
        if case in self._broken or case not in {each.id for each in self._project.cases}:
            return None
        began = time.monotonic()
        try:
            volume, reference = self._load(case)
        except UserError as error:
            self._broken.add(case)
            return Said(f"no preview of case {case}: {error}")
        model = model_of(trainee, self._plan, self._config)
        shown = (
            self._segmented(model, case, volume, reference)
            if self._plan.classes
            else self._restored(model, case, volume, asked.get("z"))
        )
        self._shown = (asked, trainee.step)
        self._next = time.monotonic() + (time.monotonic() - began) / _PREVIEW_SHARE
        return shown

    def _segmented(self, model: TrainedModel, case: str, volume: Volume, reference: LabelMap | None) -> Previewed:
        labels = predict_volume(model, volume)
        dice = {} if reference is None else class_dice(labels.labels, reference.labels, self._plan.classes)
        path = self._writer.write(case, model.step, labels=labels.labels)
        return Previewed(model.step, self._writer.sequence, case, path, dice)

    def _restored(self, model: TrainedModel, case: str, volume: Volume, z: int | None) -> Restored:
        triplet = restored_slice(model, volume, seed=zlib.crc32(case.encode()), z=z)
        path = self._writer.write(case, model.step, **vars(triplet))
        return Restored(model.step, self._writer.sequence, case, path)

    def _loaded(self, case: str) -> tuple[Volume, LabelMap | None]:
        self._load.cache_clear()
        return self._project.volume(case), self._project.labels(case) if self._plan.classes else None


def model_of(trainee: Trainee, plan: Plan, config: RunConfig) -> TrainedModel:
    """Look at the averaged weights as a trained model; nothing is copied."""
    device = next(trainee.average.parameters()).device
    return TrainedModel(trainee.average, plan, config, device, config.name, trainee.step, None)


def remembered(cases: Sequence[ReferenceCase]) -> tuple[ReferenceCase, ...]:
    """Keep small cases in memory between validations; large ones are read again each time."""
    kept, voxels = [], 0
    for case in cases:
        voxels += case.volume().image.size
        small = voxels <= _REMEMBERED_VOXELS
        kept.append(ReferenceCase(case.id, cache(case.volume), cache(case.labels)) if small else case)
    return tuple(kept)
