"""What Dice to expect from more labelled patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from napari_progseg.evaluation.forecast import Budget, Forecast, forecast

KNOWN = (1, 2, 3, 5, 8)
ASKED = (8, 16, 64)


def law(patients: float) -> float:
    return 0.9 - 0.4 * patients**-0.8


def measured(numbers: Sequence[int] = KNOWN, seed: int = 0, noise: float = 0.01) -> list[Budget]:
    rng = np.random.default_rng(seed)
    own = rng.normal(0, 0.05, 20)
    return [Budget(n, tuple(law(n) + own - own.mean() + rng.normal(0, noise, 20))) for n in numbers]


def found(budgets: Sequence[Budget], patients: Sequence[int] = ASKED) -> Forecast:
    answer = forecast(budgets, patients, np.random.default_rng(1), resamples=400)
    assert answer is not None
    return answer


def test_the_range_holds_what_comes() -> None:
    held = [
        answer.low[number] <= law(n) <= answer.high[number]
        for seed in range(20)
        for answer in [found(measured(seed=seed))]
        for number, n in enumerate(ASKED)
    ]
    assert np.mean(held) > 0.8


def test_it_rises_and_widens_with_the_distance() -> None:
    answer = found(measured())
    widths = np.subtract(answer.high, answer.low)
    assert answer.middle[0] <= answer.middle[1] <= answer.middle[2] <= 1
    assert widths[0] < widths[2]


def test_fewer_than_four_budgets_give_none() -> None:
    three = measured(KNOWN[:3])
    assert forecast(three, ASKED, np.random.default_rng(0)) is None
    assert forecast([*three, *three], ASKED, np.random.default_rng(0)) is None, "the same budget twice is one"


def test_a_curve_that_falls_is_forecast_flat() -> None:
    falling = [Budget(n, (0.8 - 0.01 * n,) * 5) for n in KNOWN]
    answer = found(falling)
    assert np.ptp(answer.middle) < 0.02
    assert answer.middle[-1] < 0.8


def test_nothing_is_forecast_above_one() -> None:
    steep = [Budget(n, (1 - 0.3 / n,) * 5) for n in KNOWN]
    answer = found(steep, (1000,))
    assert answer.high[0] <= 1
    assert answer.middle[0] == pytest.approx(1, abs=0.02)


def test_the_past_error_is_that_of_the_earlier_forecasts() -> None:
    exact = [Budget(n, (law(n),) * 4) for n in KNOWN]
    assert found(exact).past_error == pytest.approx(0, abs=0.003)
    surprise = [*exact[:-1], Budget(8, (law(8) - 0.2,) * 4)]
    assert found(surprise).past_error == pytest.approx(0.1, abs=0.01), "one of two forecasts was 0.2 off"


def test_budgets_of_other_cases_are_refused() -> None:
    with pytest.raises(ValueError, match="same cases"):
        forecast([Budget(1, (0.5,)), Budget(2, (0.5, 0.6))], ASKED, np.random.default_rng(0))
