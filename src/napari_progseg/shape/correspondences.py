"""Points that mean the same place on every case's surface."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from trimesh.remesh import subdivide

from ..errors import UserError
from .farthest import farthest_order
from .mesh import Mesh
from .pose import aligned
from .register import TURNED_DEGREES, Modes, Placed, Reference, matched, placed, refined
from .warp import warped

Points = NDArray[np.float64]
Report = Callable[[int, int], None]
Item = TypeVar("Item")

# fewer points would bend too coarsely; those not asked for are dropped in the end
_FEWEST_POINTS = 512
_CANDIDATES = 12
_MATCHINGS = 2
_REFINEMENTS = 3
_MOST_COMPARED = 32
_COMPARED_POINTS = 200
_ODD = 2.5


@dataclass(frozen=True, eq=False)
class Correspondences:
    """Corresponding points of several cases.

    Parameters
    ----------
    cases : tuple of str
        Names of the N cases.
    points : ndarray, (N, P, 3) float64
        On each case's surface, centred mm; ordered so that any first part of them is spread evenly.
    mirrored : ndarray, (N,) bool
        Whose points are of the surface mirrored left to right (x is -x).
    template : Mesh
        The surface of the case that is nearest to all others, centred mm.
    template_points : ndarray, (P, 3) float64
        The points on it.
    notes : tuple of str
        What the user should know, one sentence each.
    """

    cases: tuple[str, ...]
    points: Points
    mirrored: NDArray[np.bool_]
    template: Mesh
    template_points: Points
    notes: tuple[str, ...] = ()

    @cached_property
    def reference(self) -> Reference:
        """The mean shape in local mm, to be matched to unseen surfaces."""
        return _mean_of(self.points, self.template, self.template_points)

    @cached_property
    def modes(self) -> Modes:
        """What the cases have taught about where points lie."""
        return Modes.of(self.points)


def build_correspondences(
    surfaces: Mapping[str, Mesh],
    count: int = 512,
    *,
    reflect: bool = False,
    report: Report = lambda done, of: None,
) -> Correspondences:
    """Find corresponding points on the surfaces of all cases.

    Points are spread over the case that is nearest to all others and carried to each case, then carried once more from
    the mean shape; at last they slide to where few modes explain them.

    Parameters
    ----------
    surfaces : mapping of str to Mesh
        Surface of each case, centred mm.
    count : int
        Number of points.
    reflect : bool
        Try each surface mirrored left to right too, for structures that come in pairs.
    report : callable
        Told the number of cases that are ready and of all, about once a case.

    Returns
    -------
    Correspondences
        The same for the same surfaces, always.

    Raises
    ------
    UserError
        If there is no surface.
    """
    if count < 4:
        raise ValueError(f"a shape needs at least 4 points, got {count}")
    if not surfaces:
        raise UserError("There is no surface to find points on; nothing was changed; label at least three cases")
    cases, meshes = tuple(surfaces), list(surfaces.values())
    progress = _Progress(report, len(meshes), 1 + 2 * _MATCHINGS + _REFINEMENTS)
    template = _most_typical(meshes, reflect, progress)
    reference = _spread(meshes[template], max(count, _FEWEST_POINTS))
    for _ in range(_MATCHINGS):
        places = [placed(reference, mesh, reflect=reflect) for mesh in progress.through(meshes)]
        sides = [_side(mesh, place) for mesh, place in zip(meshes, places, strict=True)]
        pairs = zip(sides, places, strict=True)
        points = np.array([matched(reference, *each) for each in progress.through(pairs)])
        reference = _mean_of(points, sides[template], points[template])
    for _ in range(_REFINEMENTS):
        modes = Modes.of(points)
        known = zip(points, sides, strict=True)
        points = np.array([refined(reference, modes, *each) for each in progress.through(known)])
    mirrored = np.array([place.mirrored for place in places])
    kept = points[:, :count]
    return Correspondences(cases, kept, mirrored, sides[template], kept[template], _notes(cases, places))


def fit_correspondences(
    correspondences: Correspondences, surface: Mesh, *, reflect: bool = False
) -> tuple[Points, bool]:
    """Find the corresponding points of an unseen surface; those of the known cases stay as they are.

    Parameters
    ----------
    correspondences : Correspondences
        Of the known cases.
    surface : Mesh
        Centred mm.
    reflect : bool
        Try the surface mirrored left to right too.

    Returns
    -------
    points : ndarray, (P, 3) float64
        On the surface, or on the mirrored one, centred mm.
    mirrored : bool
        Whether they are on the mirrored one.
    """
    reference = correspondences.reference
    place = placed(reference, surface, reflect=reflect)
    side = _side(surface, place)
    points = matched(reference, side, place)
    for _ in range(_REFINEMENTS):
        points = refined(reference, correspondences.modes, points, side)
    return points, place.mirrored


def _side(surface: Mesh, place: Placed) -> Mesh:
    return surface.mirrored() if place.mirrored else surface


def _mean_of(points: Points, template: Mesh, template_points: Points) -> Reference:
    """Return the mean shape, with the template warped onto it as its surface."""
    mean = aligned(points)[0].mean(axis=0)
    return Reference(mean, warped(template, template_points, mean))


def _spread(mesh: Mesh, count: int) -> Reference:
    """Spread points over a surface, any first part of them evenly."""
    vertices, faces = mesh.vertices, mesh.faces
    while len(vertices) < _CANDIDATES * count:
        vertices, faces = subdivide(vertices, faces)  # type: ignore[no-untyped-call]
    return Reference(np.asarray(vertices)[farthest_order(vertices, count)], mesh)


def _most_typical(meshes: Sequence[Mesh], reflect: bool, progress: _Progress) -> int:
    """Find the case that is nearest to all others, once all are laid over the one of middle size."""
    middle = np.argsort([mesh.volume_mm3 for mesh in meshes], kind="stable")[len(meshes) // 2]
    pivot = Reference(meshes[middle].vertices, meshes[middle])
    clouds = []
    for mesh in progress.through(meshes):
        place = placed(pivot, mesh, reflect=reflect)
        clouds.append(place.pose.inverse(_side(mesh, place).vertices))
    trees = [cKDTree(clouds[each]) for each in _some(len(clouds), _MOST_COMPARED)]
    thinned = [cloud[_some(len(cloud), _COMPARED_POINTS)] for cloud in clouds]
    return int(np.argmin([sum(float((tree.query(few)[0] ** 2).mean()) for tree in trees) for few in thinned]))


def _some(count: int, most: int) -> NDArray[np.intp]:
    """Return at most so many of the first `count` numbers, evenly apart."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.intp))


class _Progress:
    """Counts what goes through it, and reports each time that as much is done as one case takes in all."""

    def __init__(self, report: Report, cases: int, passes: int) -> None:
        self._report, self._cases, self._passes = report, cases, passes
        self._done = 0

    def through(self, items: Iterable[Item]) -> Iterator[Item]:
        """Hand items on; each counts when the next is asked for."""
        for item in items:
            yield item
            self._done += 1
            if self._done % self._passes == 0:
                self._report(self._done // self._passes, self._cases)


def _notes(cases: Sequence[str], places: Sequence[Placed]) -> tuple[str, ...]:
    """Name the cases that lie another way round, or whose shape is far from the others'."""
    usual = float(np.median([place.apart for place in places]))
    notes = []
    for case, place in zip(cases, places, strict=True):
        if place.degrees > TURNED_DEGREES:
            notes.append(f"{case}: the structure is turned by {place.degrees:.0f}° against the others")
        if place.apart > _ODD * usual:
            times = place.apart / usual
            notes.append(f"{case}: its shape is {times:.1f} times as far from the mean as is usual; check its label")
    return tuple(notes)
