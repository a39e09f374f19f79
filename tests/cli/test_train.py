"""The command ``train``: what a run learns and what it starts from."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from napari_progseg.cli import app
from napari_progseg.samples.cohort import write_cohort

SMALL = ("model.dims=2", "model.width=4", "model.levels=2", "patches.size=32,32", "patches.batch=4")
STARTED = ("patches.batch=4",)


def progseg(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def train(project: Path, *words: object, settings: tuple[str, ...] = SMALL, name: str = "x") -> Result:
    chosen = [word for setting in settings for word in ("--set", setting)]
    return progseg("train", project, "--name", name, "--steps", 2, "--device", "cpu", "--train", 2, *words, *chosen)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of five scans, four of them labelled, without runs; read only."""
    folder = tmp_path_factory.mktemp("train")
    write_cohort(folder, "mr", 5, labelled=4)
    made = progseg("init", folder / "study", "--images", folder / "images", "--labels", folder / "labels")
    assert made.exit_code == 0, made.output
    return folder / "study"


@pytest.fixture(scope="session")
def pretrained(prepared: Path) -> Path:
    """The same beside it with a restoration run 0001-learn; read only."""
    project = prepared.with_name("pretrained")
    shutil.copytree(prepared, project)
    done = train(project, "--task", "restoration", name="learn")
    assert done.exit_code == 0, done.output + done.stderr
    return project


@pytest.fixture
def fresh(prepared: Path) -> Any:
    """The project without runs, to be changed."""
    yield prepared
    shutil.rmtree(prepared / "runs", ignore_errors=True)


@pytest.fixture
def begun(pretrained: Path) -> Any:
    """The project with a restoration run, to which runs may be added."""
    yield pretrained
    for run in (pretrained / "runs").iterdir():
        if run.name != "0001-learn":
            shutil.rmtree(run)


def settings_of(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "config.json").read_text(encoding="utf-8")))


def test_progressive_starts_from_the_newest_restoration_run_and_says_so(begun: Path) -> None:
    done = train(begun, "--preset", "progressive", settings=STARTED, name="clicks")
    assert done.exit_code == 0, done.output + done.stderr
    assert "starts from 0001-learn, the newest restoration run" in done.stdout
    assert "from 0001-learn (restoration, step 2): " in done.stderr
    assert "input widened from 1 to 4 channels, the new ones start at zero" in done.stderr
    config = settings_of(begun / "runs" / "0002-clicks")
    assert (config["preset"], config["task"], config["clicks"]["previous_mask"]) == ("progressive", "interactive", True)
    assert Path(config["init"]) == (begun / "runs" / "0001-learn").resolve()
    plan = json.loads((begun / "runs" / "0002-clicks" / "plan.json").read_text(encoding="utf-8"))
    assert (plan["dims"], plan["patch"], plan["widths"][0], plan["input_channels"]) == (2, [32, 32], 4, 4)


def test_progressive_without_a_restoration_run_names_the_command_that_makes_one(fresh: Path) -> None:
    done = train(fresh, "--preset", "progressive", settings=STARTED)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert not (fresh / "runs").exists()
    program, *words = shlex.split(done.stderr.partition("first run: ")[2].replace("--minutes 5", "--steps 1"))
    first = progseg(*words, "--device", "cpu", *[word for setting in SMALL for word in ("--set", setting)])
    assert program == "progseg"
    assert first.exit_code == 0, first.stderr
    assert train(fresh, "--preset", "progressive", settings=STARTED).exit_code == 0


def test_a_restoration_run_without_checkpoint_is_none(fresh: Path, pretrained: Path) -> None:
    (fresh / "runs" / "0001-learn").mkdir(parents=True)
    shutil.copy(pretrained / "runs" / "0001-learn" / "config.json", fresh / "runs" / "0001-learn")
    done = train(fresh, "--preset", "progressive", settings=STARTED)
    assert done.exit_code == 2
    assert "none with a checkpoint" in done.stderr


