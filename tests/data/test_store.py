"""Cases ready for cutting patches, and the cache they come from."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_progseg.data import store
from napari_progseg.data.plan import Plan
from napari_progseg.data.sampler import PatchSampler
from napari_progseg.data.store import class_numbers, load_cases
from napari_progseg.errors import UserError
from napari_progseg.project import Project
from napari_progseg.samples.cohort import write_cohort
from napari_progseg.schedules.course import Course
from napari_progseg.training.config import PatchConfig
from napari_progseg.volume import LabelClass

BOTH = (LabelClass("anterior", (1,)), LabelClass("posterior", (2,)))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = write_cohort(tmp_path / "data", "mr", 2, labelled=1)
    classes = {"anterior": (1,), "posterior": (2,)}
    return Project.create(tmp_path / "study", folder / "images", folder / "labels", classes)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was built, one after the other: images and labels."""
    parts: list[str] = []

    def counting(part: str) -> None:
        original = getattr(store, f"_{part}")

        def counted(*arguments: Any) -> Any:
            parts.append(part)
            return original(*arguments)

        monkeypatch.setattr(store, f"_{part}", counted)

    counting("image")
    counting("labels")
    return parts


@pytest.fixture
def plan(plan_of: Callable[..., Plan]) -> Plan:
    return plan_of(window=None, classes=BOTH)


def test_a_case_holds_scaled_intensities_class_numbers_and_voxels_of_each_class(project: Project, plan: Plan) -> None:
    (case,) = load_cases(project, ["mr_000"], plan)
    assert (case.image.dtype, case.labels.dtype) == (np.float16, np.uint8)
    assert 0 <= case.image.min() < case.image.max() <= 1
    truth = project.labels("mr_000")
    assert truth is not None
    np.testing.assert_array_equal(case.labels, truth.labels)
    for number, voxels in enumerate(case.voxels, 1):
        assert (case.labels[tuple(voxels.T)] == number).all()


def test_a_case_is_built_once(project: Project, plan: Plan, built: list[str]) -> None:
    first, second = (load_cases(project, ["mr_000"], plan)[0] for _ in range(2))
    assert built == ["image", "labels"]
    assert isinstance(second.image, np.memmap)
    np.testing.assert_array_equal(first.image, second.image)


def test_other_settings_changed_labels_and_a_deleted_cache_build_again(
    project: Project, plan: Plan, built: list[str]
) -> None:
    load_cases(project, ["mr_000"], plan)
    load_cases(project, ["mr_000"], plan.model_copy(update={"spacing_zyx_mm": (2.0, 2.0, 2.0)}))
    label = project.case("mr_000").label
    assert label is not None
    os.utime(label, ns=(1, 1))
    load_cases(project, ["mr_000"], plan)
    assert built == ["image", "labels"] * 2 + ["labels"]
    for entry in project.cache_dir.rglob("*.npy"):
        entry.unlink()
    load_cases(project, ["mr_000"], plan)
    assert built == ["image", "labels"] * 2 + ["labels"] + ["image", "labels"]


def test_images_are_shared_by_plans_that_differ_in_their_classes(
    project: Project, plan: Plan, built: list[str]
) -> None:
    load_cases(project, ["mr_000"], plan)
    load_cases(project, ["mr_000"], plan.model_copy(update={"classes": BOTH[:1]}))
    load_cases(project, ["mr_000"], plan.model_copy(update={"task": "restoration", "classes": ()}))
    assert built == ["image", "labels", "labels"]


def test_a_plan_without_classes_needs_no_labels(project: Project, plan_of: Callable[..., Plan]) -> None:
    plan = plan_of(task="restoration", window=None)
    for case in load_cases(project, ["mr_000", "mr_001"], plan):
        assert case.voxels == ()
        assert case.labels.shape == case.image.shape
        assert not case.labels.any()
        assert 0 <= case.image.min() < case.image.max() <= 1


def test_patches_are_cut_from_cases_without_labels(project: Project, plan_of: Callable[..., Plan]) -> None:
    for patch in ((24, 32), (8, 24, 32)):
        plan = plan_of(task="restoration", window=None, patch=patch, batch=16)
        sampler = PatchSampler(load_cases(project, ["mr_001"], plan), plan, PatchConfig(foreground=1.0))
        batch = sampler.draw(Course.constant(sampler.units, patch, 16).at(0, 0, 0, 0), 0, 0)
        assert batch.images.shape == (16, 1, *patch)
        assert len(batch.images.flatten(1).unique(dim=0)) > 8, "drawn at random"
        assert not batch.labels.any()


def test_a_case_without_labels_is_refused(project: Project, plan: Plan) -> None:
    with pytest.raises(UserError, match="mr_001 has no labels"):
        load_cases(project, ["mr_001"], plan)


def test_merged_values_become_one_class_and_unknown_ones_background() -> None:
    classes = (LabelClass("a", (7, 300)), LabelClass("b", (2,)))
    numbers = class_numbers(np.array([0, 2, 7, 300, 9], np.uint16), classes)
    assert numbers.tolist() == [0, 2, 1, 1, 0]
