import numpy as np
import pytest
from scipy.spatial.distance import cdist

from napari_progseg.shape.scores import ScoreSampler

KINDS = ["kde", "gaussian", "mixture"]


def subjects(modes, seed=0, count=40):
    return np.random.default_rng(seed).standard_normal((count, modes))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_generator_draws_the_same_shapes_and_another_others(kind):
    sampler = ScoreSampler(subjects(3), kind)
    (first, of), (again, of_again), (other, _) = (sampler.draw(30, np.random.default_rng(n)) for n in (1, 1, 2))
    assert (first.shape, of.shape) == ((30, 3), (30,))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(of, of_again)
    assert (first != other).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("modes", [1, 5])
def test_drawn_scores_are_spread_like_those_of_the_subjects(kind, modes):
    scores = subjects(modes)
    scores = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    sampler = ScoreSampler(scores, kind)
    drawn, _ = sampler.draw(4000, np.random.default_rng(1))
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.1)
    expected = np.hypot(1, sampler.bandwidth) if kind == "kde" else 1
    np.testing.assert_allclose(drawn.std(axis=0), expected, rtol=0.06)


@pytest.mark.parametrize("kind", ["gaussian", "mixture"])
def test_the_nearest_subject_is_the_one_to_warp(kind):
    sampler = ScoreSampler(subjects(4), kind)
    drawn, of = sampler.draw(50, np.random.default_rng(1))
    np.testing.assert_array_equal(of, cdist(drawn, sampler.scores).argmin(axis=1))


def test_noise_is_added_to_the_subject_to_warp():
    sampler = ScoreSampler(subjects(5), "kde")
    drawn, of = sampler.draw(4000, np.random.default_rng(1))
    assert set(of) == set(range(40))
    noise = drawn - sampler.scores[of]
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(noise.std(axis=0), sampler.bandwidth, rtol=0.05)


def test_a_drawn_shape_lies_about_as_far_from_its_subject_as_subjects_do():
    for modes in (2, 13):
        sampler = ScoreSampler(subjects(modes), "kde")
        drawn, of = sampler.draw(2000, np.random.default_rng(1))
        away = np.sqrt(((drawn - sampler.scores[of]) ** 2).sum(axis=1).mean())
        assert away == pytest.approx(sampler.published_bandwidth, rel=0.05)


# what the docstring says
@pytest.mark.parametrize(("modes", "published", "shared"), [(2, 0.35, 0.25), (5, 1.33, 0.59), (13, 3.21, 0.89)])
def test_the_published_noise_grows_with_the_modes_and_the_shared_one_stays_within_a_deviation(modes, published, shared):
    samplers = [ScoreSampler(subjects(modes, seed)) for seed in range(20)]
    assert np.mean([sampler.published_bandwidth for sampler in samplers]) == pytest.approx(published, rel=0.08)
    assert np.mean([sampler.bandwidth for sampler in samplers]) == pytest.approx(shared, rel=0.08)


def test_the_bandwidth_is_the_mean_distance_to_the_nearest_other_subject():
    corners = np.array([[0.0, 0, 0, 0], [2, 0, 0, 0], [0, 0, 6, 0]])
    assert ScoreSampler(corners).published_bandwidth == pytest.approx((2 + 2 + 6) / 3)
    assert ScoreSampler(corners).bandwidth == pytest.approx((2 + 2 + 6) / 3 / 2)


def test_a_mixture_finds_two_groups_and_draws_no_shape_between_them():
    scores = subjects(2, count=60) * 0.2
    scores[:20, 0] += 3
    scores[20:, 0] -= 1.5
    drawn, _ = ScoreSampler(scores, "mixture").draw(1000, np.random.default_rng(1))
    first = drawn[:, 0]
    assert ((first > 0) & (first < 1.7)).mean() < 0.01
    assert (first > 1.7).mean() == pytest.approx(1 / 3, abs=0.05)
    # one Gaussian would put many there
    single, _ = ScoreSampler(scores / scores.std(axis=0), "gaussian").draw(1000, np.random.default_rng(1))
    assert ((single[:, 0] > 0) & (single[:, 0] < 0.8)).mean() > 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_three_subjects_with_two_modes_are_enough(kind):
    drawn, of = ScoreSampler(subjects(2, count=3), kind).draw(20, np.random.default_rng(1))
    assert np.isfinite(drawn).all()
    assert set(of) <= {0, 1, 2}
