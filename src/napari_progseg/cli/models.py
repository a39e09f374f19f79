"""Commands about trained models: ``predict`` and ``evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import UserError
from .runs import Device
from .starter import UNTRAINED, evaluate_untrained, predict_untrained
from .text import counts_of, dice, table
from .whichrun import Home, Run, chosen_run

if TYPE_CHECKING:
    from ..inference.cases import ReferenceCase
    from ..volume import LabelClass

BAD_INPUT = 2
_HELD_OUT = "held-out"


def predict(
    run: Run,
    images: Annotated[Path, typer.Option(help="Folder of scans.")],
    out: Annotated[Path, typer.Option(help="Folder for the labels, on each scan's own grid.")],
    project: Home = None,
    clicks: Annotated[
        Path | None, typer.Option(help="Folder of CASE.json with clicks, for interactive models.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="Folder of masks, named like the scans, that the clicks correct.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="NAME=VALUE,…: what the starter writes; else the names in the clicks, from 1 on.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Segment a folder of scans with the best model of a run, or with the starter."""
    from ..inference.folder import predict_folder
    from ..inference.model import load_trained

    if run in UNTRAINED:
        if predict_untrained(run, images, clicks, out, classes, start, device):
            raise typer.Exit(BAD_INPUT)
        return
    if classes is not None:
        raise UserError("a run knows its own classes; nothing was predicted; leave out --classes")
    model = load_trained(chosen_run(run, project), device)
    faults = 0
    for done in predict_folder(model, images, out, clicks, start):
        if done.fault is not None:
            faults += 1
            typer.echo(f"progseg: {done.case}: {done.fault}", err=True)
        else:
            guided = f", {done.clicks} clicks" if done.clicks else ""
            begun = f", from {done.start}" if done.start else ""
            typer.echo(f"{done.case}: {done.labels}{guided}{begun}")
    if faults:
        raise typer.Exit(BAD_INPUT)


def evaluate(
    run: Run,
    project: Home = None,
    json: Annotated[Path | None, typer.Option(help="File for the result; with --cases held-out not needed.")] = None,
    cases: Annotated[
        str | None,
        typer.Option(
            metavar="test|held-out|N|ID,ID",
            help="Cases of the run's project; held-out: all that it has not seen, kept in its folder for the dock.",
        ),
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of scans, instead of --cases.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Folder of their reference labels.")] = None,
    clicks: Annotated[
        str | None,
        typer.Option(
            help="Numbers of simulated clicks, for interactive models: 0,1,3,5 if not said, 1,3,5,10 for the starter."
        ),
    ] = None,
    clicks_per: Annotated[
        Literal["slice", "volume"] | None,
        typer.Option(help="What clicks are counted in: slice (2D models, if not said) or volume (3D models)."),
    ] = None,
    jitter: Annotated[float, typer.Option(min=0, help="How far clicks may lie off the place they aim at, mm.")] = 0,
    classes: Annotated[
        str | None, typer.Option(help="NAME=VALUE,…: structures to mark with the starter; all else is background.")
    ] = None,
    gesture: Annotated[
        Literal["click", "drag"],
        typer.Option(help="With what the starter's simulated user begins a structure; drags are up to 20 % wrong."),
    ] = "click",
    learn: Annotated[
        bool,
        typer.Option(
            "--learn", help="Let the starter learn each structure from case to case, and compare it with itself."
        ),
    ] = False,
    seed: Annotated[
        int, typer.Option(help="Draws the test cases where --cases is a number, how far clicks lie off, and drags.")
    ] = 0,
    device: Device = "auto",
) -> None:
    """Measure the Dice of a run's best model; cases it was trained or validated on stay out of the mean.

    "starter" in the place of RUN measures the starter, "contrast" the answers from contrast alone.
    """
    from ..inference.evaluate import evaluate_run
    from ..inference.measured import FILE, keep
    from ..storage.atomic import write_json
    from .progress import fraction_bar

    if run in UNTRAINED:
        if cases is not None:
            raise UserError(f"the {run} belongs to no project; nothing was evaluated; give folders instead of --cases")
        asked = clicks or "1,3,5,10"
        answered = evaluate_untrained(run, images, labels, classes, asked, gesture, seed, device, learn=learn)
        if json is not None:
            write_json(json, answered)
            typer.echo(f"result: {json}")
        return
    if classes is not None or gesture != "click" or learn:
        raise UserError(
            "a run knows its own classes, is measured with clicks and does not learn from them; nothing was evaluated; "
            "leave out --classes, --gesture and --learn"
        )
    folder = chosen_run(run, project)
    if json is None and cases != _HELD_OUT:
        raise UserError("say with --json where to write the result; nothing was evaluated")
    counts = counts_of(clicks or "0,1,3,5")
    chosen = chosen_cases(folder, cases, images, labels, seed)
    with fraction_bar() as progress:
        found = evaluate_run(
            folder, chosen, clicks=counts, device=device, per=clicks_per, jitter_mm=jitter, seed=seed, progress=progress
        )
    report = found.to_json()
    if cases == _HELD_OUT:
        keep(folder, report)
    if json is not None:
        write_json(json, report)
    _tell(report)
    typer.echo(f"result: {json or folder / FILE}")


def chosen_cases(
    run: Path,
    cases: str | None,
    images: Path | None,
    labels: Path | None,
    seed: int,
    classes: Sequence[LabelClass] | None = None,
) -> Sequence[ReferenceCase]:
    """Return the cases to evaluate a run on: of its project, or of two folders.

    Parameters
    ----------
    classes : sequence of LabelClass or None
        What the labels of a folder mean; None asks the run's model.
    """
    from ..data.splits import selection
    from ..inference.cases import folder_cases, project_cases
    from ..inference.measured import held_out
    from ..inference.model import load_trained
    from ..project import Project

    if cases is not None and images is None and labels is None:
        project = Project.open(run.resolve().parents[1])
        if cases == _HELD_OUT:
            return project_cases(project, held_out(project, run))
        known = [case.id for case in project.cases]
        choice = cases if cases == "test" else selection(cases, known)
        return project_cases(project, project.test_cases(choice, seed))
    if cases is None and images is not None and labels is not None:
        return folder_cases(images, labels, load_trained(run, "cpu").classes if classes is None else classes)
    raise UserError("say what to evaluate on: --cases, or --images with --labels; nothing was evaluated")


def _tell(report: dict[str, Any]) -> None:
    rows = [
        (case["case"], ", ".join(f"{name} {dice(value)}" for name, value in case["dice"].items()))
        for case in report["cases"]
    ]
    typer.echo(table(("case", "Dice"), rows))
    if report["left_out"]:
        typer.echo(f"left out, since the model was trained or validated on them: {', '.join(report['left_out'])}")
    if set(report["clicks"]) != {"0"}:
        emptied = report["object_free_slices_emptied"]
        found = [(count, dice(value), dice(emptied[count])) for count, value in report["clicks"].items()]
        typer.echo(table((f"clicks a {report['clicks_are_given_per']}", "mean Dice", "other slices emptied"), found))
    typer.echo(f"mean Dice {dice(report['mean_dice'])} over {len(report['cases'])} cases")
