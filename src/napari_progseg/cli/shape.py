"""The commands ``progseg shape``: from images to shapes (Progressive DeepSSM)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import UserError
from .models import chosen_cases
from .runs import Detach, Device, run_here
from .text import mm, table
from .whichrun import Home, Run, chosen_run

if TYPE_CHECKING:
    from ..inference.shape_evaluation import ShapeErrors
    from ..project import Project
    from ..shape.model import ShapeModel

BAD_INPUT = 2
app = typer.Typer(no_args_is_help=True, help="From images to shapes: build a model, train, predict, evaluate.")

Structure = Annotated[str | None, typer.Option(help="Class whose shape is learned; the only one if not said.")]
ProjectFolder = Annotated[Path, typer.Argument(help="Folder of the project.")]


@app.command()
def build(
    project: ProjectFolder,
    out: Annotated[Path, typer.Option(help="File for the shape model (.npz); its parts are written beside it.")],
    train: Annotated[str | None, typer.Option(metavar="N|ID,ID", help="Cases; all that may be learned from.")] = None,
    structure: Structure = None,
    points: Annotated[int, typer.Option(min=8, help="Corresponding points a surface.")] = 512,
    reflect: Annotated[
        bool, typer.Option("--reflect", help="Mirror a case left to right where that registers better.")
    ] = False,
    particles: Annotated[
        Path | None, typer.Option(help="Folder of ShapeWorks CASE.particles, instead of finding points here.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the cases where --train is a number.")] = 0,
) -> None:
    """Build a statistical shape model from labels: corresponding points, mean and modes."""
    from ..project import Project
    from ..shape.files import save_model
    from ..training.config import ShapeConfig
    from ..training.shapes import built_model

    opened = Project.open(project)
    from ..data.splits import selection

    choice = None if train is None else selection(train, [case.id for case in opened.cases])
    cases, _ = opened.draw(choice, 0, seed)
    scales = (*(n for n in (64, 128, 256) if n < points), points)
    settings = ShapeConfig(structure=structure, scales=scales, reflect=reflect)
    model = built_model(opened, cases, settings, particles)
    save_model(out, model)
    for note in model.notes:
        typer.echo(f"note: {note}")
    _write_parts(opened, model, out.with_suffix(""))
    _tell_model(model)
    typer.echo(f"shape model: {out}")


@app.command()
def train(
    project: ProjectFolder,
    name: Annotated[str, typer.Option(help="Name of the run.")],
    preset: Annotated[Literal["auto", "tiny", "default"], typer.Option(help="auto is default on CUDA.")] = "auto",
    structure: Structure = None,
    train: Annotated[str | None, typer.Option(metavar="N|ID,ID", help="Training cases; all if not said.")] = None,
    val: Annotated[str | None, typer.Option(metavar="N|ID,ID", help="Validation cases.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Time budget.")] = None,
    steps: Annotated[int | None, typer.Option(help="Step budget.")] = None,
    model: Annotated[Path | None, typer.Option(help="Shape model to learn; built from the cases if not said.")] = None,
    schedule: Annotated[
        Literal["stagewise", "joint", "single"], typer.Option(help="Scales one by one, at once, or the finest alone.")
    ] = "stagewise",
    supervision: Annotated[
        Literal["deep", "shallow"], typer.Option(help="The loss reads all scales so far, or the finest of them.")
    ] = "deep",
    backbone: Annotated[
        Literal["unet", "base"], typer.Option(help="U-Net with a mask head, or the convolutions of DeepSSM.")
    ] = "unet",
    init: Annotated[str | None, typer.Option(metavar="RUN", help="Restoration run to start from (unet).")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="SECTION.FIELD=VALUE")] = None,
    seed: Annotated[int, typer.Option(help="Draws cases, weights and shapes.")] = 0,
    device: Device = "auto",
    detach: Detach = False,
) -> None:
    """Train a network that finds the shape in an image, coarse to fine; Ctrl-C stops within a step and saves."""
    from ..project import Project
    from ..training.config import apply_settings
    from ..training.run import create_run
    from .train import configured

    opened = Project.open(project)
    config = configured(
        opened, "shape", preset, name=name, train=train, val=val, minutes=minutes, steps=steps, init=init, seed=seed,
        device=device,
    )  # fmt: skip
    chosen = [f"shape.schedule={schedule}", f"shape.supervision={supervision}", f"shape.backbone={backbone}"]
    chosen += [] if structure is None else [f"shape.structure={structure}"]
    chosen += [] if model is None else [f"shape.model={model.resolve()}"]
    run_here(create_run(opened, apply_settings(config, [*chosen, *(settings or [])])), detach=detach)


@app.command()
def predict(
    run: Run,
    images: Annotated[Path, typer.Option(help="Folder of scans.")],
    out: Annotated[Path, typer.Option(help="Folder for CASE.particles, CASE.csv, CASE.ply and the mask.")],
    project: Home = None,
    mirrored: Annotated[
        bool, typer.Option("--mirrored", help="Read the scans mirrored, for a structure of the other side.")
    ] = False,
    device: Device = "auto",
) -> None:
    """Find the shape in every scan of a folder."""
    from ..inference.shape_folder import predict_shapes
    from ..inference.shapes import load_shapes

    trained = load_shapes(chosen_run(run, project), device)
    faults = 0
    for done in predict_shapes(trained, images, out, mirrored=mirrored):
        for note in done.notes:
            typer.echo(f"{done.case}: {note}")
        if done.fault is not None:
            faults += 1
            typer.echo(f"progseg: {done.case}: {done.fault}", err=True)
        else:
            typer.echo(f"{done.case}: {', '.join(str(path) for path in done.files)}")
    if faults:
        raise typer.Exit(BAD_INPUT)


@app.command()
def evaluate(
    run: Run,
    project: Home = None,
    json: Annotated[Path | None, typer.Option(help="File for the result.")] = None,
    cases: Annotated[str | None, typer.Option(metavar="test|held-out|N|ID,ID", help="Cases of the project.")] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of scans, instead of --cases.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Folder of their reference labels.")] = None,
    mirrored: Annotated[bool, typer.Option("--mirrored", help="Read the scans mirrored.")] = False,
    seed: Annotated[int, typer.Option(help="Draws the test cases where --cases is a number.")] = 0,
    device: Device = "auto",
) -> None:
    """Measure how far predicted surfaces lie from labelled ones, in mm, at every scale."""
    from ..inference.shape_evaluation import evaluate_shapes, to_json
    from ..inference.shapes import load_shapes
    from ..storage.atomic import write_json

    folder = chosen_run(run, project)
    trained = load_shapes(folder, device)
    seen = {*trained.config.train, *trained.config.validation}
    chosen = chosen_cases(folder, cases, images, labels, seed, trained.plan.classes)
    fresh = [case for case in chosen if case.id not in seen]
    if not fresh:
        raise UserError("the model was trained or validated on all of these cases; nothing was evaluated; name others")
    errors = evaluate_shapes(trained, fresh, mirrored=mirrored)
    _tell_errors(errors, trained.model.scales)
    if left_out := [case.id for case in chosen if case.id in seen]:
        typer.echo(f"left out, since the model was trained or validated on them: {', '.join(left_out)}")
    if json is not None:
        write_json(json, to_json(trained, errors))
        typer.echo(f"result: {json}")


def _write_parts(project: Project, model: ShapeModel, folder: Path) -> None:
    """Write every case's points and surface-mean in world mm, for ShapeWorks Studio and others."""
    from ..shape.export import write_points, write_surface

    for number, case in enumerate(model.cases):
        points = model.poses[number].apply(model.points[number])
        if model.mirrored[number]:
            points = points * (1.0, 1.0, -1.0)
        write_points(folder / f"{case}.particles", points, project.volume(case).geometry)
    first = project.volume(model.cases[0]).geometry
    write_surface(folder / "mean.ply", model.surface, first)
    typer.echo(f"points of every case, and the mean surface: {folder}")


