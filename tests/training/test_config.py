"""Settings of runs."""

from __future__ import annotations

from typing import Any

import pytest

from napari_progseg.errors import UserError
from napari_progseg.training.config import PRESETS, RunConfig, apply_settings, preset_config

STEPS = {"steps": 5}


@pytest.mark.parametrize("task", ["segmentation", "interactive"])
@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_survives_its_document(name: Any, task: Any) -> None:
    config = preset_config(name, task, budget=STEPS)
    assert RunConfig.model_validate(config.model_dump(mode="json")) == config
    assert (config.preset, config.task) == (name, task)


def test_the_paper_is_taken_at_its_word() -> None:
    config = preset_config("paper", "interactive", budget={"steps": 65_000})
    assert (config.optimiser.name, config.optimiser.rate, config.optimiser.loss) == ("adam", 1e-5, "ce")
    assert (config.optimiser.power, config.optimiser.warmup, config.optimiser.average) == (0, 0, 0)
    assert (config.optimiser.weight_decay, config.optimiser.clip) == (0, None)
    assert (config.patches.size, config.patches.batch) == ((96, 96), 32)
    assert config.patches.without_repetition
    assert not config.augment.enabled
    assert config.data.window == (-1024, 3000)
    assert (config.clicks.combine, config.clicks.sigma_voxels, config.clicks.most) == ("sum", 2.0, 5)
    assert (config.clicks.none, config.clicks.previous_mask) == (0, False)


def test_settings_are_applied_by_name() -> None:
    config = apply_settings(
        preset_config("tiny", "segmentation", budget=STEPS),
        ["model.dims=2", "patches.size=32,48", "augment.enabled=false", "optimiser.clip=None", "seed=7"],
    )
    assert (config.model.dims, config.patches.size, config.augment.enabled) == (2, (32, 48), False)
    assert (config.optimiser.clip, config.seed) == (None, 7)


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("model.dims", "is no setting"),
        ("model.depth=2", "is no setting"),
        ("nothing.dims=2", "is no setting"),
        ("model.dims.more=2", "is no setting"),
        ("model.dims=4", "model.dims"),
        ("optimiser.rate=-1", "optimiser.rate"),
        ("budget.minutes=3", "one of the two"),
        ("name=a/b", "name"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(setting: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        apply_settings(preset_config("tiny", "segmentation", budget=STEPS), [setting])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"budget": {}}, "one of the two"),
        ({"train": ("a", "b"), "validation": ("b",)}, "share the cases b"),
        ({"model": {"dims": 3}, "patches": {"size": (9, 9)}}, "does not fit model.dims"),
        ({"model": {"dims": 3}, "patches": {"without_repetition": True}}, "needs model.dims = 2"),
    ],
)
def test_impossible_combinations_are_refused_by_name(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        preset_config("tiny", "segmentation", **{"budget": STEPS, **fields})
