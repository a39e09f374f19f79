"""Every case of a project that is not completed, predicted once; the network marks what is bright."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.inference import whole_project
from napari_progseg.inference.model import TrainedModel
from napari_progseg.inference.whole_project import Outcome, Place, predict_project
from napari_progseg.predictions import Predictions
from napari_progseg.project import CaseState, Project
from napari_progseg.storage.atomic import CannotWriteError
from napari_progseg.volume import LabelClass

SHAPE = (10, 12, 6)
AFFINE = np.diag([-1.0, 1.0, 1.0, 1.0])
SURE, UNSURE, EMPTY = 100.0, 56.0, 0.0
INTENSITIES = {"a": SURE, "b": UNSURE, "c": EMPTY, "done": SURE}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Cases a (clear), b (hardly above the threshold), c (nothing there), and one that is completed."""
    for name, bright in INTENSITIES.items():
        array = np.zeros(SHAPE, np.float32)
        array[2:5, 3:7, 1:4] = bright
        for folder, values in (("images", array), ("labels", (array > 0).astype(np.uint8))):
            if folder == "images" or name == "done":
                (tmp_path / folder).mkdir(exist_ok=True)
                nibabel.save(nibabel.Nifti1Image(values, AFFINE), tmp_path / folder / f"{name}.nii.gz")
    return Project.create(tmp_path / "study", tmp_path / "images", tmp_path / "labels", {"bone": (1,)})


@pytest.fixture
def model(model_of: Callable[..., TrainedModel]) -> TrainedModel:
    return dataclasses.replace(model_of(), name="0003-first", step=40, dice=0.75, sha256="ab" * 32)


def read_through(outcomes: Iterator[Outcome]) -> dict[str, Outcome]:
    return {each.case: each for each in outcomes}


def test_every_case_that_is_not_completed_is_predicted_on_its_own_grid(project: Project, model: TrainedModel) -> None:
    done = read_through(predict_project(model, project))
    assert list(done) == ["a", "b", "c"]
    mask = nibabel.load(Predictions(project).mask("a"))
    assert mask.shape == SHAPE
    np.testing.assert_allclose(mask.affine, AFFINE, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(mask.dataobj), nibabel.load(project.case("a").image).get_fdata() > 50)
    record = Predictions(project).get("a")
    assert record is not None
    assert (record.run, record.step, record.model_sha256, record.dice) == ("0003-first", 40, "ab" * 32, 0.75)


def test_the_least_sure_come_first_and_before_all_where_nothing_was_found(
    project: Project, model: TrainedModel
) -> None:
    read_through(predict_project(model, project))
    order = Predictions(project).to_review()
    assert [each.case for each in order] == ["c", "b", "a"]
    assert order[0].unsure is None
    assert 0.2 < (order[1].unsure or 0) <= 1
    assert (order[2].unsure or 0) < 0.01
    project.save_labels("b", Predictions(project).read("b", project.volume("b").geometry))  # type: ignore[arg-type]
    project.set_state("b", CaseState.COMPLETED)
    assert [each.case for each in Predictions(project).to_review()] == ["c", "a"]


def test_what_the_same_weights_predicted_is_kept_and_other_weights_predict_anew(
    project: Project, model: TrainedModel
) -> None:
    read_through(predict_project(model, project))
    before = Predictions(project).mask("a").stat().st_mtime_ns
    again = read_through(predict_project(model, project))
    assert all(each.kept for each in again.values())
    assert Predictions(project).mask("a").stat().st_mtime_ns == before
    better = dataclasses.replace(model, sha256="cd" * 32)
    assert not any(each.kept for each in predict_project(better, project))
    record = Predictions(project).get("a")
    assert record is not None
    assert record.model_sha256 == "cd" * 32


def test_it_goes_on_after_an_interruption(project: Project, model: TrainedModel) -> None:
    stop = []
    done = []
    for outcome in predict_project(model, project, cancelled=lambda: bool(stop)):
        done.append(outcome.case)
        stop.append(True)
    assert done == ["a"]
    rest = read_through(predict_project(model, project))
    assert [case for case, outcome in rest.items() if not outcome.kept] == ["b", "c"]


def test_a_case_that_is_cancelled_halfway_leaves_nothing(project: Project, model: TrainedModel) -> None:
    places: list[Place] = []
    assert not list(predict_project(model, project, progress=places.append, cancelled=lambda: len(places) > 1))
    assert not Predictions(project).folder.exists()


def test_a_file_that_cannot_be_read_is_reported_and_the_others_go_on(project: Project, model: TrainedModel) -> None:
    image = project.case("a").image
    image.write_bytes(image.read_bytes()[:100])
    done = read_through(predict_project(model, project))
    assert "a.nii.gz" in (done["a"].fault or "")
    assert [case for case, outcome in done.items() if outcome.fault is None] == ["b", "c"]


def test_a_full_disk_ends_it_with_one_sentence(
    project: Project, model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: object, *args: object) -> None:
        raise CannotWriteError("Disk full")

    monkeypatch.setattr(whole_project.Predictions, "save", refuse)
    with pytest.raises(CannotWriteError):
        read_through(predict_project(model, project))


def test_the_place_says_how_much_of_all_is_done(project: Project, model: TrainedModel) -> None:
    places: list[Place] = []
    read_through(predict_project(model, project, progress=places.append))
    assert [(place.case, place.number, place.of) for place in places if place.fraction == 0] == [
        ("a", 1, 3),
        ("b", 2, 3),
        ("c", 3, 3),
    ]
    assert [place.overall for place in places] == sorted(place.overall for place in places)
    assert places[-1].overall == pytest.approx(1)


def test_a_model_of_other_classes_is_refused_before_anything_is_written(
    project: Project, model_of: Callable[..., TrainedModel]
) -> None:
    with pytest.raises(UserError, match="nothing was predicted"):
        list(predict_project(model_of(classes=(LabelClass("liver", (1,)),)), project))
    assert not Predictions(project).folder.exists()
