"""Which project was open last, and where the sample project lies; kept in the user's own folders."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from ..errors import UserError
from ..storage.atomic import read_json, write_json

_APP = "napari-progseg"


def last_project() -> Path | None:
    """Return the folder of the project that was open last, if it is still there."""
    try:
        folder = Path(read_json(_file())["project"])
    except (UserError, OSError, ValueError, KeyError, TypeError):
        return None
    return folder if (folder / "progseg.json").is_file() else None


def remember(project: Path) -> None:
    """Note that this project is open; failing to is no harm."""
    try:
        write_json(_file(), {"project": str(project)})
    except (UserError, OSError):
        return


def sample_folder(kind: str) -> Path:
    """Return the folder where the sample cohort of a kind is written."""
    return platformdirs.user_data_path(_APP) / "samples" / kind


def _file() -> Path:
    return platformdirs.user_config_path(_APP) / "last.json"
