"""A shape model as one file, and models from the particles of ShapeWorks."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UserError
from ..storage.atomic import write_bytes
from .correspondences import Correspondences
from .farthest import farthest_order
from .mesh import Mesh
from .model import ShapeModel
from .pose import Poses, aligned

_VERSION = 1


def save_model(path: Path, model: ShapeModel) -> None:
    """Write a model to an ``.npz`` file."""
    facts = {
        "version": _VERSION,
        "structure": model.structure,
        "cases": model.cases,
        "scales": model.scales,
        "variance": model.variance,
        "modes": model.modes,
        "notes": model.notes,
    }
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {
        "facts": np.frombuffer(json.dumps(facts).encode(), np.uint8),
        "points": model.points,
        "poses": model.poses.vectors,
        "mirrored": model.mirrored,
        "vertices": model.surface.vertices,
        "faces": model.surface.faces,
    }
    np.savez_compressed(buffer, **arrays)
    write_bytes(path, buffer.getvalue())


def load_model(path: Path) -> ShapeModel:
    """Read a model.

    Raises
    ------
    UserError
        If the file is missing, damaged, of a newer version, or none of ours.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        facts = json.loads(arrays["facts"].tobytes())
        _check_version(path, facts["version"])
        return _model(facts, arrays)
    except FileNotFoundError:
        raise UserError(f"there is no shape model {path}; nothing was changed; check the path") from None
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise UserError(
            f"{path} is no intact shape model; nothing was changed; build it again with progseg shape build"
        ) from error


def _check_version(path: Path, version: int) -> None:
    if version > _VERSION:
        raise UserError(
            f"{path} was written by a newer version of napari-progseg; nothing was changed; "
            "update this one or build the model again"
        )


def _model(facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> ShapeModel:
    cases, points, poses = tuple(facts["cases"]), arrays["points"], Poses.of(arrays["poses"])
    sizes = {len(points), len(poses), len(arrays["mirrored"])}
    if points.ndim != 3 or sizes != {len(cases)}:
        raise ValueError(f"{len(cases)} cases, but arrays of {sorted(sizes)}")
    return ShapeModel(
        structure=facts["structure"],
        cases=cases,
        points=points,
        poses=poses,
        mirrored=arrays["mirrored"],
        scales=tuple(facts["scales"]),
        variance=facts["variance"],
        modes=facts["modes"],
        surface=Mesh(arrays["vertices"], arrays["faces"]),
        notes=tuple(facts["notes"]),
    )


def correspondences_from_particles(particles: Mapping[str, ArrayLike], surfaces: Mapping[str, Mesh]) -> Correspondences:
    """Join particles from elsewhere to surfaces.

    Parameters
    ----------
    particles : mapping of str to array-like, (P, 3)
        Of each case, centred mm, in corresponding order.
    surfaces : mapping of str to Mesh
        Of the same cases, centred mm.

    Returns
    -------
    Correspondences
        Points ordered so that any first part is spread evenly; the template is the surface of the case nearest to the
        mean shape.
    """
    cases = tuple(particles)
    points = np.stack([np.asarray(particles[case], dtype=np.float64) for case in cases])
    local, _ = aligned(points)
    mean = local.mean(axis=0)
    order = farthest_order(mean, len(mean))
    nearest = int(((local - mean) ** 2).sum((1, 2)).argmin())
    points = points[:, order]
    return Correspondences(cases, points, np.zeros(len(cases), bool), surfaces[cases[nearest]], points[nearest])
