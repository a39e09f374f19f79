"""Which run is meant: by folder, number or name, in every command that takes a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from napari_progseg.cli import app
from napari_progseg.cli.whichrun import chosen_run, find_run
from napari_progseg.errors import UserError
from napari_progseg.project import Project
from napari_progseg.samples.cohort import write_cohort

# what each command says of a finished run without a model shows which run it took
COMMANDS = {
    "watch": (),
    "pause": (),
    "resume": (),
    "stop": (),
    "predict": ("--images", "images", "--out", "masks"),
    "evaluate": ("--images", "images", "--labels", "labels", "--json", "dice.json"),
}
each_command = pytest.mark.parametrize("command", COMMANDS)


def progseg(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def in_one_line(done: Result) -> str:
    """Return the refusal of a command."""
    assert done.exit_code == 2, done.output
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("progseg: ")
    return done.stderr


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scans, two of them labelled; read only."""
    folder = tmp_path_factory.mktemp("cohort")
    write_cohort(folder, "mr", 3, labelled=2)
    return folder


@pytest.fixture
def study(cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_run: Callable[..., Path]) -> Project:
    """A project in ``study`` below the current folder, with the ended runs 0001-n1, 0002-n2 and 0007-n7."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    made = Project.create(tmp_path / "study", cohort / "images", cohort / "labels", {"a": (1,), "b": (2,)})
    for number in (1, 2, 7):
        write_run(made.root, number, number, {"p9": 0.8})
    return made


@each_command
@pytest.mark.parametrize("run", ["7", "0007", "0007-n7", "n7"])
def test_a_run_goes_by_number_and_name_in_the_project_that_is_named(study: Project, command: str, run: str) -> None:
    done = progseg(command, run, "--project", "study", *COMMANDS[command])
    assert "0007-n7" in done.output + done.stderr


@each_command
def test_the_current_folder_is_the_project_if_none_is_named(
    study: Project, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study.root)
    done = progseg(command, 2, *COMMANDS[command])
    assert "0002-n2" in done.output + done.stderr


@each_command
def test_a_folder_needs_no_project(study: Project, command: str) -> None:
    done = progseg(command, "study/runs/0002-n2", *COMMANDS[command])
    assert "0002-n2" in done.output + done.stderr
    assert "is no run" not in done.stderr


@each_command
def test_a_run_that_is_not_there_is_refused_with_those_that_are(study: Project, command: str) -> None:
    said = in_one_line(progseg(command, 3, "--project", "study", *COMMANDS[command]))
    assert f"no run of {study.root} goes by '3'" in said
    assert said.endswith("nothing was started or changed; choose from: 0007-n7, 0002-n2, 0001-n1\n")


@each_command
def test_a_number_without_a_project_asks_for_one(study: Project, command: str) -> None:
    said = in_one_line(progseg(command, 2, *COMMANDS[command]))
    assert "'2' may be a run of any project" in said
    assert "nothing was started or changed; say which with --project FOLDER" in said


def test_a_project_that_is_none_is_refused(study: Project) -> None:
    assert "images is not a project" in in_one_line(progseg("watch", 1, "--project", "images"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("study", "study is a project and no run"),
        ("study/", "study is a project and no run"),
        ("study/runs/0003-x", "study/runs/0003-x is no run"),
    ],
)
def test_a_folder_that_is_no_run_is_refused_with_the_runs_in_or_beside_it(study: Project, text: str, what: str) -> None:
    said = in_one_line(progseg("stop", text))
    assert said == f"progseg: {what}; nothing was started or changed; choose from: 0007-n7, 0002-n2, 0001-n1\n"


def test_a_folder_with_no_run_near_says_where_runs_lie(study: Project) -> None:
    assert "images is no run; nothing was started or changed; runs lie in PROJECT/runs" in in_one_line(
        progseg("stop", "images")
    )


def test_a_project_without_runs_says_so(study: Project, cohort: Path) -> None:
    other = Project.create(Path("other"), cohort / "images").root
    assert "nothing was started or changed; it has no run yet" in in_one_line(progseg("stop", 1, "--project", other))


def test_a_name_that_several_runs_have_names_those(study: Project, write_run: Callable[..., Path]) -> None:
    write_run(study.root, 8, 2, {"p9": 0.8})
    with pytest.raises(UserError, match=r"^2 runs of .*study go by 'n2'; .*; choose from: 0008-n2, 0002-n2$"):
        find_run(study, "n2")
    assert find_run(study, "8").name == "0008-n2"


def test_a_number_comes_before_a_name_that_is_a_number(study: Project) -> None:
    (study.runs_dir / "0007-n7").rename(study.runs_dir / "0007-2")
    assert find_run(study, "2").name == "0002-n2"
    assert find_run(study, "0007-2").name == "0007-2"


@pytest.mark.parametrize("text", ["9", "n", ""])
def test_part_of_a_name_is_no_name(study: Project, text: str) -> None:
    with pytest.raises(UserError, match=f"^no run of .* goes by '{text}'"):
        find_run(study, text)


def test_a_folder_stays_as_it_was_typed(study: Project) -> None:
    assert chosen_run("study/runs/0001-n1") == Path("study/runs/0001-n1")
    assert find_run(study, "study/runs/0001-n1") == study.runs_dir / "0001-n1"


@pytest.mark.parametrize(
    "words",
    [
        ("adapt", "RUN", "study", "--train", 1, "--steps", 1),
        ("adapt", "RUN", "elsewhere", "--from", "study", "--train", 1, "--steps", 1),
        ("predict-all", "study", "--run", "RUN"),
        ("next", "study", "--by", "uncertain", "--run", "RUN"),
        ("report", "study", "--run", "RUN"),
        ("export", "study", "out", "--run", "RUN"),
        ("train", "study", "--task", "segmentation", "--name", "x", "--steps", 1, "--init", "RUN"),
    ],
    ids=lambda words: " ".join(map(str, words[:3])),
)
def test_commands_that_name_a_project_look_there(study: Project, cohort: Path, words: tuple[object, ...]) -> None:
    Project.create(Path("elsewhere"), cohort / "images", cohort / "labels")
    said = in_one_line(progseg(*("3" if word == "RUN" else word for word in words)))
    assert f"no run of {study.root} goes by '3'" in said
    assert "choose from: 0007-n7" in said
    taken = progseg(*("7" if word == "RUN" else word for word in words))
    assert "0007-n7" in taken.output + taken.stderr
