"""Cases ranked by how much their images are like the others, as a document that can be kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ..data.plan import CaseFacts, Plan, facts_of, make_plan
from ..data.preprocess import prepare
from ..project import Project
from ..similarity import on_grid, rank
from ..volume import Volume
from .config import BudgetConfig, Metric, RunConfig

Small = dict[str, NDArray[np.float32]]


class RunRanking(BaseModel):
    """Cases, most similar first, and the mean similarity of each to all others.

    Parameters
    ----------
    cases : tuple of str
        Ids.
    scores : dict of str to dict
        By case and metric; more is more alike, so that the score of ``"mse"`` is its negative.
    version : int
        Of the definitions of the metrics.
    """

    model_config = ConfigDict(frozen=True)

    cases: tuple[str, ...]
    scores: dict[str, dict[str, float]]
    version: int

    @classmethod
    def of(cls, images: Mapping[str, NDArray[np.generic]], metrics: Sequence[Metric]) -> RunRanking:
        """Rank images with intensities in [0, 1]; each is brought to a small common grid first.

        Raises
        ------
        UserError
            If an image holds values that are no numbers.
        """
        small = {case: on_grid(np.asarray(image, np.float32)) for case, image in images.items()}
        found = rank(small, metrics)
        return cls(cases=found.cases, scores=found.scores, version=found.version)


def small_images(project: Project, ids: Sequence[str], progress: Callable[[float], None] | None = None) -> Small:
    """Normalise the images of a project's cases as for training, and bring them to a small common grid.

    `progress`, where given, is called with the fraction done; what it raises ends the work.

    Raises
    ------
    UserError
        If modalities are mixed or a scan cannot be read.
    """
    told = progress or (lambda fraction: None)
    facts = []
    for number, case in enumerate(ids, 1):
        facts.append(facts_of(case, project.volume(case), None, project.case(case).modality))
        told(0.5 * number / len(ids))
    plan = plan_of_images(facts)
    out = {}
    for number, case in enumerate(ids, 1):
        out[case] = small_image(project.volume(case), plan)
        told(0.5 + 0.5 * number / len(ids))
    return out


def plan_of_images(facts: Sequence[CaseFacts]) -> Plan:
    """Decide how images alone are normalised; raises UserError if modalities are mixed."""
    return make_plan(facts, RunConfig(task="restoration", budget=BudgetConfig(steps=1)), ())


def small_image(volume: Volume, plan: Plan, grid: Sequence[int] | None = None) -> NDArray[np.float32]:
    """Normalise an image as for training, and bring it to a small grid, (z, y, x); None is the ranking's own."""
    prepared = prepare(volume, plan)
    return on_grid(prepared.box((0, 0, 0), prepared.shape).astype(np.float32), grid)
