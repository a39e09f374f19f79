"""The network for clicks on any structure, and its weights in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_progseg.data.click_windows import CHANNELS
from napari_progseg.networks.click_unet import STRIDE, ClickUnet
from napari_progseg.networks.starter_weights import WEIGHTS, read_weights, write_weights

MOST_BYTES = 8 * 2**20


@pytest.fixture
def small() -> ClickUnet:
    torch.manual_seed(0)
    return ClickUnet(widths=(4, 6, 8, 8), fine=4).eval()


def test_a_logit_a_voxel_and_one_a_window_come_out(small: ClickUnet) -> None:
    mask, fit = small(torch.rand((2, len(CHANNELS), STRIDE, 2 * STRIDE, 3 * STRIDE)))
    assert mask.shape == (2, 1, STRIDE, 2 * STRIDE, 3 * STRIDE)
    assert fit.shape == (2,)


def test_windows_of_a_batch_do_not_know_each_other(small: ClickUnet) -> None:
    windows = torch.rand((2, len(CHANNELS), STRIDE, STRIDE, STRIDE))
    together, alone = small(windows), small(windows[1:])
    for joint, single in zip(together, alone, strict=True):
        torch.testing.assert_close(joint[1:], single, atol=1e-5, rtol=1e-4)


def test_every_weight_learns_save_that_the_fit_leaves_the_mask_alone(small: ClickUnet) -> None:
    small.train()
    mask, fit = small(torch.rand((2, len(CHANNELS), 2 * STRIDE, 2 * STRIDE, 2 * STRIDE)))
    # the norms of the deepest block see more than one voxel, so no gradient is missing for want of them
    (mask.mean() + fit.mean()).backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in small.parameters())
    small.zero_grad()
    small(torch.rand((2, len(CHANNELS), STRIDE, STRIDE, STRIDE)))[1].mean().backward()
    assert small.mask.weight.grad is None or not small.mask.weight.grad.any()


def test_weights_return_from_their_file_rounded_to_half_precision(small: ClickUnet, tmp_path: Path) -> None:
    write_weights(tmp_path / "weights.safetensors", small)
    found = read_weights(tmp_path / "weights.safetensors")
    assert {tensor.dtype for tensor in found.values()} == {torch.float32}
    for name, tensor in small.state_dict().items():
        torch.testing.assert_close(found[name], tensor.half().float(), atol=0, rtol=0)


def test_the_weights_in_the_package_fit_the_network_and_the_promised_size() -> None:
    assert WEIGHTS.stat().st_size <= MOST_BYTES
    ClickUnet().load_state_dict(read_weights(WEIGHTS))
