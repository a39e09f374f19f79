"""Dry runs."""

from __future__ import annotations

from typing import Any

import pytest

from napari_progseg.errors import UserError
from napari_progseg.project import Project
from napari_progseg.training import rehearsal
from napari_progseg.training.rehearsal import measured, rehearse


@pytest.mark.parametrize("settings", [(), ("patches.schedule=efficiency", "samples.schedule=pdl")])
def test_it_measures_a_few_steps_and_leaves_no_run_behind(study: Project, config_of: Any, settings: Any) -> None:
    before = study.runs()
    cost = measured(study, config_of(*settings, task="interactive", budget={"minutes": 5}))
    assert cost.device == "cpu"
    assert cost.seconds_a_step > 0
    assert cost.memory_bytes > 100_000_000
    assert study.runs() == before


def test_the_last_step_has_the_largest_patch(study: Project, config_of: Any, monkeypatch: Any) -> None:
    seen = []

    def noted(events: Any) -> Any:
        for event in events:
            seen.append(event.patch)
            yield 1.0, event

    monkeypatch.setattr(rehearsal, "_timed", noted)
    assert measured(study, config_of("patches.schedule=efficiency")).seconds_a_step == 1
    assert seen == sorted(seen)
    assert seen[0] < seen[-1] == (32, 32)


def test_a_child_process_measures(study: Project, config_of: Any) -> None:
    cost = rehearse(study, config_of(), threads=1)
    assert cost is not None
    assert cost.seconds_a_step > 0


def test_what_cannot_train_says_why(study: Project, config_of: Any) -> None:
    with pytest.raises(UserError, match="mr_004"):
        rehearse(study, config_of(train=("mr_004",)), threads=1)


def test_it_ends_at_once_when_cancelled(study: Project, config_of: Any) -> None:
    asked = []

    def second() -> bool:
        asked.append(True)
        return len(asked) > 1

    assert rehearse(study, config_of(), threads=1, cancelled=second) is None
    assert len(asked) == 2
