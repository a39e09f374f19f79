"""A mask from anywhere as the one that clicks begin with."""

from __future__ import annotations

from ..classes import merged, values_of
from ..errors import UserError
from ..geometry import Geometry
from ..matching import Checked, value_fault
from ..volume import LabelMap
from .model import TrainedModel


def refuse_start(model: TrainedModel) -> None:
    """Refuse to begin with a mask where the model would not look at it.

    Raises
    ------
    UserError
        If the model has no input channel for the previous mask.
    """
    if "previous mask" not in model.plan.channels:
        raise UserError(
            f"{model.name} does not look at the mask before a click, so it cannot correct one; nothing was predicted; "
            "use an interactive model that was trained with clicks.previous_mask"
        )


def refuse_other_grid(mask: LabelMap, geometry: Geometry) -> None:
    """Refuse a mask that does not lie on the grid of its image.

    Raises
    ------
    UserError
        If the grids differ.
    """
    if fault := geometry.mismatch(mask.geometry):
        raise UserError(
            f"the mask to start from does not lie on the grid of the image: {fault}; nothing was predicted; "
            "resample it onto the image's grid"
        )


def start_from(model: TrainedModel, mask: LabelMap, geometry: Geometry) -> LabelMap:
    """Check a mask that clicks are to correct, and write it in the model's label values.

    Parameters
    ----------
    model : TrainedModel
        Interactive, with a channel for the previous mask.
    mask : LabelMap
        Labels, (Z, Y, X); each value is taken for the class that it belongs to.
    geometry : Geometry
        Grid of the image, on which the mask has to lie.

    Raises
    ------
    UserError
        If the model does not look at the previous mask, the grids differ, or a value belongs to no class.
    """
    refuse_start(model)
    refuse_other_grid(mask, geometry)
    if fault := value_fault(Checked(values_of(mask.labels)), model.classes):
        raise UserError(f"the mask to start from does not fit the model: {fault}; nothing was predicted; correct it")
    names = {each.value: each.name for each in model.classes}
    return LabelMap(merged(mask.labels, model.classes), geometry, names)
