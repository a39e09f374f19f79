"""What the user chose once and for all projects; kept in the user's own folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import platformdirs

from ..errors import UserError
from ..storage.atomic import read_json, write_json

_APP = "napari-progseg"
_ANSWERS = "answers_without_a_model"
_LEARNS = "starter_learns"
WithoutModel = Literal["starter", "contrast"]


def without_model() -> WithoutModel:
    """Return what the user wants clicks to be answered by where no model of their own does."""
    return "contrast" if _read().get(_ANSWERS) == "contrast" else "starter"


def starter_learns() -> bool:
    """Return whether the user wants the starter to learn from completed patients; that is so until they refuse."""
    return _read().get(_LEARNS) is not False


def remember(without: WithoutModel) -> None:
    """Note what the user wants from now on; failing to is no harm."""
    _note(_ANSWERS, without)


def remember_learning(learns: bool) -> None:
    """Note whether the starter is to learn from now on; failing to is no harm."""
    _note(_LEARNS, learns)


def _read() -> dict[str, Any]:
    try:
        found = read_json(_file())
    except (UserError, OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _note(name: str, value: Any) -> None:
    try:
        write_json(_file(), {**_read(), name: value})
    except (UserError, OSError):
        return


def _file() -> Path:
    return platformdirs.user_config_path(_APP) / "preferences.json"
