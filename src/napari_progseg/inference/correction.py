"""What a click takes over from an answer: a whole window at first, then the pieces that it hits, always its voxel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..guidance.boxes import BoxPrompt
from ..guidance.clicks import Click
from ..guidance.prompts import Prompt, click_of

Labels = NDArray[np.unsignedinteger]
_SAME = 0.85


def renewed(before: Labels, answer: Labels, value: int) -> Labels:
    """Take over all that an answer says of one structure; the borders between others stay.

    Where mask and answer mean the same thing (Dice from 0.85 on) the mask stays: such a click says that it is right,
    and the contour of the one is as good a guess as that of the other.

    Parameters
    ----------
    before, answer : ndarray of label values, (Z, Y, X)
        A window of the mask as it stands, and what the model now says of it.
    value : int
        Label value of the structure.
    """
    was, is_now = before == value, answer == value
    if 2 * (was & is_now).sum() >= _SAME * (was.sum() + is_now.sum()):
        return before
    result: Labels = np.where(was | is_now, answer, before)
    return result


def corrected(
    before: Labels, answer: Labels, at: Sequence[int], *, inside: bool, value: int, reach: Sequence[float]
) -> Labels:
    """Take over from an answer what a click was about.

    A click that contradicts the mask takes over connected pieces of the difference, those within its reach: an inside
    click what they add to its structure, an outside click what they take away. One that the mask agrees with points at
    no error and changes nothing.

    Parameters
    ----------
    before, answer : ndarray of label values, (Z, Y, X)
        A window of the mask as it stands, and what the model now says of it.
    at : sequence of int
        The click, in voxels of the window.
    inside : bool
        Whether the click says that the voxel belongs to class `value`.
    value : int
        Label value of the click's class.
    reach : sequence of float
        Voxels along each axis within which a piece counts as clicked.

    Returns
    -------
    ndarray of label values, (Z, Y, X)
        The mask of the window after the click.
    """
    was, is_now = before == value, answer == value
    if was[tuple(at)] == inside:
        return before
    pieces, _ = ndimage.label(is_now & ~was if inside else was & ~is_now, np.ones((3,) * before.ndim))
    near = tuple(slice(max(0, round(c - r)), round(c + r) + 1) for c, r in zip(at, reach, strict=True))
    clicked = np.setdiff1d(pieces[near], 0)
    kept: Labels = np.where(np.isin(pieces, clicked), answer, before)
    return kept


def untouched(
    labels: Labels, value: int, steps: Iterable[Prompt], corner_zyx: Sequence[int] = (0, 0, 0)
) -> NDArray[np.bool_]:
    """Mark the connected pieces of a structure in which no inside click lies.

    Parameters
    ----------
    labels : ndarray of label values, (Z, Y, X)
        A mask, or a window of it.
    value : int
        Label value of the structure.
    steps : iterable of Click or BoxPrompt
        What was clicked.
    corner_zyx : sequence of int
        Voxel of the image at which the window begins.
    """
    pieces, _ = ndimage.label(labels == value, np.ones((3,) * labels.ndim))
    said = [step for step in steps if isinstance(step, Click) and step.inside and step.label == value]
    places = (_place(click, labels.shape, corner_zyx) for click in said)
    return ~np.isin(pieces, [0, *(pieces[at] for at in places if at is not None)])


def obey(labels: Labels, steps: Sequence[Prompt], corner_zyx: Sequence[int] = (0, 0, 0)) -> None:
    """Put, in place, every clicked voxel on the side that was clicked, whatever the answers were.

    A voxel of another structure is taken where a click says inside. A click that a later box contradicts has no say.

    Parameters
    ----------
    labels : ndarray of label values, (Z, Y, X)
        A mask, or a window of it.
    steps : sequence of Click, BoxPrompt or DragPrompt
        Oldest first; the latest word on a voxel counts.
    corner_zyx : sequence of int
        Voxel of the image at which the window begins.
    """
    for number, step in enumerate(steps):
        if isinstance(step, BoxPrompt):
            continue
        click = click_of(step)
        at = _place(click, labels.shape, corner_zyx)
        refused = any(isinstance(later, BoxPrompt) and later.refuses(click) for later in steps[number + 1 :])
        if at is None or refused:
            continue
        if click.inside:
            labels[at] = click.label
        elif labels[at] == click.label:
            labels[at] = 0


def _place(click: Click, shape: Sequence[int], corner_zyx: Sequence[int]) -> tuple[int, ...] | None:
    """Return a click's voxel in a window; None where it lies outside."""
    at = tuple(c - first for c, first in zip(click.voxel_zyx, corner_zyx, strict=True))
    return at if all(0 <= c < size for c, size in zip(at, shape, strict=True)) else None
