"""What the annotation-effort study says in the end: what a Dice costs in patients, clicks, strokes and seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation.crossed import CrossedInterval
from ..evaluation.report import Figure, Report, Section, Table
from . import report as parts
from .analysis import Difference, Mean, Rows, Score, by_place, difference, differences, means
from .annotator import USUAL, Costs
from .effort import GROUPS, STUDY, Effort
from .effort_analysis import (
    EffortDifference,
    PatientEffort,
    Reached,
    Walks,
    by_patient,
    effort_differences,
    over_seeds,
    reached,
    walks_of,
)
from .figures import Look, Trace, traces
from .limited_data import PRETRAINING
from .patients import Patient
from .rows import Row

_PAIRS = (
    ("Suggested", "Random"),
    *((group, "Painting") for group in GROUPS if group != "Painting"),
    ("Starter", "Predicted"),
)
_LOOKS = {
    "Suggested": Look("#009e73"),
    "Random": Look("#d55e00"),
    "Starter": Look("#0072b2"),
    "Predicted": Look("#cc79a7", "--", "s"),
    "Painting": Look("#5b6470", "--", "s"),
}
_RESAMPLING = 0
Setting = parts.Setting[Effort]


@dataclass(frozen=True)
class Findings:
    """All that the report shows."""

    rows: Rows
    walks: Walks
    reached: tuple[Reached, ...]
    effort: tuple[EffortDifference, ...]
    by_patient: tuple[PatientEffort, ...]
    means: tuple[Mean, ...]
    differences: tuple[Difference, ...]

    @classmethod
    def of(
        cls,
        goal: float,
        counts: Sequence[int],
        rows: Sequence[Row],
        patients: Sequence[Patient],
        costs: Costs = USUAL,
    ) -> Findings:
        """Evaluate rows and patients; the same ones give the same numbers."""
        placed, walks = by_place(rows), walks_of(rows, patients, counts, costs)
        rng = np.random.default_rng(_RESAMPLING)
        scores = {group: Score(group, "0") for group in GROUPS}
        compared = [difference(scores[first], scores[second]) for first, second in _PAIRS]
        return cls(
            placed,
            walks,
            reached(walks, goal, rng),
            effort_differences(walks, _PAIRS, goal, rng),
            by_patient(walks, rng),
            means(placed, list(scores.values()), rng),
            differences(placed, compared, rng),
        )


def write_effort(folder: Path, setting: Setting, rows: Sequence[Row], patients: Sequence[Patient]) -> Path | None:
    """Write the report of the rows there are; None without any."""
    if not rows:
        return None
    found = Findings.of(setting.study.goal, setting.study.patients, rows, patients, setting.study.costs)
    report = _report(setting, found, rows, patients)
    return parts.write_report(folder, report, _document(setting, found, rows, patients), rows)


def _report(setting: Setting, found: Findings, rows: Sequence[Row], patients: Sequence[Patient]) -> Report:
    caution = parts.caution(found.rows, setting.patients_in_project)
    goal = f"{setting.study.goal:g}"
    return Report(
        f"Annotation effort: patients, clicks, strokes and seconds to Dice {goal}",
        (parts.done_sentence(found.rows, setting.total), *_arms(setting.study.costs), *filter(None, (caution,))),
        (
            Section(
                f"To a mean test Dice of {goal}",
                tables=(reached_table(found.reached, goal), effort_table(found.effort, caution)),
                figures=_dice_figure(found, setting.study.goal),
            ),
            Section(
                "Effort, patient by patient", tables=(patient_table(found.by_patient),), figures=_effort_figure(found)
            ),
            Section(
                "Dice by the number of labelled patients",
                tables=(parts.dice_table(found.means), parts.difference_table(found.differences, caution)),
            ),
            Section("How it was done", (*_protocol(setting), *parts.origin_sentences(rows))),
            _patients_section(patients),
            parts.runs_section(rows),
            parts.dice_section(rows),
        ),
    )


def _arms(costs: Costs) -> Iterator[str]:
    yield (
        "Suggested: most typical patients first, every training starts from restoration of the seed's scans and is "
        "progressive (similar patients first, growing patches in full batches), clicks answered by the newest model. "
        "Random: a random order, trained from scratch, the same clicks. Starter: the same random order, a segmentation "
        "model predicts, clicks are answered by the starter. Predicted: the same, but what is wrong is painted. "
        "Painting: the same random order, painted from nothing, segmentation from scratch."
    )
    yield (
        "All arms stop at the same Dice of a patient, and painted slices have no fault, which favours painting. An "
        f"action is a click ({costs.click_s:g} s) or a stroke, and a stroke is one painted slice ({costs.slice_s:g} "
        "s). Test Dice is automatic: nobody clicks."
    )


def reached_table(found: Sequence[Reached], goal: str) -> Table:
    """Show what each group needed."""

    def number(value: float | None) -> str:
        return "not reached" if value is None else f"{value:g}"

    painting = next((each.mean_seconds.mean for each in found if each.group == "Painting"), None)
    rows = tuple(
        (
            each.group,
            *map(number, (each.patients, each.clicks, each.strokes, each.actions, each.seconds)),
            *map(one_digit, (each.mean_patients, each.mean_actions, each.mean_seconds)),
            f"{each.mean_seconds.mean / painting:.2f}" if painting else "",
            f"{each.reached} of {each.seeds}",
        )
        for each in found
    )
    caption = (
        f"Until the mean test Dice first is {goal}. Medians over seeds, those that never reach it counting as "
        "later than all others; means have 95 % intervals that resample seeds, and such seeds count with all they "
        "took, so that their mean is too low. Of painting: mean seconds as a share of those of painting."
    )
    medians = ("group", "patients", "clicks", "strokes", "actions", "seconds")
    headings = (*medians, "mean patients", "mean actions", "mean seconds", "of painting", "reached")
    return Table("reached", caption, headings, rows)


def effort_table(found: Sequence[EffortDifference], described_only: str) -> Table:
    """Show differences of effort with their reading."""
    readings = {"above": "more effort", "below": "less effort", "open": "no difference shown"}
    rows = tuple(
        (
            each.name,
            each.what,
            f"{each.interval.mean:+.1f}",
            f"{each.interval.low:+.1f} to {each.interval.high:+.1f}",
            str(each.interval.seeds),
            " and ".join(map(str, each.missed)),
            "described only" if described_only else readings[each.verdict],
        )
        for each in found
    )
    caption = (
        "Paired by seed, and seeds are resampled; of few seeds such intervals may be too narrow. Missed: seeds "
        "of the first and of the second that did not reach the goal and count with all they took, less than they need; "
        "nothing is read from a difference that this favours. " + described_only
    )
    headings = ("difference", "of", "mean", "95 % interval", "seeds", "missed", "reading")
    return Table("effort-differences", caption, headings, rows)


def patient_table(found: Sequence[PatientEffort]) -> Table:
    """Show what each further patient took: a row a group, a column a patient."""
    places = sorted({each.place for each in found})
    cells = {(each.group, each.place): one_digit(each.interval) for each in found}
    rows = tuple((group, *(cells.get((group, n), "") for n in places)) for group in dict.fromkeys(g for g, _ in cells))
    caption = (
        "Mean seconds over seeds, with 95 % intervals that resample seeds. For the first patient there is no model of "
        "one's own."
    )
    return Table("by-patient", caption, ("seconds", *(f"patient {n}" for n in places)), rows)


def one_digit(interval: CrossedInterval) -> str:
    """Write a mean of counts with the ends of its interval."""
    return f"{interval.mean:.1f} [{interval.low:.1f}, {interval.high:.1f}]"


def _dice_figure(found: Findings, goal: float) -> tuple[Figure, ...]:
    rng = np.random.default_rng(_RESAMPLING)
    lines = {}
    for group, walks in found.walks.items():
        own = [mean for mean in found.means if mean.score.group == group]
        spent = {
            n: over_seeds(rng, [walk.seconds(n) for walk in walks.values()]).mean for n in (m.patients for m in own)
        }
        thin = tuple(tuple((walk.seconds(n), dice) for n, dice in walk.dice.items()) for walk in walks.values())
        lines[group] = Trace(tuple((spent[mean.patients], mean.interval) for mean in own), thin)
    caption = (
        "Mean test Dice, with 95 % intervals over seeds and test cases, against the mean seconds of labelling so far; "
        "thin lines are seeds, the dotted line is the goal."
    )
    if not lines:
        return ()
    return (traces("dice-by-seconds", caption, lines, _LOOKS, ("seconds of labelling so far", "test Dice"), goal),)


def _effort_figure(found: Findings) -> tuple[Figure, ...]:
    groups = dict.fromkeys(each.group for each in found.by_patient)
    lines = {
        g: Trace(tuple((each.place, each.interval) for each in found.by_patient if each.group == g)) for g in groups
    }
    caption = "Mean seconds of labelling on each further patient, with 95 % intervals over seeds."
    if not lines:
        return ()
    return (traces("seconds-by-patient", caption, lines, _LOOKS, ("patient", "seconds of labelling")),)


def _patients_section(patients: Sequence[Patient]) -> Section:
    rows = tuple(
        (
            *(each.group, str(each.seed), str(each.place), each.case),
            *(str(each.clicks), str(each.strokes), str(each.slices)),
            *map(parts.digits, (each.before, each.dice)),
        )
        for each in patients
    )
    headings = ("group", "seed", "patient", "case", "clicks", "strokes", "slices", "Dice before", "Dice accepted")
    return Section("Every patient", tables=(Table("patients", "", headings, rows),), folded=True)


def _protocol(setting: Setting) -> Iterator[str]:
    study, draw, common = setting.study, setting.draw, setting.common
    terms, annotator = study.terms, study.annotator
    spacing, size = parts.grid_text(common)
    yield (
        f"A seed draws {min(study.pool, len(draw.pool))} of {len(draw.pool)} scans, whose labels nobody has, the order "
        f"of labelling, the first weights and the patches; after {', '.join(map(str, sorted(set(study.patients))))} "
        "labelled patients a model is trained from its start again, on the masks that were accepted, and predicts the "
        "next ones. Before there is an interactive model clicks are answered by the starter."
    )
    yield (
        "The simulated person sees the reference and clicks at the innermost point of the largest error, missing it by "
        f"a Gaussian of {annotator.jitter_mm:g} mm along each axis, though never so far that the click says what is "
        f"not true, until the patient's Dice is {annotator.accept:g}; it begins with the prediction, or with nothing "
        f"where that has a Dice below 0.5; after {annotator.most_clicks} clicks slices "
        "below that Dice are painted, the most wrong one first, until it is."
    )
    yield (
        f"Tested on {len(draw.test)} patients that nobody labels and that choose nothing: no patient validates, and "
        "every run keeps its last averaged weights. Restoration and training cost computer time, no effort."
    )
    yield (
        f"All runs: {parts.budget_text(terms.budget)}, restoration {parts.budget_text(study.pretraining)} once a seed, "
        f"preset {terms.preset}, {common.dims}D, {spacing} mm, patch {size}, decided from the images of the pool."
    )
    yield parts.settings_sentence(terms, setting.settings_file, (*terms.groups, PRETRAINING))
    yield f"Test: {', '.join(draw.test)}."


def _document(setting: Setting, found: Findings, rows: Sequence[Row], patients: Sequence[Patient]) -> dict[str, Any]:
    study = setting.study
    return {
        "study": STUDY,
        "runs_done": len(rows),
        "runs_planned": setting.total,
        "protocol": {
            "groups": list(study.terms.groups),
            "patients": sorted(set(study.patients)),
            "pool": study.pool,
            "goal": study.goal,
            "annotator": asdict(study.annotator),
            "costs": asdict(study.costs),
            **study.terms.document(setting.settings_file),
            "pretraining_budget": study.pretraining.model_dump(),
            "common": setting.common.model_dump(mode="json"),
            "cases": asdict(setting.draw),
        },
        "reached": [asdict(each) for each in found.reached],
        "effort_differences": [asdict(each) for each in found.effort],
        "by_patient": [asdict(each) for each in found.by_patient],
        "dice": [parts.mean_document(each) for each in found.means],
        "differences": [parts.difference_document(each) for each in found.differences],
        "patients": [each.model_dump(mode="json", exclude={"document"}) for each in patients],
        "runs": [parts.run_document(row) for row in rows],
    }
