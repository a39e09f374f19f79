"""The patch and batch lists of the published rules (algorithms 2.10), and when each stage comes."""

from __future__ import annotations

from math import prod

import pytest

from napari_progseg.errors import UserError
from napari_progseg.schedules.patches import (
    PatchSchedule,
    PatchStage,
    chained_batches,
    full_batches,
    growing_patches,
    growth_steps,
    stage_of,
)

CUBE_64 = (
    (16, 16, 16), (32, 16, 16), (32, 32, 16), (32, 32, 32), (48, 32, 32),
    (48, 48, 32), (48, 48, 48), (64, 48, 48), (64, 64, 48), (64, 64, 64),
)  # fmt: skip


def schedule(final: tuple[int, ...], steps: tuple[int, ...], batch: int, epochs: int, *, full: bool) -> PatchSchedule:
    patches = growing_patches(final, steps)
    batches = full_batches(patches, batch) if full else (batch,) * len(patches)
    return PatchSchedule(tuple(map(PatchStage, patches, batches)), epochs)


def test_the_published_list_of_64_cubed() -> None:
    patches = growing_patches((64, 64, 64), (16, 16, 16))
    assert patches == CUBE_64
    assert full_batches(patches, 2) == (128, 64, 32, 16, 10, 7, 4, 3, 2, 2)


def test_128_cubed_with_five_poolings_has_twice_the_sizes_and_the_same_batches() -> None:
    patches = growing_patches((128,) * 3, (32,) * 3)
    assert patches == tuple(tuple(2 * n for n in patch) for patch in CUBE_64)
    assert full_batches(patches, 2) == (128, 64, 32, 16, 10, 7, 4, 3, 2, 2)


def test_the_rule_of_2024_leaves_out_the_first() -> None:
    assert growing_patches((64, 64, 64), (16, 16, 16), generation=2024)[0] == (32, 16, 16)
    assert len(growing_patches((64, 64, 64), (16, 16, 16), generation=2024)) == 9


def test_the_rule_of_2024_takes_the_axes_in_turn_from_the_second() -> None:
    assert growing_patches((64, 32, 48), (16, 16, 16), generation=2024) == (
        (32, 16, 16), (32, 32, 16), (32, 32, 32), (48, 32, 32), (48, 32, 48), (64, 32, 48),
    )  # fmt: skip


def test_the_hippocampus_patch() -> None:
    patches = growing_patches((40, 56, 40), (8, 8, 8))
    assert len(patches) == 15
    assert patches[-3:] == ((40, 40, 40), (40, 48, 40), (40, 56, 40))
    assert full_batches(patches, 2) == (350, 175, 87, 43, 29, 19, 12, 9, 7, 5, 4, 3, 2, 2, 2)


def test_96_cubed() -> None:
    patches = growing_patches((96,) * 3, (16,) * 3)
    assert len(patches) == 16
    assert full_batches(patches, 2)[0] == 432


def test_axes_with_different_poolings() -> None:
    patches = growing_patches((80, 192, 160), (16, 32, 32))
    assert len(patches) == 14
    assert patches[0] == (16, 32, 32)
    assert full_batches(patches, 2)[0] == 300


def test_an_axis_that_is_final_at_the_start_does_not_grow() -> None:
    assert growing_patches((32, 64), (32, 32)) == ((32, 32), (32, 64))


def test_a_patch_that_cannot_be_met_is_refused_with_one_that_can() -> None:
    with pytest.raises(UserError, match=r"\(48, 64\) would do"):
        growing_patches((50, 64), (16, 16))


def test_slices_follow_the_same_rule() -> None:
    assert growing_patches((32, 32), (8, 16)) == ((8, 16), (16, 16), (24, 16), (32, 16), (32, 32))


def test_axes_grow_by_eight_voxels_at_least() -> None:
    assert growth_steps((40, 56, 40), (8, 8, 8)) == (8, 8, 8)
    assert growth_steps((16, 64, 64), (1, 16, 16)) == (8, 16, 16)
    assert growth_steps((5, 64, 64), (1, 16, 16)) == (5, 16, 16)


def test_batches_are_capped() -> None:
    patches = growing_patches((96,) * 3, (16,) * 3)
    assert full_batches(patches, 2, most=100)[0] == 100


def test_chained_batches_never_fall_below_the_last() -> None:
    patches = growing_patches((64,) * 3, (16,) * 3, generation=2024)
    found = chained_batches(patches, 2)
    assert found[-1] == 2
    assert min(found) == 2
    assert all(n * prod(a) <= 2 * 64**3 for n, a in zip(found, patches, strict=True))


def test_stages_are_equally_long_and_the_last_takes_the_rest() -> None:
    found = [stage_of(epoch, 1000, 15) for epoch in range(1000)]
    assert [found.count(stage) for stage in range(15)] == [66] * 14 + [76]
    assert found == sorted(found)


def test_with_fewer_epochs_than_stages_first_and_last_stay() -> None:
    found = [stage_of(epoch, 4, 10) for epoch in range(4)]
    assert found[0] == 0
    assert found[-1] == 9
    assert found == sorted(set(found))
    assert stage_of(0, 1, 10) == 9


@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 9, 10, 11, 1000])
def test_every_training_ends_at_the_full_patch(epochs: int) -> None:
    stages = schedule((64,) * 3, (16,) * 3, 2, epochs, full=True)
    assert stages.at(1.0, 0, 0).patch == (64, 64, 64)
    assert stages.at(0.9999, 0, 0).patch == (64, 64, 64)


@pytest.mark.parametrize(("final", "steps"), [((64,) * 3, (16,) * 3), ((128,) * 3, (32,) * 3)])
def test_the_voxel_ratios_of_the_paper(final: tuple[int, ...], steps: tuple[int, ...]) -> None:
    assert schedule(final, steps, 2, 1000, full=False).voxel_ratio == pytest.approx(0.344, abs=5e-4)
    assert schedule(final, steps, 2, 1000, full=True).voxel_ratio == pytest.approx(0.94, abs=5e-3)


def test_the_control_draws_all_stages_equally_often_and_by_the_step_alone() -> None:
    stages = schedule((64,) * 3, (16,) * 3, 2, 1000, full=False)
    control = PatchSchedule(stages.stages, stages.epochs, at_random=True)
    drawn = [control.at(0.0, step, 7) for step in range(5000)]
    assert drawn == [control.at(0.9, step, 7) for step in range(5000)]
    for stage in stages.stages:
        assert drawn.count(stage) == pytest.approx(500, abs=100)
