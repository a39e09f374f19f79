"""The folder of a project: labels, states, splits, runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.project import CaseState, Project
from napari_progseg.volume import LabelMap

from .conftest import AFFINE, CLASSES, SHAPE, contents, labels, write


def test_imported_labels_are_completed_and_referenced_by_relative_paths(cohort: Path, project: Project) -> None:
    assert len(project.completed) == len(project.cases) == 10
    assert project.problems == ()
    assert project.case("case3").label == cohort / "labels" / "case3.nii.gz"
    document = json.loads((project.root / "progseg.json").read_text(encoding="utf-8"))
    assert document["cases"][3]["image"] == "../images/case3.nii.gz"
    assert {entry.name for entry in project.root.iterdir()} <= {"progseg.json", "progseg.json.bak", ".progseg.lock"}


def test_an_opened_project_equals_the_created_one(project: Project) -> None:
    opened = Project.open(project.root)
    assert (opened.cases, opened.classes, opened.split) == (project.cases, project.classes, project.split)


def test_project_and_data_moved_together_still_fit(cohort: Path, project: Project, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("images", "labels", "project"):
        shutil.move(cohort / name, moved / name)
    opened = Project.open(moved / "project")
    assert opened.volume("case0").image.shape == SHAPE[::-1]
    assert opened.labels("case0") is not None


def test_nothing_outside_the_project_is_ever_changed(cohort: Path, project: Project) -> None:
    before = contents(cohort / "images") | contents(cohort / "labels")
    label_map = project.labels("case0")
    assert label_map is not None
    project.save_labels("case0", label_map)
    project.set_state("case0", CaseState.FLAGGED, "look again")
    project.set_modality("mr")
    assert contents(cohort / "images") | contents(cohort / "labels") == before


def test_labels_are_merged_when_read_and_lie_on_the_canonical_grid(project: Project) -> None:
    label_map = project.labels("case0")
    volume = project.volume("case0")
    assert label_map is not None
    assert label_map.labels.shape == volume.image.shape == SHAPE[::-1]
    assert label_map.labels.dtype == np.uint8
    assert np.unique(label_map.labels).tolist() == [0, 1]
    assert (label_map.labels == 1).sum() == 3
    assert label_map.names == {1: "hippocampus"}


def test_edited_labels_are_copied_into_the_project(cohort: Path, project: Project) -> None:
    label_map = project.labels("case0")
    assert label_map is not None
    edited = np.zeros_like(label_map.labels)
    edited[1, 2, 3] = 1
    project.save_labels("case0", LabelMap(edited, label_map.geometry))
    assert project.case("case0").label == project.root / "labels" / "case0.nii.gz"
    for opened in (project, Project.open(project.root)):
        read = opened.labels("case0")
        assert read is not None
        np.testing.assert_array_equal(read.labels, edited)
    on_file = nibabel.load(project.root / "labels" / "case0.nii.gz")
    np.testing.assert_allclose(on_file.affine, AFFINE)
    assert on_file.shape == SHAPE
    assert np.asarray(on_file.dataobj).sum() == 1


def test_first_labels_put_a_case_in_progress_and_completing_needs_labels(cohort: Path) -> None:
    project = Project.create(cohort / "project", cohort / "images")
    assert [each.name for each in project.classes] == ["structure"]
    assert project.case("case0").state is CaseState.NOT_STARTED
    assert project.labels("case0") is None
    with pytest.raises(UserError, match="no labels"):
        project.set_state("case0", CaseState.COMPLETED)
    volume = project.volume("case0")
    project.save_labels("case0", LabelMap(np.ones(volume.image.shape, np.uint8), volume.geometry))
    assert Project.open(project.root).case("case0").state is CaseState.IN_PROGRESS
    project.set_state("case0", CaseState.COMPLETED)
    assert Project.open(project.root).split.train == ("case0",)


def test_saving_refuses_another_grid_and_values_of_no_class(project: Project) -> None:
    geometry = project.volume("case0").geometry
    wrong_grid = Geometry(geometry.shape_ijk, geometry.affine_lps + np.eye(4) * [0.5, 0, 0, 0])
    with pytest.raises(UserError, match="do not fit"):
        project.save_labels("case0", LabelMap(np.zeros(geometry.shape_zyx, np.uint8), wrong_grid))
    with pytest.raises(UserError, match="values 3"):
        project.save_labels("case0", LabelMap(np.full(geometry.shape_zyx, 3, np.uint8), geometry))
    assert not (project.root / "labels").exists()


def test_an_existing_project_is_never_overwritten(cohort: Path, project: Project) -> None:
    before = contents(project.root)
    with pytest.raises(UserError, match="is a project already"):
        Project.create(project.root, cohort / "images", cohort / "labels", CLASSES)
    (project.root / "progseg.json").unlink()
    with pytest.raises(UserError, match="is a project already"):
        Project.create(project.root, cohort / "images", cohort / "labels", CLASSES)
    assert (project.root / "progseg.json.bak").read_bytes() == before[str(project.root / "progseg.json.bak")]


def test_the_split_is_stored_and_later_cases_train(cohort: Path) -> None:
    extra = [(cohort / "labels" / f"case{i}.nii.gz") for i in (8, 9)]
    for path in extra:
        path.rename(path.with_suffix(".hidden"))
    project = Project.create(cohort / "project", cohort / "images", cohort / "labels", CLASSES)
    before = project.split
    assert (len(before.train), len(before.validation), len(before.test)) == (5, 1, 2)
    volume = project.volume("case8")
    project.save_labels("case8", LabelMap(np.ones(volume.image.shape, np.uint8), volume.geometry))
    project.set_state("case8", CaseState.COMPLETED)
    assert project.split.train == (*before.train, "case8")
    assert (project.split.validation, project.split.test) == (before.validation, before.test)
    assert Project.open(project.root).split == project.split


def test_a_test_case_that_is_taken_back_returns_as_a_test_case(project: Project) -> None:
    case = project.split.test[0]
    project.set_state(case, CaseState.IN_PROGRESS)
    assert case not in project.split.ids
    project.set_state(case, CaseState.COMPLETED)
    assert case in project.split.test


def test_cases_are_drawn_and_tested(project: Project) -> None:
    train, validation = project.draw(3, None, 1)
    assert train == project.draw(5, None, 1)[0][:3]
    assert validation == project.split.validation
    assert set(project.test_cases("test")) == set(project.split.test)
    assert len(project.test_cases(1)) == 1
    assert project.test_cases(["case0", "case0"]) == ("case0",)
    with pytest.raises(UserError, match="there are 2"):
        project.test_cases(3)
    with pytest.raises(UserError, match="8 training cases were asked for and there are 7"):
        project.draw(8, None, 0)
    with pytest.raises(UserError, match="no case 'nobody'"):
        project.draw(["nobody"], None, 0)
    with pytest.raises(UserError, match="no case was named"):
        project.test_cases([])


def test_scans_are_all_cases_but_the_test_cases_labelled_or_not(cohort: Path) -> None:
    for number in (7, 8, 9):
        (cohort / "labels" / f"case{number}.nii.gz").unlink()
    project = Project.create(cohort / "project", cohort / "images", cohort / "labels", CLASSES)
    everything = {case.id for case in project.cases}
    test = project.split.test
    assert test
    assert set(project.scans()) == everything - set(test)
    assert project.scans(3, 1) == project.scans(5, 1)[:3]
    assert project.scans(3, 1) != project.scans(3, 2)
    assert project.scans(["case9", "case9", test[0]]) == ("case9", test[0])
    project.set_state(test[0], CaseState.IN_PROGRESS)
    assert test[0] not in project.scans(), "it comes back as a test case"


@pytest.mark.parametrize(
    ("choice", "reason"), [(99, "99 cases were asked for and there are 8"), (["x"], "no case 'x'")]
)
def test_scans_that_are_not_there_are_refused(project: Project, choice: Any, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        project.scans(choice)


def test_a_project_without_labels_has_scans(cohort: Path) -> None:
    assert len(Project.create(cohort / "project", cohort / "images").scans()) == 10


def test_without_a_completed_case_training_says_what_to_do(cohort: Path) -> None:
    project = Project.create(cohort / "project", cohort / "images")
    with pytest.raises(UserError, match=r"none of 10 cases is completed.*mark it completed"):
        project.draw(2, None, 0)
    with pytest.raises(UserError, match="none of 10 cases is completed"):
        project.test_cases("test")


def test_moved_images_are_missed_and_can_be_pointed_to_again(cohort: Path, project: Project) -> None:
    (cohort / "images").rename(cohort / "moved")
    opened = Project.open(project.root)
    assert "not where they were" in opened.problems[-1]
    with pytest.raises(UserError, match="progseg relocate"):
        opened.volume("case0")
    with pytest.raises(UserError, match="no image of this project"):
        opened.relocate(write(cohort / "far" / "x.nii.gz", labels(1)).parent)
    assert len(opened.relocate(cohort / "moved")) == 10
    assert opened.problems == ()
    assert Project.open(project.root).volume("case0").image.shape == SHAPE[::-1]
    assert opened.case("case0").label == cohort / "labels" / "case0.nii.gz"


def test_modality_set_by_the_user_wins(project: Project) -> None:
    project.set_modality("ct", ["case0"])
    opened = Project.open(project.root)
    assert opened.volume("case0").modality == "ct"
    assert opened.volume("case1").modality is None


def test_runs_are_listed_by_number(project: Project) -> None:
    assert project.runs() == []
    for name in ("0002-b", "0001-a", "10000-z", "notes", ".tmp-1-1-x"):
        (project.runs_dir / name).mkdir(parents=True)
    assert [run.name for run in project.runs()] == ["0001-a", "0002-b", "10000-z"]
