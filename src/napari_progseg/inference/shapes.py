"""A trained model of task ``shape``: the points, the surface and the mask that it finds in a volume."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..data.plan import Plan
from ..data.preprocess import Prepared, prepare
from ..errors import UserError
from ..networks import build_network
from ..networks.shape import ShapeNetwork, ShapeOutput
from ..shape.files import load_model
from ..shape.mesh import Mesh
from ..shape.model import ShapeModel
from ..shape.pose import Pose, Poses
from ..training.config import RunConfig
from ..volume import Volume
from .model import choose_device, forward, load_weights

MODEL = "shape/model.npz"
# a volume may be so much longer than the network's grid before a note says that its ends were not looked at
_TOLERATED = 1.02


@dataclass(frozen=True, eq=False)
class TrainedShapes:
    """A shape network with its plan and the shape model it was built on.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode, on `device`.
    plan, config : Plan, RunConfig
        Of its run.
    model : ShapeModel
        Mean, modes and surface.
    name : str
        Name of the run folder.
    step : int
        Optimiser steps behind it.
    mm : float or None
        Mean surface distance on the validation cases.
    """

    network: nn.Module
    plan: Plan
    config: RunConfig
    model: ShapeModel
    device: torch.device
    name: str
    step: int
    mm: float | None = None


@dataclass(frozen=True, eq=False)
class PredictedShape:
    """The shape found in a volume; everything in centred mm, ordered (z, y, x).

    Parameters
    ----------
    points : tuple of ndarray, each (P_s, 3)
        Corresponding points, one array a scale, coarse to fine.
    scores : tuple of ndarray, each (K_s,)
        Scores of the modes, in standard deviations.
    pose : Pose
        From the frame of the shape model to this volume; of the mirrored volume where `mirrored`.
    surface : Mesh
        The mean surface warped to the finest points.
    mask : ndarray of uint8, (Z, Y, X), or None
        What the mask head says on the volume's own grid, 1 inside; None for the base backbone.
    mirrored : bool
        Whether the volume was read mirrored left to right.
    notes : tuple of str
        What the user should know, one sentence each.
    network_mm : ndarray, (3,)
        What turned centred mm into mm of the network's grid, see `network_mm`.
    """

    points: tuple[NDArray[np.float64], ...]
    scores: tuple[NDArray[np.float64], ...]
    pose: Pose
    surface: Mesh
    mask: NDArray[np.uint8] | None
    mirrored: bool = False
    notes: tuple[str, ...] = ()
    network_mm: NDArray[np.float64] = field(default_factory=lambda: np.ones(3))

    def placed(self, local: Mesh) -> Mesh:
        """Carry a mesh from the frame of the shape model to this volume, centred mm."""
        vertices = _unmirrored(self.pose.apply(local.vertices) / self.network_mm, self.mirrored)
        return Mesh(vertices, _outwards(local.faces, self.mirrored))


def load_shapes(run_dir: Path, device: str = "auto") -> TrainedShapes:
    """Load the best checkpoint of a run of task ``shape``.

    Raises
    ------
    UserError
        If the run learned something else, holds no usable checkpoint, or the device is missing.
    """
    run_dir = Path(run_dir)
    on = choose_device(device)
    weights = load_weights(run_dir)
    if weights.plan.heads is None:
        raise UserError(
            f"{run_dir.name} has learned {weights.config.task}, not shapes; nothing was changed; "
            "choose a run of task shape"
        )
    network = build_network(weights.plan, seed=0)
    network.load_state_dict(weights.tensors)
    network.to(on).eval().requires_grad_(requires_grad=False)
    model = load_model(run_dir / MODEL)
    return TrainedShapes(network, weights.plan, weights.config, model, on, run_dir.name, weights.step, weights.mm)


def predict_shape(trained: TrainedShapes, volume: Volume, *, mirrored: bool = False) -> PredictedShape:
    """Find the shape in a volume.

    Parameters
    ----------
    volume : Volume
        Brought to the network's grid by its middle; what lies beyond that grid is not looked at.
    mirrored : bool
        Read the volume mirrored left to right, for a structure of the other side than those that were learned.
    """
    prepared = prepare(volume, trained.plan)
    said = _read(trained, prepared, mirrored=mirrored)
    factor = network_mm(prepared, volume.geometry.spacing_zyx_mm, trained.plan)
    points = tuple(_unmirrored(_array(each[0]) / factor, mirrored) for each in said.points)
    local = _array(said.local[-1][0])
    network = trained.network
    assert isinstance(network, ShapeNetwork)
    vector = network.pose_mean + network.pose_deviation * said.pose[0]
    pose = Poses.of(_array(vector)[None])[0]
    found = PredictedShape(
        points=points,
        scores=tuple(_array(each[0]) for each in said.scores),
        pose=pose,
        surface=trained.model.surface_at(local),
        mask=None if said.mask is None else _mask(said, prepared, trained.plan, mirrored=mirrored),
        mirrored=mirrored,
        notes=_notes(prepared, trained.plan),
        network_mm=factor,
    )
    return replace(found, surface=found.placed(found.surface))


def network_mm(prepared: Prepared, spacing_zyx_mm: tuple[float, float, float], plan: Plan) -> NDArray[np.float64]:
    """Return what turns centred mm of a volume into mm of the network's grid, (3,); about 1.

    The grid divides a volume into whole voxels, which are therefore not quite as large as the plan says.
    """
    return np.asarray(np.array(plan.spacing_zyx_mm) / (np.array(prepared.ratio) * np.array(spacing_zyx_mm)))


@torch.no_grad()
def _read(trained: TrainedShapes, prepared: Prepared, *, mirrored: bool) -> ShapeOutput:
    box = prepared.box(_start(prepared, trained.plan), trained.plan.patch_zyx)
    image = torch.from_numpy(np.ascontiguousarray(box[:, :, ::-1] if mirrored else box))
    # as the cases it learned from, which are kept as float16
    inputs = image.half().float()[None, None].to(trained.device)
    return forward(trained.network, inputs)  # type: ignore[return-value]


def _start(prepared: Prepared, plan: Plan) -> tuple[int, int, int]:
    z, y, x = (n // 2 - m // 2 for n, m in zip(prepared.shape, plan.patch_zyx, strict=True))
    return z, y, x


def _mask(said: ShapeOutput, prepared: Prepared, plan: Plan, *, mirrored: bool) -> NDArray[np.uint8]:
    assert said.mask is not None, "asked only where there is one"
    inside = torch.sigmoid(said.mask[0].float()).cpu().numpy()
    values = np.ascontiguousarray(inside[..., ::-1] if mirrored else inside)
    region, found = prepared.back(values, _start(prepared, plan))
    mask = np.zeros(prepared.image.shape, np.uint8)
    mask[region] = found[0] > 0.5
    return mask


def _unmirrored(points: NDArray[np.float64], mirrored: bool) -> NDArray[np.float64]:
    return points * np.array([1.0, 1.0, -1.0]) if mirrored else points


def _outwards(faces: NDArray[np.int32], mirrored: bool) -> NDArray[np.int32]:
    return np.ascontiguousarray(faces[:, ::-1]) if mirrored else faces


def _array(values: torch.Tensor) -> NDArray[np.float64]:
    return np.asarray(values.cpu().double().numpy())


def _notes(prepared: Prepared, plan: Plan) -> tuple[str, ...]:
    if all(n <= _TOLERATED * m for n, m in zip(prepared.shape, plan.patch_zyx, strict=True)):
        return ()
    return ("the scan is larger than those the model learned from, and only its middle was looked at",)
