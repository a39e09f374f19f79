"""What leaves a project lies on the images' own grids, and nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.inference.export import export_project
from napari_progseg.inference.model import load_trained
from napari_progseg.networks import build_network
from napari_progseg.predictions import Prediction, Predictions
from napari_progseg.project import CaseState, Project
from napari_progseg.storage.atomic import write_json
from napari_progseg.storage.checkpoint import save_checkpoint
from napari_progseg.training.config import preset_config
from napari_progseg.volume import LabelMap

AFFINE = np.array([[0, -1.5, 0, 3], [1.0, 0, 0, -4], [0, 0, 2.5, 5], [0, 0, 0, 1]])


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Case a is labelled with 1 and 4, which both mean bone; b is not; c's labels are torn."""
    for name in ("a", "b", "c"):
        labels = np.zeros((4, 5, 6), np.uint8)
        labels[1, 1, 1], labels[2, 2, 2] = 1, 4
        for folder, array in (("images", labels * 10), ("labels", labels)):
            (tmp_path / folder).mkdir(exist_ok=True)
            if folder == "images" or name != "b":
                nibabel.save(nibabel.Nifti1Image(array, AFFINE), tmp_path / folder / f"{name}.nii.gz")
    made = Project.create(tmp_path / "study", tmp_path / "images", tmp_path / "labels", {"bone": (1, 4)})
    torn = tmp_path / "labels" / "c.nii.gz"
    torn.write_bytes(torn.read_bytes()[:40])
    return made


def document(out: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((out / "labels.json").read_text(encoding="utf-8"))
    return found


def test_labels_lie_on_the_original_grid_with_one_value_a_class(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "out"
    list(export_project(project, out, cases=["a"]))
    written = nibabel.load(out / "labels" / "a.nii.gz")
    np.testing.assert_allclose(written.affine, AFFINE, atol=1e-6)
    values = np.asarray(written.dataobj)
    assert (values[1, 1, 1], values[2, 2, 2], np.count_nonzero(values)) == (1, 1, 2)
    found = document(out)
    assert found["classes"] == [{"name": "bone", "value": 1}]
    assert found["cases"] == {"a": {"state": str(CaseState.COMPLETED), "labels": "labels/a.nii.gz"}}


def test_a_case_that_cannot_be_read_is_named_and_the_others_are_written(project: Project, tmp_path: Path) -> None:
    done = {each.name: each for each in export_project(project, tmp_path / "out")}
    assert set(done) == {"a", "c"}
    assert done["a"].fault is None
    assert "c.nii.gz" in (done["c"].fault or "")


@pytest.mark.parametrize("there", ["labels.json", "notes.txt"])
def test_a_folder_that_holds_anything_is_refused_untouched(project: Project, tmp_path: Path, there: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / there).write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="nothing was written"):
        list(export_project(project, out))
    assert [(path.name, path.read_text(encoding="utf-8")) for path in out.iterdir()] == [(there, "mine")]


def test_predictions_are_written_when_asked_for(project: Project, tmp_path: Path) -> None:
    geometry: Geometry = project.volume("b").geometry
    record = Prediction(case="b", run="0001-first", step=3, model_sha256="ab", unsure=0.25)
    Predictions(project).save(LabelMap(np.ones(geometry.shape_zyx, np.uint8), geometry), record)
    assert list(export_project(project, tmp_path / "without", cases=["b"])) == []
    list(export_project(project, tmp_path / "with", cases=["b"], predictions=True))
    np.testing.assert_allclose(nibabel.load(tmp_path / "with" / "predictions" / "b.nii.gz").affine, AFFINE, atol=1e-6)
    entry = document(tmp_path / "with")["cases"]["b"]  # type: ignore[index]
    assert entry["predicted_by"]["run"] == "0001-first"
    assert entry["state"] == "not started"


def test_an_exported_model_is_the_runs_best_and_can_be_loaded(project: Project, tmp_path: Path, plan_of) -> None:
    run = project.runs_dir / "0001-first"
    plan = plan_of()
    config = preset_config("tiny", "segmentation", budget={"steps": 1})
    network = build_network(plan, seed=1)
    state = {"step": 9, "dice": 0.5, "plan": plan.model_dump(mode="json"), "config": config.model_dump(mode="json")}
    groups = {"average": network.state_dict(), "optimizer": {"x": torch.zeros(3)}}
    save_checkpoint(run / "checkpoints" / "step-000009", groups, state)
    write_json(run / "config.json", config.model_dump(mode="json"))
    out = tmp_path / "out"
    *_, last = export_project(project, out, cases=["a"], run=run)
    assert last.files == (out / "models" / "0001-first",)
    loaded, own = load_trained(last.files[0], "cpu"), load_trained(run, "cpu")
    assert (loaded.name, loaded.step, loaded.sha256) == ("0001-first", 9, own.sha256)
    assert not list(out.rglob("optimizer*"))


def test_a_run_without_a_model_is_refused_before_anything_is_written(project: Project, tmp_path: Path) -> None:
    run = project.runs_dir / "0001-first"
    run.mkdir(parents=True)
    with pytest.raises(UserError, match="no checkpoint"):
        list(export_project(project, tmp_path / "out", run=run))
    assert not (tmp_path / "out").exists()
