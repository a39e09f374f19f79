"""The command line: what it prints, how it ends."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner, Result

import napari_progseg
from napari_progseg.cli import app
from napari_progseg.errors import UserError
from napari_progseg.project import Project

PATIENTS = 6


def progseg(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def write_patient(folder: Path, name: str, rng: np.random.Generator) -> None:
    """Write a bright ball in noise, (12, 16, 16) voxels along the file's axes, with its label 3."""
    centre = rng.uniform(5, 8, size=3)
    grid = np.stack(np.meshgrid(*map(np.arange, (12, 16, 16)), indexing="ij"), axis=-1)
    ball = np.linalg.norm(grid - centre, axis=-1) < 4
    image = (100 * ball + rng.normal(200, 10, ball.shape)).astype(np.int16)
    for part, array in (("images", image), ("labels", 3 * ball.astype(np.uint8))):
        (folder / part).mkdir(exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(array, np.diag([1.0, 1.0, 1.5, 1.0])), folder / part / f"{name}.nii.gz")


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with ``images`` and ``labels`` of six tiny patients; read only."""
    folder = tmp_path_factory.mktemp("cohort")
    rng = np.random.default_rng(3)
    for number in range(PATIENTS):
        write_patient(folder, f"p{number}", rng)
    return folder


@pytest.fixture
def project(cohort: Path, tmp_path: Path) -> Path:
    """Make a fresh project of the cohort."""
    made = progseg("init", tmp_path / "study", "--images", cohort / "images", "--labels", cohort / "labels")
    assert made.exit_code == 0, made.output
    return tmp_path / "study"


def test_version_and_help_need_no_command() -> None:
    assert progseg("--version").output.strip() == napari_progseg.__version__
    assert "train" in progseg("--help").output


def test_init_makes_a_project_and_tells_what_it_holds(cohort: Path, tmp_path: Path) -> None:
    folders = ("--images", cohort / "images", "--labels", cohort / "labels")
    done = progseg("init", tmp_path / "study", *folders, "--classes", "ball=3+4")
    assert done.exit_code == 0, done.output
    assert f"{PATIENTS} cases, {PATIENTS} of them completed; classes: ball=3+4" in done.output
    assert (tmp_path / "study" / "progseg.json").is_file()


def test_a_second_init_changes_nothing_and_ends_with_2(cohort: Path, project: Path) -> None:
    before = (project / "progseg.json").read_bytes()
    done = progseg("init", project, "--images", cohort / "images")
    assert done.exit_code == 2
    assert done.stderr.startswith("progseg: ")
    assert done.stderr.count("\n") == 1
    assert (project / "progseg.json").read_bytes() == before


def test_add_takes_in_what_is_new_and_relocate_finds_what_was_moved(
    cohort: Path, project: Path, tmp_path: Path
) -> None:
    scan = next((cohort / "images").iterdir())
    (tmp_path / "more").mkdir()
    shutil.copyfile(scan, tmp_path / "more" / "later.nii.gz")
    folders = ("--images", tmp_path / "more")
    assert f"1 new cases, 0 of them completed; {PATIENTS + 1} in all" in progseg("add", project, *folders).output
    assert f"0 new cases, 0 of them completed; {PATIENTS + 1} in all" in progseg("add", project, *folders).output
    (tmp_path / "more").rename(tmp_path / "moved")
    with pytest.raises(UserError, match="progseg relocate"):
        Project.open(project).volume("later")
    moved = progseg("relocate", project, "--images", tmp_path / "moved")
    assert f"1 of {PATIENTS + 1} cases found" in moved.output
    assert Project.open(project).volume("later").image.size


def test_the_modality_is_set_for_all_or_some_and_taken_back(project: Path) -> None:
    assert f"{PATIENTS} cases are CT" in progseg("modality", project, "ct").output
    some = Project.open(project).cases[0].id
    assert "1 cases are MR" in progseg("modality", project, "mr", "--cases", some).output
    assert [case.modality for case in Project.open(project).cases][:2] == ["mr", "ct"]
    progseg("modality", project, "file")
    assert {case.modality for case in Project.open(project).cases} == {None}
    assert progseg("modality", project, "ct", "--cases", "nobody").exit_code == 2


def test_an_error_of_the_users_is_one_line_without_traceback(tmp_path: Path) -> None:
    done = progseg("init", tmp_path / "study", "--images", tmp_path / "missing")
    assert done.exit_code == 2
    assert "missing" in done.stderr
    assert "Traceback" not in done.output + done.stderr


def test_check_prints_a_row_a_file_and_ends_with_0(cohort: Path) -> None:
    done = progseg("check", cohort)
    assert done.exit_code == 0, done.output
    rows = [line for line in done.output.splitlines() if line.startswith(str(cohort))]
    assert len(rows) == 2 * PATIENTS
    labels = next(row for row in rows if "labels" in row)
    assert labels.split()[1:] == ["labels", "16×16×12", "1.5×1×1", "RAS", "3"]


def test_check_names_what_is_wrong_and_ends_with_1(cohort: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.nii.gz"
    torn.write_bytes((cohort / "images" / "p0.nii.gz").read_bytes()[:2000])
    done = progseg("check", torn, cohort / "images" / "p1.nii.gz", "--json", tmp_path / "found.json")
    assert done.exit_code == 1
    assert "NOT USABLE" in done.output
    bad, good = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (bad["path"], bad["usable"]) == (str(torn), False)
    assert bad["problems"]
    assert (good["shape_zyx"], good["spacing_zyx_mm"], good["usable"]) == ([16, 16, 12], [1.5, 1.0, 1.0], True)


def test_check_of_an_empty_folder_is_no_success(tmp_path: Path) -> None:
    assert progseg("check", tmp_path).exit_code == 1


def test_doctor_tells_versions_and_device() -> None:
    done = progseg("doctor")
    assert done.exit_code == 0, done.output
    told = dict(line.split(maxsplit=1) for line in done.output.splitlines() if " " in line)
    assert told["torch"] == metadata.version("torch")
    assert told["device"]


@pytest.mark.parametrize("budget", [(), ("--steps", 2, "--minutes", 1)])
def test_training_needs_exactly_one_budget(project: Path, budget: tuple[object, ...]) -> None:
    done = progseg("train", project, "--task", "segmentation", "--name", "first", *budget)
    assert done.exit_code == 2
    assert "--minutes or --steps" in done.stderr
    assert not (project / "runs").exists()


@pytest.mark.parametrize("command", ["watch", "pause", "resume", "stop"])
def test_a_folder_that_is_no_run_is_refused(command: str, tmp_path: Path) -> None:
    done = progseg(command, tmp_path)
    assert done.exit_code == 2
    assert "is no run" in done.stderr


def test_a_misspelt_option_ends_with_2() -> None:
    assert progseg("check", "--jsn", "x").exit_code == 2


def train(project: Path, *words: object, task: str = "segmentation") -> Result:
    common = (
        "--task",
        task,
        "--name",
        "first",
        "--device",
        "cpu",
        "--set",
        "model.width=4",
        "--set",
        "patches.batch=4",
    )
    return progseg("train", project, *common, *words)


@pytest.fixture(scope="session")
def trained(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folder of a finished training of three steps; read only."""
    study = tmp_path_factory.mktemp("trained") / "study"
    progseg("init", study, "--images", cohort / "images", "--labels", cohort / "labels", "--classes", "ball=3")
    done = train(study, "--steps", 3, "--train", 2)
    assert done.exit_code == 0, done.output + done.stderr
    return study / "runs" / "0001-first"


