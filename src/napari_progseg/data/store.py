"""Training cases on the network's grid, memory-mapped from the cache."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..project import Project
from ..storage.cache import VolumeCache, source_key
from ..volume import LabelClass
from .plan import Plan
from .preprocess import nearest_labels, prepare

_SLAB = 32
_VOXELS_PER_CLASS = 20_000


@dataclass(frozen=True, eq=False)
class TrainingCase:
    """One case ready for cutting patches.

    Parameters
    ----------
    image : ndarray of float16, (Z, Y, X)
        Intensities in [0, 1].
    labels : ndarray of uint8, (Z, Y, X)
        0 background, c + 1 for class number c.
    voxels : tuple of ndarray, each (N, 3)
        Some labelled voxels (z, y, x) of each class.
    """

    case: str
    image: NDArray[np.float16]
    labels: NDArray[np.uint8]
    voxels: tuple[NDArray[Any], ...]


def load_cases(project: Project, ids: Sequence[str], plan: Plan) -> tuple[TrainingCase, ...]:
    """Preprocess cases into the project's cache, or map what lies there already.

    Where the plan has no classes, labels are neither needed nor read.
    """
    cache = VolumeCache(project.cache_dir)
    return tuple(_load(project, cache, case, plan) for case in ids)


def _load(project: Project, cache: VolumeCache, case_id: str, plan: Plan) -> TrainingCase:
    case = project.case(case_id)
    grid = [plan.window, plan.spacing_zyx_mm, plan.dims]
    key = json.dumps([case_id, source_key(case.image), case.series, grid])
    image = cache.get(key, lambda: {"image": _image(project, case_id, plan)})["image"]
    if not plan.classes:
        return TrainingCase(case_id, image, np.broadcast_to(np.uint8(0), image.shape), ())
    if case.label is None:
        raise UserError(f"case {case_id} has no labels; nothing was started; label it or leave it out")
    classes = [[each.name, each.values] for each in plan.classes]
    key = json.dumps([case_id, source_key(case.label), source_key(case.image), image.shape, classes])
    arrays = cache.get(key, lambda: _labels(project, case_id, plan, image.shape))
    voxels = tuple(arrays[f"class{number}"] for number in range(len(plan.classes)))
    return TrainingCase(case_id, image, arrays["labels"], voxels)


def _image(project: Project, case_id: str, plan: Plan) -> NDArray[np.float16]:
    prepared = prepare(project.volume(case_id), plan)
    image = np.empty(prepared.shape, np.float16)
    for z in range(0, prepared.shape[0], _SLAB):
        size = (min(_SLAB, prepared.shape[0] - z), *prepared.shape[1:])
        image[z : z + size[0]] = prepared.box((z, 0, 0), size)
    return image


def _labels(project: Project, case_id: str, plan: Plan, shape: tuple[int, int, int]) -> dict[str, NDArray[Any]]:
    found = project.labels(case_id)
    assert found is not None, "a case with a label file has labels"
    labels = class_numbers(nearest_labels(found.labels, shape), plan.classes)
    voxels = {f"class{number}": _some_voxels(labels == number + 1) for number in range(len(plan.classes))}
    return {"labels": labels, **voxels}


def class_numbers(labels: NDArray[Any], classes: Sequence[LabelClass]) -> NDArray[np.uint8]:
    """Turn label values into 0 for background and c + 1 for class number c."""
    table = np.zeros(65_536, np.uint8)
    for number, each in enumerate(classes):
        table[list(each.values)] = number + 1
    return np.asarray(table[labels])


def _some_voxels(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    found = np.flatnonzero(mask)
    step = max(1, -(-found.size // _VOXELS_PER_CLASS))
    return np.stack(np.unravel_index(found[::step], mask.shape), axis=1).astype(np.int32)
