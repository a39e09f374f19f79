"""Representative cases: like many unlabelled scans and unlike those that are labelled."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from ..data.plan import CaseFacts, facts_of
from ..errors import UserError
from ..similarity import Image, similarities
from ..storage.cache import VolumeCache
from ..training.ranking import plan_of_images, small_image
from .suggestion import Search, Suggestion, chosen

# coarser than the ranking of a run: with a hundred scans there are five thousand pairs
GRID = (32, 32, 32)
_VERSION = 1
Table = NDArray[np.float64]


def typical(search: Search) -> tuple[Suggestion, ...]:
    """Order cases by how much better the unlabelled scans are represented once a case is labelled."""
    learnable = set(search.project.scans())
    labelled = tuple(case.id for case in search.project.completed if case.id in learnable)
    ids = (*search.cases, *labelled)
    table = _similarities(search, ids)
    readable = [row for row in range(len(ids)) if np.isfinite(table[row]).any()]
    unlabelled = [row for row in readable if row < len(search.cases)]
    search.require(unlabelled)
    ranked = by_coverage(table, unlabelled, [row for row in readable if row >= len(search.cases)])
    return tuple(
        Suggestion(ids[row], "typical", gain, chosen("most typical of", len(ranked), place))
        for place, (row, gain) in enumerate(ranked)
    )


def by_coverage(table: Table, unlabelled: Sequence[int], labelled: Sequence[int]) -> list[tuple[int, float]]:
    """Choose one after the other what represents the unlabelled best.

    A set of labelled scans is as good as the mean, over the unlabelled ones, of the similarity to the nearest labelled
    one; each choice is the one that lifts this mean most (greedy facility location).

    Parameters
    ----------
    table : ndarray, (N, N)
        Similarities, at most 1.
    unlabelled, labelled : sequence of int
        Rows of the table.

    Returns
    -------
    list of (int, float)
        Row and lift of the mean, never rising; equal lifts in the order given.
    """
    rows = list(unlabelled)
    alike = table[np.ix_(rows, rows)].clip(0, 1)
    np.fill_diagonal(alike, 1)
    reached = table[np.ix_(rows, list(labelled))].clip(0, 1).max(axis=1, initial=0.0)
    left, out = list(range(len(rows))), []
    while left:
        gains = np.maximum(alike[:, left] - reached[:, None], 0).mean(axis=0).round(9)
        best = left.pop(int(gains.argmax()))
        out.append((rows[best], float(gains.max())))
        reached = np.maximum(reached, alike[:, best])
    return out


def _similarities(search: Search, ids: tuple[str, ...]) -> Table:
    """Compare each scan with each; rows of scans that cannot be read hold no numbers. Kept in the project's cache."""
    ordered = sorted(ids)
    key = "\n".join([f"similarities {_VERSION} {GRID}", *map(search.source, ordered)])
    kept = VolumeCache(search.project.cache_dir).get(key, lambda: {"ssim": _compared(search, ordered)})["ssim"]
    places = [ordered.index(case) for case in ids]
    return np.asarray(kept[np.ix_(places, places)])


def _compared(search: Search, ids: Sequence[str]) -> Table:
    facts: dict[str, CaseFacts] = {}
    for number, case in enumerate(ids):
        search.tick()
        search.progress(number / (2 * len(ids)))
        with suppress(UserError):
            facts[case] = facts_of(case, search.project.volume(case), None, search.project.case(case).modality)
    search.require(list(facts))
    plan = plan_of_images(list(facts.values()))
    images: dict[str, Image] = {}
    for number, case in enumerate(facts):
        search.tick()
        search.progress(0.5 + number / (2 * len(facts)))
        small = small_image(search.project.volume(case), plan, GRID)
        if np.isfinite(small).all():
            images[case] = small
    table = np.full((len(ids), len(ids)), np.nan)
    rows = [ids.index(case) for case in images]
    table[np.ix_(rows, rows)] = similarities(list(images.values()), "ssim", search.tick)
    return table
