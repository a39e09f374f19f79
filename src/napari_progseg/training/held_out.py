"""Generated tasks that nobody trains on: Dice of a click model after 1, 3, 5 and 10 clicks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..data.click_windows import click_inputs, clicked_intensities
from ..data.synthesis import Task, draw_tasks
from ..guidance.maps import ClickTensor
from ..guidance.simulate import SimulatedClicks, innermost_points, next_clicks

COUNTS = (1, 3, 5, 10)
_SEED, _SIZE, _BATCH = 2**30, 48, 8


@torch.no_grad()
def measure_held_out(network: nn.Module, tasks: int = 64) -> dict[str, Any]:
    """Click on generated tasks, always on the innermost voxel of the largest error, and return the Dice.

    Parameters
    ----------
    network : nn.Module
        A `networks.click_unet.ClickUnet`; left in evaluation mode.
    tasks : int
        How many. The same tasks for every network; on a GPU they are others than on a CPU.

    Returns
    -------
    dict
        ``dice``: mean Dice after each of `COUNTS` clicks; ``mean``: their mean; ``tasks``.
    """
    network.eval()
    device = next(network.parameters()).device
    generator = torch.Generator(device).manual_seed(_SEED)
    scores: list[Tensor] = []
    while sum(len(each) for each in scores) < tasks:
        scores.append(_click_through(network, draw_tasks(generator, _BATCH, _SIZE)))
    mean = torch.cat(scores)[:tasks].mean(0)
    dice = {str(count): round(float(mean[count - 1]), 4) for count in COUNTS}
    return {"dice": dice, "mean": round(sum(dice.values()) / len(dice), 4), "tasks": tasks}


def _click_through(network: nn.Module, task: Task) -> Tensor:
    """Return Dice after each click, (B, most)."""
    batch, device = len(task.images), task.images.device
    masks = torch.zeros_like(task.targets)
    clicks, intensities = ClickTensor.empty(batch, 3, device), torch.zeros((batch, 0), device=device)
    none, scores = torch.zeros(batch, device=device), []
    for number in range(max(COUNTS)):
        found = next_clicks(masks, task.targets) if number else _first(task.targets)
        clicks = clicks.appended(found.positions, found.inside, found.found)
        newest = ClickTensor(clicks.positions[:, -1:], clicks.inside[:, -1:], clicks.valid[:, -1:])
        intensities = torch.cat([intensities, clicked_intensities(task.images, newest)], dim=1)
        inputs = click_inputs(task.images, clicks, masks, intensities, none)
        answered = network(inputs.contiguous(memory_format=torch.channels_last_3d))[0][:, 0] > 0
        masks = torch.where(found.found.view(-1, 1, 1, 1), answered, masks)
        overlap = 2 * (masks & task.targets).flatten(1).sum(1)
        scores.append(overlap / (masks.flatten(1).sum(1) + task.targets.flatten(1).sum(1)))
    return torch.stack(scores, dim=1)


def _first(targets: Tensor) -> SimulatedClicks:
    points, found = innermost_points(targets)
    return SimulatedClicks(points, torch.ones_like(found), found)
