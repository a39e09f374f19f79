"""What is decided from the data."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from napari_progseg.data.plan import CaseFacts, Plan, facts_of, make_plan
from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.training.config import BudgetConfig, RunConfig, apply_settings, preset_config
from napari_progseg.volume import LabelClass, Volume

BONE = (LabelClass("bone", (1,)),)


def facts(
    case: str = "a", modality: Any = "mr", shape: Any = (36, 50, 35), spacing: Any = (1.0, 1.0, 1.0)
) -> CaseFacts:
    return CaseFacts(case, modality, shape, spacing, np.arange(1000, dtype=np.float32))


def config(preset: Any = "tiny", *settings: str, task: Any = "segmentation") -> RunConfig:
    return apply_settings(preset_config(preset, task, budget=BudgetConfig(steps=10)), list(settings))


def planned(*each: CaseFacts, preset: Any = "tiny", settings: tuple[str, ...] = (), task: Any = "segmentation") -> Plan:
    return make_plan(each or (facts(),), config(preset, *settings, task=task), BONE)


def volume(lowest: int, modality: Any = None) -> Volume:
    image = np.full((4, 5, 6), 10, np.int16)
    image[0, 0, 0] = lowest
    return Volume(image, Geometry.from_spacing((4, 5, 6), (1.0, 1.0, 1.0)), modality)


@pytest.mark.parametrize(("lowest", "expected"), [(-201, "ct"), (-200, "mr"), (0, "mr")])
def test_modality_is_guessed_from_the_minimum(lowest: int, expected: str) -> None:
    assert facts_of("a", volume(lowest), None, None).modality == expected


def test_what_the_file_or_the_user_says_goes_before_the_guess() -> None:
    assert facts_of("a", volume(0, "ct"), None, None).modality == "ct"
    assert facts_of("a", volume(-1000, "ct"), None, "mr").modality == "mr"


def test_foreground_is_sampled_from_labelled_voxels_only() -> None:
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[0, 0, 0] = 1
    assert facts_of("a", volume(-500), labels, None).foreground.tolist() == [-500]


def test_no_more_than_twenty_thousand_foreground_voxels_are_kept() -> None:
    shape = (31, 32, 33)
    large = Volume(np.zeros(shape, np.int16), Geometry.from_spacing(shape, (1.0, 1.0, 1.0)))
    assert 10_000 < facts_of("a", large, np.ones(shape, np.uint8), None).foreground.size <= 20_000


def test_mixed_modalities_are_refused_by_name() -> None:
    with pytest.raises(UserError, match="leg look like CT, head like MR"):
        planned(facts("leg", "ct"), facts("head", "mr"))


def test_labels_that_are_empty_everywhere_are_refused() -> None:
    with pytest.raises(UserError, match="empty"):
        planned(CaseFacts("a", "mr", (9, 9, 9), (1.0, 1.0, 1.0), np.zeros(0, np.float32)))


@pytest.mark.parametrize(("z_mm", "dims"), [(1.0, 3), (3.0, 3), (3.01, 2)])
def test_slices_are_used_where_the_coarsest_spacing_is_over_three_times_the_finest(z_mm: float, dims: int) -> None:
    assert planned(facts(spacing=(z_mm, 1.0, 1.0))).dims == dims


def test_dims_can_be_set() -> None:
    plan = planned(settings=("model.dims=2",))
    assert plan.dims == len(plan.patch) == 2
    assert plan.patch_zyx == (1, *plan.patch)


def test_spacing_and_patch_follow_the_median() -> None:
    many = [facts(spacing=(s, 1.0, 1.0), shape=(n, 48, 48)) for s, n in ((1.0, 40), (2.0, 20), (9.0, 4))]
    plan = planned(*many, settings=("patches.voxels=1000000", "model.dims=3"))
    assert plan.spacing_zyx_mm == (2.0, 1.0, 1.0)
    # extents 40, 40 and 36 mm: 20 voxels of 2 mm
    assert plan.patch == (20, 48, 48)


@pytest.mark.parametrize("shape", [(36, 50, 35), (400, 512, 512), (3, 700, 20), (53, 53, 53), (1, 1, 1)])
@pytest.mark.parametrize("preset", ["tiny", "default"])
@pytest.mark.parametrize("dims", [2, 3])
def test_patch_is_divisible_and_within_the_budget(shape: tuple[int, int, int], preset: str, dims: int) -> None:
    plan = planned(facts(shape=shape), preset=preset, settings=(f"model.dims={dims}",))
    divisor = np.prod(plan.strides, axis=0) if plan.strides else np.ones(dims)
    assert not (np.array(plan.patch) % divisor).any()
    assert np.prod(plan.patch) <= config(preset).patches.voxels
    assert len(plan.widths) == len(plan.strides) + 1


def test_coarse_axes_are_halved_later() -> None:
    plan = planned(facts(shape=(30, 160, 160), spacing=(3.0, 1.0, 1.0)))
    assert plan.strides[0] == (1, 2, 2)
    assert (2, 2, 2) in plan.strides


def test_a_patch_that_does_not_suit_the_network_is_refused_with_one_that_does() -> None:
    with pytest.raises(UserError, match=r"\(96, 96\) would do"):
        planned(settings=("model.dims=2", "patches.size=90,90", "model.architecture=basic_unet"))


def test_the_budget_of_voxels_lowers_the_batch_but_never_raises_it() -> None:
    voxels = int(np.prod(planned().patch))
    assert planned(settings=(f"patches.batch_voxels={3 * voxels + 1}",)).batch == 3
    assert planned(settings=("patches.batch_voxels=1",)).batch == 2
    assert planned(settings=("patches.batch=1",)).batch == 1
    assert planned(settings=("model.dims=2",)).batch == 32


def test_slices_with_clicks_are_cut_so_small_that_a_batch_holds_sixteen() -> None:
    wide = facts(shape=(10, 256, 216), spacing=(10.0, 1.5, 1.5))
    clicked, automatic = (planned(wide, task=task) for task in ("interactive", "segmentation"))
    assert clicked.dims == 2
    assert clicked.batch == 16
    assert np.prod(clicked.patch) <= 112 * 112
    assert np.prod(automatic.patch) > 200 * 200
    small = planned(facts(), task="interactive", settings=("model.dims=2",))
    assert small.batch == 32, "slices that are small anyway are trained whole"
    assert planned(task="interactive").patch == planned().patch, "volumes keep their patch"


def test_ct_window_spans_the_foreground_of_all_cases() -> None:
    one = CaseFacts("a", "ct", (9, 9, 9), (1.0, 1.0, 1.0), np.linspace(0, 100, 1001, dtype=np.float32))
    other = CaseFacts("b", "ct", (9, 9, 9), (1.0, 1.0, 1.0), np.linspace(100, 200, 1001, dtype=np.float32))
    low, high = planned(one, other).window or (0, 0)
    assert (low, high) == pytest.approx((1, 199), abs=0.2)


def test_mr_has_no_common_window_and_the_paper_a_fixed_one() -> None:
    assert planned().window is None
    assert planned(facts(modality="ct"), preset="paper").window == (-1024, 3000)


@pytest.mark.parametrize(("task", "channels"), [("segmentation", 1), ("interactive", 3)])
def test_paper_preset_takes_slices_of_96(task: Any, channels: int) -> None:
    plan = planned(facts(modality="ct"), preset="paper", task=task)
    assert (plan.dims, plan.patch, plan.batch) == (2, (96, 96), 32)
    assert (plan.architecture, plan.norm, plan.widths) == ("basic_unet", "none", (64, 128, 256, 512, 1024))
    assert plan.input_channels == channels


def test_interactive_models_also_see_the_previous_mask() -> None:
    assert planned(task="interactive").input_channels == 4
    assert planned(task="interactive", settings=("clicks.previous_mask=false",)).input_channels == 3


def test_clicks_have_one_width_in_mm() -> None:
    plan = planned(facts(spacing=(2.0, 1.0, 0.5)), settings=("clicks.sigma_mm=3", "model.dims=3"), task="interactive")
    assert plan.sigma_voxels == (1.5, 3.0, 6.0)
    assert planned(facts(modality="ct"), preset="paper", task="interactive").sigma_voxels == (2.0, 2.0)


def test_plan_survives_its_document_and_says_what_it_does() -> None:
    plan = planned()
    assert Plan.model_validate(plan.model_dump(mode="json")) == plan
    assert "volumes (3D)" in plan.sentence
    assert "1 MR cases" in plan.sentence


def test_slices_without_repetition_are_refused_where_the_data_choose_volumes() -> None:
    with pytest.raises(UserError, match=r"patches\.without_repetition"):
        planned(facts("a"), settings=("patches.without_repetition=true",))


def continued(source: Plan, *each: CaseFacts, preset: Any = "tiny", settings: tuple[str, ...] = (), **how: Any) -> Plan:
    given = config(preset, *settings, "init=/somewhere/0001-learn", **how)
    return make_plan(each or (facts(),), given, BONE, source)


def unlabelled(**how: Any) -> CaseFacts:
    return dataclasses.replace(facts(**how), foreground=np.zeros(0, np.float32))


@pytest.mark.parametrize("modality", ["ct", "mr"])
@pytest.mark.parametrize("dims", [2, 3])
def test_grid_window_and_network_are_those_of_the_run_to_start_from(dims: int, modality: Any) -> None:
    scans = [dataclasses.replace(unlabelled(modality=modality), body=np.arange(500, dtype=np.float32))]
    source = planned(*scans, settings=(f"model.dims={dims}", "model.width=6"), task="restoration")
    other = facts(modality=modality, shape=(90, 90, 90), spacing=(5.0, 0.5, 0.5))
    plan = continued(source, other, preset="default", settings=("patches.batch=3",), task="interactive")
    names = ("window", "spacing_zyx_mm", "dims", "patch", "architecture", "norm", "widths", "strides")
    assert {name: getattr(plan, name) for name in names} == {name: getattr(source, name) for name in names}
    assert (source.window is None) is (modality == "mr")
    assert (plan.task, plan.batch, plan.input_channels, plan.classes) == ("interactive", 3, 4, BONE)
    assert plan.sentence.endswith("; starts from 0001-learn with its grid and network")
    assert "starts from" not in source.sentence


def test_a_patch_of_its_own_is_respected_where_the_network_allows_it() -> None:
    source = planned(settings=("model.dims=2", "patches.size=48,48"))
    plan = continued(source, settings=("patches.size=64,32", "patches.batch_voxels=10240"))
    assert (plan.patch, plan.strides, plan.batch) == ((64, 32), source.strides, 5)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (("model.dims=3",), r"model\.dims is 3, .* \(init\) was trained with 2;"),
        (("data.spacing=1,1,2",), r"data\.spacing is \(1\.0, 1\.0, 2\.0\), .* with \(1\.0, 1\.0, 1\.0\);"),
        (("data.window=-100,200",), r"data\.window is \(-100\.0, 200\.0\), .* with \(-1024\.0, 3000\.0\);"),
        (("patches.size=48,44",), r"patches\.size is \(48, 44\), .* 2 numbers divisible by \(16, 16\); .* \(96, 96\)"),
        (("patches.size=48,48,48",), r"patches\.size is \(48, 48, 48\), .* needs 2 numbers"),
    ],
)
def test_what_contradicts_the_run_to_start_from_is_refused_with_both_values(
    settings: tuple[str, ...], reason: str
) -> None:
    source = planned(facts(modality="ct"), preset="paper")
    with pytest.raises(UserError, match=reason):
        continued(source, facts(modality="ct"), settings=settings)


def test_slices_without_repetition_do_not_go_with_a_run_in_3d() -> None:
    with pytest.raises(UserError, match=r"patches\.without_repetition .* \(init\) was trained in 3D"):
        continued(planned(), settings=("patches.without_repetition=true",))


def test_another_modality_does_not_go_with_the_run_to_start_from() -> None:
    with pytest.raises(UserError, match=r"\(init\) learned from MR, these cases are CT"):
        continued(planned(), facts(modality="ct"))


def test_what_agrees_with_the_run_to_start_from_may_be_said() -> None:
    source = planned(facts(modality="ct"), preset="paper")
    assert continued(source, facts(modality="ct"), preset="paper").patch == source.patch
    same = ("model.dims=2", "data.window=-1024,3000", "data.spacing=1,1,1")
    assert continued(source, facts(modality="ct"), settings=same).window == source.window


def test_restoration_needs_no_labels_and_has_no_classes() -> None:
    plan = planned(CaseFacts("a", "mr", (36, 50, 35), (1.0, 1.0, 1.0), np.zeros(0, np.float32)), task="restoration")
    assert (plan.classes, plan.outputs, plan.channels, plan.window) == ((), 1, ("image",), None)


def test_restoration_with_click_tasks_has_the_channels_of_clicks_and_a_second_output() -> None:
    plan = planned(task="restoration", settings=("restoration.click_tasks=0.5",))
    assert (plan.classes, plan.outputs, plan.click_tasks) == ((), 2, True)
    assert plan.channels == planned(task="interactive").channels
    assert plan.input_channels == 4
    other = planned(task="segmentation", settings=("restoration.click_tasks=0.5",))
    assert (other.click_tasks, other.input_channels, other.outputs) == (False, 1, 1)


def test_the_plan_of_a_run_from_before_click_tasks_has_none() -> None:
    document = planned(task="restoration").model_dump()
    del document["click_tasks"]
    assert Plan.model_validate(document) == planned(task="restoration")


def test_body_is_sampled_from_the_whole_volume_above_the_air() -> None:
    image = np.array([-1000, -200, -199, 50], np.int16).reshape(1, 1, 4).repeat(5, 0)
    scan = Volume(image, Geometry.from_spacing((5, 1, 4), (1.0, 1.0, 1.0)))
    assert facts_of("a", scan, None, None).body.tolist() == [-199, 50] * 5
    large = Volume(np.zeros((31, 32, 33), np.int16), Geometry.from_spacing((31, 32, 33), (1.0, 1.0, 1.0)))
    assert 10_000 < facts_of("a", large, None, None).body.size <= 20_000


def test_where_nothing_is_labelled_the_ct_window_spans_the_body() -> None:
    def scan(case: str, labelled: int, body: int) -> CaseFacts:
        arrays = (np.arange(labelled, dtype=np.float32), np.arange(body, dtype=np.float32))
        return CaseFacts(case, "ct", (36, 50, 35), (1.0, 1.0, 1.0), *arrays)

    window = planned(scan("a", 0, 1001), scan("b", 0, 1001), task="restoration").window
    assert window == pytest.approx((5, 995))
    one_labelled = planned(scan("a", 0, 1001), scan("b", 101, 1001), task="restoration").window
    assert one_labelled == pytest.approx((0.5, 99.5)), "labelled voxels go before the rest"


def test_input_channels_have_a_meaning() -> None:
    assert planned().channels == planned(task="segmentation").channels == ("image",)
    plan = planned(task="interactive")
    assert plan.channels == ("image", "inside clicks", "outside clicks", "previous mask")
    assert planned(task="interactive", settings=("clicks.previous_mask=false",)).channels == plan.channels[:3]
