"""Parts that the reports of all studies are made of, and the files a report lies in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..evaluation.crossed import CrossedInterval
from ..evaluation.report import Report, Section, Table, to_csv, to_html, to_markdown
from ..storage.atomic import write_bytes, write_json, write_text
from ..training.config import BudgetConfig
from .analysis import TARGET, Difference, Mean, Reaching, Rows, Spent, patients_of
from .common import Common
from .draw import Draw
from .rows import EMPTIED, Cost, Row
from .terms import Terms

Study = TypeVar("Study")
FEWEST_SEEDS, FEWEST_PATIENTS = 3, 13
_READINGS = {"above": "better", "below": "worse", "open": "no difference shown"}
_SMALLER_IS_BETTER = _READINGS | {"above": "worse", "below": "better"}
_LONG = ("group", "patients", "seed", "case", "class", "measure", "dice")
_LONG_MM = ("group", "patients", "seed", "case", "measure", "mm")


@dataclass(frozen=True)
class Setting(Generic[Study]):
    """What was asked of a study, the cases it was given, and how many runs it plans."""

    study: Study
    draw: Draw
    common: Common
    total: int
    patients_in_project: int
    settings_file: str


def settings_sentence(terms: Terms, settings_file: str, groups: Sequence[str]) -> str:
    """Say which settings the groups use, and how they were chosen."""
    frozen = terms.frozen
    given = f"; for all groups {', '.join(terms.settings)}" if terms.settings else ""
    if not frozen.tried.per_group:
        return (
            f"No settings were tried for this study ({settings_file} chooses none): every group uses the preset as it "
            f"is{given}."
        )
    chosen = "; ".join(f"{group}: {', '.join(frozen.of(group)) or 'the preset as it is'}" for group in groups)
    on = frozen.chosen_on
    other = "" if on.preset == terms.preset else f" They were chosen for preset {on.preset}."
    return (
        f"Settings were frozen beforehand ({settings_file}): {frozen.tried.per_group} tried for each group, on seeds "
        f"{', '.join(map(str, on.seeds))}, {', '.join(map(str, on.patients))} training patients, {on.budget} a run, "
        f"scored on {len(on.cases)} development cases of the pool; none of those seeds and no test case was used. "
        f"Chosen: {chosen}{given}.{other}"
    )


def budget_text(budget: BudgetConfig) -> str:
    """Write a budget."""
    return f"{budget.steps:,} steps" if budget.steps else f"{budget.minutes:g} minutes"


def grid_text(common: Common) -> tuple[str, str]:
    """Write voxel size and patch."""
    return "×".join(f"{mm:.3g}" for mm in common.spacing), "×".join(map(str, common.patch))


def write_report(folder: Path, report: Report, document: Mapping[str, Any], rows: Sequence[Row]) -> Path:
    """Write ``report.html``, ``.md``, ``.json`` and ``.csv`` and a PNG a figure; returns the HTML file."""
    write_json(folder / "report.json", dict(document))
    long = (_LONG_MM, every_distance(rows)) if rows[0].in_mm else (_LONG, every_dice(rows))
    write_text(folder / "report.csv", to_csv(long[0], list(long[1])))
    write_text(folder / "report.md", to_markdown(report))
    for figure in report.figures:
        write_bytes(folder / f"{figure.name}.png", figure.png)
    write_text(folder / "report.html", to_html(report))
    return folder / "report.html"


def every_dice(rows: Iterable[Row]) -> Iterator[tuple[object, ...]]:
    """Yield each score of each row: group, patients, seed, case, class, measure, Dice or None."""
    for row in rows:
        for measure in row.measures:
            for score in row.scores:
                for name, value in score.dice(measure).items():
                    yield row.group, row.patients, row.seed, score.case, name, measure, value


def every_distance(rows: Iterable[Row]) -> Iterator[tuple[object, ...]]:
    """Yield each distance of each row: group, patients, seed, case, measure, mm or None."""
    for row in rows:
        for measure in row.measures:
            for score in row.scores:
                yield row.group, row.patients, row.seed, score.case, measure, score.of(measure)


def dice_table(found: Sequence[Mean]) -> Table:
    """Mean Dice: a row a score, a column a number of patients."""
    patients = sorted({mean.patients for mean in found})
    by_score: dict[str, dict[int, str]] = {}
    for mean in found:
        by_score.setdefault(mean.score.label, {})[mean.patients] = with_ends(mean.interval)
    rows = tuple((label, *(cells.get(n, "") for n in patients)) for label, cells in by_score.items())
    headings = ("test Dice", *(f"{n} patient{'s' * (n > 1)}" for n in patients))
    seeds, cases = (sorted({getattr(mean.interval, what) for mean in found}) for what in ("seeds", "cases"))
    caption = (
        f"Mean over seeds ({_range(seeds)}) and test cases ({_range(cases)}), with 95 % intervals that resample both."
    )
    return Table("dice", caption, headings, rows)


def difference_table(
    found: Sequence[Difference], described_only: str, name: str = "differences", *, smaller_is_better: bool = False
) -> Table:
    """Differences with their reading; `described_only` says why none is drawn, empty where it is."""
    readings = _SMALLER_IS_BETTER if smaller_is_better else _READINGS
    rows = tuple(
        (
            each.comparison.name,
            str(each.patients),
            f"{each.interval.mean:+.3f}",
            f"{each.interval.low:+.3f} to {each.interval.high:+.3f}",
            str(each.interval.seeds),
            "described only" if described_only else readings[each.interval.verdict],
        )
        for each in found
    )
    caption = (
        "Paired within seed and test case. Better and worse: the whole 95 % interval lies on one side of zero. "
        f"{len(found)} intervals stand here; of so many, about {max(1, round(len(found) / 20))} would miss its value "
        "by chance alone. " + described_only
    )
    return Table(name, caption, ("difference", "patients", "mean", "95 % interval", "seeds", "reading"), rows)


def reaching_table(name: str, among: str, found: Sequence[Reaching]) -> Table:
    """Show when each group reached the target."""
    rows = tuple(
        (
            each.group,
            str(each.patients),
            f"{each.target:.3f}",
            "not reached" if each.steps is None else f"{each.steps:,.0f}",
            f"{each.mean_steps.mean:,.0f} [{each.mean_steps.low:,.0f}, {each.mean_steps.high:,.0f}]",
            "not reached" if each.seconds is None else f"{each.seconds:,.0f}",
            f"{each.start_seconds:,.0f}" if each.start_seconds else "",
            f"{each.reached} of {each.seeds}",
        )
        for each in found
    )
    headings = ("group", "patients", "target Dice", "steps", "mean steps", "seconds", "pretraining s before", "reached")
    caption = (
        f"Target: {100 * TARGET:.0f} % of the best mean validation Dice among {among}. Steps and seconds are medians "
        "over seeds at the first validation that reaches it, runs that never do counting as later than all others; "
        "mean steps have a 95 % interval that resamples seeds, and such runs count with all their steps. Seconds leave "
        "out validation, and pretraining, which stands beside them: a seed does it once, for all its runs that "
        "start from it."
    )
    return Table(name, caption, headings, rows)


def cost_table(found: Sequence[Spent]) -> Table:
    """Show what the runs took."""
    rows = tuple(
        (
            each.group,
            str(each.patients),
            f"{each.steps:,.0f}",
            f"{each.voxels / 1e6:,.2f}",
            f"{each.seconds:,.1f}",
            f"{each.validation_seconds:,.1f}",
            f"{each.start_steps:,.0f}" if each.start_steps else "",
            f"{each.start_voxels / 1e6:,.2f}" if each.start_steps else "",
            f"{each.start_seconds:,.1f}" if each.start_steps else "",
        )
        for each in found
    )
    headings = (
        *("group", "patients", "steps", "million voxels", "training s", "validation s"),
        *("pretraining steps", "pretraining million voxels", "pretraining s"),
    )
    caption = (
        "Medians over seeds. Voxels of the patches that led to an optimiser step; predictions that simulated clicks "
        "answer to come on top in time, not here. A seed pretrains once, for all its runs that start from it."
    )
    return Table("cost", caption, headings, rows)


def runs_section(rows: Sequence[Row]) -> Section:
    """List every run."""
    measures = list(dict.fromkeys(measure for row in rows for measure in row.measures))
    headings = (
        *("group", "patients", "seed"),
        *(f"Dice, {_measure(measure)}" for measure in measures),
        *("steps", "million voxels", "training s", "validation s", "test s", "learned from", "settings"),
    )
    cells = tuple(
        (
            *(row.group, str(row.patients), str(row.seed)),
            *(digits(row.mean(measure)) if measure in row.measures else "" for measure in measures),
            *(f"{row.cost.steps:,}", f"{row.cost.voxels / 1e6:,.2f}", *_seconds(row.cost, row.evaluation_seconds)),
            *(", ".join(row.train), row.digest),
        )
        for row in rows
    )
    return Section("Every run", tables=(Table("runs", "", headings, cells),), folded=True)


def dice_section(rows: Sequence[Row]) -> Section:
    """List every Dice of every test case."""
    cases = sorted({score.case for row in rows for score in row.scores})
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for group, patients, seed, case, name, measure, value in every_dice(rows):
        place = (str(group), str(patients), str(seed), str(name), _measure(str(measure)))
        found.setdefault(place, {})[str(case)] = digits(value)  # type: ignore[arg-type]
    cells = tuple((*place, *(line.get(case, "") for case in cases)) for place, line in found.items())
    headings = ("group", "patients", "seed", "structure", "measure", *cases)
    caption = "n/a: neither the reference nor the prediction holds the structure; such a case is in no mean."
    return Section("Every Dice", tables=(Table("every-dice", caption, headings, cells),), folded=True)


def origin_sentences(rows: Sequence[Row]) -> tuple[str, ...]:
    """Say on what machines, and with what versions, the rows were made."""
    machines = sorted({row.machine for row in rows})
    versions = sorted({", ".join(f"{name} {version}" for name, version in row.versions.items()) for row in rows})
    missing = sum(score.of(measure) is None for row in rows for score in row.scores for measure in row.measures)
    why = "the mask head found nothing" if rows[0].in_mm else "structure in neither reference nor prediction"
    return (
        f"Machines: {'; '.join(machines)}. Versions: {'; '.join(versions)}.",
        f"{missing} scores are n/a ({why}) and are in no mean.",
    )


def caution(rows: Rows, patients_in_project: int) -> str:
    """Say why differences are only described, empty where they are read."""
    seeds = len({seed for _, _, seed in rows})
    if patients_in_project < FEWEST_PATIENTS:
        return f"With {patients_in_project} patients in all, differences are described and not judged."
    if seeds < FEWEST_SEEDS:
        return f"With {seeds} seed{'s' * (seeds > 1)}, differences are described and not judged."
    return ""


def mean_document(mean: Mean) -> dict[str, Any]:
    """Return a mean as JSON."""
    return {"group": mean.score.group, "measure": mean.score.measure, "patients": mean.patients} | asdict(mean.interval)


def difference_document(each: Difference) -> dict[str, Any]:
    """Return a difference as JSON."""
    return {"difference": each.comparison.name, "patients": each.patients} | asdict(each.interval)


def run_document(row: Row) -> dict[str, Any]:
    """Return a row as JSON, its means written out, its settings only as their fingerprint."""
    means = {measure: row.mean(measure) for measure in row.measures}
    name = "mean_mm" if row.in_mm else "mean_dice"
    return row.model_dump(mode="json", exclude={"document"}) | {name: means}


def digits(value: float | None) -> str:
    """Write a Dice coefficient; None is n/a."""
    return "n/a" if value is None else f"{value:.3f}"


def with_ends(interval: CrossedInterval) -> str:
    """Write a mean with the ends of its interval."""
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def done_sentence(rows: Rows, total: int) -> str:
    """Say how much of the study there is."""
    seeds = sorted({seed for _, _, seed in rows})
    counts = ", ".join(map(str, patients_of(rows)))
    return (
        f"{len(rows)} of {total} runs are done: {len(seeds)} seed{'s' * (len(seeds) != 1)} "
        f"({', '.join(map(str, seeds))}), training on {counts} patients."
    )


def _measure(measure: str) -> str:
    count, _, control = measure.partition(" ")
    if measure == EMPTIED:
        return EMPTIED
    return f"{count} click{'s' * (count != '1')}{', ' * bool(control)}{control}"


def _seconds(cost: Cost, evaluation: float) -> tuple[str, ...]:
    return tuple(f"{seconds:,.1f}" for seconds in (cost.seconds, cost.validation_seconds, evaluation))


def _range(values: Sequence[int]) -> str:
    return str(values[0]) if values[0] == values[-1] else f"{values[0]} to {values[-1]}"
