"""The shape model of a run: built from the labels of its training cases alone, and kept with the run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data.plan import Plan, ShapeHeads
from ..data.preprocess import prepare
from ..data.shape_cases import ShapeTable
from ..errors import UserError
from ..inference.shape_evaluation import labelled_surface
from ..inference.shapes import MODEL, network_mm
from ..project import Project
from ..shape.correspondences import Correspondences, build_correspondences
from ..shape.files import correspondences_from_particles, load_model, save_model
from ..shape.frame import from_world
from ..shape.mesh import Mesh
from ..shape.model import FEWEST_CASES, ShapeModel
from ..shape.particles import read_all
from ..storage.cache import Arrays, VolumeCache, source_key
from ..volume import LabelClass
from .config import RunConfig, ShapeConfig

# changes with what is built, so that what was kept before is built again
_BUILT = 1


def refuse_impossible_shape(project: Project, config: RunConfig) -> None:
    """Refuse a structure that is not known, too few cases, or a model that does not hold them.

    Raises
    ------
    UserError
        Saying which.
    """
    structure_of(project, config.shape)
    if len(config.train) < FEWEST_CASES:
        raise UserError(
            f"a shape is learned from {FEWEST_CASES} labelled cases or more and there "
            f"{'is' if len(config.train) == 1 else 'are'} {len(config.train)} to train on; nothing was started; "
            "complete the labels of more cases"
        )
    if config.shape.model is not None:
        _refuse_other_cases(load_model(Path(config.shape.model)), config.train, config.shape.model)


def structure_of(project: Project, settings: ShapeConfig) -> LabelClass:
    """Return the class whose shape is learned.

    Raises
    ------
    UserError
        If there is no class of that name, or several and none is named.
    """
    names = ", ".join(each.name for each in project.classes) or "none yet"
    if settings.structure is None and len(project.classes) == 1:
        return project.classes[0]
    if settings.structure is None:
        raise UserError(
            f"a shape is learned of one structure, and the project knows {names}; nothing was started; "
            "name one: --set shape.structure=NAME"
        )
    for each in project.classes:
        if each.name == settings.structure:
            return each
    raise UserError(
        f"there is no structure {settings.structure!r}, only {names}; nothing was started; name one of them"
    )


def model_of_run(project: Project, config: RunConfig, run_dir: Path | None) -> ShapeModel:
    """Return the shape model of a run: the one it keeps, the one its settings name, or a new one."""
    if run_dir is not None and (run_dir / MODEL).exists():
        return load_model(run_dir / MODEL)
    model = built_model(project, config.train, config.shape)
    if run_dir is not None:
        save_model(run_dir / MODEL, model)
    return model


def built_model(
    project: Project, cases: tuple[str, ...], settings: ShapeConfig, particles: Path | None = None
) -> ShapeModel:
    """Build a shape model from labels, from ShapeWorks particles, or from the file that the settings name.

    Parameters
    ----------
    particles : Path or None
        Folder of ``CASE.particles`` in world mm, as ShapeWorks writes them.
    """
    structure = structure_of(project, settings)
    if particles is not None:
        found = _from_shapeworks(project, cases, structure, particles)
    elif settings.model is not None:
        found = _of_cases(load_model(Path(settings.model)), cases, settings.model)
    else:
        found = correspondences(project, cases, structure, settings.scales[-1], reflect=settings.reflect)
    scales = settings.scales[-1:] if settings.schedule == "single" else settings.scales
    return ShapeModel.of(found, structure.name, scales, settings.variance, settings.modes)


def with_heads(plan: Plan, model: ShapeModel, settings: ShapeConfig) -> Plan:
    """Return the plan of a network that predicts shapes of `model`."""
    heads = ShapeHeads(
        backbone=settings.backbone,
        scales=model.scales,
        modes=tuple(len(level.modes) for level in model.levels),
        previous=settings.previous,
        detach_previous=settings.detach_previous,
    )
    what = " to ".join(str(count) for count in dict.fromkeys((model.scales[0], model.scales[-1])))
    sentence = f"{plan.sentence}, {what} points of {model.structure} in {heads.modes[-1]} modes"
    return plan.model_copy(update={"heads": heads, "sentence": sentence})


def table_of(project: Project, model: ShapeModel, cases: Sequence[str], plan: Plan, config: RunConfig) -> ShapeTable:
    """Bring the shapes of cases into the millimetres of the network's grid."""
    factors: dict[str, NDArray[np.float64]] = {}
    for case in cases:
        volume = project.volume(case)
        factors[case] = network_mm(prepare(volume, plan), volume.geometry.spacing_zyx_mm, plan)
    return ShapeTable.of(model, factors, config.shape.sampling, config.seed)


def correspondences(
    project: Project, cases: Sequence[str], structure: LabelClass, count: int, *, reflect: bool
) -> Correspondences:
    """Find corresponding points on the labelled surfaces of cases, once; they stay in the project's cache."""
    sources = [source_key(path) for case in cases if (path := project.case(case).label) is not None]
    key = json.dumps(["correspondences", _BUILT, list(cases), sources, structure.values, count, reflect])

    def build() -> Arrays:
        surfaces: dict[str, Mesh] = {}
        notes: list[str] = []
        for case in cases:
            surfaces[case], said = labelled_surface(project.labels(case), structure, case)
            notes += said
        found = build_correspondences(surfaces, count, reflect=reflect)
        return {
            "points": found.points,
            "mirrored": found.mirrored,
            "vertices": found.template.vertices,
            "faces": found.template.faces,
            "template": found.template_points,
            "notes": np.array([*notes, *found.notes], dtype=np.str_),
        }

    kept = VolumeCache(project.cache_dir).get(key, build)
    template = Mesh(np.array(kept["vertices"]), np.array(kept["faces"]))
    return Correspondences(
        tuple(cases),
        np.array(kept["points"]),
        np.array(kept["mirrored"]),
        template,
        np.array(kept["template"]),
        tuple(map(str, kept["notes"])),
    )


def _from_shapeworks(
    project: Project, cases: tuple[str, ...], structure: LabelClass, particles: Path
) -> Correspondences:
    """Join particles of a ShapeWorks project to the labelled surfaces of its cases."""
    found = read_all(particles, cases)
    geometries = {case: project.volume(case).geometry for case in cases}
    centred = {case: from_world(found[case], geometries[case]) for case in cases}
    surfaces = {case: labelled_surface(project.labels(case), structure, case)[0] for case in cases}
    return correspondences_from_particles(centred, surfaces)


def _refuse_other_cases(model: ShapeModel, cases: Sequence[str], file: str) -> None:
    if missing := [case for case in cases if case not in model.cases]:
        raise UserError(
            f"the shape model {file} does not hold the cases {', '.join(missing[:3])}; "
            "nothing was started; build it with them or train on its own cases"
        )


def _of_cases(model: ShapeModel, cases: tuple[str, ...], file: str) -> Correspondences:
    """Take the points of a run's training cases out of a model that may know more."""
    _refuse_other_cases(model, cases, file)
    rows = [model.cases.index(case) for case in cases]
    points = np.stack([model.poses[row].apply(model.points[row]) for row in rows])
    mean = model.points.mean(axis=0)
    return Correspondences(cases, points, model.mirrored[rows], model.surface, mean, model.notes)