@pytest.mark.parametrize("task", ["segmentation", "restoration"])
def test_progressive_is_interactive_and_nothing_else(begun: Path, task: str) -> None:
    done = train(begun, "--preset", "progressive", "--task", task)
    assert done.exit_code == 2
    assert f"preset progressive is interactive training, not {task}" in done.stderr
    again = train(begun, "--preset", "progressive", "--task", "interactive", settings=STARTED)
    assert again.exit_code == 0, again.stderr


def test_without_a_task_it_asks_for_one(begun: Path) -> None:
    done = train(begun)
    assert done.exit_code == 2
    assert "--task segmentation, restoration, interactive or shape" in done.stderr


@pytest.mark.parametrize("preset", ["tiny", "progressive"])
@pytest.mark.parametrize("by", ["learn", "0001-learn", "1", "folder"])
def test_a_run_to_start_from_goes_by_folder_name_or_number(begun: Path, by: str, preset: str) -> None:
    init = begun / "runs" / "0001-learn" if by == "folder" else by
    task = ("--task", "segmentation") if preset == "tiny" else ()
    done = train(begun, "--preset", preset, *task, "--init", init, settings=STARTED)
    assert done.exit_code == 0, done.stderr
    assert "from 0001-learn (restoration, step 2): " in done.stderr


def test_a_run_to_start_from_that_is_not_there_is_refused_with_those_that_are(begun: Path) -> None:
    done = train(begun, "--task", "segmentation", "--init", "0009-nothing")
    assert done.exit_code == 2
    assert "goes by '0009-nothing'; nothing was started or changed; choose from: 0001-learn" in done.stderr


@pytest.mark.parametrize("setting", ["model.dims=3", "patches.size=30,30", "data.spacing=2,2,2"])
def test_a_setting_that_contradicts_the_start_leaves_no_run(begun: Path, setting: str) -> None:
    done = train(begun, "--preset", "progressive", settings=(setting,))
    assert done.exit_code == 2
    assert setting.split("=")[0] in done.stderr
    assert "(init)" in done.stderr
    assert [run.name for run in (begun / "runs").iterdir()] == ["0001-learn"]


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a dry run find what it would find on a fast machine."""
    from napari_progseg.training import rehearsal
    from napari_progseg.training.advice import Cost

    cost = Cost(device="cpu", seconds_a_step=0.01, memory_bytes=2_100_000_000, preparation_seconds=1)
    monkeypatch.setattr(rehearsal, "rehearse", lambda *given: cost)


@pytest.mark.usefixtures("cheap")
def test_auto_says_what_it_chose_and_trains_it(begun: Path) -> None:
    done = progseg("train", begun, "--name", "mine", "--auto", "--dry-run", "--device", "cpu")
    assert done.exit_code == 0, done.output + done.stderr
    assert done.stdout == (
        "Fine-tune on 3 labelled patients, checked on 1 other, starting from restoration of 2 scans (run 0001); "
        "about 5 min and 2.1 GB on this CPU.\n"
    )
    assert [run.name for run in (begun / "runs").iterdir()] == ["0001-learn"]
    done = progseg("train", begun, "--name", "mine", "--auto", "--device", "cpu", "--minutes", 0.01)
    assert done.exit_code == 0, done.output + done.stderr
    assert settings_of(begun / "runs" / "0002-mine")["task"] == "interactive"


def test_auto_leaves_no_choice_to_other_options(fresh: Path) -> None:
    done = progseg("train", fresh, "--name", "mine", "--auto", "--task", "segmentation")
    assert done.exit_code == 2
    assert "--auto chooses task, cases, start and preset itself; nothing was started" in done.stderr


@pytest.mark.usefixtures("cheap")
def test_a_dry_run_measures_and_makes_no_run(fresh: Path) -> None:
    done = train(fresh, "--task", "segmentation", "--dry-run")
    assert done.exit_code == 0, done.output + done.stderr
    assert done.stdout.startswith("about 1 s and 2.1 GB on this CPU; one step takes 0.01 s; nothing was started")
    assert not (fresh / "runs").exists()