def _tell_model(model: ShapeModel) -> None:
    import numpy as np

    from ..shape.quality import Quality

    rows = []
    for count, level in zip(model.scales, model.levels, strict=True):
        rows.append((str(count), str(len(level.modes)), ", ".join(f"{share:.0%}" for share in level.share[:5])))
    typer.echo(table(("points", "modes", "share of the variance"), rows))
    # with a case left out there is one mode less
    modes = min(len(model.levels[-1].modes), len(model.cases) - 2)
    kept, unseen, random = Quality.of(model.points[:, : model.scales[-1]], np.random.default_rng(0)).at(modes)
    typer.echo(
        f"with {modes} {'mode' if modes == 1 else 'modes'}: {kept:.0%} of the variance is kept, a case left out "
        f"is described within {mm(unseen)}, random shapes lie {mm(random)} from the nearest case"
    )


def _tell_errors(errors: tuple[ShapeErrors, ...], scales: tuple[int, ...]) -> None:
    def row(each: ShapeErrors) -> tuple[str, ...]:
        last = each.surfaces[-1]
        masks = (mm(each.mask.mean_mm if each.mask else None), mm(each.fitted.mean_mm if each.fitted else None))
        return each.case, mm(last.mean_mm), mm(last.hausdorff_mm), mm(each.points_rmse[-1]), *masks

    typer.echo(table(("case", "surface", "largest", "points", "mask", "fitted to mask"), [row(e) for e in errors]))
    for number, count in enumerate(scales):
        typer.echo(f"{count} points: mean surface distance {mm(_mean(e.surfaces[number].mean_mm for e in errors))}")
    plain = [e.fitted.mean_mm for e in errors if e.fitted is not None]
    if plain:
        typer.echo(f"segment, then fit the model: {mm(_mean(plain))} over {len(plain)} of {len(errors)} cases")


def _mean(values: Any) -> float:
    found = list(values)
    return float(sum(found) / len(found))