def test_training_tells_how_it_ended_and_where_the_run_is(project: Path) -> None:
    done = train(project, "--steps", 2)
    assert done.exit_code == 0, done.output + done.stderr
    *_, told, where = done.stdout.splitlines()
    assert told.startswith("finished at step 2")
    assert where == f"run: {project / 'runs' / '0001-first'}"


def test_a_setting_that_does_not_exist_is_named(project: Path) -> None:
    done = train(project, "--steps", 2, "--set", "model.depth=3")
    assert done.exit_code == 2
    assert "model.depth" in done.stderr
    assert not (project / "runs").exists()


@pytest.mark.parametrize("setting", ["model.levels=many", "patches.foreground=2"])
def test_a_value_that_is_refused_ends_in_one_sentence_that_names_the_field(project: Path, setting: str) -> None:
    done = train(project, "--steps", 2, "--set", setting)
    assert done.exit_code == 2
    assert setting.split("=")[0] in done.stderr
    assert done.stderr.count("\n") == 1


def test_training_on_an_unknown_case_is_refused(project: Path) -> None:
    done = train(project, "--steps", 2, "--train", "p0,p77")
    assert done.exit_code == 2
    assert "p77" in done.stderr


def test_a_device_that_is_not_there_is_refused(project: Path) -> None:
    done = train(project, "--steps", 2, "--device", "abacus")
    assert done.exit_code == 2
    assert "abacus" in done.stderr


