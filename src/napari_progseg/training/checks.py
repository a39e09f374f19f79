"""Validation and live previews while a run trains, each within its share of the time."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..data.plan import Plan
from ..errors import UserError
from ..evaluation.metrics import mean_dice
from ..inference.cases import ReferenceCase, project_cases
from ..inference.evaluate import class_dice, evaluate_case
from ..inference.model import TrainedModel
from ..inference.predict import predict_volume
from ..inference.restored import restored_slice
from ..inference.shape_evaluation import labelled_surface
from ..inference.shapes import TrainedShapes, predict_shape
from ..project import Project
from ..shape.distances import surface_distance
from ..shape.mesh import Mesh
from ..shape.model import ShapeModel
from ..volume import LabelMap, Volume
from .config import RunConfig
from .events import DicePerCase, Event, Previewed, Restored, Said, Validated
from .fit import Trainee
from .keeper import CheckpointKeeper, PreviewWriter

_PREVIEW_SHARE = 0.05
_REMEMBERED_VOXELS = 100_000_000


class Validator:
    """Validates at planned points of a run, and always at its end; its events follow the step they belong to."""

    def __init__(
        self,
        project: Project,
        plan: Plan,
        config: RunConfig,
        keeper: CheckpointKeeper,
        shapes: ShapeModel | None = None,
    ) -> None:
        self._cases = remembered(project_cases(project, config.validation if plan.classes else ()))
        self._plan, self._config, self._keeper, self._shapes = plan, config, keeper, shapes
        self._surfaces: dict[str, Mesh] = {}
        self._done = 0
        self._spent = 0.0

    def __call__(self, trainee: Trainee, progress: float, seconds: float) -> Iterator[Event]:
        """Validate if it is time to; a better model is saved before it is announced."""
        if not self._cases or not self._due(progress, seconds):
            return
        self._done = int(progress * self._config.validate_on.times)
        began = time.monotonic()
        scores: DicePerCase = {}
        score: float | None
        surfaces: dict[str, float] = {}
        if self._shapes is not None:
            surfaces = self._distances(shapes_of(trainee, self._plan, self._config, self._shapes))
            score = sum(surfaces.values()) / len(surfaces)
        else:
            scores = self._scores(model_of(trainee, self._plan, self._config))
            score = mean_dice(scores)
        took = time.monotonic() - began
        self._spent += took
        saved = self._keeper.save(trainee, seconds, score) if self._keeper.improves(score) else None
        dice, mm = (score, None) if self._shapes is None else (None, score)
        best = saved is not None
        yield Validated(trainee.step, progress, seconds, dice, scores, best, self._clicks, took, mm, surfaces)
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

    def _distances(self, trained: TrainedShapes) -> dict[str, float]:
        """Return the mean distance of every case's predicted surface from the labelled one, mm."""
        structure = self._plan.classes[0]
        found = {}
        for case in self._cases:
            if case.id not in self._surfaces:
                self._surfaces[case.id] = labelled_surface(case.labels(), structure, case.id)[0]
            predicted = predict_shape(trained, case.volume()).surface
            found[case.id] = surface_distance(predicted, self._surfaces[case.id]).mean_mm
        return found


class Previewer:
    """Predicts the case on screen, at most a twentieth of the time."""

    def __init__(
        self,
        project: Project,
        plan: Plan,
        config: RunConfig,
        writer: PreviewWriter,
        shapes: ShapeModel | None = None,
    ) -> None:
        self._project, self._plan, self._config, self._writer = project, plan, config, writer
        self._shapes = shapes
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
        shown: Previewed | Restored | None
        if self._shapes is not None:
            shown = self._shaped(trainee, case, volume, reference)
        elif self._plan.classes:
            shown = self._segmented(model, case, volume, reference)
        else:
            shown = self._restored(model, case, volume, asked.get("z"))
        self._shown = (asked, trainee.step)
        self._next = time.monotonic() + (time.monotonic() - began) / _PREVIEW_SHARE
        return shown

    def _shaped(self, trainee: Trainee, case: str, volume: Volume, reference: LabelMap | None) -> Previewed | None:
        """Show the mask that a shape network says beside the shape; the base backbone says none."""
        assert self._shapes is not None, "a shape network has a shape model"
        mask = predict_shape(shapes_of(trainee, self._plan, self._config, self._shapes), volume).mask
        if mask is None:
            return None
        structure = self._plan.classes[0]
        labels = mask.astype(np.uint16) * np.uint16(structure.value)
        dice = {} if reference is None else class_dice(labels, reference.labels, self._plan.classes)
        path = self._writer.write(case, trainee.step, labels=labels)
        return Previewed(trainee.step, self._writer.sequence, case, path, dice)

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


def shapes_of(trainee: Trainee, plan: Plan, config: RunConfig, model: ShapeModel) -> TrainedShapes:
    """Look at the averaged weights of a shape network as a trained model; nothing is copied."""
    device = next(trainee.average.parameters()).device
    return TrainedShapes(trainee.average, plan, config, model, device, config.name, trainee.step)


def remembered(cases: Sequence[ReferenceCase]) -> tuple[ReferenceCase, ...]:
    """Keep small cases in memory between validations; large ones are read again each time."""
    kept, voxels = [], 0
    for case in cases:
        voxels += case.volume().image.size
        small = voxels <= _REMEMBERED_VOXELS
        kept.append(ReferenceCase(case.id, cache(case.volume), cache(case.labels)) if small else case)
    return tuple(kept)
