"""Representative cases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.project import CaseState, Project
from napari_progseg.suggest import typical
from napari_progseg.suggest.choice import suggest
from napari_progseg.suggest.typical import by_coverage

from .conftest import SHAPE, blob

Make = Callable[..., Project]

# three alike (0, 1, 2; 1 in their middle), two alike (3, 4), one alone (5)
TABLE = np.array(
    [
        [0, 0.8, 0.6, 0.1, 0.1, 0.0],
        [0.8, 0, 0.8, 0.1, 0.1, 0.0],
        [0.6, 0.8, 0, 0.1, 0.1, 0.0],
        [0.1, 0.1, 0.1, 0, 0.7, 0.0],
        [0.1, 0.1, 0.1, 0.7, 0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0],
    ]
)


def test_the_middle_of_the_largest_group_comes_first_then_the_other_group() -> None:
    order = [row for row, _ in by_coverage(TABLE, range(6), ())]
    assert order[0] == 1
    assert order[1] == 3
    assert order[2] == 5


def test_what_is_like_a_labelled_scan_has_to_wait() -> None:
    assert by_coverage(TABLE, (0, 2, 3), ())[0][0] == 0
    assert by_coverage(TABLE, (0, 2, 3), (1,))[0][0] == 3


def test_gains_are_the_lift_of_the_mean_similarity_and_never_rise() -> None:
    found = by_coverage(TABLE, range(6), ())
    assert found[0][1] == pytest.approx((0.8 + 1 + 0.8 + 0.1 + 0.1) / 6)
    gains = [gain for _, gain in found]
    assert gains == sorted(gains, reverse=True)


def test_alike_scans_come_before_the_odd_one_with_the_reason(project_of: Make) -> None:
    odd = np.random.default_rng(0).random(SHAPE)
    project = project_of({"a": odd, "b": blob(), "c": blob(0.02), "d": blob(0.04)})
    found = suggest(project)
    assert found[0].case == "c"
    assert found[0].reason == "most typical of 4 unlabelled scans"
    assert found[1].case == "a", "the three others are represented by then"
    assert found[1].reason == "most typical of the other 3 unlabelled scans"
    assert suggest(project, count=2) == found[:2]


def test_a_labelled_scan_speaks_for_those_like_it(project_of: Make) -> None:
    images = {"b": blob(), "c": blob(0.01), "d": blob(0.02), "e": blob(0.03), "m": blob(0.3), "n": blob(0.31)}
    project = project_of(images, completed=("b",))
    assert suggest(project)[0].case in ("m", "n")
    project.set_state("b", CaseState.FLAGGED)
    assert suggest(project)[0].case in ("c", "d", "e")


def test_scans_are_read_once_and_again_where_one_has_changed(project_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_of({"b": blob(), "c": blob(0.02), "d": blob(0.04)})
    before, compared = suggest(project), []
    real = typical.similarities
    monkeypatch.setattr(typical, "similarities", lambda *args: compared.append(1) or real(*args))
    assert suggest(project) == before
    assert not compared
    image = project.case("d").image
    image.write_bytes(project.case("b").image.read_bytes())
    assert suggest(project)[0].score != before[0].score
    assert compared


def test_scans_that_cannot_be_read_are_passed_over(project_of: Make) -> None:
    project = project_of({"b": blob(), "c": blob(0.02), "d": blob(0.04)})
    project.case("c").image.write_bytes(b"no scan")
    project.case("d").image.unlink()
    assert [each.case for each in suggest(project)] == ["b"]
    project.case("b").image.unlink()
    with pytest.raises(UserError, match="none of 3 unlabelled scans could be read"):
        suggest(project)
