"""The folded settings of a run: a magicgui form over `RunConfig`."""

from __future__ import annotations

from collections.abc import Callable

from magicgui.widgets import ComboBox, Container, FloatSpinBox, LineEdit, SpinBox

from ..errors import UserError
from ..training.config import PRESETS, RunConfig, Task, apply_settings, preset_config

_AUTO = "from the data"
_DIMS = {_AUTO: None, "slices (2D)": 2, "volumes (3D)": 3}


class Advanced:
    """Preset, dimensions, patch, batch, learning rate, width and seed; presets fill in the rest.

    Parameters
    ----------
    changed : callable
        Called after every change.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.preset = ComboBox(
            name="preset", choices=list(PRESETS), value="tiny", tooltip="paper: as published; default: GPU; tiny: CPU"
        )
        self.dims = ComboBox(name="dims", label="network sees", choices=list(_DIMS), value=_AUTO)
        self.patch = LineEdit(name="patch", label="patch (voxels)", tooltip="z, y, x or y, x; empty: from the data")
        self.batch = SpinBox(
            name="batch",
            label="patches a step",
            min=1,
            max=512,
            tooltip="Fewer need less memory and time a step",
        )
        self.rate = FloatSpinBox(name="rate", label="learning rate", min=1e-6, max=1.0, step=1e-4)
        self.width = SpinBox(name="width", min=1, max=256, tooltip="Features at full resolution")
        self.seed = SpinBox(name="seed", min=0, max=2**31 - 1, tooltip="The same seed repeats every random choice")
        self.form = Container(
            widgets=[self.preset, self.dims, self.patch, self.batch, self.rate, self.width, self.seed]
        )
        self.rate.native.setDecimals(6)
        self.patch.native.setPlaceholderText(_AUTO)
        self._fill()
        self.preset.changed.connect(self._fill)
        self.form.changed.connect(self._notify)

    def _notify(self, *_: object) -> None:
        self._changed()

    def choose_preset(self, name: str) -> None:
        """Choose a preset and its values."""
        self.preset.value = name

    def _fill(self, *_: object) -> None:
        """Show what the preset says."""
        config = preset_config(self.preset.value, "segmentation", budget={"minutes": 1})
        self.dims.value = next(name for name, dims in _DIMS.items() if dims == config.model.dims)
        self.patch.value = ", ".join(map(str, config.patches.size or ()))
        self.batch.value = config.patches.batch
        self.rate.value = config.optimiser.rate
        self.width.value = config.model.width

    def config(self, task: Task, minutes: float, train: tuple[str, ...], validation: tuple[str, ...]) -> RunConfig:
        """Build the settings of a run.

        Raises
        ------
        UserError
            If a value is refused; the sentence names it.
        """
        config = preset_config(
            self.preset.value,
            task,
            train=train,
            validation=validation,
            seed=self.seed.value,
            budget={"minutes": minutes},
        )
        dims = _DIMS[self.dims.value]
        return apply_settings(
            config,
            [
                f"name={task}",
                f"model.dims={'null' if dims is None else dims}",
                f"model.width={self.width.value}",
                f"patches.size={self._patch()}",
                f"patches.batch={self.batch.value}",
                f"optimiser.rate={self.rate.value}",
            ],
        )

    def _patch(self) -> str:
        text = self.patch.value.replace("×", ",").replace("x", ",").strip(" ,")
        if not text:
            return "null"
        numbers = [part.strip() for part in text.split(",")]
        if len(numbers) not in (2, 3) or not all(part.isdecimal() for part in numbers):
            raise UserError(
                f"The patch {text!r} is no size; nothing was started. Write z, y, x or y, x, such as 64, 64."
            )
        return f"[{','.join(numbers)}]"
