"""What the limited-data study says in the end: its questions, the paper's figures beside ours, advice to read by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation.report import Figure, Report, Section, Table
from . import report as parts
from .analysis import (
    Comparison,
    Difference,
    Mean,
    Reaching,
    Rows,
    Score,
    Spent,
    by_place,
    difference,
    differences,
    means,
    over_the_better,
    patients_of,
    reaching,
    spending,
)
from .figures import Look, curve_of_means, forest, training_curves
from .limited_data import GROUPS, PRETRAINING, STUDY, LimitedData
from .rows import EMPTIED, Row

# test Dice of the paper's Table 1 (algorithms 4.4); SegInter with one click a slice
PAPER: dict[int, dict[str, float]] = {
    1: {"Seg": 0.348, "SegPretrained": 0.392, "SegInter": 0.588},
    2: {"Seg": 0.749, "SegPretrained": 0.830, "SegInter": 0.929},
    3: {"Seg": 0.795, "SegPretrained": 0.855, "SegInter": 0.949},
    5: {"Seg": 0.819, "SegPretrained": 0.858, "SegInter": 0.943},
    10: {"Seg": 0.831, "SegPretrained": 0.904, "SegInter": 0.948},
    30: {"Seg": 0.974, "SegPretrained": 0.977, "SegInter": 0.977},
    70: {"Seg": 0.981, "SegPretrained": 0.984, "SegInter": 0.983},
}

_SEG, _PRE = Score("Seg", "0"), Score("SegPretrained", "0")
_INTER, _BOTH = Score("SegInter", "1", "1 click"), Score("SegPretrainedInter", "1", "1 click")
_INTER_0, _BOTH_0 = Score("SegInter", "0", "no click"), Score("SegPretrainedInter", "0", "no click")
_EMPTIED = Score("Seg", EMPTIED, "emptied")
# rows of earlier versions hold no control after clicks
_INTER_EMPTIED = Score("SegInter", f"1 {EMPTIED}", "1 click, emptied")
SCORES = (_SEG, _PRE, _INTER, _BOTH, _INTER_0, _BOTH_0, _EMPTIED, _INTER_EMPTIED)
COMPARISONS: tuple[Comparison, ...] = (
    difference(_PRE, _SEG),
    difference(_INTER, _SEG),
    difference(_INTER, _PRE),
    over_the_better(_BOTH, (_PRE, _INTER), "SegPretrainedInter, 1 click - better of its parts"),
    difference(_INTER, _EMPTIED),
    difference(_INTER_0, _SEG),
    difference(_INTER_EMPTIED, _EMPTIED),
)
_COLOURS = {"Seg": "#5b6470", "SegPretrained": "#0072b2", "SegInter": "#d55e00", "SegPretrainedInter": "#009e73"}
_RESAMPLING = 0


@dataclass(frozen=True)
class Findings:
    """All numbers of the study so far."""

    rows: Rows
    means: tuple[Mean, ...]
    differences: tuple[Difference, ...]
    reaching: tuple[Reaching, ...]
    reaching_without_clicks: tuple[Reaching, ...]
    spending: tuple[Spent, ...]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Findings:
        """Evaluate rows; the same rows give the same numbers."""
        placed = by_place(rows)
        rng = np.random.default_rng(_RESAMPLING)
        without_clicks = [name for name, arm in GROUPS.items() if arm.task == "segmentation"]
        return cls(
            placed,
            means(placed, SCORES, rng),
            differences(placed, COMPARISONS, rng),
            reaching(placed, list(GROUPS), rng),
            reaching(placed, without_clicks, rng),
            spending(placed, list(GROUPS)),
        )


Setting = parts.Setting[LimitedData]


def write_limited_data(folder: Path, setting: Setting, rows: Sequence[Row]) -> Path | None:
    """Write the report of the rows there are; None without any."""
    if not rows:
        return None
    findings = Findings.of(rows)
    return parts.write_report(folder, _report(setting, findings, rows), _document(setting, findings, rows), rows)


def _document(setting: Setting, found: Findings, rows: Sequence[Row]) -> dict[str, Any]:
    study = setting.study
    return {
        "study": STUDY,
        "runs_done": len(rows),
        "runs_planned": setting.total,
        "protocol": {
            "groups": list(study.terms.groups),
            "patients": sorted(set(study.patients)),
            **study.terms.document(setting.settings_file),
            "pretraining_budget": study.pretraining.model_dump(),
            "common": setting.common.model_dump(mode="json"),
            "cases": asdict(setting.draw),
        },
        "dice": [parts.mean_document(each) for each in found.means],
        "differences": [parts.difference_document(each) for each in found.differences],
        "reaching": [asdict(each) for each in found.reaching],
        "reaching_without_clicks": [asdict(each) for each in found.reaching_without_clicks],
        "cost": [asdict(each) for each in found.spending],
        "paper": {str(patients): dice for patients, dice in PAPER.items()},
        "runs": [parts.run_document(row) for row in rows],
    }


def _report(setting: Setting, found: Findings, rows: Sequence[Row]) -> Report:
    caution = parts.caution(found.rows, setting.patients_in_project)
    return Report(
        "Limited training data: restoration pretraining, clicks, and both",
        (parts.done_sentence(found.rows, setting.total), *_budget_sentences(setting.study), *filter(None, (caution,))),
        (
            _dice_section(found, rows),
            _difference_section(found, caution),
            _paper_section(found),
            _time_section(found),
            Section("What it cost", tables=(parts.cost_table(found.spending),)),
            Section("How it was done", (*_protocol(setting, rows), *parts.origin_sentences(rows))),
            parts.runs_section(rows),
            parts.dice_section(rows),
        ),
    )


def _budget_sentences(study: LimitedData) -> Iterator[str]:
    each, first = map(parts.budget_text, (study.terms.budget, study.pretraining))
    yield f"Every run learns its task for {each}; a restoration start adds {first} of pretraining, once a seed."


def _dice_section(found: Findings, rows: Sequence[Row]) -> Section:
    per = "slice that holds the structure" if rows[0].dims == 2 else "volume"
    text = (
        f"One click is one simulated click a {per}, at its innermost point. It tells where the structure is, so a "
        "model that is given it has an advantage by design.",
        "Emptied: the automatic prediction with the structure removed from slices where the reference has none of it, "
        "which is what one click a slice gives away; the fair pair is emptied with and without a click."
        if rows[0].dims == 2
        else "Emptied: the automatic prediction with the structure removed from slices that hold none of it.",
    )
    caption = (
        "Mean test Dice with 95 % intervals over seeds and test cases. Dashed: interactive models where nobody clicks; "
        "dotted: object-free slices emptied."
    )
    looks = {score: _look(score) for score in SCORES}
    figure = curve_of_means("learning-curves", caption, found.means, looks)
    return Section("Dice by the number of training patients", text, (parts.dice_table(found.means),), (figure,))


def _look(score: Score) -> Look:
    if score.measure.endswith(EMPTIED):
        return Look("#9aa2ac" if score == _EMPTIED else _COLOURS[score.group], ":", "s", below=True)
    background = score in {_INTER_0, _BOTH_0}
    return Look(_COLOURS[score.group], "--" if background else "-", "^" if background else "o", below=background)


def _difference_section(found: Findings, caution: str) -> Section:
    figures: tuple[Figure, ...] = ()
    if found.differences:
        figures = (forest("differences-plot", "Mean difference and its 95 % interval.", found.differences),)
    text = (
        "The questions: does a restoration start beat scratch; do clicks beat both; is the combination at least as "
        "good as the better of its parts, whichever that is in each resample; does a click do more than tell which "
        "slices hold the structure; and what does an interactive model lose where nobody clicks.",
    )
    return Section("Differences", text, (parts.difference_table(found.differences, caution),), figures)


def _paper_section(found: Findings) -> Section:
    ours = {(mean.score, mean.patients): mean.interval for mean in found.means}
    counts = sorted({*PAPER, *patients_of(found.rows)})
    columns = [(score, whose) for score in (_SEG, _PRE, _INTER) for whose in ("paper", "here")] + [(_BOTH, "here")]

    def cell(score: Score, whose: str, patients: int) -> str:
        if whose == "paper":
            return f"{PAPER[patients][score.group]:.3f}" if patients in PAPER else ""
        return parts.with_ends(ours[score, patients]) if (score, patients) in ours else ""

    rows = tuple((str(n), *(cell(*column, n) for column in columns)) for n in counts)
    headings = ("patients", *(f"{score.label}, {whose}" for score, whose in columns))
    caption = (
        "The paper: fibula in CT (not public), 2D U-Net, 65,000 iterations, 10 test patients, one model each, no "
        "intervals. Other data, so the order is to be compared, not the height."
    )
    return Section("The paper's Table 1 beside ours", tables=(Table("paper", caption, headings, rows),))


def _time_section(found: Findings) -> Section:
    looks = {group: Look(colour) for group, colour in _COLOURS.items()}
    caption = (
        "Validation Dice while training, with one click for the interactive groups: thin lines are seeds, thick ones "
        "their mean. Pretraining is not in the steps."
    )
    tables = (
        parts.reaching_table("reaching", "all groups", found.reaching),
        parts.reaching_table("reaching-without-clicks", "the groups without clicks", found.reaching_without_clicks),
    )
    curves = [len(row.curve) for row in found.rows.values()]
    text = f"A run was validated {min(curves)} to {max(curves)} times, which bounds how finely a time is known."
    figure = training_curves("training-curves", caption, found.rows, looks)
    return Section("How fast they reach 90 % of the best Dice", (text,), tables, (figure,))


def _protocol(setting: Setting, rows: Sequence[Row]) -> Iterator[str]:
    terms, draw, common = setting.study.terms, setting.draw, setting.common
    spacing, size = parts.grid_text(common)
    yield (
        f"A seed draws the training patients from a pool of {len(draw.pool)} (fewer are always among more), the first "
        f"weights and the patches. Tested on {len(draw.test)}, validated on {len(draw.validation)} patients, the same "
        f"for all; none of them is in the pool or in pretraining, which saw {len(draw.scans)} scans without their "
        "labels, once a seed, for all runs of that seed."
    )
    yield (
        f"All runs: preset {terms.preset}, {common.dims}D, {spacing} mm, patch {size}, decided from the images of the "
        "pool. A run keeps the checkpoint with the best validation Dice, interactive ones after one click."
    )
    yield parts.settings_sentence(terms, setting.settings_file, (*terms.groups, PRETRAINING))
    yield (
        "Intervals: bootstrap of 10,000 resamples of seeds and, independently, of test cases (one fewer than there are "
        "of each, which keeps their variance true). In simulations at 5 seeds and 20 cases they held the true mean in "
        "89 to 95 of 100 studies, least where seeds differ more than cases; at 3 seeds in 82 to 95, at 2 test cases "
        "in 74 to 90. No p-values: the interval says how large a difference may be, which a p-value does not."
    )
    yield f"Test: {', '.join(draw.test)}. Validation: {', '.join(draw.validation) or 'none'}."
