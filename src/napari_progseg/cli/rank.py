"""The command ``rank``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UserError
from .text import table

if TYPE_CHECKING:
    from ..training.ranking import RunRanking

_METRICS = "mse,psnr,ssim"


def rank(
    project: Annotated[Path, typer.Argument(help="Folder of the project.")],
    metrics: Annotated[str, typer.Option(help="Some of mse, psnr, ssim, uqi.")] = _METRICS,
    start: Annotated[float, typer.Option(min=0.01, max=1, help="Share of the cases that a run begins with.")] = 0.25,
    json: Annotated[Path | None, typer.Option(help="File for ranking and scores.")] = None,
    picture: Annotated[Path | None, typer.Option(help="File for a picture (PNG).")] = None,
) -> None:
    """Rank the cases that may be learned from by how much their images are like the others; labels are not read."""
    from ..project import Project
    from ..similarity import METRICS
    from ..storage.atomic import write_bytes, write_json
    from ..studies.ranking import ranking_picture
    from ..training.ranking import RunRanking, small_images

    chosen = [metric for metric in METRICS if metric in {part.strip() for part in metrics.split(",")}]
    if not chosen or len(chosen) < len({part.strip() for part in metrics.split(",")}):
        raise UserError(f"{metrics!r} are no metrics; nothing was ranked; choose from {', '.join(METRICS)}")
    opened = Project.open(project)
    images = small_images(opened, opened.scans())
    ranking = RunRanking.of(images, chosen)
    begins = max(1, round(start * len(ranking.cases)))
    typer.echo(table(("rank", "case", "begins", *chosen), list(_rows(ranking, begins))))
    if json is not None:
        write_json(json, ranking.model_dump(mode="json"))
        typer.echo(f"ranking: {json}")
    if picture is not None:
        write_bytes(picture, ranking_picture(images, ranking, begins))
        typer.echo(f"picture: {picture}")


def _rows(ranking: RunRanking, begins: int) -> Iterator[tuple[str, ...]]:
    for place, case in enumerate(ranking.cases, 1):
        scores = (f"{value:.4g}" for value in ranking.scores[case].values())
        yield (str(place), case, "yes" if place <= begins else "", *scores)
