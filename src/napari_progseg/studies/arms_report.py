"""What a study of arms says in the end: its questions, speed to several targets, cost as ratios."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation.crossed import CrossedInterval
from ..evaluation.report import Figure, Report, Section, Table
from . import report as parts
from .analysis import (
    Comparison,
    Difference,
    Mean,
    Rows,
    Score,
    by_place,
    difference,
    differences,
    means,
    spending,
)
from .arms import Arms, ArmStudy
from .figures import Look, forest, training_curves
from .rows import Row
from .speed import Ratio, Speed, quotient_text, ratios, speeds

_COLOURS = ("#5b6470", "#0072b2", "#d55e00", "#009e73")
_RESAMPLING = 0
_QUESTIONS = {
    "pdl": (
        "Progressive deep learning: similar cases first",
        "Does beginning with similar cases reach a Dice earlier than learning from all at once, and is that owed to "
        "the ranking, or merely to the smaller beginning, which the random order of the same sizes shares?",
    ),
    "pgps": (
        "Progressive growing of patch size",
        "Do growing patches reach the Dice of constant ones in less time (efficiency), or a better one in the same "
        "time (performance), and does the order matter, or merely that patches are smaller, which random sizes share?",
    ),
}


Setting = parts.Setting[ArmStudy]


@dataclass(frozen=True)
class Findings:
    """All that the report shows."""

    rows: Rows
    differences: tuple[Difference, ...]
    means: tuple[Mean, ...]
    speeds: tuple[Speed, ...]
    ratios: tuple[Ratio, ...]

    @classmethod
    def of(cls, arms: Arms, rows: Sequence[Row]) -> Findings:
        """Evaluate rows; the same rows give the same numbers."""
        placed = by_place(rows)
        rng = np.random.default_rng(_RESAMPLING)
        groups = tuple(arms.settings)
        return cls(
            placed,
            differences(placed, _comparisons(arms), rng),
            means(placed, _scores(arms), rng),
            speeds(placed, groups, arms.reference, rng),
            ratios(placed, groups, arms.reference, rng),
        )


def write_arms(folder: Path, setting: Setting, rows: Sequence[Row]) -> Path | None:
    """Write the report of the rows there are; None without any."""
    if not rows:
        return None
    found = Findings.of(setting.study.arms, rows)
    return parts.write_report(folder, _report(setting, found, rows), _document(setting, found, rows), rows)


def _scores(arms: Arms) -> tuple[Score, ...]:
    return tuple(Score(group, "0") for group in arms.settings)


def _comparisons(arms: Arms) -> tuple[Comparison, ...]:
    reference, *others = (score for score in sorted(_scores(arms), key=lambda each: each.group != arms.reference))
    against = [difference(other, reference) for other in others]
    controls = [other for other in others if other.group.startswith("Random")]
    return (*against, *(difference(o, c) for c in controls for o in others if o is not c))


def _report(setting: Setting, found: Findings, rows: Sequence[Row]) -> Report:
    arms = setting.study.arms
    title, question = _QUESTIONS[arms.study]
    caution = parts.caution(found.rows, setting.patients_in_project)
    tables = (parts.dice_table(found.means), parts.difference_table(found.differences, caution))
    figures: tuple[Figure, ...] = ()
    if found.differences:
        figures = (forest("differences-plot", "Mean difference and its 95 % interval.", found.differences),)
    looks = {group: Look(colour) for group, colour in zip(arms.settings, _COLOURS, strict=False)}
    curves = training_curves("training-curves", "Validation Dice: thin lines are seeds.", found.rows, looks)
    return Report(
        title,
        (parts.done_sentence(found.rows, setting.total), question, *filter(None, (caution,))),
        (
            Section("Dice", tables=tables, figures=figures),
            Section("Time to a Dice", tables=(speed_table(found.speeds, arms),), figures=(curves,)),
            Section(
                "What it cost",
                tables=(ratio_table(found.ratios, arms), parts.cost_table(spending(found.rows, list(arms.settings)))),
            ),
            Section("How it was done", (*_protocol(setting), *parts.origin_sentences(rows))),
            parts.runs_section(rows),
            parts.dice_section(rows),
        ),
    )


def speed_table(found: Sequence[Speed], arms: Arms) -> Table:
    """Show when each arm reached its targets."""

    def number(value: float | None) -> str:
        return "not reached" if value is None else format(value, ",.0f")

    def ratio(value: CrossedInterval | None) -> str:
        return "" if value is None else quotient_text(value)

    cells = tuple(
        (
            *(each.group, str(each.patients), f"{each.share:.0%} = {each.target:.3f}"),
            *(number(each.steps), number(each.seconds)),
            *(ratio(each.steps_ratio), ratio(each.seconds_ratio)),
            f"{each.reached} of {each.seeds}",
        )
        for each in found
    )
    caption = (
        f"Targets are shares of the final validation Dice of {arms.reference}, its mean over seeds. Steps and seconds "
        "are medians over the seeds that reached them, where most did; ratios are of means over seeds with 95 % "
        "intervals that resample seeds, and a run that did not reach it counts with all that it took. Seconds leave "
        "out validation."
    )
    against = (f"steps / {arms.reference}", f"seconds / {arms.reference}")
    return Table("speed", caption, ("group", "patients", "target", "steps", "seconds", *against, "reached"), cells)


def ratio_table(found: Sequence[Ratio], arms: Arms) -> Table:
    """Show what each arm cost."""
    cells = tuple(
        (each.group, str(each.patients), f"{each.voxels:.3f}", quotient_text(each.seconds), str(each.seconds.seeds))
        for each in found
    )
    caption = (
        f"Relative to {arms.reference} of the same seeds; training time without validation, with 95 % intervals that "
        "resample seeds. Voxels are counted, so that they are the same on every machine."
    )
    return Table("ratios", caption, ("group", "patients", "voxels", "training time", "seeds"), cells)


def _protocol(setting: Setting) -> Iterator[str]:
    study, draw, common = setting.study, setting.draw, setting.common
    terms = study.terms
    spacing, size = parts.grid_text(common)
    yield (
        f"Every run learns for {parts.budget_text(terms.budget)}. A seed draws the training patients from a pool of "
        f"{len(draw.pool)}, the first weights and the patches. Tested on {len(draw.test)}, validated on "
        f"{len(draw.validation)} patients, the same for all; none of them is in the pool."
    )
    yield (
        f"All runs: preset {terms.preset}, {common.dims}D, {spacing} mm, full patch {size}. A run keeps the checkpoint "
        "with the best validation Dice."
    )
    yield parts.settings_sentence(terms, setting.settings_file, terms.groups)
    for group, settings in study.arms.settings.items():
        yield f"{group}: {', '.join(settings)}."


def asked_document(setting: Setting, rows: Sequence[Row]) -> dict[str, Any]:
    """Return as JSON what was asked of a study of arms, and how much of it there is."""
    study, arms = setting.study, setting.study.arms
    return {
        "study": arms.study,
        "runs_done": len(rows),
        "runs_planned": setting.total,
        "protocol": {
            "arms": {group: list(settings) for group, settings in arms.settings.items()},
            "patients": sorted(set(study.patients)),
            **study.terms.document(setting.settings_file),
            "common": setting.common.model_dump(mode="json"),
            "cases": asdict(setting.draw),
        },
    }


def _document(setting: Setting, found: Findings, rows: Sequence[Row]) -> dict[str, Any]:
    return {
        **asked_document(setting, rows),
        "dice": [parts.mean_document(each) for each in found.means],
        "differences": [parts.difference_document(each) for each in found.differences],
        "speeds": [asdict(each) for each in found.speeds],
        "ratios": [asdict(each) for each in found.ratios],
        "runs": [parts.run_document(row) for row in rows],
    }
