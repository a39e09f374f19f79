"""What the starter's network is shown of a scan, and what becomes of its answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_progseg.data.click_windows import WINDOW_IN_REACHES
from napari_progseg.errors import UserError
from napari_progseg.inference import click_model
from napari_progseg.inference.click_model import ClickModel, Look, Said, load_starter
from napari_progseg.inference.click_window import ClickWindow

IMAGE, INSIDE, OUTSIDE, PREVIOUS, UNLIKE_INSIDE, _, REACH = range(7)
SHAPE, SPACING = (20, 40, 40), (2.0, 1.0, 1.0)
# clicks lie on voxels of the window: its middle is between two of them
CENTRE, SIZE = (10.25, 20.5, 20.5), 16
WINDOW = ClickWindow(CENTRE, 1.0, SPACING, SIZE)


class Recorder(nn.Module):
    """Answers with one channel of its input, and says 0 of the fit."""

    def __init__(self, channel: int = IMAGE) -> None:
        super().__init__()
        self.channel, self.shown = channel, torch.empty(0)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        self.shown = inputs
        return inputs[:, [self.channel]], torch.zeros(len(inputs))


def image() -> Any:
    """Rise along x, from -1000 to 900."""
    rows = np.broadcast_to(np.linspace(-1000, 900, SHAPE[2]), SHAPE)
    return rows.astype(np.int16)


def said(*clicks: tuple[tuple[int, int, int], bool], reach_mm: float | None = None) -> Said:
    return Said(np.array([at for at, _ in clicks], float), np.array([inside for _, inside in clicks]), reach_mm)


def shown(what: Said, windows: tuple[ClickWindow, ...] = (WINDOW,), **settings: Any) -> Tensor:
    network = Recorder()
    ClickModel(network, torch.device("cpu")).look(image(), windows, what, **settings)
    return network.shown[: len(windows)]


ONE = said(((10, 20, 20), True))


def test_a_window_is_shown_from_0_to_1_by_its_own_range() -> None:
    window = shown(ONE)[0, IMAGE]
    assert window.min() == 0
    assert window.max() == 1
    assert (window.diff(dim=2) >= 0).all()


def test_intensities_are_cut_to_the_limits_first() -> None:
    window = shown(ONE, limits=(-50.0, 50.0))[0, IMAGE]
    assert ((window == 0) | (window == 1)).float().mean() > 0.7


def test_clicks_lie_where_they_were_made_on_their_side() -> None:
    window = shown(said(((10, 20, 20), True), ((8, 22, 25), False)))[0]
    for channel, voxel in ((INSIDE, (10, 20, 20)), (OUTSIDE, (8, 22, 25))):
        at = tuple(np.rint(WINDOW.to_window([voxel])[0]).astype(int))
        assert window[channel].argmax() == np.ravel_multi_index(at, (SIZE,) * 3)
        assert window[channel].max() > 0.99


def test_a_click_beyond_the_window_still_tells_its_intensity() -> None:
    near, far = (shown(said(((10, 20, 20), True), ((10, 20, x), True)))[0] for x in (20, 39))
    assert torch.equal(near[INSIDE], far[INSIDE])
    brightest = near[IMAGE] > 0.95
    assert near[UNLIKE_INSIDE][brightest].min() > 0.9
    assert far[UNLIKE_INSIDE][brightest].max() < 0.15


def test_a_reach_is_told_in_the_voxels_of_each_window() -> None:
    coarse = ClickWindow(CENTRE, 2.0, SPACING, SIZE)
    both = shown(said(((10, 20, 20), True), reach_mm=4.0), (WINDOW, coarse))
    for window, inputs in zip((WINDOW, coarse), both, strict=True):
        z, y, x = np.rint(window.to_window([(10, 20, 20)])[0]).astype(int)
        assert inputs[REACH, z, y, x + round(4 / window.step_mm)].item() == pytest.approx(0.5, abs=0.13)
    assert not shown(ONE)[0, REACH].any()


def test_a_reach_that_is_supposed_suits_each_window_whatever_was_said() -> None:
    coarse = ClickWindow(CENTRE, 2.0, SPACING, SIZE)
    both = shown(said(((10, 20, 20), True), reach_mm=40.0), (WINDOW, coarse), guess_reach=True)
    for window, inputs in zip((WINDOW, coarse), both, strict=True):
        z, y, x = np.rint(window.to_window([(10, 20, 20)])[0]).astype(int)
        supposed = SIZE / WINDOW_IN_REACHES
        assert inputs[REACH, z, y, x + 4].item() == pytest.approx(1 - 4 / (2 * supposed), abs=0.05)


def test_the_mask_as_it_stands_is_handed_on() -> None:
    mask = np.random.default_rng(0).uniform(size=(SIZE,) * 3).astype(np.float32)
    np.testing.assert_array_equal(shown(ONE, masks=[mask])[0, PREVIOUS].numpy(), mask)
    assert not shown(ONE)[0, PREVIOUS].any()


class Sided(nn.Module):
    """Marks by the place along X, and foretells the number of the window in its batch."""

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        right = torch.arange(inputs.shape[-1], dtype=torch.float32).expand(len(inputs), 1, *inputs.shape[2:])
        return right, torch.arange(len(inputs), dtype=torch.float32)


@pytest.mark.parametrize(("size", "mirrored"), [(SIZE, 4), (48, 2)])
def test_answers_come_for_each_window_and_are_the_mean_of_the_window_and_its_mirror_images(
    size: int, mirrored: int
) -> None:
    windows = [ClickWindow((5.0, 20.0, at), 1.0, SPACING, size) for at in (18.0, 20.0)]
    looks = ClickModel(Sided(), torch.device("cpu")).look(image(), windows, ONE)
    for number, (window, look) in enumerate(zip(windows, looks, strict=True)):
        assert isinstance(look, Look)
        assert look.window == window
        np.testing.assert_allclose(look.logits, (size - 1) / 2)
        fits = torch.sigmoid(torch.arange(number, 2 * mirrored, 2, dtype=torch.float32))
        assert look.fit == pytest.approx(float(fits.mean()))


def test_an_answer_lies_as_the_window_does() -> None:
    (look,) = ClickModel(Recorder(), torch.device("cpu")).look(image(), [WINDOW], ONE)
    values = WINDOW.cut(image())
    np.testing.assert_allclose(np.corrcoef(look.logits.ravel(), values.ravel())[0, 1], 1, atol=1e-3)


def test_the_starter_is_loaded_once() -> None:
    assert load_starter("cpu") is load_starter("cpu")


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"weights are missing .*; nothing was changed; reinstall the package"):
        load_starter("cpu", tmp_path / "none.safetensors")


def test_whether_the_starter_is_there_is_known_without_loading_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert click_model.starter_available()
    monkeypatch.setattr(click_model, "WEIGHTS", tmp_path / "none.safetensors")
    assert not click_model.starter_available()


def test_damaged_weights_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(b"not what it was")
    with pytest.raises(UserError, match=r"cannot be read; nothing was changed; reinstall the package"):
        load_starter("cpu", tmp_path / "cut.safetensors")