def test_resuming_a_finished_run_says_so_and_is_no_error(trained: Path) -> None:
    done = progseg("resume", trained)
    assert done.exit_code == 0
    assert "finished" in done.stdout


def test_watching_a_finished_run_ends_at_once(trained: Path) -> None:
    done = progseg("watch", trained)
    assert done.exit_code == 0, done.stderr
    assert "finished at step 3" in done.stdout


@pytest.mark.parametrize("command", ["pause", "stop"])
def test_a_finished_run_can_neither_be_paused_nor_stopped(trained: Path, command: str) -> None:
    done = progseg(command, trained)
    assert done.exit_code == 2
    assert "not running" in done.stderr


def test_predicted_labels_lie_on_the_scans_grid(trained: Path, cohort: Path, tmp_path: Path) -> None:
    done = progseg("predict", trained, "--images", cohort / "images", "--out", tmp_path / "masks", "--device", "cpu")
    assert done.exit_code == 0, done.stderr
    masks = sorted((tmp_path / "masks").iterdir())
    assert [mask.name for mask in masks] == [f"p{number}.nii.gz" for number in range(PATIENTS)]
    scan, mask = (nibabel.load(path) for path in (cohort / "images" / "p0.nii.gz", masks[0]))
    assert mask.shape == scan.shape
    np.testing.assert_allclose(mask.affine, scan.affine, atol=1e-3)
    assert set(np.unique(mask.dataobj)) <= {0, 3}


