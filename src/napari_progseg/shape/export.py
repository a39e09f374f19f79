"""Shapes for other programs: surfaces as PLY or STL, points as particles or CSV, all in world mm (LPS)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from ..errors import UserError
from ..geometry import Geometry
from ..storage.atomic import write_bytes
from .frame import to_world
from .mesh import Mesh
from .particles import SUFFIX, write_particles

SURFACES, POINTS = (".ply", ".stl"), (SUFFIX, ".csv")


def write_surface(path: Path, mesh: Mesh, geometry: Geometry) -> None:
    """Write a surface in centred mm of a volume as PLY or STL (binary), by the file's ending.

    Raises
    ------
    UserError
        If the ending is another.
    """
    kind = _suffix(path, SURFACES)
    vertices = to_world(mesh.vertices, geometry)
    # the canonical grid is never a mirror image of the world, so triangles keep facing outwards
    written = trimesh.Trimesh(vertices, mesh.faces, process=False).export(file_type=kind[1:])
    assert isinstance(written, bytes)
    write_bytes(path, written)


def write_points(path: Path, points: NDArray[np.float64], geometry: Geometry) -> None:
    """Write points (P, 3) in centred mm of a volume as ShapeWorks particles or CSV, by the file's ending.

    Raises
    ------
    UserError
        If the ending is another.
    """
    kind = _suffix(path, POINTS)
    world = to_world(points, geometry)
    if kind == SUFFIX:
        write_particles(path, world)
        return
    rows = (f"{number},{x:.6f},{y:.6f},{z:.6f}" for number, (x, y, z) in enumerate(world))
    write_bytes(path, "\n".join(["point,x_mm,y_mm,z_mm", *rows, ""]).encode("ascii"))


def _suffix(path: Path, known: tuple[str, ...]) -> str:
    if path.suffix.lower() not in known:
        raise UserError(f"{path.name} ends in none of {', '.join(known)}; nothing was written; choose one of them")
    return path.suffix.lower()
