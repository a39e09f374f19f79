"""Which files become cases of a project, and which labels belong to them."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_progseg import manifest
from napari_progseg.data.persons import person_of
from napari_progseg.errors import UserError
from napari_progseg.project import CaseState, Project, parse_classes
from napari_progseg.volume import LabelMap

from .conftest import AFFINE, CLASSES, SHAPE, labels, write


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("a.nii.gz", "a.nii.gz"),
        ("a_0000.nii.gz", "a.nii.gz"),
        ("a.nii", "a_seg.nii.gz"),
        ("a_0000.nii.gz", "a_label.nii"),
        ("a.b.nii.gz", "a.b_mask.nii.gz"),
    ],
)
def test_images_and_labels_are_matched_by_name(tmp_path: Path, image: str, label: str) -> None:
    write(tmp_path / "images" / image, np.ones(SHAPE, np.int16))
    write(tmp_path / "labels" / label, labels(3))
    project = Project.create(tmp_path / "project", tmp_path / "images", tmp_path / "labels")
    assert project.completed[0].label == tmp_path / "labels" / label
    assert project.classes[0].values == (3,)


def test_labels_below_the_images_are_not_taken_for_images(tmp_path: Path) -> None:
    write(tmp_path / "data" / "a.nii.gz", np.ones(SHAPE, np.int16))
    write(tmp_path / "data" / "labels" / "a.nii.gz", labels(2))
    project = Project.create(tmp_path / "project", tmp_path / "data", tmp_path / "data" / "labels")
    assert [case.label for case in project.cases] == [tmp_path / "data" / "labels" / "a.nii.gz"]


def test_images_and_labels_may_share_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "data" / "a_0000.nii.gz", np.ones(SHAPE, np.int16))
    write(tmp_path / "data" / "a_seg.nii.gz", labels(1))
    project = Project.create(tmp_path / "project", tmp_path / "data", tmp_path / "data")
    assert [case.label for case in project.cases] == [tmp_path / "data" / "a_seg.nii.gz"]


def test_a_project_round_its_images_does_not_take_its_own_labels_for_images(cohort: Path) -> None:
    shutil.rmtree(cohort / "labels")
    project = Project.create(cohort, cohort / "images")
    volume = project.volume("case0")
    project.save_labels("case0", LabelMap(np.ones(volume.image.shape, np.uint8), volume.geometry))
    assert len(project.relocate(cohort)) == 10
    assert project.case("case0").image == cohort / "images" / "case0.nii.gz"


def test_imported_labels_may_not_lie_where_the_project_keeps_its_own(cohort: Path) -> None:
    with pytest.raises(UserError, match="keeps its own labels"):
        Project.create(cohort, cohort / "images", cohort / "labels", CLASSES)
    assert not (cohort / "progseg.json").exists()


@pytest.mark.parametrize("folder", ["images", "labels"])
def test_an_ambiguous_match_is_refused_and_listed(cohort: Path, folder: str) -> None:
    shutil.copy(cohort / folder / "case1.nii.gz", cohort / folder / "case1_0000.nii.gz")
    with pytest.raises(UserError, match=r"case1\.nii\.gz and .*case1_0000\.nii\.gz"):
        Project.create(cohort / "project", cohort / "images", cohort / "labels", CLASSES)
    assert not (cohort / "project").exists()


def test_what_stays_alone_is_noted(cohort: Path) -> None:
    (cohort / "images" / "case0.nii.gz").unlink()
    (cohort / "labels" / "case1.nii.gz").unlink()
    project = Project.create(cohort / "project", cohort / "images", cohort / "labels", CLASSES)
    assert len(project.cases) == 9
    assert project.case("case1").state is CaseState.NOT_STARTED
    assert any("case0" in problem for problem in project.problems)
    assert any("case1" in problem for problem in project.problems)


def test_images_without_a_label_file_are_noted_until_one_of_them_is_labelled(cohort: Path) -> None:
    for case in ("case1", "case2"):
        (cohort / "labels" / f"{case}.nii.gz").unlink()
    project = Project.create(cohort / "project", cohort / "images", cohort / "labels", CLASSES)
    noted = ("images without a label file: case1, case2; these cases are not started",)
    project.save_labels("case0", project.labels("case0"))
    project.set_state("case1", CaseState.FLAGGED, note="blurred")
    assert project.problems == (*noted, "case1: blurred")
    project.save_labels("case2", project.labels("case0"))
    assert project.problems == Project.open(project.root).problems == ("case1: blurred",)


def test_labels_that_match_no_image_are_refused(cohort: Path) -> None:
    for path in (cohort / "labels").iterdir():
        path.rename(path.with_name("other" + path.name))
    with pytest.raises(UserError, match="has the name of an image"):
        Project.create(cohort / "project", cohort / "images", cohort / "labels")


def test_an_empty_label_file_counts_as_completed_and_is_noted(cohort: Path) -> None:
    write(cohort / "labels" / "case4.nii.gz", labels())
    project = Project.create(cohort / "project", cohort / "images", cohort / "labels", CLASSES)
    assert len(project.completed) == 10
    assert any("case4" in problem and "empty" in problem for problem in project.problems)


def test_labels_that_are_empty_everywhere_are_refused(cohort: Path) -> None:
    for path in (cohort / "labels").iterdir():
        write(path, labels())
    with pytest.raises(UserError, match=r"all 10 label files .* empty"):
        Project.create(cohort / "project", cohort / "images", cohort / "labels", CLASSES)
    assert not (cohort / "project").exists()


def test_faulty_labels_flag_their_case_with_the_reason(cohort: Path) -> None:
    write(cohort / "labels" / "case1.nii.gz", labels(1, 7))
    write(cohort / "labels" / "case2.nii.gz", labels(1), np.diag([1.0, 2.0, 3.1, 1.0]))
    write(cohort / "labels" / "case3.nii.gz", np.ones((3, 3, 3), np.uint8))
    (cohort / "labels" / "case4.nii.gz").write_bytes((cohort / "labels" / "case4.nii.gz").read_bytes()[:40])
    project = Project.create(cohort / "project", cohort / "images", cohort / "labels", CLASSES)
    notes = {case.id: case.note or "" for case in project.cases if case.state is CaseState.FLAGGED}
    assert notes.keys() == {"case1", "case2", "case3", "case4"}
    assert "values 7" in notes["case1"]
    assert "voxels apart" in notes["case2"]
    assert "differ" in notes["case3"]
    assert len(project.completed) == 6
    assert len(project.problems) == 4
    with pytest.raises(UserError, match="case1 is flagged"):
        project.draw(["case1"], None, 0)
    with pytest.raises(UserError, match=r"case1: .* values 7, which belong to no class \(hippocampus=1\+2\)"):
        project.labels("case1")
    with pytest.raises(UserError, match="image and labels do not fit"):
        project.labels("case2")


def test_a_grid_within_a_thousandth_of_a_voxel_is_accepted(cohort: Path) -> None:
    write(cohort / "labels" / "case2.nii.gz", labels(1), AFFINE + np.diag([0, 0, 1e-4, 0]))
    project = Project.create(cohort / "project", cohort / "images", cohort / "labels", CLASSES)
    assert project.labels("case2") is not None
    assert len(project.completed) == 10


def test_labels_in_another_axis_order_of_the_same_grid_fit(cohort: Path) -> None:
    flipped = nibabel.load(cohort / "labels" / "case2.nii.gz").as_reoriented(np.array([[1, -1], [0, 1], [2, -1]]))
    nibabel.save(flipped, cohort / "labels" / "case2.nii.gz")
    project = Project.create(cohort / "project", cohort / "images", cohort / "labels", CLASSES)
    straight, turned = project.labels("case1"), project.labels("case2")
    assert straight is not None
    assert turned is not None
    np.testing.assert_array_equal(straight.labels, turned.labels)


def test_without_classes_every_value_becomes_one(cohort: Path) -> None:
    write(cohort / "labels" / "case1.nii.gz", labels(9))
    project = Project.create(cohort / "project", cohort / "images", cohort / "labels")
    assert [(each.name, each.values) for each in project.classes] == [
        ("label 1", (1,)),
        ("label 2", (2,)),
        ("label 9", (9,)),
    ]


def test_more_scans_can_be_added(cohort: Path, project: Project) -> None:
    before = project.split
    write(cohort / "images" / "new.nii.gz", np.ones(SHAPE, np.int16))
    write(cohort / "labels" / "new.nii.gz", labels(2))
    assert project.add_cases(cohort / "images", cohort / "labels") == ("new",)
    assert project.add_cases(cohort / "images") == ()
    assert project.split.train == (*before.train, "new")
    write(cohort / "others" / "case1.nii.gz", np.ones(SHAPE, np.int16))
    with pytest.raises(UserError, match="has the name of case case1"):
        project.add_cases(cohort / "others")


def test_names_that_are_no_file_names_become_harmless_ids(tmp_path: Path) -> None:
    write(tmp_path / "images" / "a,b;c:d.nii.gz", np.ones(SHAPE, np.int16))
    write(tmp_path / "labels" / "a,b;c:d_seg.nii.gz", labels(1))
    project = Project.create(tmp_path / "project", tmp_path / "images", tmp_path / "labels")
    assert [case.id for case in project.completed] == ["a_b_c_d"]


def test_a_real_cohort_becomes_a_project(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "msd_hippocampus"
    project = Project.create(tmp_path / "p", source / "images", source / "labels", parse_classes("hippocampus=1+2"))
    assert len(project.completed) == 160
    split = project.split
    # a fifth and a tenth, and the other side of one head
    assert (len(split.train), len(split.validation), len(split.test)) == (111, 16, 33)
    persons = [{person_of(case) for case in part} for part in (split.train, split.validation, split.test)]
    assert len(set.union(*persons)) == sum(map(len, persons)) == 126
    assert len(project.test_cases(20)) == 20


def test_a_dicom_cohort_is_named_by_hashes(shared_data: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    for name in ("STS_002_CT", "STS_002_MR_T1"):
        shutil.copytree(shared_data / "dicom_rtstruct" / name / "image", images / "Doe^Jane" / name)
    shutil.copy(shared_data / "dicom_rtstruct" / "STS_002_CT" / "RS.dcm", images / "Doe^Jane" / "RS.dcm")
    project = Project.create(tmp_path / "project", images)
    assert all(case.id.startswith("dcm-") for case in project.cases)
    assert sorted(str(case.modality) for case in project.cases) == ["ct", "mr"]
    assert manifest.safe_id(project.cases[0].id) == project.cases[0].id
    volume = project.volume(project.cases[0].id)
    project.save_labels(project.cases[0].id, LabelMap(np.ones(volume.image.shape, np.uint8), volume.geometry))
    assert project.labels(project.cases[0].id) is not None
