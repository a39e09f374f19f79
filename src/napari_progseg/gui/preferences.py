"""What the user chose once and for all projects; kept in the user's own folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import platformdirs

from ..errors import UserError
from ..storage.atomic import read_json, write_json

_APP = "napari-progseg"
_ANSWERS = "answers_without_a_model"
WithoutModel = Literal["starter", "contrast"]


def without_model() -> WithoutModel:
    """Return what the user wants clicks to be answered by where no model of their own does."""
    try:
        return "contrast" if read_json(_file())[_ANSWERS] == "contrast" else "starter"
    except (UserError, OSError, ValueError, KeyError, TypeError):
        return "starter"


def remember(without: WithoutModel) -> None:
    """Note what the user wants from now on; failing to is no harm."""
    try:
        write_json(_file(), {_ANSWERS: without})
    except (UserError, OSError):
        return


def _file() -> Path:
    return platformdirs.user_config_path(_APP) / "preferences.json"
