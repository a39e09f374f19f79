import numpy as np
import pytest

from napari_progseg.evaluation.statistics import bootstrap_interval, paired, wilcoxon


def test_interval_covers_the_mean_at_about_the_named_rate():
    rng = np.random.default_rng(0)
    intervals = [bootstrap_interval(rng.normal(3, 1, 40), rng, level=0.9, resamples=400) for _ in range(200)]
    assert 0.83 < np.mean([one.low < 3 < one.high for one in intervals]) < 0.96


def test_interval_is_about_two_standard_errors_wide_to_each_side():
    values = np.random.default_rng(1).normal(0, 1, 400)
    interval = bootstrap_interval(values, np.random.default_rng(2))
    assert interval.mean == pytest.approx(values.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.05)
    assert (interval.level, interval.n) == (0.95, 400)


def test_interval_depends_on_nothing_but_the_passed_generator():
    values = np.random.default_rng(9).normal(size=30)
    first, second, other = (bootstrap_interval(values, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first == second != other


def test_interval_of_one_value_is_that_value():
    interval = bootstrap_interval([0.5], np.random.default_rng(0))
    assert (interval.low, interval.mean, interval.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [[1.0, 2.0]]])
def test_interval_of_unusable_values_is_refused(values):
    with pytest.raises(ValueError, match="finite"):
        bootstrap_interval(values, np.random.default_rng(0))


def test_pairs_without_a_score_are_left_out():
    assert paired([0.5, None, 0.9], [0.25, 0.3, None]).tolist() == [0.25]
    with pytest.raises(ValueError, match=r"shorter|longer"):
        paired([1.0], [1.0, 2.0])


def test_a_constant_gain_is_significant_from_six_pairs_on():
    five, six = ([0.1 * k + 0.01 * k**2 for k in range(1, n + 1)] for n in (5, 6))
    few = wilcoxon(five, [0.0] * 5)
    assert few.p > 0.05
    assert "6" in few.note
    enough = wilcoxon(six, [0.0] * 6)
    assert enough.p == pytest.approx(2 / 2**6)
    assert (enough.n, enough.note) == (6, "")


def test_equal_methods_do_not_differ():
    same = wilcoxon([0.4] * 8, [0.4] * 8)
    assert same.p == 1
    assert "zero" in same.note
    assert wilcoxon([], []).p == 1
