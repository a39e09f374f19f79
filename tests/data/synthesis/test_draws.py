"""Random numbers and smooth fields on the device of a generator."""

from __future__ import annotations

import torch

from napari_progseg.data.synthesis.draws import happens, log_uniform, one, per_sample, rotations, smooth_field, uniform


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_uniform_numbers_fill_their_range_and_stay_in_it() -> None:
    drawn = uniform(generator(), (2000,), -2.0, 3.0)
    assert drawn.min() >= -2
    assert drawn.max() <= 3
    assert abs(float(drawn.mean()) - 0.5) < 0.1


def test_log_uniform_numbers_lie_below_the_geometric_mean_half_of_the_time() -> None:
    drawn = log_uniform(generator(), (2000,), 0.1, 10.0)
    assert drawn.min() >= 0.1 - 1e-6
    assert drawn.max() <= 10 + 1e-4
    assert abs(float((drawn < 1).float().mean()) - 0.5) < 0.05


def test_a_coin_comes_down_as_often_as_it_should() -> None:
    draws = generator()
    assert abs(sum(happens(draws, 0.3) for _ in range(500)) / 500 - 0.3) < 0.07
    assert not happens(draws, 0.0)
    assert happens(draws, 1.0)


def test_one_seed_gives_one_number() -> None:
    assert one(generator(5), 2.0, 4.0) == one(generator(5), 2.0, 4.0)
    assert one(generator(5)) != one(generator(6))


def test_a_smooth_field_has_its_shape_and_neighbours_that_are_alike() -> None:
    field = smooth_field(generator(), 2, 3, (12, 16, 20), 8.0)
    assert field.shape == (2, 3, 12, 16, 20)
    assert field.diff(dim=-1).abs().mean() < 0.3 * field.std()


def test_rotations_keep_lengths_and_handedness() -> None:
    turned = rotations(generator(), 50)
    torch.testing.assert_close(turned @ turned.transpose(1, 2), torch.eye(3).expand(50, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(turned), torch.ones(50), atol=1e-5, rtol=0)


def test_values_of_samples_spread_over_their_windows() -> None:
    assert per_sample(torch.zeros(4), 4).shape == (4, 1, 1, 1)
    assert per_sample(torch.zeros(4, 3), 5).shape == (4, 3, 1, 1, 1)
