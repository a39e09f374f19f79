"""Settings of runs."""

from __future__ import annotations

from typing import Any

import pytest

from napari_progseg.errors import UserError
from napari_progseg.training.config import PRESETS, ClickConfig, RunConfig, apply_settings, preset_config

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


@pytest.mark.parametrize("preset", ["paper", "default", "tiny"])
def test_restoration_is_not_augmented_unless_it_is_asked_for(preset: Any) -> None:
    config = preset_config(preset, "restoration", budget=STEPS)
    assert not config.augment.enabled
    assert config.model == preset_config(preset, "segmentation", budget=STEPS).model
    assert apply_settings(config, ["augment.enabled=true"]).augment.enabled


def test_restoration_has_the_published_probabilities() -> None:
    settings = preset_config("paper", "restoration", budget=STEPS).restoration
    assert (settings.flip, settings.shuffle, settings.curve, settings.paint, settings.inpaint) == (
        0.4,
        0.5,
        0.9,
        0.9,
        0.2,
    )
    assert (settings.mask, settings.loss) == (0.0, "l1")


@pytest.mark.parametrize("setting", ["shuffle=1.1", "mask_share=1", "mask_share=0", "mask_block=0", "loss=ce"])
def test_distortions_that_cannot_be_are_refused_by_name(setting: str) -> None:
    with pytest.raises(UserError, match=rf"restoration\.{setting.split('=')[0]}"):
        apply_settings(preset_config("tiny", "restoration", budget=STEPS), [f"restoration.{setting}"])


@pytest.mark.parametrize("size", ["default", "tiny"])
def test_progressive_is_a_size_with_previous_mask_and_a_start(size: Any) -> None:
    fields = {"budget": STEPS, "init": "/project/runs/0001-learn"}
    config = preset_config("progressive", "interactive", size=size, **fields)
    plain = preset_config(size, "interactive", **fields)
    assert config.clicks.previous_mask
    assert (config.samples.schedule, config.patches.schedule) == ("pdl", "efficiency")
    same = {"preset": size, "clicks": plain.clicks, "samples": plain.samples, "patches": plain.patches}
    assert config.model_copy(update=same) == plain
    assert RunConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize("fields", [{"task": "segmentation", "init": "x"}, {"task": "interactive"}])
def test_progressive_is_refused_with_another_task_or_without_a_start(fields: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="preset progressive is task interactive with init"):
        preset_config("progressive", fields.pop("task"), budget=STEPS, **fields)


@pytest.mark.parametrize("start", [{"rate": 0}, {"rate": 1.5}, {"warmup": -0.1}, {"warmup": 2}])
def test_the_carried_weights_rate_is_a_share(start: dict[str, float]) -> None:
    with pytest.raises(UserError, match=rf"start\.{next(iter(start))}"):
        preset_config("tiny", "segmentation", budget=STEPS, start=start)


def test_a_run_from_before_clicks_named_pieces_is_read_as_it_learned() -> None:
    document = preset_config("tiny", "interactive", budget=STEPS).model_dump(mode="json")
    for later in ("decoys", "previous", "emphasis"):
        del document["clicks"][later]
    clicks = RunConfig.model_validate(document).clicks
    assert (clicks.previous, clicks.decoys, clicks.emphasis) == ("answers", 0, 0)
    assert ClickConfig().previous == "degraded"
    assert ClickConfig(bent=0.2).decoys == ClickConfig().decoys


def test_the_paper_lets_the_network_answer_between_clicks() -> None:
    clicks = preset_config("paper", "interactive", budget=STEPS).clicks
    assert (clicks.previous, clicks.decoys, clicks.emphasis) == ("answers", 0, 0)