def test_predict_says_which_scan_failed_and_keeps_the_rest(trained: Path, cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    whole = (cohort / "images" / "p0.nii.gz").read_bytes()
    (tmp_path / "scans" / "good.nii.gz").write_bytes(whole)
    (tmp_path / "scans" / "torn.nii.gz").write_bytes(whole[:2000])
    done = progseg("predict", trained, "--images", tmp_path / "scans", "--out", tmp_path / "masks")
    assert done.exit_code == 2
    assert "torn" in done.stderr
    assert [mask.name for mask in (tmp_path / "masks").iterdir()] == ["good.nii.gz"]


def test_evaluate_writes_the_mean_over_cases_never_trained_on(trained: Path, tmp_path: Path) -> None:
    done = progseg("evaluate", trained, "--cases", "test", "--json", tmp_path / "dice.json")
    assert done.exit_code == 0, done.stderr
    found = json.loads((tmp_path / "dice.json").read_text(encoding="utf-8"))
    trained_on = json.loads((trained / "config.json").read_text(encoding="utf-8"))["train"]
    measured = [case["case"] for case in found["cases"]]
    assert measured
    assert not set(measured) & set(trained_on)
    assert found["mean_dice"] == pytest.approx(np.mean([case["dice"]["ball"] for case in found["cases"]]))
    assert found["clicks"] == {"0": found["mean_dice"]}


def test_evaluate_on_folders_leaves_out_what_was_trained_on(trained: Path, cohort: Path, tmp_path: Path) -> None:
    folders = ("--images", cohort / "images", "--labels", cohort / "labels")
    done = progseg("evaluate", trained, *folders, "--json", tmp_path / "dice.json")
    assert done.exit_code == 0, done.stderr
    found = json.loads((tmp_path / "dice.json").read_text(encoding="utf-8"))
    config = json.loads((trained / "config.json").read_text(encoding="utf-8"))
    assert set(found["left_out"]) == {*config["train"], *config["validation"]}
    assert len(found["cases"]) == PATIENTS - len(found["left_out"])


@pytest.mark.parametrize("where", [(), ("--cases", "test", "--images", "x"), ("--images", "x")])
def test_evaluate_needs_one_place_to_take_cases_from(trained: Path, tmp_path: Path, where: tuple[str, ...]) -> None:
    done = progseg("evaluate", trained, *where, "--json", tmp_path / "dice.json")
    assert done.exit_code == 2
    assert "--cases" in done.stderr


def test_evaluate_on_held_out_cases_keeps_the_result_with_the_run(trained: Path) -> None:
    refused = progseg("evaluate", trained, "--cases", "test")
    assert refused.exit_code == 2
    assert "--json" in refused.stderr
    assert not (trained / "evaluation.json").exists()
    done = progseg("evaluate", trained, "--cases", "held-out")
    assert done.exit_code == 0, done.stderr
    found = json.loads((trained / "evaluation.json").read_text(encoding="utf-8"))
    config = json.loads((trained / "config.json").read_text(encoding="utf-8"))
    assert len(found["cases"]) == PATIENTS - len({*config["train"], *config["validation"]})
    assert found["step"] > 0
    assert f"result: {trained / 'evaluation.json'}" in done.stdout


def test_clicks_guide_an_interactive_model(project: Path, cohort: Path, tmp_path: Path) -> None:
    assert train(project, "--steps", 2, task="interactive").exit_code == 0
    run = project / "runs" / "0001-first"
    (tmp_path / "p0.json").write_text('[{"voxel": [6, 6, 6], "inside": true}]', encoding="utf-8")
    done = progseg("predict", run, "--images", cohort / "images", "--out", tmp_path / "masks", "--clicks", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "p0.nii.gz, 1 clicks" in done.stdout
    asked = ("evaluate", run, "--cases", 1, "--clicks", "0,1", "--json", tmp_path / "dice.json")
    counted = progseg(*asked)
    assert counted.exit_code == 0, counted.stderr
    found = json.loads((tmp_path / "dice.json").read_text(encoding="utf-8"))
    assert set(found["clicks"]) == set(found["object_free_slices_emptied"]) == {"0", "1"}
    assert "clicks a volume  mean Dice  other slices emptied" in counted.stdout
    refused = progseg(*asked, "--clicks-per", "slice")
    assert (refused.exit_code, "is a 3D model" in refused.stderr) == (2, True)
    assert progseg(*asked, "--clicks-per", "volume", "--jitter", 3).exit_code == 0
    found = json.loads((tmp_path / "dice.json").read_text(encoding="utf-8"))
    assert (found["clicks_are_given_per"], found["clicks_miss_by_mm"]) == ("volume", 3)


def test_restoration_learns_from_every_scan_but_the_test_cases(project: Path, cohort: Path, tmp_path: Path) -> None:
    done = train(project, "--steps", 2, task="restoration")
    assert done.exit_code == 0, done.output + done.stderr
    run = project / "runs" / "0001-first"
    assert done.stdout.splitlines() == [done.stdout.splitlines()[0], f"run: {run}"]
    assert "finished at step 2" in done.stdout
    assert "Dice" not in done.stdout
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    test = Project.open(project).split.test
    assert test
    assert set(config["train"]) == {f"p{number}" for number in range(PATIENTS)} - set(test)
    assert config["validation"] == []
    for words in (
        ("predict", run, "--images", cohort / "images", "--out", tmp_path / "masks"),
        ("evaluate", run, "--cases", "test", "--json", tmp_path / "dice.json"),
        ("evaluate", run, "--images", cohort / "images", "--labels", cohort / "labels", "--json", tmp_path / "d.json"),
    ):
        refused = progseg(*words)
        assert refused.exit_code == 2
        assert "has learned to restore images" in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize(("words", "expected"), [(("--train", "2"), 2), (("--train", "p5,p1"), ("p5", "p1"))])
def test_restoration_takes_the_scans_that_are_named(project: Path, words: tuple[str, ...], expected: Any) -> None:
    done = train(project, "--steps", 1, *words, task="restoration")
    assert done.exit_code == 0, done.stderr
    chosen = json.loads((project / "runs" / "0001-first" / "config.json").read_text(encoding="utf-8"))["train"]
    assert (len(chosen) if isinstance(expected, int) else tuple(chosen)) == expected


def test_restoration_needs_no_label_at_all(cohort: Path, tmp_path: Path) -> None:
    assert progseg("init", tmp_path / "study", "--images", cohort / "images").exit_code == 0
    done = train(tmp_path / "study", "--steps", 1, task="restoration")
    assert done.exit_code == 0, done.stderr


def test_restoration_has_nothing_to_validate(project: Path) -> None:
    done = train(project, "--steps", 1, "--val", "2", task="restoration")
    assert done.exit_code == 2
    assert "leave out --val" in done.stderr
    assert not (project / "runs").exists()


def test_clicks_for_a_model_without_clicks_are_refused(trained: Path, cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "p0.json").write_text("[]", encoding="utf-8")
    folders = ("--images", cohort / "images", "--out", tmp_path / "masks", "--clicks", tmp_path)
    done = progseg("predict", trained, *folders)
    assert done.exit_code == 2
    assert "without clicks" in done.stderr


@pytest.mark.parametrize("kind", ["mr", "supershape"])
def test_sample_writes_a_cohort_that_init_takes(tmp_path: Path, kind: str) -> None:
    done = progseg("sample", tmp_path / "scans", "--kind", kind, "--patients", 3, "--labelled", 2)
    assert done.exit_code == 0, done.output
    made = progseg("init", tmp_path / "p", "--images", tmp_path / "scans/images", "--labels", tmp_path / "scans/labels")
    assert "3 cases, 2 of them completed" in made.output


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that asks a process to end")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_stops_and_leaves_a_run_that_resumes(project: Path, number: signal.Signals) -> None:
    words = ("train", project, "--task", "segmentation", "--name", "first", "--minutes", "5", "--device", "cpu")
    command = [sys.executable, "-m", "napari_progseg.cli", *map(str, words), "--set", "model.width=4"]
    run = project / "runs" / "0001-first"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        wait_for(lambda: process.poll() is not None or "StepDone" in text_of(run / "events.jsonl"))
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert "stopped at step" in out
    assert "Traceback" not in err
    assert (run / "checkpoints" / "last.json").is_file()
    assert progseg("stop", run).exit_code == 2


@pytest.mark.slow
def test_a_run_in_the_background_is_paused_resumed_and_stopped(project: Path) -> None:
    run = project / "runs" / "0001-first"
    started = train(project, "--minutes", 5, "--detach")
    assert started.exit_code == 0, started.stderr
    assert f"progseg watch {run}" in started.stdout
    try:
        wait_for(lambda: "StepDone" in text_of(run / "events.jsonl"))
        assert progseg("pause", run).exit_code == 0
        wait_for(lambda: "Paused" in text_of(run / "events.jsonl"))
        assert "goes on" in progseg("resume", run).stdout
        wait_for(lambda: "Continued" in text_of(run / "events.jsonl"))
    finally:
        stopped = progseg("stop", run)
    assert stopped.exit_code == 0, stopped.stderr
    assert "stopped at step" in progseg("watch", run).stdout


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def wait_for(condition: Callable[[], bool], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.1)
