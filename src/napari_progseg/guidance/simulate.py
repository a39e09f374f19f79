"""The simulated user: where a person would click next, given a prediction and the truth.

The rules are those of the limited-data paper, section 2.3. CPU tensors are handled sample by sample on small boxes
(scipy and numpy), CUDA tensors as a whole batch on the device; both give the same clicks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from . import regions_scipy, regions_tensor

Method = Literal["auto", "scipy", "tensors"]


@dataclass(frozen=True, eq=False)
class SimulatedClicks:
    """At most one click a sample.

    Parameters
    ----------
    positions : Tensor, (B, D) int64
        Voxel in the patch, in the order of its axes.
    inside : Tensor, (B,) bool
        True: a click on the object; False: on the background.
    found : Tensor, (B,) bool
        False where there is nothing to click.
    """

    positions: Tensor
    inside: Tensor
    found: Tensor


def innermost_points(masks: Tensor, method: Method = "auto") -> tuple[Tensor, Tensor]:
    """Find the maximum of the Euclidean distance transform of every mask.

    Parameters
    ----------
    masks : Tensor, (B, *S) bool
        2D or 3D masks; what lies beyond the border of the patch counts as outside. Distances are in voxels.
    method : {"auto", "scipy", "tensors"}
        The implementation; ``"auto"`` goes by the device.

    Returns
    -------
    points : Tensor, (B, D) int64
        Of equally deep voxels the first in C order.
    found : Tensor, (B,) bool
        False where the mask is empty.
    """
    if _tensors(masks, method):
        return regions_tensor.innermost(masks)
    points, found = regions_scipy.innermost(masks.numpy(force=True))
    return torch.from_numpy(points).to(masks.device), torch.from_numpy(found).to(masks.device)


def largest_error(
    prediction: Tensor, target: Tensor, min_component: int = 0, method: Method = "auto"
) -> tuple[Tensor, Tensor, Tensor]:
    """Find the largest erroneous region of every sample.

    Missing and surplus regions (false negatives and false positives) are face-connected and kept apart.

    Parameters
    ----------
    prediction, target : Tensor, (B, *S) bool
        What is marked and what should be.
    min_component : int
        Regions of fewer voxels are left alone.
    method : {"auto", "scipy", "tensors"}
        The implementation; ``"auto"`` goes by the device.

    Returns
    -------
    component : Tensor, (B, *S) bool
        The region; of equally large ones a missing region goes first, then the one that begins first in C order.
    inside : Tensor, (B,) bool
        True where the region is missing from the prediction, which asks for an inside click.
    found : Tensor, (B,) bool
        False where there is no error (of `min_component` voxels).
    """
    component, kind, area = _largest(torch.stack((target & ~prediction, prediction & ~target), dim=1), method)
    found = area >= max(min_component, 1)
    return component & _spread(found, component.ndim), (kind == 0) & found, found


def regions_at(masks: Tensor, starts: Tensor, method: Method = "auto") -> Tensor:
    """Find the face-connected region of every mask, (B, *S) bool, that holds a voxel.

    `starts`, (B,) int64, are indices in C order. A region is empty, where its voxel is not in the mask.
    """
    if _tensors(masks, method):
        return regions_tensor.at(masks, starts)
    return torch.from_numpy(regions_scipy.at(masks.numpy(force=True), starts.numpy(force=True))).to(masks.device)


def next_clicks(prediction: Tensor, target: Tensor, min_component: int = 0, method: Method = "auto") -> SimulatedClicks:
    """Click the innermost point of the largest erroneous region of every sample; see `largest_error`."""
    component, inside, found = largest_error(prediction, target, min_component, method)
    return SimulatedClicks(innermost_points(component, method)[0], inside, found)


def first_clicks(
    target: Tensor,
    former_object: Tensor,
    prediction_without_clicks: Tensor | None,
    generator: torch.Generator,
    method: Method = "auto",
) -> SimulatedClicks:
    """Place the first click of every sample.

    Parameters
    ----------
    target : Tensor, (B, *S) bool
        What should be marked; empty where the sample has no object or was made all background.
    former_object : Tensor, (B, *S) bool
        The object before targets were made all background.
    prediction_without_clicks : Tensor, (B, *S) bool, or None
        What the model marks without a click; None where it is not known.
    generator : torch.Generator
        Draws one voxel a sample, whether it is needed or not.

    Returns
    -------
    SimulatedClicks
        Samples with an object: inside, at its innermost point. Others: outside, at the innermost point of the largest
        region the model marks; if it marks nothing, of the former object; if there was none, at a random voxel. Every
        sample gets a click.
    """
    has_object = target.flatten(1).any(1)
    wrong = former_object
    if prediction_without_clicks is not None:
        surplus, _, area = _largest(prediction_without_clicks[:, None], method)
        wrong = torch.where(_spread(area > 0, target.ndim), surplus, former_object)
    points, found = innermost_points(torch.where(_spread(has_object, target.ndim), target, wrong), method)
    drawn = _random_voxels(target, generator)
    return SimulatedClicks(torch.where(found[:, None], points, drawn), has_object, torch.ones_like(found))


def draw_click_counts(batch: int, most: int, generator: torch.Generator) -> Tensor:
    """Draw how many clicks each sample gets, uniformly from 1 to `most`: (batch,) int64 on the generator's device."""
    return torch.randint(1, most + 1, (batch,), generator=generator, device=generator.device)


def _largest(kinds: Tensor, method: Method) -> tuple[Tensor, Tensor, Tensor]:
    if _tensors(kinds, method):
        return regions_tensor.largest(kinds)
    region, kind, area = (torch.from_numpy(part) for part in regions_scipy.largest(kinds.numpy(force=True)))
    return region.to(kinds.device), kind.to(kinds.device), area.to(kinds.device)


def _random_voxels(like: Tensor, generator: torch.Generator) -> Tensor:
    voxels = like[0].numel()
    drawn = torch.randint(0, voxels, (len(like),), generator=generator, device=generator.device)
    return regions_tensor.unravelled(drawn.to(like.device), like.shape[1:])


def _spread(per_sample: Tensor, ndim: int) -> Tensor:
    return per_sample.reshape(-1, *(1,) * (ndim - 1))


def _tensors(tensor: Tensor, method: Method) -> bool:
    return method == "tensors" or (method == "auto" and tensor.device.type != "cpu")
