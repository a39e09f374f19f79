"""The sentences and numbers of the dock, as plain functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..volume import LabelClass
from .modes import Mode

if TYPE_CHECKING:
    from ..evaluation.statistics import Interval
    from ..training.offer import Offer

NOT_AVAILABLE = "n/a"
_LINE = 46


def thousands(number: int) -> str:
    """Write 1240 as ``1 240`` with a narrow no-break space."""
    return f"{number:,}".replace(",", "\u202f")


def dice_number(value: float | None, digits: int = 3) -> str:
    """Write a Dice value with three digits, ``n/a`` where there is none."""
    return NOT_AVAILABLE if value is None else f"{value:.{digits}f}"


def mm_number(value: float | None) -> str:
    """Write a length as ``0.43 mm``, ``n/a`` where there is none."""
    return NOT_AVAILABLE if value is None else f"{value:.2f} mm"


def mode_text(number: int, share: float) -> str:
    """Name a mode of variation, ``Mode 1 · 43 % of variance``."""
    return f"Mode {number} · {100 * share:.0f} % of variance"


def deviations_text(deviations: float) -> str:
    """Write a place along a mode, ``+2.0 σ``."""
    return f"{deviations:+.1f} σ" if deviations else "0.0 σ"


def distance_text(mean_mm: float, largest_mm: float) -> str:
    """Say how far a predicted surface is from the user's, ``0.43 mm from your mask (largest 1.9 mm)``."""
    return f"{mm_number(mean_mm)} from your mask (largest {largest_mm:.1f} mm)"


def change_number(value: float) -> str:
    """Write a change of Dice with its sign; what rounds to nothing is ``+0.000``."""
    return f"{value:+z.3f}"


def mean(values: Sequence[float | None]) -> float | None:
    """Average the values that exist."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def canvas_text(
    dice: Mapping[int, float | None] | None, classes: Sequence[LabelClass], source: str, *, flattered: bool = False
) -> str:
    """Write the line on the canvas, such as ``Dice 0.91 (left 0.93, right 0.89) · run 0007 step 1 240``.

    `flattered` says that the labels began as a prediction, so that the Dice says little.
    """
    if dice is None:
        return source
    names = {each.value: each.name for each in classes}
    text = f"Dice {dice_number(mean(list(dice.values())), 2)}"
    if len(dice) > 1:
        text += " (" + ", ".join(f"{names.get(v, v)} {dice_number(d, 2)}" for v, d in dice.items()) + ")"
    if flattered:
        return "\n".join(filter(None, (text, "against labels that began as a prediction", source)))
    if not source:
        return text
    # a canvas beside the dock is about this wide
    return f"{text}\n{source}" if len(text) + len(source) > _LINE else f"{text} · {source}"


def run_number(name: str) -> str:
    """Write the number of a run folder, ``run 0007`` for ``0007-first``."""
    number = name.partition("-")[0]
    return f"run {number}" if number.isdecimal() else name


# name what answers clicks where no model of the user's own does
CLICKS_ALONE = "clicks and contrast alone"
STARTER = "answered by the starter"


def source_text(run: str, step: int, dice: float | None) -> str:
    """Name what answers the clicks, such as ``run 0007 · step 1 200 · Dice 0.87 on validation``."""
    text = f"{run_number(run)} · step {thousands(step)}"
    return text if dice is None else f"{text} · Dice {dice_number(dice, 2)} on validation"


def short_source(source: str) -> str:
    """Shorten ``run 0007 · step 1 240 · Dice ...`` for the canvas."""
    return " ".join(source.split(" · ")[:2])


def duration(seconds: float | None) -> str:
    """Write a duration as minutes, or seconds below one and a half minutes."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(0, round(seconds)):d} s"
    if seconds < 5400:
        return f"{round(seconds / 60):d} min"
    return f"{seconds / 3600:.1f} h"


