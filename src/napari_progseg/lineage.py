"""What a run and those it started from have seen: nobody is measured on patients that helped to make the model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from pydantic import ValidationError

from .errors import UserError
from .storage.atomic import read_json
from .training.config import RunConfig

_CONFIG = "config.json"


def start_folder(runs_dir: Path, init: str) -> Path:
    """Return the folder of the run `init`, which may be gone, by its path or by its name among these runs."""
    # the name also where another system wrote the path
    return Path(init) if Path(init).is_dir() else runs_dir / PureWindowsPath(init).name


def ancestry(run_dir: Path) -> Iterator[tuple[Path, RunConfig]]:
    """Yield a run, the one it started from, and so on, with their settings, as far back as they can be read."""
    passed: set[Path] = set()
    folder = run_dir.resolve()
    while folder not in passed:
        passed.add(folder)
        try:
            config = RunConfig.model_validate(read_json(folder / _CONFIG))
        except (OSError, UserError, ValidationError):
            return
        yield folder, config
        if config.init is None:
            return
        folder = start_folder(folder.parent, config.init).resolve()


def seen_cases(run_dir: Path, *, validation: bool = True) -> frozenset[str]:
    """Return the cases of a run's own project whose labels it, or one it started from, has learned from.

    Parameters
    ----------
    validation : bool
        Count those that only checked, too: they chose the best model.
    """
    runs_dir = run_dir.resolve().parent
    seen: set[str] = set()
    for folder, config in ancestry(run_dir):
        if folder.parent == runs_dir and config.task != "restoration":
            seen.update(config.train, config.validation if validation else ())
    return frozenset(seen)
