"""Masks that clicks begin with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.guidance.clicks import Click
from napari_progseg.inference.folder import predict_with_clicks
from napari_progseg.inference.model import TrainedModel
from napari_progseg.inference.predict import predict_volume
from napari_progseg.volume import LabelClass, LabelMap, Volume

ModelOf = Callable[..., TrainedModel]
VolumeOf = Callable[..., Volume]
SHAPE = (6, 40, 40)
BOTH = pytest.mark.parametrize("patch", [(16, 16), (4, 16, 16)])
TWO = (LabelClass("bone", (1, 5)), LabelClass("fat", (7,)))


@pytest.fixture
def image(volume_of: VolumeOf) -> Volume:
    """A bright block, which the model marks without clicks."""
    voxels = np.zeros(SHAPE, np.int16)
    voxels[2:4, 2:8, 2:8] = 100
    return volume_of(voxels)


def mask(image: Volume, value: int = 1) -> LabelMap:
    """A block elsewhere, on all slices, as somebody else marked it."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, 20:30, 20:30] = value
    return LabelMap(labels, image.geometry)


@BOTH
def test_the_mask_takes_the_place_of_the_automatic_segmentation(
    interactive_of: ModelOf, image: Volume, patch: Any
) -> None:
    model = interactive_of(patch=patch)
    start = mask(image)
    done = predict_with_clicks(model, image, [Click((2, 32, 25), inside=True, label=1)], start)
    added, removed = (done.labels > start.labels), (done.labels < start.labels)
    assert predict_volume(model, image).labels[2:4, 2:8, 2:8].all()
    assert not done.labels[:, 2:8, 2:8].any(), "what the model marks without clicks is not asked for"
    assert added[2, 32, 25]
    assert not removed.any(), "inside the window the model sees the mask"
    window = np.argwhere(added)
    assert (np.abs(window - (2, 32, 25)) <= 16).all()


@BOTH
def test_an_outside_click_takes_away_from_the_mask(interactive_of: ModelOf, image: Volume, patch: Any) -> None:
    start = mask(image)
    done = predict_with_clicks(
        interactive_of(patch=patch), image, [Click((2, 22, 22), inside=False, label=1)], start
    ).labels
    assert not done[2, 22, 22]
    assert done[2, 28, 28]
    assert start.labels[2, 22, 22], "the mask that was given is not changed"


def test_without_clicks_the_mask_stays_as_it_is(interactive_of: ModelOf, image: Volume) -> None:
    start = mask(image)
    assert np.array_equal(predict_with_clicks(interactive_of(), image, [], start).labels, start.labels)


def test_values_are_those_of_the_class_they_belong_to(interactive_of: ModelOf, image: Volume) -> None:
    model = interactive_of(classes=TWO)
    labels = mask(image, 5).labels.copy()
    labels[:, 2:5, 30:35] = 7
    done = predict_with_clicks(
        model, image, [Click((2, 32, 25), inside=True, label=1)], LabelMap(labels, image.geometry)
    )
    assert set(np.unique(done.labels)) == {0, 1, 7}
    assert (done.labels[0] == np.where(labels[0] == 5, 1, labels[0])).all()
    assert done.names == {1: "bone", 7: "fat"}


def test_a_value_of_no_class_is_refused_by_name(interactive_of: ModelOf, image: Volume) -> None:
    with pytest.raises(UserError, match=r"hold the values 3, which belong to no class \(bone=1\); nothing"):
        predict_with_clicks(interactive_of(), image, [], mask(image, 3))


def test_a_mask_on_another_grid_is_refused(interactive_of: ModelOf, image: Volume) -> None:
    elsewhere = LabelMap(mask(image).labels, Geometry.from_spacing(SHAPE, (1.0, 1.0, 1.1)))
    with pytest.raises(UserError, match="does not lie on the grid of the image: the grids lie"):
        predict_with_clicks(interactive_of(), image, [], elsewhere)
    smaller = LabelMap(np.ones((1, 2, 3), np.uint8), Geometry.from_spacing((1, 2, 3), (1.0, 1.0, 1.0)))
    with pytest.raises(UserError, match=r"shapes \(z, y, x\)"):
        predict_with_clicks(interactive_of(), image, [], smaller)


@pytest.mark.parametrize("fields", [{"clicks": {"previous_mask": False}}, {"task": "segmentation"}])
def test_a_model_that_does_not_look_at_the_mask_refuses_it(
    model_of: ModelOf, image: Volume, fields: dict[str, Any]
) -> None:
    with pytest.raises(UserError, match="does not look at the mask before a click"):
        predict_with_clicks(model_of(**{"task": "interactive", **fields}), image, [], mask(image))
