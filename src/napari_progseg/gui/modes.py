"""The ways of training that the dock offers: plain words, the word of the literature, and what a run is told."""

from __future__ import annotations

from dataclasses import dataclass

from ..training.config import RunConfig, Task


@dataclass(frozen=True, slots=True)
class Mode:
    """One way of training.

    Parameters
    ----------
    key : str
        Its name in programs, and the name of its runs.
    task : {"segmentation", "restoration", "interactive", "shape"}
        What the network learns.
    title, short : str
        Its name in the form, and in tables and lines.
    about : str
        One sentence below the form's choice, the word of the literature first.
    """

    key: str
    task: Task
    title: str
    short: str
    about: str

    @property
    def needs_labels(self) -> bool:
        """Whether it learns from labelled patients only."""
        return self.task != "restoration"

    @property
    def segments(self) -> bool:
        """Whether its models predict masks, so that they can be the model in use and are measured by Dice."""
        return self.task in ("segmentation", "interactive")

    @property
    def least(self) -> int:
        """The fewest patients that it learns from."""
        return 3 if self.task == "shape" else 1

    @property
    def needs_start(self) -> bool:
        """Whether it begins with what another run has learned."""
        return self.key == "progressive"


MODES = {
    mode.key: mode
    for mode in (
        Mode(
            "segmentation",
            "segmentation",
            "Automatic masks",
            "automatic",
            "Baseline: learns from labelled patients; predicts without any click.",
        ),
        Mode(
            "restoration",
            "restoration",
            "Learn from all scans",
            "restoration",
            "Restoration pretraining: images alone, no labels; others start from it.",
        ),
        Mode(
            "interactive",
            "interactive",
            "Masks from clicks",
            "clicks",
            "Interactive: learns to follow clicks; predicts without any, too.",
        ),
        Mode(
            "progressive",
            "interactive",
            "All scans, then clicks",
            "progressive",
            "Progressive: begins with what all scans taught, then learns clicks.",
        ),
        Mode(
            "shape",
            "shape",
            "Shape",
            "shape",
            "Progressive DeepSSM: learns corresponding surface points from labelled patients, coarse to fine.",
        ),
    )
}


def mode_of(config: RunConfig) -> Mode:
    """Return the mode in which a run with these settings was started."""
    return MODES["progressive" if config.preset == "progressive" else config.task]
