"""A simulated user who clicks on one slice, and what the network was shown."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from napari_progseg.guidance.clicks import Click
from napari_progseg.guidance.maps import ClickTensor, click_maps
from napari_progseg.guidance.simulate import first_clicks, next_clicks
from napari_progseg.inference.model import TrainedModel
from napari_progseg.inference.session import InteractiveSession
from napari_progseg.volume import Volume

Slice = NDArray[Any]


class Round(NamedTuple):
    """What the network was shown of one slice, all (Y, X), and what it answered."""

    clicks: tuple[Click, ...]
    inside: Slice
    outside: Slice
    previous: Slice
    answer: Slice


def played(model: TrainedModel, volume: Volume, z: int, wanted: Slice, clicks: int) -> list[Round]:
    """Click like the simulated user on slice `z`, first not at all, then once more in each round."""
    session = InteractiveSession(model)
    session.set_image(volume)
    labels = np.zeros(volume.image.shape, np.uint8)
    labels[z] = session.automatic(z)
    blank = np.zeros(wanted.shape, np.float32)
    rounds = [Round((), blank, blank, blank, labels[z] > 0)]
    given: tuple[Click, ...] = ()
    for number in range(1, clicks + 1):
        previous = labels[z] > 0
        given = (*given, _click(z, previous, wanted, first=number == 1))
        for region, patch in session.answer(given, number, labels).patches:
            labels[region] = patch
        inside, outside = _maps(model, given, wanted.shape)
        rounds.append(Round(given, inside, outside, previous.astype(np.float32), labels[z] > 0))
    return rounds


def fullest_slice(labels: Slice) -> int:
    """Return the slice of labels (Z, Y, X) that holds most of the structure."""
    return int((labels > 0).sum((1, 2)).argmax())


def _click(z: int, previous: Slice, wanted: Slice, *, first: bool) -> Click:
    """Click the innermost point of the structure, later of the largest error."""
    now, there = torch.from_numpy(previous)[None], torch.from_numpy(wanted)[None]
    found = first_clicks(there, there, now, torch.Generator()) if first else next_clicks(now, there)
    y, x = found.positions[0].tolist()
    return Click((z, y, x), bool(found.inside[0]), 1)


def _maps(model: TrainedModel, clicks: tuple[Click, ...], shape: tuple[int, ...]) -> tuple[Slice, Slice]:
    positions = torch.tensor([click.voxel_zyx[1:] for click in clicks], dtype=torch.float32)[None]
    kinds = torch.tensor([[click.inside for click in clicks]])
    drawn = click_maps(ClickTensor(positions, kinds, torch.ones_like(kinds)), shape, model.plan.sigma_voxels)
    return drawn[0, 0].numpy(), drawn[0, 1].numpy()
