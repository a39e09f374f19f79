"""What a study of arms says in the end: its questions, speed to several targets, cost as ratios."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation.report import Figure, Report, Section, Table
from . import report as parts
from .analysis import (
    Comparison,
    Rows,
    Score,
    by_place,
    difference,
    differences,
    first_reaching,
    means,
    patients_of,
    spending,
)
from .arms import Arms, ArmStudy
from .common import Common
from .draw import Draw
from .figures import Look, forest, training_curves
from .rows import Row

_SHARES = (0.90, 0.95, 0.99)
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


@dataclass(frozen=True)
class Setting:
    """What was asked of the study, and the cases it was given."""

    study: ArmStudy
    draw: Draw
    common: Common
    total: int
    patients_in_project: int
    settings_file: str


@dataclass(frozen=True)
class Ratio:
    """Cost of an arm relative to the reference of the same seed, as medians over seeds."""

    group: str
    patients: int
    voxels: float
    seconds: float
    seeds: int


@dataclass(frozen=True)
class Speed:
    """Steps and seconds until a share of the reference's final Dice, relative to the reference itself.

    Parameters
    ----------
    steps, seconds : float or None
        Medians over seeds of what the arm needed; None: most runs did not get there.
    ratio : float or None
        Median over seeds of the seconds, relative to the reference run of that seed.
    reached, seeds : int
        Seeds that reached it, of how many.
    """

    group: str
    patients: int
    share: float
    target: float
    steps: float | None
    seconds: float | None
    ratio: float | None
    reached: int
    seeds: int


def write_arms(folder: Path, setting: Setting, rows: Sequence[Row]) -> Path | None:
    """Write the report of the rows there are; None without any."""
    if not rows:
        return None
    placed = by_place(rows)
    return parts.write_report(folder, _report(setting, placed, rows), _document(setting, placed, rows), rows)


def ratios(rows: Rows, arms: Arms) -> tuple[Ratio, ...]:
    """Compare voxels and training time, validation left out, within each seed."""
    found = []
    for group in arms.settings:
        for patients in patients_of(rows):
            pairs = [
                (row, rows[arms.reference, n, seed])
                for (name, n, seed), row in rows.items()
                if (name, n) == (group, patients) and (arms.reference, n, seed) in rows
            ]
            if pairs:
                voxels = statistics.median(row.cost.voxels / other.cost.voxels for row, other in pairs)
                seconds = statistics.median(row.cost.seconds / other.cost.seconds for row, other in pairs)
                found.append(Ratio(group, patients, voxels, seconds, len(pairs)))
    return tuple(found)


def speeds(rows: Rows, arms: Arms) -> tuple[Speed, ...]:
    """Say when each arm reached shares of the reference's final validation Dice, its mean over seeds."""
    found = []
    for patients in patients_of(rows):
        finals = [_final(row) for (name, n, _), row in rows.items() if (name, n) == (arms.reference, patients)]
        if not finals:
            continue
        for share in _SHARES:
            target = share * statistics.mean(finals)
            found += [_speed(rows, arms, group, patients, share, target) for group in arms.settings]
    return tuple(each for each in found if each.seeds)


def _final(row: Row) -> float:
    return next((point.dice for point in reversed(row.curve) if point.dice is not None), 0.0)


def _speed(rows: Rows, arms: Arms, group: str, patients: int, share: float, target: float) -> Speed:
    own = {seed: row for (name, n, seed), row in rows.items() if (name, n) == (group, patients)}
    points = {seed: first_reaching(row.curve, target) for seed, row in own.items()}
    against = []
    for seed, point in points.items():
        other = rows.get((arms.reference, patients, seed))
        reference = None if other is None else first_reaching(other.curve, target)
        if point is not None and reference is not None and reference.seconds > 0:
            against.append(point.seconds / reference.seconds)
    there = [point for point in points.values() if point is not None]
    enough = len(there) > len(own) / 2
    return Speed(
        group,
        patients,
        share,
        target,
        statistics.median(point.step for point in there) if enough else None,
        statistics.median(point.seconds for point in there) if enough else None,
        statistics.median(against) if against else None,
        len(there),
        len(own),
    )


def _scores(arms: Arms) -> tuple[Score, ...]:
    return tuple(Score(group, "0") for group in arms.settings)


def _comparisons(arms: Arms) -> tuple[Comparison, ...]:
    reference, *others = (score for score in sorted(_scores(arms), key=lambda each: each.group != arms.reference))
    against = [difference(other, reference) for other in others]
    controls = [other for other in others if other.group.startswith("Random")]
    return (*against, *(difference(o, c) for c in controls for o in others if o is not c))


