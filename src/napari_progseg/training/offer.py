"""What became of a model that was trained beside the work: offered, in use, or kept out. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..storage.atomic import read_json, write_json
from .config import Section

OFFER = "offer.json"


class Offer(Section):
    """A run that does not answer before the user says so.

    Parameters
    ----------
    start : str
        Name of the run that was in use when this one was trained from it.
    answer : {"open", "used", "later", "worse"}
        What the user said, or that it was not better.
    before, after : float or None
        Mean Dice of both on the same held-out cases; None before they were compared.
    cases : int
        Held-out cases behind the figures.
    """

    start: str
    answer: Literal["open", "used", "later", "worse"] = "open"
    before: float | None = None
    after: float | None = None
    cases: int = 0


def read_offer(run_dir: Path) -> Offer | None:
    """Return the offer of a run; None for a run that was started by hand."""
    path = run_dir / OFFER
    return Offer.model_validate(read_json(path)) if path.exists() else None


def write_offer(run_dir: Path, offer: Offer) -> None:
    """Keep the offer of a run."""
    write_json(run_dir / OFFER, offer.model_dump(mode="json"))


def is_held_back(run_dir: Path) -> bool:
    """Say whether a run waits for the user before it may answer."""
    offer = read_offer(run_dir)
    return offer is not None and offer.answer != "used"
