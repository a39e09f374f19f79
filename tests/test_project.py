from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from napari_progseg import manifest
from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.project import CaseState, Project, parse_classes
from napari_progseg.volume import LabelMap

SHAPE = (6, 5, 4)
AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])
CLASSES = {"hippocampus": (1, 2)}


def write(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return path


def labels(*values: int) -> np.ndarray:
    array = np.zeros(SHAPE, np.uint8)
    array.ravel()[: len(values)] = values
    return array


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Ten labelled cases; ``images/caseN.nii.gz`` and ``labels/caseN.nii.gz``."""
    rng = np.random.default_rng(0)
    for i in range(10):
        write(tmp_path / "images" / f"case{i}.nii.gz", rng.normal(size=SHAPE).astype(np.float32))
        write(tmp_path / "labels" / f"case{i}.nii.gz", labels(1, 2, 2))
    return tmp_path


@pytest.fixture
def project(cohort: Path) -> Project:
    return Project.create(cohort / "project", cohort / "images", cohort / "labels", CLASSES)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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


def test_a_torn_manifest_opens_from_its_backup_and_the_next_change_repairs_it(project: Project) -> None:
    file = project.root / "progseg.json"
    file.write_bytes(file.read_bytes()[:100])
    opened = Project.open(project.root)
    assert opened.cases == project.cases
    assert any("progseg.json.bak" in problem for problem in opened.problems)
    opened.set_state("case0", CaseState.FLAGGED, "look")
    assert Project.open(project.root).case("case0").note == "look"
    assert len((project.root / "progseg.json.damaged").read_bytes()) == 100
    (project.root / "progseg.json.bak").unlink()
    file.write_bytes(b"{}")
    with pytest.raises(UserError, match="was not opened"):
        Project.open(project.root)


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
    with pytest.raises(UserError, match="point the project to the folder"):
        opened.volume("case0")
    with pytest.raises(UserError, match="no image of this project"):
        opened.relocate(write(cohort / "far" / "x.nii.gz", labels(1)).parent)
    assert len(opened.relocate(cohort / "moved")) == 10
    assert opened.problems == ()
    assert Project.open(project.root).volume("case0").image.shape == SHAPE[::-1]
    assert opened.case("case0").label == cohort / "labels" / "case0.nii.gz"


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


def test_names_that_are_no_file_names_become_harmless_ids(tmp_path: Path) -> None:
    write(tmp_path / "images" / "a,b;c:d.nii.gz", np.ones(SHAPE, np.int16))
    write(tmp_path / "labels" / "a,b;c:d_seg.nii.gz", labels(1))
    project = Project.create(tmp_path / "project", tmp_path / "images", tmp_path / "labels")
    assert [case.id for case in project.completed] == ["a_b_c_d"]


def test_two_processes_lose_no_change(project: Project) -> None:
    other = Project.open(project.root)

    def flag(opened: Project, cases: range) -> None:
        for i in cases:
            opened.set_state(f"case{i}", CaseState.FLAGGED, f"note {i}")

    threads = [
        threading.Thread(target=flag, args=(project, range(5))),
        threading.Thread(target=flag, args=(other, range(5, 10))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    project.reload()
    assert [case.note for case in project.cases] == [f"note {i}" for i in range(10)]


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_a_full_disk_while_saving_labels_loses_nothing(
    project: Project, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    geometry = project.volume("case0").geometry
    project.save_labels("case0", LabelMap(np.ones(geometry.shape_zyx, np.uint8), geometry))

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        if call == "write":
            # labels are written by nibabel, not through os.write
            with pytest.raises(UserError, match="Disk full"):
                project.set_state("case0", CaseState.IN_PROGRESS)
        else:
            with pytest.raises(UserError, match="Disk full"):
                project.save_labels("case0", LabelMap(np.zeros(geometry.shape_zyx, np.uint8), geometry))
    opened = Project.open(project.root)
    assert opened.case("case0").state is CaseState.COMPLETED
    read = opened.labels("case0")
    assert read is not None
    assert read.labels.all()


def test_a_kill_while_a_state_is_written_leaves_the_old_or_the_new_one(project: Project) -> None:
    script = """
import os, sys
from pathlib import Path
from napari_progseg.project import CaseState, Project
project, left = Project.open(Path(sys.argv[1])), [0]
def killing(real):
    def call(*args, **kwargs):
        left[0] -= 1
        if left[0] == 0:
            os._exit(137)
        return real(*args, **kwargs)
    return call
for name in ("open", "write", "fsync", "replace"):
    setattr(os, name, killing(getattr(os, name)))
for n in range(1, 40):
    left[0] = n
    child = os.fork()
    if child == 0:
        project.set_state("case0", CaseState.FLAGGED, "new")
        os._exit(0)
    left[0] = 0
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    case = Project.open(Path(sys.argv[1])).case("case0")
    assert case.note in (None, "new"), case
    if code == 0:
        print(n)
        break
    assert code == 137, code
"""
    if not hasattr(os, "fork"):
        pytest.skip("kills forked children; this system has no fork")
    done = subprocess.run([sys.executable, "-c", script, str(project.root)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 8
    opened = Project.open(project.root)
    assert opened.case("case0").note == "new"
    assert opened.problems == ("case0: new",)


def test_labels_written_just_before_a_crash_are_found(cohort: Path) -> None:
    project = Project.create(cohort / "project", cohort / "images")
    shutil.copytree(cohort / "labels", project.root / "labels")
    opened = Project.open(project.root)
    assert opened.case("case0").state is CaseState.IN_PROGRESS
    assert opened.case("case0").label == project.root / "labels" / "case0.nii.gz"


def test_a_real_cohort_becomes_a_project_in_seconds(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "msd_hippocampus"
    start = time.perf_counter()
    project = Project.create(tmp_path / "p", source / "images", source / "labels", parse_classes("hippocampus=1+2"))
    assert time.perf_counter() - start < 20
    assert len(project.completed) == 160
    assert (len(project.split.train), len(project.split.validation), len(project.split.test)) == (112, 16, 32)
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
