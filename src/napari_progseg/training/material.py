"""What a run learns from: its plan, its cases, where its patches come from, and for shapes their model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from ..data.augment import IGNORED, margin
from ..data.plan import Plan, facts_of, make_plan
from ..data.sampler import PatchSampler
from ..data.shape_cases import ShapeTable
from ..data.store import TrainingCase, load_cases
from ..inference.shapes import MODEL
from ..networks import build_network
from ..networks.shape import ShapeNetwork
from ..project import Project
from ..shape.model import ShapeModel
from ..storage.atomic import read_json, write_json
from .config import RunConfig
from .shapes import model_of_run, structure_of, table_of, with_heads
from .starts import source_weights

PLAN = "plan.json"


@dataclass(frozen=True, eq=False)
class Material:
    """What a run learns from.

    Parameters
    ----------
    plan : Plan
        Decided once.
    cases : tuple of TrainingCase
        On the network's grid.
    sampler : PatchSampler
        Draws their patches.
    shapes : ShapeModel or None
        Of task ``shape``.
    table : ShapeTable or None
        The shapes of the cases.
    """

    plan: Plan
    cases: tuple[TrainingCase, ...]
    sampler: PatchSampler
    shapes: ShapeModel | None = None
    table: ShapeTable | None = None

    def network(self, seed: int) -> nn.Module:
        """Build a network with fresh weights; the decoders of shapes begin as mean and modes."""
        network = build_network(self.plan, seed=seed)
        if isinstance(network, ShapeNetwork):
            assert self.shapes is not None, "a shape network has a shape model"
            network.begin_as(self.shapes, (self.sampler.middles(self.plan.patch) == 1)[:, None].float())
        return network


def material_of(project: Project, config: RunConfig, run_dir: Path | None = None, cut: int | None = None) -> Material:
    """Decide what the settings leave open, and prepare the cases.

    Parameters
    ----------
    run_dir : Path or None
        Keeps the plan, and the shape model, that its first start has made.
    cut : int or None
        Prepare the first so many cases only.
    """
    shapes = model_of_run(project, config, run_dir) if config.task == "shape" else None
    plan = _kept_plan(project, config, shapes, run_dir)
    prepared = config.train[:cut]
    cases = load_cases(project, prepared, plan)
    beyond = IGNORED if config.augment.outside == "ignore" else 0
    sampler = PatchSampler(cases, plan, config.patches, margin(config.augment), beyond)
    table = None if shapes is None else table_of(project, shapes, prepared, plan, config)
    return Material(plan, cases, sampler, shapes, table)


def told_before(config: RunConfig, run_dir: Path) -> list[str]:
    """Say what takes a while before the first step."""
    if config.task != "shape" or (run_dir / MODEL).exists():
        return []
    return [f"finding corresponding points on the surfaces of {len(config.train)} cases"]


def _kept_plan(project: Project, config: RunConfig, shapes: ShapeModel | None, run_dir: Path | None) -> Plan:
    path = None if run_dir is None else run_dir / PLAN
    if path is not None and path.exists():
        return Plan.model_validate(read_json(path))
    plan = _plan(project, config)
    if shapes is not None:
        plan = with_heads(plan, shapes, config.shape)
    if path is not None:
        write_json(path, plan.model_dump(mode="json"))
    return plan


def _plan(project: Project, config: RunConfig) -> Plan:
    """Look at the training cases and decide what the settings leave open."""
    source = None if config.init is None else source_weights(project.runs_dir, config.init).plan
    # restoration reads scans in any state, and labels that are not finished may be faulty
    read = {case.id for case in project.completed} if config.task == "restoration" else set(config.train)
    facts = []
    for case in config.train:
        volume = project.volume(case)
        labels = project.labels(case) if case in read else None
        facts.append(facts_of(case, volume, labels.labels if labels else None, project.case(case).modality))
    classes = (structure_of(project, config.shape),) if config.task == "shape" else project.classes
    return make_plan(facts, config, classes, source)
