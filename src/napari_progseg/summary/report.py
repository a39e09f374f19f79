"""The report of a project: one HTML file that needs nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..evaluation.report import Report, Section, Table, to_html
from ..evaluation.statistics import FEWEST_PAIRS, Interval
from ..predictions import Prediction, Predictions
from ..project import CaseState, Project
from ..storage.atomic import write_text
from ..studies.figures import validation_curves
from ..training.offer import is_held_back
from .accuracy import Accuracy, measure
from .effort import Effort, project_effort
from .methods import methods_of
from .models import RunFacts, all_runs, run_facts

NAME = "report.html"
_NONE = "–"
_SEGMENTS = ("segmentation", "interactive")
_TASKS = {"segmentation": "masks", "interactive": "masks from clicks", "restoration": "restoration", "shape": "shapes"}


@dataclass(frozen=True)
class Summary:
    """All that a report tells.

    Parameters
    ----------
    effort : tuple of Effort
        Of each case, in the order of the project.
    predictions : dict of str to Prediction
        What was predicted, by case.
    runs : tuple of RunFacts
        Oldest first.
    chosen : RunFacts or None
        The run that Dice and methods are about.
    accuracy : Accuracy or None
        Its Dice; None where it was not measured.
    """

    effort: tuple[Effort, ...]
    predictions: dict[str, Prediction]
    runs: tuple[RunFacts, ...]
    chosen: RunFacts | None = None
    accuracy: Accuracy | None = None


def summarise(
    project: Project,
    run: Path | None = None,
    *,
    with_dice: bool = True,
    device: str = "auto",
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Summary:
    """Gather what the report tells, and measure the run's model on cases that it has not learned from.

    Parameters
    ----------
    run : Path or None
        Run that Dice and methods are about; None takes the newest that segments, if there is one.
    with_dice : bool
        False leaves out measuring, which predicts every such case.

    Raises
    ------
    UserError
        If the named run has no model that segments.
    """
    effort, runs = project_effort(project), all_runs(project)
    chosen = run_facts(run) if run is not None else _newest(runs)
    accuracy = None
    if chosen is not None and with_dice:
        accepted = {each.case for each in effort if each.from_model}
        seen = chosen.learned_from(project.runs_dir)
        accuracy = measure(project, chosen.path, seen, accepted, device=device, progress=progress, cancelled=cancelled)
    return Summary(effort, Predictions(project).records(), runs, chosen, accuracy)


def write_report(project: Project, summary: Summary, path: Path) -> Path:
    """Write the report; a report of that name is replaced."""
    write_text(path, to_html(report_of(project, summary)))
    return path


def report_of(project: Project, summary: Summary) -> Report:
    """Tell a summary as a report; patients appear by their case ids alone."""
    states = Counter(str(case.state) for case in project.cases)
    told = ", ".join(f"{number} {state}" for state, number in states.items())
    lead = (
        f"{len(project.cases)} patients: {told}. Classes: {', '.join(each.name for each in project.classes)}.",
        f"Written on {datetime.now(UTC).date().isoformat()} by napari-progseg. Patients are named by their case ids.",
    )
    parts = (_patients(project, summary), _models(summary), _dice(summary), _methods(summary))
    return Report(f"Report of {project.root.name}", lead, tuple(part for part in parts if part is not None))


def _newest(runs: Sequence[RunFacts]) -> RunFacts | None:
    """Return the newest run that segments and that was not kept out or put off by *Keep learning*."""
    trained = [run for run in runs if run.config.task in _SEGMENTS and (run.path / "checkpoints").is_dir()]
    usable = [run for run in trained if not is_held_back(run.path)]
    return usable[-1] if usable else None


def _patients(project: Project, summary: Summary) -> Section:
    parts = _parts(project)
    rows = []
    for case, effort in zip(project.cases, summary.effort, strict=True):
        predicted = summary.predictions.get(case.id)
        waiting = predicted is not None and case.state is not CaseState.COMPLETED
        cells = [effort.clicks, effort.strokes, effort.accepted, effort.imported, effort.others]
        counted = [str(number) if number else _NONE for number in cells]
        seconds = f"{effort.seconds:.0f}" if effort.edits else _NONE
        review = f"by {predicted.run}" if waiting and predicted is not None else _NONE
        rows.append((case.id, str(case.state), parts.get(case.id, _NONE), *counted, seconds, review))
    headings = (
        "patient", "state", "part", "clicks", "strokes", "accepted", "imported", "others", "seconds", "to review",
    )  # fmt: skip
    caption = (
        "Clicks and strokes as they were made, also where they were taken back later; accepted: predictions copied "
        "into the labels; imported: masks from elsewhere; others: undone, redone, moved or removed."
    )
    table = Table("patients", caption, headings, tuple(rows))
    return Section("Patients and effort", _effort_told(summary.effort), (table,))


def _parts(project: Project) -> dict[str, str]:
    split = project.split
    named = {"training": split.train, "validation": split.validation, "test": split.test}
    return {case: name for name, cases in named.items() for case in cases}


def _effort_told(effort: Sequence[Effort]) -> tuple[str, ...]:
    edited = [each for each in effort if each.edits]
    if not edited:
        return ("No patient was edited here: all labels came from files.",)
    clicks, strokes, seconds = (
        sum(getattr(each, name) for each in edited) for name in ("clicks", "strokes", "seconds")
    )
    return (
        f"{len(edited)} patients were edited here, with {clicks} clicks and {strokes} strokes in "
        f"{seconds / 60:.1f} minutes, {seconds / len(edited):.0f} seconds a patient on average.",
        "Seconds are the times from one edit to the next. Pauses of more than a minute are not counted, nor is looking "
        "at a patient before the first edit and after the last one, so that the true time is longer.",
    )


def _models(summary: Summary) -> Section | None:
    if not summary.runs:
        return None
    rows = tuple(
        (
            run.name,
            _TASKS[run.config.task],
            run.status.state,
            str(len(run.config.train)),
            _budget(run),
            str(run.status.step),
            f"{run.status.seconds / 60:.1f}",
            _number(run.status.best_dice),
            run.start.name if run.start is not None else _NONE,
        )
        for run in summary.runs
    )
    headings = ("run", "task", "state", "patients", "budget", "steps", "minutes", "best Dice", "started from")
    table = Table("runs", "Best Dice: mean over the run's own validation patients.", headings, rows)
    curves = {run.name: run.curve for run in summary.runs if any(point.dice is not None for point in run.curve)}
    figures = (
        (validation_curves("curves", "Validation Dice while training, validations left out of the time.", curves),)
        if curves
        else ()
    )
    return Section("Models", (), (table,), figures)


def _dice(summary: Summary) -> Section | None:
    found = summary.accuracy
    if found is None:
        return None
    title = f"Dice of {found.run}"
    if not found.cases:
        nothing = "There is no completed patient that this run has not learned from, so nothing could be measured."
        return Section(title, (nothing, *found.faults))
    classes = list(dict.fromkeys(name for each in found.cases for name in each.scores))
    rows = tuple(
        (
            each.case,
            *(_number(each.scores.get(name)) for name in classes),
            _number(each.mean),
            "began as a prediction" if each.accepted else "independent",
        )
        for each in found.cases
    )
    caption = "Without clicks. n/a: the structure is in neither mask; left out of the means."
    table = Table("dice", caption, ("patient", *classes, "mean", "labels"), rows)
    return Section(title, (*_dice_told(found), *found.faults), (table,))


def _dice_told(found: Accuracy) -> tuple[str, ...]:
    every, independent = found.interval(independent=False), found.interval(independent=True)
    told = [f"Completed patients that it has not learned from: mean Dice {_with_ends(every)}."]
    if any(each.accepted for each in found.cases):
        told.append(
            "The labels of some of them began as the prediction of a model, which flatters models. Without them: "
            f"{_with_ends(independent)}."
        )
    if every is not None and every.n < FEWEST_PAIRS:
        told.append("An interval over so few patients is a rough guide.")
    return tuple(told)


def _methods(summary: Summary) -> Section | None:
    methods = None if summary.chosen is None else methods_of(summary.chosen, summary.accuracy)
    if methods is None:
        return None
    listed = tuple(f"[{number}] {paper}" for number, paper in enumerate(methods.references, 1))
    return Section("Methods, ready to paste", (methods.paragraph, *listed))


def _budget(run: RunFacts) -> str:
    budget = run.config.budget
    return f"{budget.steps} steps" if budget.steps is not None else f"{budget.minutes:g} min"


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _with_ends(interval: Interval | None) -> str:
    if interval is None:
        return "n/a"
    patients = f"{interval.n} patient{'s' * (interval.n != 1)}"
    return f"{interval.mean:.3f} (95 % interval {interval.low:.3f} to {interval.high:.3f}, {patients})"
