"""From label maps to images."""

from __future__ import annotations

import torch
from torch.nn import functional

from napari_progseg.data.synthesis.looks import draw_image
from napari_progseg.data.synthesis.scenes import Scene

SIZE = 24
AXIS = torch.arange(SIZE) - SIZE / 2 + 0.5
DISTANCE = (AXIS[:, None, None] ** 2 + AXIS[:, None] ** 2 + AXIS**2).sqrt()
BALL = (DISTANCE < 8).expand(2, SIZE, SIZE, SIZE)
SCENE = Scene(BALL.long(), 2, BALL, (DISTANCE / 8).expand(2, SIZE, SIZE, SIZE))


def images(number: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [draw_image(generator, SCENE) for _ in range(number)]


def test_images_are_finite_and_have_one_channel() -> None:
    for image in images(20):
        assert image.shape == (2, 1, SIZE, SIZE, SIZE)
        assert torch.isfinite(image).all()


def test_targets_are_brighter_in_some_images_darker_in_others_and_faint_in_some() -> None:
    contrasts = []
    for image in images(40):
        for each, ball in zip(image[:, 0], BALL, strict=True):
            contrasts.append(float((each[ball].mean() - each[~ball].mean()) / each.std()))
    assert min(contrasts) < -1
    assert max(contrasts) > 1
    assert min(map(abs, contrasts)) < 0.3


def test_hardly_any_image_is_noise_alone() -> None:
    shares = []
    for image in images(60):
        rough = image - functional.avg_pool3d(image, 3, stride=1, padding=1, count_include_pad=False)
        shares.append(rough.flatten(1).std(1) / image.flatten(1).std(1))
    assert torch.quantile(torch.cat(shares), 0.9) < 0.6


def test_samples_of_a_batch_differ() -> None:
    for image in images(3):
        assert not torch.equal(image[0], image[1])
