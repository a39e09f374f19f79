"""The folded settings of a run: a magicgui form over `RunConfig` that shows what matters to the chosen mode."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from magicgui.widgets import ComboBox, FloatSpinBox, LineEdit, SpinBox

from ..errors import UserError
from ..training.config import (
    PRESETS,
    FreezeConfig,
    PatchConfig,
    RestorationConfig,
    RunConfig,
    SampleConfig,
    ShapeConfig,
    StartConfig,
    Task,
    apply_settings,
    preset_config,
)
from .modes import Mode
from .sections import LabelledForm, SectionWidgets

_AUTO = "from the data"
_SAME = "as in that run"
_DIMS = {_AUTO: None, "slices (2D)": 2, "volumes (3D)": 3}
_SIZES = ["default", "tiny"]
_DISTORTIONS = {
    "flip": "turned round",
    "shuffle": "shuffled locally",
    "curve": "recoloured",
    "paint": "painted over",
    "inpaint": "… inside, not outside",
    "mask": "masked in blocks",
    "loss": "error",
    "click_tasks": "named by clicks",
}
_PATIENTS = {"schedule": "patients", "start": "… begin with share", "stages": "… join in stages"}
_GROWING = {"schedule": "patch size"}
_FROZEN = {"policy": "frozen", "last": "… convolutions learn"}
_SHAPE = {
    "backbone": "network",
    "scales": "points of each scale",
    "schedule": "scales learn",
    "supervision": "supervision",
    "warped": "share of warped scans",
}
_CARRIED = {"rate": "learns at rate ×", "warmup": "… rising for", "keep_head": "last layer, too"}


class Advanced:
    """Preset, network, patches, learning rate, seed; distortions; schedules; what is taken over. Presets fill it in.

    Parameters
    ----------
    changed : callable
        Called after every change.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._shown_for: tuple[Mode, Mode | None] | None = None
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
        self.restoration = SectionWidgets("restoration", RestorationConfig, _DISTORTIONS)
        self.shape = SectionWidgets("shape", ShapeConfig, _SHAPE)
        self.start = SectionWidgets("start", StartConfig, _CARRIED)
        self.samples = SectionWidgets("samples", SampleConfig, _PATIENTS)
        self.growing = SectionWidgets("patches", PatchConfig, _GROWING)
        self.freeze = SectionWidgets("freeze", FreezeConfig, _FROZEN)
        self.rate.native.setDecimals(6)
        self._fill()
        self.preset.changed.connect(self._fill)
        self.form = self._make_form()

    def _make_form(self) -> LabelledForm:
        form = LabelledForm()
        for widget in (self.preset, self.dims, self.patch, self.batch, self.rate, self.width, self.seed):
            form.add(widget)
        form.add_section("How often a piece of a scan is", self.restoration)
        form.add_section("How a shape is learned, coarse to fine", self.shape)
        form.add_section("What changes while the run goes on", self.samples)
        for widget in self.growing.fields.values():
            form.add(widget)
        form.add_section("What the run to start from has learned", self.start)
        for widget in self.freeze.fields.values():
            form.add(widget)
        for widget in form.widgets:
            widget.changed.connect(self._notify)
        return form

    def _notify(self, *_: object) -> None:
        self._changed()

    def choose_preset(self, name: str) -> None:
        """Choose a preset and its values."""
        self.preset.value = name

    def show_for(self, mode: Mode, start_mode: Mode | None) -> None:
        """Show the fields that matter to a mode which begins from scratch (None) or with a run of another mode."""
        if (mode, start_mode) == self._shown_for:
            return
        before, self._shown_for = self._shown_for, (mode, start_mode)
        shapes = mode.task == "shape"
        sizes = _SIZES if mode.needs_start or shapes else list(PRESETS)
        if list(self.preset.choices) != sizes:
            self.preset.choices = sizes
        if shapes != (before is not None and before[0].task == "shape"):
            self._fill()
        elif mode.needs_start != (before is not None and before[0].needs_start):
            self._fill_schedules()
        carried = start_mode is not None
        self.form.show_row(self.width, not carried)
        self.form.show_row(self.dims, not carried and not shapes)
        for widget in (self.patch, *self.growing.fields.values()):
            self.form.show_row(widget, not shapes)
        self.form.show_section(self.shape, _SHAPE if shapes else ())
        self.form.rename(self.batch, "scans a step" if shapes else self.batch.label)
        self.patch.native.setPlaceholderText(_SAME if carried else _AUTO)
        self.form.show_section(self.restoration, () if mode.needs_labels else _DISTORTIONS)
        for widget in self.freeze.fields.values():
            self.form.show_row(widget, carried and not shapes)
        other_head = carried and mode.segments and not start_mode.needs_labels
        self.form.show_section(self.start, [n for n in _CARRIED if carried and (other_head or n != "keep_head")])

    @property
    def _task(self) -> Task:
        """Whose values a preset shows: shapes have their own, all others share theirs."""
        return "shape" if self._shown_for is not None and self._shown_for[0].task == "shape" else "segmentation"

    def _fill(self, *_: object) -> None:
        """Show what the preset says."""
        config = preset_config(self.preset.value, self._task, budget={"minutes": 1})
        self.dims.value = next(name for name, dims in _DIMS.items() if dims == config.model.dims)
        self.patch.value = ", ".join(map(str, config.patches.size or ()))
        self.batch.value = config.patches.batch
        self.rate.value = config.optimiser.rate
        self.width.value = config.model.width
        self.restoration.fill(config.restoration)
        self.shape.fill(config.shape)
        self.start.fill(config.start)
        self.freeze.fill(config.freeze)
        self._fill_schedules()

    def _fill_schedules(self) -> None:
        """Show how patients and patches change: with preset progressive otherwise than with the sizes alone."""
        budget = {"minutes": 1}
        if self._shown_for is not None and self._shown_for[0].needs_start:
            config = preset_config("progressive", "interactive", size=self.preset.value, init=".", budget=budget)
        else:
            config = preset_config(self.preset.value, self._task, budget=budget)
        self.samples.fill(config.samples)
        self.growing.fill(config.patches)

    def config(
        self, mode: Mode, minutes: float, train: tuple[str, ...], validation: tuple[str, ...], start: Path | None = None
    ) -> RunConfig:
        """Build the settings of a run; `start` is the run whose weights it begins with.

        Raises
        ------
        UserError
            If a value is refused; the sentence names it.
        """
        fields = {
            "name": mode.key,
            "train": train,
            "validation": validation,
            "seed": self.seed.value,
            "init": None if start is None else str(start),
            "budget": {"minutes": minutes},
        }
        if mode.needs_start:
            config = preset_config("progressive", mode.task, size=self.preset.value, **fields)
        else:
            config = preset_config(self.preset.value, mode.task, **fields)
        return apply_settings(config, self._settings(mode, carried=start is not None))

    def _settings(self, mode: Mode, *, carried: bool) -> list[str]:
        settings = [
            f"patches.batch={self.batch.value}",
            f"optimiser.rate={self.rate.value}",
            *self.samples.settings(),
        ]
        if mode.task == "shape":
            settings += self.shape.settings()
            return settings + (self.start.settings() if carried else [f"model.width={self.width.value}"])
        settings += [f"patches.size={self._patch()}", *self.growing.settings()]
        if carried:
            # the network is that of the run it begins with
            settings += ["model.dims=null", *self.start.settings(), *self.freeze.settings()]
        else:
            dims = _DIMS[self.dims.value]
            settings += [f"model.dims={'null' if dims is None else dims}", f"model.width={self.width.value}"]
        return settings if mode.needs_labels else settings + self.restoration.settings()

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
