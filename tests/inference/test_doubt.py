"""How unsure a model is of a scan."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_progseg.inference.doubt import doubt_of
from napari_progseg.inference.model import TrainedModel
from napari_progseg.volume import Volume

Models = Callable[..., TrainedModel]
Volumes = Callable[..., Volume]


def probability(image: float) -> float:
    """What the model `Bright` makes of an intensity in [0, 100]."""
    return float(1 / (1 + np.exp(-40 * (image / 100 - 0.5))))


def entropy(p: float) -> float:
    return float(-p * np.log2(p) - (1 - p) * np.log2(1 - p))


@pytest.mark.parametrize("patch", [(16, 16), (16, 16, 16)])
def test_it_is_the_mean_entropy_of_the_voxels_in_question(
    model_of: Models, volume_of: Volumes, patch: tuple[int, ...]
) -> None:
    image = np.zeros((16, 16, 16), np.float32)
    image[:4], image[4:6] = 52, 100
    doubt = doubt_of(model_of(patch=patch), volume_of(image))
    # the border between the two is blurred nowhere: the grid is the network's own
    assert doubt.voxels == 6 * 16 * 16
    expected = (4 * entropy(probability(52)) + 2 * entropy(probability(99.9))) / 6
    assert doubt.bits == pytest.approx(expected, abs=1e-3)


def test_the_least_sure_class_of_a_voxel_counts(model_of: Models, volume_of: Volumes) -> None:
    from napari_progseg.volume import LabelClass

    model = model_of(classes=(LabelClass("low", (1,)), LabelClass("high", (2,))))
    doubt = doubt_of(model, volume_of(np.full((4, 16, 16), 76, np.float32)))
    assert doubt.bits == pytest.approx(entropy(probability(51)), abs=1e-3)


def test_a_scan_in_which_nothing_is_found_is_the_most_doubtful(model_of: Models, volume_of: Volumes) -> None:
    doubt = doubt_of(model_of(), volume_of(np.zeros((4, 16, 16), np.float32)))
    assert (doubt.bits, doubt.voxels) == (1.0, 0)


def test_it_can_be_ended_between_parts(model_of: Models, volume_of: Volumes) -> None:
    def tick() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        doubt_of(model_of(), volume_of(np.zeros((4, 16, 16), np.float32)), tick)
