"""Clicks and drags in files: ``CASE.json``, in the voxel indices that nibabel and ITK count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from ..errors import UserError
from ..geometry import Geometry
from ..storage.atomic import DamagedFileError, read_json
from ..volume import LabelClass
from .clicks import Click
from .drags import DragPrompt

_FORM = '[{"voxel": [i, j, k], "inside": true, "class": "NAME"}]'


class _Entry(BaseModel):
    """One click or drag as written; indices in the file's own axis order (i, j, k)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    voxel: tuple[int, int, int]
    inside: bool = True
    structure: str | None = Field(None, alias="class")
    reach_mm: float | None = Field(None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _reaches_inside(self) -> Self:
        if self.reach_mm is not None and not self.inside:
            raise ValueError("what is outside reaches nowhere")
        return self


_ENTRIES = TypeAdapter(list[_Entry])


def read_clicks(path: Path, geometry: Geometry, classes: Sequence[LabelClass]) -> tuple[Click | DragPrompt, ...]:
    """Read the clicks and drags of one case, in the order in which they were made.

    Parameters
    ----------
    path : Path
        JSON of the form ``[{"voxel": [i, j, k], "inside": true, "class": "NAME"}]``; ``inside`` may be left out where
        true, ``class`` where there is only one. ``"reach_mm": R`` makes a drag of it, see `DragPrompt`.
    geometry : Geometry
        Grid of the image that the indices belong to.
    classes : sequence of LabelClass
        The structures that can be clicked on.

    Raises
    ------
    UserError
        If the file is of another form, names an unknown class or a voxel that the image does not have, or lets
        something outside reach anywhere.
    """
    entries = _entries(path)
    values = {each.name: each.value for each in classes}
    return tuple(_click(path, number, entry, geometry, values) for number, entry in enumerate(entries, start=1))


def classes_in(paths: Iterable[Path]) -> tuple[str, ...]:
    """Name the classes that files of clicks speak about, in the order of the alphabet; "structure" where none is named.

    Raises
    ------
    UserError
        As `read_clicks`.
    """
    named = {entry.structure for path in paths for entry in _entries(path) if entry.structure is not None}
    return tuple(sorted(named)) or ("structure",)


def _entries(path: Path) -> list[_Entry]:
    try:
        document: Any = read_json(path)
        return _ENTRIES.validate_python(document)
    except FileNotFoundError as error:
        raise UserError(f"there is no file of clicks {path}; nothing was predicted; check the path") from error
    except (DamagedFileError, ValidationError) as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) if isinstance(error, ValidationError) else "it"
        raise UserError(
            f"the clicks in {path} cannot be read ({where}); nothing was predicted; write {_FORM}"
        ) from error


def _click(path: Path, number: int, entry: _Entry, geometry: Geometry, values: dict[str, int]) -> Click | DragPrompt:
    named = entry.structure if entry.structure is not None or len(values) > 1 else next(iter(values))
    if named not in values:
        raise UserError(
            f"click {number} in {path} is for the class {named!r}; nothing was predicted; "
            f"the model knows {', '.join(values)}"
        )
    if not all(0 <= index < size for index, size in zip(entry.voxel, geometry.shape_ijk, strict=True)):
        raise UserError(
            f"click {number} in {path} is at voxel {list(entry.voxel)}, outside the image of {geometry.shape_ijk} "
            "voxels; nothing was predicted; count from 0 along the file's own axes"
        )
    z, y, x = np.rint(geometry.voxels_to_canonical(entry.voxel)[0]).astype(int).tolist()
    if entry.reach_mm is not None:
        return DragPrompt((z, y, x), entry.reach_mm, values[named])
    return Click((z, y, x), entry.inside, values[named])
