"""What ``predict`` and ``evaluate`` do where the starter, or contrast alone, is named in the place of a run."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import UserError
from .text import dice, table

if TYPE_CHECKING:
    from ..guidance.gestures import Gesture
    from ..inference.cases import ReferenceCase
    from ..inference.gestures import Answers
    from ..volume import LabelClass

STARTER, CONTRAST = "starter", "contrast"
UNTRAINED = (STARTER, CONTRAST)
"""What may stand in the place of a run: it answers gestures on any structure, and nobody has to train it."""


def build_answers(name: str, device: str) -> Answers:
    """Build what answers gestures under a name."""
    if name == CONTRAST:
        from ..inference.without_model import ClicksAlone

        return ClicksAlone()
    from ..inference.click_model import load_starter
    from ..inference.starter import StarterSession

    return StarterSession(load_starter(device))


def predict_untrained(
    name: str, images: Path, clicks: Path | None, out: Path, classes: str | None, start: Path | None, device: str
) -> int:
    """Answer the clicks on a folder of scans and return how many scans had a fault."""
    from ..inference.gesture_folder import predict_gestures

    if clicks is None:
        raise UserError(f"the {name} marks only what was clicked; nothing was predicted; give --clicks DIR")
    faults = 0
    for done in predict_gestures(build_answers(name, device), images, clicks, out, classes, start):
        if done.fault is not None:
            faults += 1
            typer.echo(f"progseg: {done.case}: {done.fault}", err=True)
        else:
            begun = f", from {done.start}" if done.start else ""
            typer.echo(f"{done.case}: {done.labels}, {done.clicks} clicks{begun}")
    return faults


def evaluate_untrained(
    name: str,
    images: Path | None,
    labels: Path | None,
    classes: str | None,
    clicks: str,
    gesture: Gesture,
    seed: int,
    device: str,
    *,
    learn: bool,
) -> dict[str, Any]:
    """Measure Dice after simulated gestures, print it, and return the document for ``--json``.

    With `learn` it measures what it brings that the starter learns from case to case.
    """
    from ..inference.click_model import load_starter
    from ..inference.gestures import evaluate_gestures
    from ..training.learning_curve import evaluate_learning
    from .progress import fraction_bar
    from .text import counts_of

    if learn and name != STARTER:
        raise UserError(f"the {name} cannot learn; nothing was evaluated; leave out --learn, or measure the starter")
    cases, named = _references(name, images, labels, classes)
    measure, tell = (
        (partial(evaluate_learning, load_starter(device)), _tell_learning)
        if learn
        else (partial(evaluate_gestures, build_answers(name, device)), _tell)
    )
    with fraction_bar() as progress:
        found = measure(cases, named, counts=counts_of(clicks), gesture=gesture, seed=seed, progress=progress)
    report = found.to_json()
    tell(report)
    return report


def _references(
    name: str, images: Path | None, labels: Path | None, classes: str | None
) -> tuple[tuple[ReferenceCase, ...], tuple[LabelClass, ...]]:
    """Return the cases of two folders, and the structures to mark in them."""
    from ..classes import make_classes, parse_classes
    from ..inference.cases import folder_cases

    if images is None or labels is None or classes is None:
        raise UserError(
            f"the {name} belongs to no project; nothing was evaluated; give --images, --labels and --classes NAME=VALUE"
        )
    named = make_classes(parse_classes(classes))
    return folder_cases(images, labels, named, others_are_background=True), named


def _tell(report: dict[str, Any]) -> None:
    counts = list(report["clicks"])
    rows = [
        (case["case"], structure, *(dice(scores[count]) for count in counts))
        for case in report["cases"]
        for structure, scores in case["structures"].items()
    ]
    typer.echo(table(("case", "structure", *(f"{count} {_word(count)}" for count in counts)), rows))
    for count in counts:
        first = f", the first a {report['gesture']}" if report["gesture"] == "drag" else ""
        typer.echo(
            f"mean Dice after {count} {_word(count)} a structure and volume{first}: {dice(report['clicks'][count])}"
        )
    typer.echo(f"{len(report['cases'])} cases")


def _tell_learning(report: dict[str, Any]) -> None:
    counts = list(report["clicks"])
    rows = [
        (
            str(number),
            case["case"],
            structure,
            *(f"{dice(found['without'][n])} → {dice(found['learning'][n])}" for n in counts),
        )
        for number, case in enumerate(report["cases"], 1)
        for structure, found in case["structures"].items()
    ]
    typer.echo(table(("turn", "case", "structure", *(f"{count} {_word(count)}" for count in counts)), rows))
    for count, found in report["from_second_case"].items():
        typer.echo(
            f"mean Dice after {count} {_word(count)}, first case left out: {dice(found['without'])} without learning, "
            f"{dice(found['learning'])} with it"
        )
    typer.echo(f"{len(report['cases'])} cases, {report['seconds_a_lesson']['median']:.1f} s to learn from one")


def _word(count: str) -> str:
    return "gesture" if count == "1" else "gestures"
