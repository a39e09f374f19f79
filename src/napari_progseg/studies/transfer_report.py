"""What the transfer study says in the end: source, target and transferred models on the target centre."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation.report import Figure, Report, Section, Table
from ..samples.centre import CentreShift
from . import report as parts
from .analysis import Comparison, Difference, Mean, Rows, Score, difference, differences, means
from .common import Common
from .figures import Look, forest, training_curves
from .rows import Row
from .speed import Ratio, quotient_text, ratios
from .transfer import GROUPS, SCRATCH, SOURCE, STUDY, Centres, Transfer

_RESAMPLING = 0
_SCORES = {group: Score(group, "0") for group in GROUPS}
_COLOURS = ("#5b6470", "#0072b2", "#cc79a7", "#e69f00", "#d55e00", "#009e73", "#56b4e9")


@dataclass(frozen=True)
class Setting:
    """What was asked of the study, and the cases it was given."""

    study: Transfer
    centres: Centres
    shift: CentreShift
    common: Common
    total: int
    settings_file: str


@dataclass(frozen=True)
class Findings:
    """All that the report shows."""

    rows: Rows
    differences: tuple[Difference, ...]
    means: tuple[Mean, ...]
    times: tuple[Ratio, ...]

    @classmethod
    def of(cls, patients: int, rows: Sequence[Row]) -> Findings:
        """Evaluate rows of a study with so many target patients; the same rows give the same numbers."""
        placed = _placed(patients, rows)
        rng = np.random.default_rng(_RESAMPLING)
        scores = [score for group, score in _SCORES.items() if any(g == group for g, *_ in placed)]
        return cls(
            placed,
            differences(placed, tuple(_comparisons(placed)), rng),
            means(placed, scores, rng),
            ratios(placed, tuple(GROUPS), SCRATCH, rng),
        )


def write_transfer(folder: Path, setting: Setting, rows: Sequence[Row]) -> Path | None:
    """Write the report of the rows there are; None without any."""
    if not rows:
        return None
    found = Findings.of(setting.study.patients, rows)
    return parts.write_report(folder, _report(setting, found, rows), _document(setting, found, rows), rows)


def _placed(patients: int, rows: Sequence[Row]) -> dict[tuple[str, int, int], Row]:
    """Sort rows by group and seed; the source model stands among those of the target's number of patients."""
    return {(row.group, patients, row.seed): row for row in rows}


def _comparisons(rows: Rows) -> Iterator[Comparison]:
    there = {group for group, *_ in rows}
    transferred = [group for group in GROUPS if group.startswith("ST") and group in there]
    for group in transferred:
        for other in (SCRATCH, SOURCE):
            if other in there:
                yield difference(_SCORES[group], _SCORES[other])
    if {SCRATCH, SOURCE} <= there:
        yield difference(_SCORES[SCRATCH], _SCORES[SOURCE])


def _report(setting: Setting, found: Findings, rows: Sequence[Row]) -> Report:
    figures: tuple[Figure, ...] = ()
    if found.differences:
        figures = (forest("differences-plot", "Mean difference and its 95 % interval.", found.differences),)
    looks = {group: Look(colour) for group, colour in zip(GROUPS, _COLOURS, strict=True)}
    curves = training_curves("training-curves", "Validation Dice: thin lines are seeds.", found.rows, looks)
    patients = setting.study.patients
    return Report(
        "Transfer between centres: which layers to train again",
        (
            parts.done_sentence(found.rows, setting.total),
            f"S learns from {len(setting.centres.source)} source patients, T from {patients} target patients; ST "
            "starts from S and learns from the patients of T, from some layer on. All are tested on the target centre.",
        ),
        (
            Section("Dice on the target centre", tables=(parts.dice_table(found.means),)),
            Section("Differences", tables=(parts.difference_table(found.differences, ""),), figures=figures),
            Section("Time", tables=(time_table(found.times),), figures=(curves,)),
            Section("How it was done", (*_protocol(setting), *parts.origin_sentences(rows))),
            parts.runs_section(rows),
            parts.dice_section(rows),
        ),
    )


def time_table(found: Sequence[Ratio]) -> Table:
    """Show how long each group trained."""
    cells = tuple((each.group, quotient_text(each.seconds), str(each.seconds.seeds)) for each in found)
    caption = (
        f"Training time relative to {SCRATCH} of the same seeds, with 95 % intervals that resample seeds; equal steps, "
        "validation left out."
    )
    return Table("time", caption, ("group", f"time / {SCRATCH}", "seeds"), cells)


def _protocol(setting: Setting) -> Iterator[str]:
    study, centres, shift, common = setting.study, setting.centres, setting.shift, setting.common
    terms = study.terms
    contour = f"contours drawn {shift.contour:+d} voxels wider" if shift.contour else "the same contour protocol"
    yield (
        "The target centre is simulated from other patients of the same data: intensity curve of power "
        f"{shift.power:g}, noise of {shift.noise:g} of the range, blur of {shift.blur:g} voxels, slices "
        f"{shift.thickness:g} times as thick, {contour}."
    )
    yield (
        f"Every run learns for {parts.budget_text(terms.budget)}. A seed draws the target patients from a pool of "
        f"{len(centres.pool)}, the first weights and the patches; its source model is trained once. Tested on "
        f"{len(centres.test)}, validated on {len(centres.validation)} target patients, S on "
        f"{len(centres.source_validation)} source patients."
    )
    spacing, size = parts.grid_text(common)
    yield f"All runs: preset {terms.preset}, {common.dims}D, {spacing} mm, patch {size}."
    yield parts.settings_sentence(terms, setting.settings_file, terms.groups)


def _document(setting: Setting, found: Findings, rows: Sequence[Row]) -> dict[str, Any]:
    study = setting.study
    return {
        "study": STUDY,
        "runs_done": len(rows),
        "runs_planned": setting.total,
        "protocol": {
            "groups": {group: list(GROUPS[group]) for group in study.terms.groups},
            "patients": study.patients,
            **study.terms.document(setting.settings_file),
            "shift": asdict(setting.shift),
            "common": setting.common.model_dump(mode="json"),
            "cases": asdict(setting.centres),
        },
        "dice": [parts.mean_document(each) for each in found.means],
        "differences": [parts.difference_document(each) for each in found.differences],
        "time": [asdict(each) for each in found.times],
        "runs": [parts.run_document(row) for row in rows],
    }
