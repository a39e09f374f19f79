"""Which cases train, validate and test: pure functions of ids and a seed, nested and reproducible."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from ..errors import UserError
from .persons import cut, person_of, together, without

Choice = int | Sequence[str] | None


@dataclass(frozen=True)
class Split:
    """Ids of completed cases by purpose; no id stands in two parts."""

    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = field(default=())

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids of the split."""
        return self.train + self.validation + self.test

    def within(self, ids: Collection[str]) -> Split:
        """Keep only the given ids; none changes its part."""
        parts = (self.train, self.validation, self.test)
        return Split(*(tuple(case for case in part if case in ids) for part in parts))


def permutation(ids: Iterable[str], seed: int) -> tuple[str, ...]:
    """Order ids by the seed alone.

    The rank of an id is a hash of seed and id: the order does not depend on how the ids were listed, on the version of
    a random generator, or on which other ids there are, so that a pool that grows keeps the order of its members.
    """
    return tuple(
        sorted(set(ids), key=lambda case: (hashlib.sha256(f"{seed}\n{case}".encode("utf-8", "replace")).digest(), case))
    )


def draw(pool: Iterable[str], n: int, seed: int) -> tuple[str, ...]:
    """Return the first `n` of the seed's permutation of the pool; smaller draws lie inside larger ones.

    Raises
    ------
    UserError
        If `n` is negative or larger than the pool.
    """
    order = permutation(pool, seed)
    if not 0 <= n <= len(order):
        raise UserError(f"{n} cases were asked for and there are {len(order)}; nothing was started; ask for fewer")
    return order[:n]


def make_split(ids: Iterable[str], seed: int) -> Split:
    """Split completed cases by person, see `persons`.

    Fewer than 3 all train; of 3 or 4 one validates; from 5 on a fifth tests and a tenth validates (at least one each),
    and somewhat more where that would part the cases of a person.
    """
    order = together(permutation(ids, seed))
    tests, validates = _sizes(len(order))
    test = order[: cut(order, tests)]
    order = order[len(test) :]
    validation = order[: cut(order, validates)]
    return Split(order[len(validation) :], validation, test)


def extend_split(split: Split, ids: Iterable[str], seed: int) -> Split:
    """Add cases that were completed later; no member changes its part.

    A case of a person who is in a part joins that part. The others join the training pool, except that a validation or
    test part that is still empty is filled first, once there are cases enough for it.
    """
    added = permutation(set(ids) - set(split.ids), seed)
    new = together(without(added, split.ids))
    n_test, n_validation = _sizes(len(split.ids) + len(added))
    test = () if split.test else new[: _part(new, n_test, split)]
    new = new[len(test) :]
    validation = () if split.validation else new[: _part(new, n_validation, split)]
    joined = _joined(added, split)
    return Split(
        split.train + joined.train + new[len(validation) :],
        split.validation + joined.validation + validation,
        split.test + joined.test + test,
    )


def choose(split: Split, train: Choice, validation: Choice, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Choose the cases of a run.

    Parameters
    ----------
    split : Split
        Completed cases by purpose.
    train, validation : int, sequence of str or None
        A number draws from the part of that purpose; ids may come from any part; None takes the whole training part
        and as many validation cases as there are for training, at least 1 and at most 5.
    seed : int
        Draws the cases.

    Returns
    -------
    train, validation : tuple of str

    Raises
    ------
    UserError
        If there are too few cases, an id is not in the split, or a case would train and validate.
    """
    asked = _explicit(validation, split)
    train_ids = _explicit(train, split)
    if train_ids is None:
        pool = without(split.train, asked or ())
        train_ids = _drawn(pool, len(pool) if train is None else train, seed, "training", split)
    if not train_ids:
        raise UserError("no case is left to train on; nothing was started; name at least one training case")
    if asked is None:
        pool = without(split.validation, train_ids)
        default = min(len(pool), max(1, min(5, len(train_ids))))
        asked = _drawn(pool, default if validation is None else validation, seed, "validation", split)
    if shared := sorted(set(train_ids) & set(asked)):
        raise UserError(
            f"{', '.join(shared)} would train and validate, which makes the Dice too good; "
            "nothing was started; name each case once"
        )
    return train_ids, asked


def selection(text: str, known: Collection[str]) -> int | tuple[str, ...]:
    """Read ``N`` or ``id,id`` as typed by a user; a text that is an id of `known` is that id, even if all digits."""
    parts = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if len(parts) == 1 and parts[0] not in known and parts[0].isdecimal():
        return int(parts[0])
    return parts


def _part(order: Sequence[str], size: int, split: Split) -> int:
    """Return where to end a new part; it may hold all new cases where others train already."""
    return len(order) if split.train and 0 < len(order) <= size else cut(order, size)


def _joined(added: Sequence[str], split: Split) -> Split:
    """Return the added cases of persons who are in a split, in their parts."""
    part_of = {person_of(case): part for part in ("train", "validation", "test") for case in getattr(split, part)}
    parts = ("train", "validation", "test")
    return Split(*(tuple(case for case in added if part_of.get(person_of(case)) == part) for part in parts))


def _sizes(n: int) -> tuple[int, int]:
    if n < 3:
        return 0, 0
    if n < 5:
        return 0, 1
    return max(1, round(0.2 * n)), max(1, round(0.1 * n))


def _explicit(choice: Choice, split: Split) -> tuple[str, ...] | None:
    if choice is None or isinstance(choice, int):
        return None
    ids = tuple(dict.fromkeys([choice] if isinstance(choice, str) else choice))
    if unknown := [case for case in ids if case not in split.ids]:
        raise UserError(f"{', '.join(unknown)}: no completed case of that name; nothing was started; check the ids")
    return ids


def _drawn(pool: Collection[str], choice: Choice, seed: int, purpose: str, split: Split) -> tuple[str, ...]:
    n = choice if isinstance(choice, int) else 0
    if not 0 <= n <= len(pool):
        raise UserError(
            f"{n} {purpose} cases were asked for and there are {len(pool)} (of {len(split.ids)} completed cases "
            f"{len(split.train)} train, {len(split.validation)} validate, {len(split.test)} test); "
            "nothing was started; ask for fewer, name cases by id or complete more"
        )
    return draw(pool, n, seed)