def latency(seconds: float) -> str:
    """Write how long an answer took."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def shortened(text: str, most: int = 90) -> str:
    """Return the beginning of a long text, ending with a whole word and an ellipsis."""
    return text if len(text) <= most else f"{text[:most].rsplit(' ', 1)[0].rstrip(',;:')} …"


def size_text(shape_zyx: Sequence[int]) -> str:
    """Write a shape as ``36×50×35``, ordered z, y, x."""
    return "×".join(str(n) for n in shape_zyx)


def spacing_text(spacing_zyx_mm: Sequence[float]) -> str:
    """Write a spacing as ``1.0×0.8×0.8 mm``, ordered z, y, x."""
    return "×".join(f"{value:.3g}" if value < 1 else f"{value:.1f}" for value in spacing_zyx_mm) + " mm"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Write ``1 patient`` or ``3 patients``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def start_text(run: str, mode: str, patients: int, dice: float | None) -> str:
    """Name a run to start from, such as ``0003 · restoration · 38 scans`` or ``0007 · clicks · Dice 0.872``."""
    learned = counted(patients, "scan") if dice is None else f"Dice {dice_number(dice)}"
    return f"{run_number(run).removeprefix('run ')} · {mode} · {learned}"


def device_text(device: str, threads: int) -> str:
    """Name where a run will train, from what is known of the device."""
    kind = device.split(" · ")[0]
    return {"": "this computer", "CPU": counted(threads, "CPU core")}.get(kind, f"this {kind}")


def training_sentence(
    mode: Mode,
    classes: Sequence[LabelClass],
    train: int,
    validation: int,
    minutes: float,
    device: str,
    start: str = "",
) -> str:
    """Say what *Start* will do; `start` names the run it begins with and what that run has learned."""
    names = [each.name for each in classes]
    what = ", ".join(names) if len(names) <= 3 else counted(len(names), "structure")
    if not mode.needs_labels:
        text = f"learn what {counted(train, 'scan')} look like by restoring distorted pieces; no labels needed"
    else:
        goals = {"segmentation": f"learn {what}", "shape": f"learn the shape of {what}"}
        goal = goals.get(mode.task, f"learn to turn clicks into {what}")
        checked = f"checked on {counted(validation, 'other', 'others')}" if validation else "without a check on others"
        text = f"{goal} from {counted(train, 'patient')}, {checked}"
    text = f"start from {start}, then {text}" if start else text
    return f"{text[0].upper()}{text[1:]}; {minutes:g} min on {device}."


def start_sentence(run: str, task: str, patients: int, dice: float | None) -> str:
    """Name a run within a sentence with what it has learned."""
    if task == "restoration":
        return f"{run_number(run)} (learned from {counted(patients, 'scan')})"
    return run_number(run) if dice is None else f"{run_number(run)} (Dice {dice_number(dice)})"


def nothing_to_start(mode: Mode, completed: int, has_restoration: bool) -> str:
    """Say what is missing before a mode can start; `completed` patients are labelled completely."""
    if not mode.needs_labels:
        return "Tick at least one scan to learn from."
    if not completed:
        return (
            "No patient is labelled completely yet: label one in the Annotate tab and press Completed. "
            "Learning from all scans needs no labels."
        )
    if mode.needs_start and not has_restoration:
        return (
            "This mode starts from what all scans teach, and no run has learned that yet. "
            "Press “Learn from all scans” in the Patients tab first."
        )
    if completed < mode.least:
        return (
            f"Shapes are learned from at least {mode.least} labelled patients, and so far {completed} "
            f"{'is' if completed == 1 else 'are'} labelled completely: label more in the Annotate tab."
        )
    wanted = "one labelled patient" if mode.least == 1 else f"{mode.least} labelled patients"
    return f"Tick at least {wanted} to train on."


def change_sentence(before: str, after: str, interval: Interval | None) -> str:
    """Say how much better or worse a run is than the one it started from."""
    if interval is None:
        return f"No patient on which {before} and {after} can be compared."
    sure = "" if interval.low > 0 or interval.high < 0 else ", which may be chance"
    kind = "better" if interval.mean > 0 else "worse"
    between = f"{change_number(interval.low)} to {change_number(interval.high)}"
    return (
        f"{after.capitalize()} is {abs(interval.mean):.3f} {kind} than {before} "
        f"(95 % interval {between}, {counted(interval.n, 'patient')}){sure}."
    )


def clicks_sentence(run: str, report: Mapping[str, Any], step: int) -> str:
    """Say on what a run was measured with simulated clicks; `step` is where the run stands now."""
    cases = counted(len(report["cases"]), "patient")
    given = f"so many simulated clicks on each {report['clicks_are_given_per']}"
    text = f"{run.capitalize()} on {cases} it has not seen, with {given}."
    measured = report.get("step")
    older = isinstance(measured, int) and 0 < measured < step
    return f"{text} Measured at step {thousands(measured)}." if older else text


def offer_sentence(run: str, offer: Offer) -> str:
    """Offer a model that learned beside the work."""
    return f"{run_number(run).capitalize()}: {_held_out_change(offer)}."


def kept_out_sentence(run: str, offer: Offer) -> str:
    """Say that a model that learned beside the work is no better."""
    if not offer.cases:
        return f"{run_number(run).capitalize()} is kept out: no held-out patient has a Dice with both models."
    return f"{run_number(run).capitalize()} is not better, so it is kept out: {_held_out_change(offer)}."


def _held_out_change(offer: Offer) -> str:
    change = f"Dice {dice_number(offer.before)} → {dice_number(offer.after)}"
    return f"{change} on {counted(offer.cases, 'held-out patient')}"


def learning_sentence(scans: int, minutes: float, device: str) -> str:
    """Say what learning from all scans does."""
    return f"Needs no labels: the network gets to know {counted(scans, 'scan')}. {minutes:g} min on {device}."


def learned_sentence(run: str, scans: int) -> str:
    """Say what a run over all scans is good for."""
    return f"{run_number(run).capitalize()} learned from {counted(scans, 'scan')}: trainings can start from it."


def next_sentence(case: str, reason: str) -> str:
    """Say which patient might be labelled next, and why."""
    return f"Next: {case}, {reason}"


def no_next_sentence(left: Collection[str], on_screen: str | None, trouble: str) -> str:
    """Say why no patient is suggested; `left` are the patients that are not labelled completely."""
    if trouble:
        return f"No suggestion: {trouble}"
    if set(left) - {on_screen}:
        return "No suggestion yet."
    return "The patient on screen is the last one to label." if left else "No patient is left to label."


def outside_sentence(values: Sequence[int], classes: Sequence[LabelClass]) -> str:
    """Say why a painted value was refused."""
    known = ", ".join(f"{each.name} = {each.value}" for each in classes)
    named = ", ".join(str(value) for value in values)
    return (
        f"Value {named} is no class of this project ({known}), so the stroke was taken back; "
        "everything else is kept. Choose a class in the Annotate tab and paint again."
    )
