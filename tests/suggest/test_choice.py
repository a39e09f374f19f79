"""Which cases are suggested at all, and how a search ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.project import CaseState, Project
from napari_progseg.suggest.choice import open_cases, suggest

from .conftest import SHAPE, blob

Make = Callable[..., Project]


def test_completed_and_flagged_cases_are_not_suggested(project_of: Make) -> None:
    project = project_of({f"s{n}": blob(n / 50) for n in range(4)}, completed=("s0",))
    project.set_state("s1", CaseState.FLAGGED, "moved")
    project.set_state("s2", CaseState.IN_PROGRESS)
    assert open_cases(project) == ("s2", "s3")
    assert {each.case for each in suggest(project, "random")} == {"s2", "s3"}


def test_where_all_is_done_nothing_is_suggested(project_of: Make) -> None:
    project = project_of({"s0": blob()}, completed=("s0",))
    assert all(suggest(project, by) == () for by in ("typical", "uncertain", "random"))


def test_the_random_order_stays_when_cases_are_completed(project_of: Make) -> None:
    project = project_of({f"s{n}": blob(n / 50) for n in range(8)})
    before = [each.case for each in suggest(project, "random")]
    assert before != sorted(before)
    assert before != [each.case for each in suggest(project, "random", seed=1)]
    project.set_state(before[0], CaseState.FLAGGED)
    after = suggest(project, "random")
    assert [each.case for each in after] == before[1:]
    assert after[0].reason == "drawn at random from 7 unlabelled scans"
    assert after[1].reason == "drawn at random from the other 6 unlabelled scans"
    assert after[0].score is None


def test_a_single_scan_is_said_to_be_the_only_one(project_of: Make) -> None:
    project = project_of({"s0": blob()})
    assert [suggest(project, by)[0].reason for by in ("typical", "random")] == ["the only unlabelled scan"] * 2


def test_a_cancelled_search_returns_nothing_and_keeps_nothing(project_of: Make) -> None:
    project = project_of({f"s{n}": blob(n / 50) for n in range(3)})
    asked = iter([False, False, True])
    assert suggest(project, "typical", cancelled=lambda: next(asked)) == ()
    assert len(suggest(project, "typical")) == 3


def test_uncertainty_without_a_model_is_refused(project_of: Make) -> None:
    with pytest.raises(UserError, match="has a model that segments"):
        suggest(project_of({"s0": np.ones(SHAPE)}), "uncertain")
