"""Rank generated patients and draw who begins.

``python scripts/pictures/pdl.py`` takes some seconds.
"""

from __future__ import annotations

from sample_runs import asked

from napari_progseg.storage.atomic import write_bytes
from napari_progseg.studies.ranking import ranking_picture
from napari_progseg.training.ranking import RunRanking, small_images

SHARE = 0.25


if __name__ == "__main__":
    with asked("pdl.png") as (picture, sample):
        images = small_images(sample.project, [case.id for case in sample.project.cases])
        ranking = RunRanking.of(images, ("mse", "psnr", "ssim"))
        write_bytes(picture, ranking_picture(images, ranking, round(SHARE * len(images))))