def _report(setting: Setting, rows: Rows, all_rows: Sequence[Row]) -> Report:
    arms = setting.study.arms
    title, question = _QUESTIONS[arms.study]
    caution = parts.caution(rows, setting.patients_in_project)
    rng = np.random.default_rng(_RESAMPLING)
    found = differences(rows, _comparisons(arms), rng)
    dice = parts.dice_table(means(rows, _scores(arms), rng))
    figures: tuple[Figure, ...] = ()
    if found:
        figures = (forest("differences-plot", "Mean difference and its 95 % interval.", found),)
    looks = {group: Look(colour) for group, colour in zip(arms.settings, _COLOURS, strict=False)}
    curves = training_curves("training-curves", "Validation Dice: thin lines are seeds.", rows, looks)
    return Report(
        title,
        (parts.done_sentence(rows, setting.total), question, *filter(None, (caution,))),
        (
            Section("Dice", tables=(dice, parts.difference_table(found, caution)), figures=figures),
            Section("Time to a Dice", tables=(_speed_table(speeds(rows, arms), arms),), figures=(curves,)),
            Section(
                "What it cost",
                tables=(_ratio_table(ratios(rows, arms), arms), parts.cost_table(spending(rows, list(arms.settings)))),
            ),
            Section("How it was done", (*_protocol(setting), *parts.origin_sentences(all_rows))),
            parts.runs_section(all_rows),
            parts.dice_section(all_rows),
        ),
    )


def _speed_table(found: Sequence[Speed], arms: Arms) -> Table:
    def number(value: float | None, form: str) -> str:
        return "not reached" if value is None else format(value, form)

    cells = tuple(
        (
            *(each.group, str(each.patients), f"{each.share:.0%} = {each.target:.3f}"),
            *(number(each.steps, ",.0f"), number(each.seconds, ",.0f")),
            "" if each.ratio is None else f"{each.ratio:.2f}",
            f"{each.reached} of {each.seeds}",
        )
        for each in found
    )
    caption = (
        f"Targets are shares of the final validation Dice of {arms.reference}, its mean over seeds. Medians over the "
        "seeds that reached them, where most did; the ratio is taken within each seed. Seconds leave out validation."
    )
    headings = ("group", "patients", "target", "steps", "seconds", f"seconds / {arms.reference}", "seeds")
    return Table("speed", caption, headings, cells)


def _ratio_table(found: Sequence[Ratio], arms: Arms) -> Table:
    cells = tuple(
        (each.group, str(each.patients), f"{each.voxels:.3f}", f"{each.seconds:.3f}", str(each.seeds)) for each in found
    )
    caption = (
        f"Relative to {arms.reference} of the same seed, medians over seeds; training time without validation. Voxels "
        "are counted, so that they are the same on every machine."
    )
    return Table("ratios", caption, ("group", "patients", "voxels", "training time", "seeds"), cells)


def _protocol(setting: Setting) -> Iterator[str]:
    study, draw, common = setting.study, setting.draw, setting.common
    size, spacing = "×".join(map(str, common.patch)), "×".join(f"{mm:.3g}" for mm in common.spacing)
    each = f"{study.budget.steps:,} steps" if study.budget.steps else f"{study.budget.minutes:g} minutes"
    yield (
        f"Every run learns for {each}. A seed draws the training patients from a pool of {len(draw.pool)}, the first "
        f"weights and the patches. Tested on {len(draw.test)}, validated on {len(draw.validation)} patients, the same "
        "for all; none of them is in the pool."
    )
    yield (
        f"All runs: preset {study.preset}, {common.dims}D, {spacing} mm, full patch {size}. A run keeps the checkpoint "
        "with the best validation Dice."
    )
    tried = study.frozen.tried.per_group
    given = f" For all groups: {', '.join(study.settings)}." if study.settings else ""
    if tried:
        yield f"Settings were frozen beforehand ({setting.settings_file}): {tried} tried for each group.{given}"
    else:
        yield f"No settings were tried for this study: every group uses the preset as it is.{given}"
    for group, settings in study.arms.settings.items():
        yield f"{group}: {', '.join(settings)}."


def _document(setting: Setting, rows: Rows, all_rows: Sequence[Row]) -> dict[str, Any]:
    study, arms = setting.study, setting.study.arms
    rng = np.random.default_rng(_RESAMPLING)
    found = differences(rows, _comparisons(arms), rng)
    return {
        "study": arms.study,
        "runs_done": len(all_rows),
        "runs_planned": setting.total,
        "protocol": {
            "arms": {group: list(settings) for group, settings in arms.settings.items()},
            "patients": sorted(set(study.patients)),
            "seeds": list(study.seeds),
            "preset": study.preset,
            "budget": study.budget.model_dump(),
            "settings_for_all": list(study.settings),
            "frozen_settings": {"file": setting.settings_file, **study.frozen.model_dump(mode="json")},
            "common": setting.common.model_dump(mode="json"),
            "cases": asdict(setting.draw),
        },
        "dice": [parts.mean_document(each) for each in means(rows, _scores(arms), rng)],
        "differences": [parts.difference_document(each) for each in found],
        "speeds": [asdict(each) for each in speeds(rows, arms)],
        "ratios": [asdict(each) for each in ratios(rows, arms)],
        "runs": [parts.run_document(row) for row in all_rows],
    }
