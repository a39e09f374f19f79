"""Whole volumes without clicks, in bounded memory, on the image's own grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from monai.inferers.utils import sliding_window_inference
from numpy.typing import NDArray
from torch import Tensor

from ..data.plan import Plan
from ..data.preprocess import Box, Prepared, prepare
from ..volume import LabelClass, LabelMap, Volume
from .model import TrainedModel

OVERLAP = 0.5
_SLICES = 32
_SLICE_VOXELS = 32 * 64 * 64
_SLAB_PATCHES = 3


def predict_volume(
    model: TrainedModel,
    volume: Volume,
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    seen: Callable[[Box, NDArray[np.float32]], None] | None = None,
) -> LabelMap:
    """Segment a volume without clicks.

    Parameters
    ----------
    model : TrainedModel
        Any model; interactive ones see empty click maps.
    volume : Volume
        Image on its canonical grid.
    progress : callable or None
        Called with the fraction done, 0 to 1.
    cancelled : callable or None
        Asked between parts; once it says True, the labels so far are returned.
    seen : callable or None
        Called with every region of the image and the class probabilities there, (classes, *region).

    Returns
    -------
    LabelMap
        Label values, (Z, Y, X), on the volume's grid.
    """
    prepared = prepare(volume, model.plan)
    labels = np.zeros(volume.image.shape, label_type(model.classes))
    depth = prepared.shape[0]
    for region, values, done in _parts(model, prepared):
        labels[region] = to_labels(values, model.classes)
        if seen is not None:
            seen(region, values)
        if progress is not None:
            progress(done / depth)
        if cancelled is not None and cancelled():
            break
    return LabelMap(labels, volume.geometry, {each.value: each.name for each in model.classes})


def slice_probabilities(model: TrainedModel, prepared: Prepared, slices: list[int]) -> Tensor:
    """Return class probabilities of whole slices without clicks, (slices, classes, y, x), on the network's grid."""
    height, width = prepared.shape[1:]
    images = np.stack([prepared.box((z, 0, 0), (1, height, width))[0] for z in slices])
    return windowed(model, torch.from_numpy(images)[:, None])


def windowed(model: TrainedModel, images: Tensor) -> Tensor:
    """Slide the training patch over images (B, 1, *size), any size; return probabilities (B, classes, *size)."""
    plan = model.plan
    size, patch = images.shape[2:], plan.patch
    spare = [max(p - n, 0) for n, p in zip(size, patch, strict=True)]
    padding = [side for n in reversed(spare) for side in (n // 2, n - n // 2)]
    padded = torch.nn.functional.pad(images, padding)

    def answer(windows: Tensor) -> Tensor:
        return model.probabilities(without_clicks(windows, plan))

    if tuple(padded.shape[2:]) == patch:
        out = answer(padded)
    else:
        out = torch.as_tensor(
            sliding_window_inference(padded, patch, max(2, plan.batch), answer, overlap=OVERLAP, mode="gaussian")
        )
    for axis, (n, m) in enumerate(zip(spare, size, strict=True), 2):
        out = out.narrow(axis, n // 2, m)
    return out


def without_clicks(images: Tensor, plan: Plan) -> Tensor:
    """Add the empty click maps and previous mask an interactive model expects to images (B, 1, *size)."""
    empty = images.new_zeros(len(images), plan.input_channels - 1, *images.shape[2:])
    return torch.cat([images, empty], dim=1)


def to_labels(probabilities: NDArray[np.float32], classes: tuple[LabelClass, ...]) -> NDArray[np.unsignedinteger]:
    """Turn class probabilities (classes, *region) into label values; overlaps go to the higher probability."""
    values = np.array([each.value for each in classes], label_type(classes))
    if len(classes) == 1:
        return (probabilities[0] >= 0.5) * values[0]  # type: ignore[no-any-return]
    best = probabilities.argmax(axis=0)
    return np.where(probabilities.max(axis=0) >= 0.5, values[best], values.dtype.type(0))


def label_type(classes: tuple[LabelClass, ...]) -> type[np.uint8] | type[np.uint16]:
    """Return the smallest type that holds the classes' values."""
    return np.uint8 if max(each.value for each in classes) < 256 else np.uint16


def _parts(model: TrainedModel, prepared: Prepared) -> Iterator[tuple[Box, NDArray[np.float32], int]]:
    """Yield regions of the image, their class probabilities, and the number of network slices done."""
    return _slices(model, prepared) if model.plan.dims == 2 else _slabs(model, prepared)


def _slices(model: TrainedModel, prepared: Prepared) -> Iterator[tuple[Box, NDArray[np.float32], int]]:
    depth, height, width = prepared.shape
    together = max(1, min(_SLICES, _SLICE_VOXELS // (height * width)))
    for z in range(0, depth, together):
        chosen = list(range(z, min(z + together, depth)))
        values = slice_probabilities(model, prepared, chosen).transpose(0, 1).contiguous().numpy()
        yield (*prepared.back(values, (z, 0, 0)), chosen[-1] + 1)


def _slabs(model: TrainedModel, prepared: Prepared) -> Iterator[tuple[Box, NDArray[np.float32], int]]:
    """Slide over slabs with half a patch of surroundings, so that memory does not grow with the volume."""
    depth, height, width = prepared.shape
    thick = model.plan.patch[0] * _SLAB_PATCHES
    margin = model.plan.patch[0] // 2
    for z in range(0, depth, thick):
        last = min(z + thick, depth)
        low, high = max(z - margin, 0), min(last + margin, depth)
        image = torch.from_numpy(prepared.box((low, 0, 0), (high - low, height, width)))
        values = windowed(model, image[None, None])[0].numpy()
        yield (*prepared.back(values, (low, 0, 0), keep=(z, last)), last)
