"""The structures of a project, learned from its completed patients."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_progseg.project import CaseState, Project
from napari_progseg.training.learned_files import folder_of
from napari_progseg.training.learned_project import known_structures, learn_completed, trusted_models

from .accepting import QUICK, SHAPE, SPACING, ball_at, compare_nothing, learn_in_small_windows, small_starter

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    learn_in_small_windows(monkeypatch)
    compare_nothing(monkeypatch)


class StoppedError(Exception):
    pass


def rest() -> None:
    pass


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three patients with a ball, value 3; only the second one has a bone, value 5."""
    for number in range(3):
        mask = ball_at(17 + number)
        labels = (3 * mask).astype(np.uint8)
        if number == 1:
            labels[:3, :8, :8] = 5
        image = (100 * mask).astype(np.int16)
        for part, array in (("images", image), ("labels", labels)):
            (tmp_path / part).mkdir(exist_ok=True)
            stored = nibabel.Nifti1Image(array.transpose(2, 1, 0), np.diag([*SPACING[::-1], 1.0]))
            nibabel.save(stored, tmp_path / part / f"p{number}.nii.gz")
    assert image.shape == SHAPE
    return Project.create(tmp_path / "P", tmp_path / "images", tmp_path / "labels", {"ball": (3,), "bone": (5,)})


def test_each_structure_is_learned_from_the_patients_that_hold_it(project: Project) -> None:
    steps = list(learn_completed(project, small_starter(), {}, rest, QUICK))
    assert [{value: len(each.patients) for value, each in known.items()} for known in steps] == [
        {3: 1},
        {3: 2},
        {3: 2, 5: 1},
        {3: 3, 5: 1},
    ]


def test_it_lies_in_the_project_and_only_new_patients_are_learned_later(project: Project) -> None:
    starter = small_starter()
    project.set_state("p2", CaseState.IN_PROGRESS)
    *_, known = learn_completed(project, starter, known_structures(project, starter), rest, QUICK)
    found = known_structures(project, starter)
    assert {v: [p.patient for p in e.patients] for v, e in found.items()} == {3: ["p0", "p1"], 5: ["p1"]}
    assert {v: e.comparisons for v, e in found.items()} == {v: e.comparisons for v, e in known.items()}
    project.set_state("p2", CaseState.COMPLETED)
    (newest,) = learn_completed(project, starter, found, rest, QUICK)
    assert [patient.patient for patient in newest[3].patients] == ["p0", "p1", "p2"]


def test_all_of_a_structure_is_forgotten_with_a_patient_who_is_completed_no_more(project: Project) -> None:
    starter = small_starter()
    list(learn_completed(project, starter, {}, rest, QUICK))
    project.set_state("p0", CaseState.IN_PROGRESS)
    assert set(known_structures(project, starter)) == {5}


def test_a_pause_may_end_the_work_and_what_was_learned_stays(project: Project) -> None:
    starter, rests = small_starter(), []

    def pause() -> None:
        rests.append(None)
        if len(rests) > 4:
            raise StoppedError

    with pytest.raises(StoppedError):
        list(learn_completed(project, starter, {}, pause, QUICK))
    assert [patient.patient for patient in known_structures(project, starter)[3].patients] == ["p0"]
    assert not folder_of(project.root, 5).exists()


def test_only_what_is_trusted_answers(project: Project) -> None:
    starter = small_starter()
    *_, known = learn_completed(project, starter, {}, rest, QUICK)
    assert set(trusted_models(known, starter)) == {value for value, each in known.items() if each.trusted}
