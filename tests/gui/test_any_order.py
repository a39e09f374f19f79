"""Clicks, strokes, masks, answers, undo, redo and restarts in any order, against a list of label maps."""

from __future__ import annotations

import numpy as np
import pytest

from .conftest import SHAPE
from .held import RUN, Bench, Stamps, stamped

STEPS = 200


class Model:
    """What the labels must be: one label map after each step, and which of them is on screen."""

    def __init__(self, labels: np.ndarray) -> None:
        self.states, self.at = [labels.copy()], 0

    @property
    def labels(self) -> np.ndarray:
        return self.states[self.at]

    def step(self, labels: np.ndarray) -> None:
        del self.states[self.at + 1 :]
        self.states.append(labels.copy())
        self.at += 1

    def go(self, by: int) -> None:
        self.at = min(max(self.at + by, 0), len(self.states) - 1)


class Day:
    """Does at random what a user may do, to the case and to the model of its labels."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench, self.rng = bench, np.random.default_rng(seed)
        self.model = Model(bench.case.labels)
        self.seen: dict[object, np.ndarray] = {}

    def do(self) -> str:
        acts = {self.click: 6, self.paint: 4, self.accept: 3, self.undo: 7, self.redo: 5, self.work: 18}
        acts |= {self.clear: 1, self.clear_and_go_on: 2, self.start: 2, self.predict: 4}
        acts |= {self.compute: 2, self.renew: 1, self.reopen: 1}
        weights = np.array(list(acts.values()), float)
        act = list(acts)[self.rng.choice(len(acts), p=weights / weights.sum())]
        act()
        return act.__name__

    def voxel(self) -> tuple[int, ...]:
        return tuple(int(self.rng.integers(2, size - 2)) for size in SHAPE)

    def click(self) -> None:
        case = self.bench.case
        case.tools.set(class_index=int(self.rng.integers(2)))
        case.add_click(self.voxel(), bool(self.rng.random() < 0.8))
        self.model.step(self.model.labels)

    def paint(self) -> None:
        region = tuple(slice(at - 1, at + 2) for at in self.voxel())
        value = int(self.rng.integers(3))
        painted = self.model.labels.copy()
        painted[region] = value
        self.bench.paint(region, value)
        if not np.array_equal(painted, self.model.labels):
            self.model.step(painted)

    def accept(self) -> None:
        case = self.bench.case
        before, exists, predicted = case.labels.copy(), case.has_prediction, case.predicted.copy()
        entry = case.accept()
        assert (entry is not None) == (exists and not np.array_equal(before, predicted))
        if entry is not None:
            self.model.step(predicted)
            self.bench.keeper.save()

    def clear(self) -> None:
        if self.bench.case.history.prompts:
            self.bench.case.clear_clicks()
            self.model.step(self.model.labels)

    def clear_and_go_on(self) -> None:
        """Clear when all is answered: what is shown stays, also if the case is left, and later clicks correct it."""
        self.bench.background.work_all()
        if not self.bench.case.shown.prompts:
            return
        kept = self.bench.case.predicted.copy()
        self.clear()
        assert np.array_equal(self.bench.case.predicted, kept)
        if self.rng.random() < 0.3:
            self.undo()
            assert np.array_equal(self.bench.case.predicted, kept)
            self.redo()
        if self.rng.random() < 0.3:
            self.reopen()
            assert np.array_equal(self.bench.case.predicted, kept)
        for _ in range(int(self.rng.integers(3))):
            self.click()
        self.bench.background.work_all()
        case = self.bench.case
        assert case.answered
        assert np.array_equal(case.predicted, stamped(kept, *case.history.prompts))

    def start(self) -> None:
        self.bench.start(int(self.rng.integers(1, SHAPE[0])))
        self.model.step(self.model.labels)

    def undo(self) -> None:
        self.travel(self.bench.case.undo, self.bench.case.history.done, -1)

    def redo(self) -> None:
        self.travel(self.bench.case.redo, self.bench.case.history.undone, +1)

    def travel(self, go, steps, by: int) -> None:
        step = steps[-1] if steps else None
        go()
        self.model.go(by)
        if step is not None and not step.labels:
            assert self.bench.case.answered or self.bench.answerer.answering

    def predict(self) -> None:
        self.bench.answerer.predict(self.bench.case)

    def compute(self) -> None:
        if self.bench.background.jobs:
            self.bench.background.compute()

    def work(self) -> None:
        if self.bench.background.jobs:
            self.bench.background.jobs.rotate(-int(self.rng.integers(2)))
            self.bench.background.work()

    def renew(self) -> None:
        self.bench.answerer.renew()
        self.bench.answerer.run = None if self.rng.random() < 0.5 else RUN

    def reopen(self) -> None:
        self.bench.reopen(saved=bool(self.rng.random() < 0.5))

    def check(self) -> None:
        case, model = self.bench.case, self.model
        # so no step writes voxels that it did not change
        assert np.array_equal(case.labels, model.labels)
        assert np.array_equal(case.labels_layer.data, model.labels)
        assert np.array_equal(self.bench.replayed(), model.labels)
        assert (len(case.history.done), len(case.history.undone)) == (model.at, len(model.states) - 1 - model.at)
        # nothing but an answer to the clicks that stand, a mask or a whole prediction leads to a new state
        assert case.shown in self.seen or case.shown.prompts in ((), case.history.prompts)
        # a state of the prediction has the same voxels whenever it is shown, among them its answers
        assert np.array_equal(case.predicted, self.seen.setdefault(case.shown, case.predicted.copy()))
        assert np.array_equal(case.predicted, stamped(case.predicted, *case.shown.prompts))
        assert case.has_prediction or not case.predicted.any()


@pytest.mark.parametrize("seed", range(4))
def test_labels_journal_and_prediction_are_what_the_steps_say_in_any_order(
    engine, project, qapp, monkeypatch, seed
) -> None:
    from napari_progseg.gui import engine as door

    monkeypatch.setattr(door, "make_session", Stamps)
    monkeypatch.setattr(door, "session_without_model", Stamps)
    if seed % 2:
        monkeypatch.setattr("napari_progseg.gui.past._SMALL_BYTES", -(10**9))  # rewritten whenever it opens
    day, done = Day(Bench(project, f"case-{seed % 2 * 3}"), seed), []
    for _ in range(STEPS):
        done.append(day.do())
        try:
            day.check()
        except AssertionError as error:
            raise AssertionError(f"after {' '.join(done)}") from error
    day.bench.background.work_all()
    day.check()
