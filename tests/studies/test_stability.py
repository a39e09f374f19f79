"""How much arms vary from seed to seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from napari_progseg.studies.analysis import by_place
from napari_progseg.studies.rows import Row
from napari_progseg.studies.stability import Stability, stabilities

RowOf = Callable[..., Row]


@pytest.fixture
def found_in(shape_row_of: RowOf) -> Callable[[Mapping[str, list[float]]], dict[str, Stability]]:
    """Evaluate the means over cases of each group, one a seed."""

    def evaluate(means: Mapping[str, list[float]]) -> dict[str, Stability]:
        rows = [
            shape_row_of(group, seed=seed, mm={"surface": [mean - 0.5, mean + 0.5]})
            for group, values in means.items()
            for seed, mean in enumerate(values)
        ]
        rng = np.random.default_rng(0)
        return {each.group: each for each in stabilities(by_place(rows), tuple(means), "Single", ("surface",), rng)}

    return evaluate


def test_the_spread_of_seeds_stands_beside_that_of_the_reference(
    found_in: Callable[[Mapping[str, list[float]]], dict[str, Stability]],
) -> None:
    single = [1.0, 1.4, 0.7, 1.1, 1.9, 1.5]
    found = found_in({"Deep": [1 + 0.1 * value for value in single], "Single": single})
    assert found["Single"].deviation == pytest.approx(np.std(single, ddof=1))
    assert (found["Single"].ratio, found["Single"].interval) == (None, None)
    deep = found["Deep"]
    assert deep.deviation == pytest.approx(0.1 * np.std(single, ddof=1))
    assert deep.ratio == pytest.approx(0.1)
    # every resample of pairs has the same ratio
    assert deep.interval == pytest.approx((0.1, 0.1))


def test_the_interval_holds_the_true_ratio_about_as_often_as_it_says(
    found_in: Callable[[Mapping[str, list[float]]], dict[str, Stability]],
) -> None:
    rng = np.random.default_rng(1)
    held, widths = 0, []
    for _ in range(40):
        single, own = rng.normal(size=(2, 6))
        interval = found_in({"Deep": list(0.5 * (own + single)), "Single": list(single)})["Deep"].interval
        assert interval is not None
        held += interval[0] <= np.sqrt(0.5) <= interval[1]
        widths.append(interval[1] / interval[0])
    assert held >= 34
    assert np.median(widths) < 12


def test_few_seeds_have_no_interval_and_one_seed_no_spread(
    found_in: Callable[[Mapping[str, list[float]]], dict[str, Stability]],
) -> None:
    found = found_in({"Deep": [1.0, 1.1, 1.3], "Shallow": [1.0], "Single": [1.0, 1.2, 1.6]})
    assert found["Deep"].ratio == pytest.approx(0.5)
    assert found["Deep"].interval is None
    assert "Shallow" not in found


def test_a_reference_that_does_not_vary_gives_no_ratio(
    found_in: Callable[[Mapping[str, list[float]]], dict[str, Stability]],
) -> None:
    found = found_in({"Deep": [1.0, 1.1, 1.3, 1.0, 1.2], "Single": [1.0] * 5})
    assert (found["Deep"].ratio, found["Deep"].interval) == (None, None)
