"""Which run is meant: the one place that turns what a user types into the folder of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..project import Project

WAYS = "number, name or folder"
Run = Annotated[str, typer.Argument(metavar="RUN", help=f"A run: {WAYS}, such as 1 or PROJECT/runs/0001-first.")]
Home = Annotated[
    Path | None,
    typer.Option("--project", help="Project of RUN, where that is no folder; the current folder if not said."),
]

_SAFE = "nothing was started or changed"


def chosen_run(text: str, home: Path | None = None) -> Path:
    """Return the folder of the run that a command was given.

    Parameters
    ----------
    text : str
        As for `find_run`.
    home : Path or None
        Folder of the project that has the run; None is the current folder, if that is a project.

    Raises
    ------
    UserError
        If no run is meant, or several are.
    """
    from ..manifest import NAME
    from ..project import Project

    if (folder := _run_folder(text)) is not None:
        return folder
    here = Path.cwd()
    if home is not None or (here / NAME).is_file():
        return find_run(Project.open(home or here), text)
    if Path(text).is_dir():
        raise _no_run(Path(text))
    raise UserError(
        f"{text!r} may be a run of any project, and the current folder {here} is none; {_SAFE}; "
        "say which with --project FOLDER, or give the folder of the run"
    )


def find_run(project: Project, text: str) -> Path:
    """Find a run by its folder, its folder's name, its number or the name it was given.

    Raises
    ------
    UserError
        If there is none, or several were given that name.
    """
    if (folder := _run_folder(text)) is not None:
        return folder.resolve()
    runs = project.runs()
    same_folder = [run for run in runs if run.name == text]
    same_number = [run for run in runs if text.isdecimal() and int(_number(run)) == int(text)]
    same_name = [run for run in runs if run.name.partition("-")[2] == text]
    fitting = same_folder or same_number or same_name
    if len(fitting) == 1:
        return fitting[0].resolve()
    what = f"{len(fitting)} runs of {project.root} go" if fitting else f"no run of {project.root} goes"
    raise UserError(f"{what} by {text!r}; {_SAFE}; {_choice(fitting or runs)}")


def _run_folder(text: str) -> Path | None:
    """Return the run at a path; None for a text that is no path."""
    from ..training.watch import CONFIG

    folder = Path(text)
    if text and (folder / CONFIG).is_file():
        return folder
    if folder.name != text:
        raise _no_run(folder)
    return None


def _no_run(folder: Path) -> UserError:
    from ..manifest import NAME
    from ..project import Project

    if (folder / NAME).is_file():
        return UserError(f"{folder} is a project and no run; {_SAFE}; {_choice(Project.open(folder).runs())}")
    beside = sorted(path.parent for path in folder.parent.glob("*/config.json"))
    where = _choice(beside) if beside else "runs lie in PROJECT/runs"
    return UserError(f"{folder} is no run; {_SAFE}; {where}")


def _choice(runs: Sequence[Path]) -> str:
    from ..matching import listed

    return f"choose from: {listed([run.name for run in reversed(runs)])}" if runs else "it has no run yet"


def _number(run: Path) -> str:
    return run.name.partition("-")[0]
