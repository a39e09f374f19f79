"""The structures of a project: which label values mean which class, and merging them when labels are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import UserError
from .volume import LabelClass

LARGEST_VALUE = 65_535
_MOST_DERIVED = 256
_EXAMPLE = "write NAME=VALUE[+VALUE...], for instance hippocampus=1+2,other=7"


def parse_classes(text: str) -> dict[str, tuple[int, ...]]:
    """Read classes as typed by a user, such as ``"hippocampus=1+2,other=7"``.

    Raises
    ------
    UserError
        If the text does not have that form or a value stands twice.
    """
    classes: dict[str, tuple[int, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, values = part.rpartition("=")
        numbers = [value.strip() for value in values.split("+")]
        if not equals or not all(number.isdecimal() for number in numbers):
            raise UserError(f"{part!r} names no class; nothing was written; {_EXAMPLE}")
        if name.strip() in classes:
            raise UserError(f"the class {name.strip()!r} stands twice; nothing was written; join its values with +")
        classes[name.strip()] = tuple(int(number) for number in numbers)
    make_classes(classes)
    return classes


def make_classes(classes: Mapping[str, Sequence[int]]) -> tuple[LabelClass, ...]:
    """Check classes and put them into order of appearance.

    Raises
    ------
    UserError
        If there is none, a name is empty, or a value is not in 1..65535 or belongs to two classes.
    """
    if not classes:
        raise UserError(f"there is no class to segment; nothing was written; {_EXAMPLE}")
    taken: dict[int, str] = {}
    made = []
    for name, values in classes.items():
        if not name.strip() or not name.isprintable() or len(name) > 100 or set(name) & set(",=+"):
            raise UserError(f"{name!r} cannot name a class; nothing was written; {_EXAMPLE}")
        numbers = tuple(dict.fromkeys(int(value) for value in values))
        if not numbers or not all(1 <= value <= LARGEST_VALUE for value in numbers):
            raise UserError(
                f"class {name!r} has the values {list(values)}; nothing was written; "
                f"a class needs values from 1 to {LARGEST_VALUE}, 0 is the background"
            )
        for value in numbers:
            if taken.setdefault(value, name) != name:
                raise UserError(
                    f"value {value} belongs to {taken[value]!r} and {name!r}; nothing was written; "
                    "give it to one of them"
                )
        made.append(LabelClass(name, numbers))
    return tuple(made)


def derive_classes(values: Iterable[int], names: Mapping[int, str]) -> dict[str, tuple[int, ...]]:
    """Make one class of each value that the label files hold; ``{"structure": (1,)}`` where they hold none."""
    present = sorted(set(values) - {0})
    if len(present) > _MOST_DERIVED:
        raise UserError(
            f"the label files hold {len(present)} different values and look like images; nothing was written; "
            "check the folder of labels or name the classes"
        )
    derived: dict[str, tuple[int, ...]] = {}
    for value in present:
        name = "".join(" " if letter in ",=+" else letter for letter in names.get(value, "")).strip()[:100]
        usable = name and name.isprintable() and name not in derived
        derived[name if usable else f"label {value}"] = (value,)
    return derived or {"structure": (1,)}


def values_of(labels: NDArray[np.unsignedinteger[Any]]) -> tuple[int, ...]:
    """List the values of a label map (Z, Y, X) of uint8 or uint16 without 0, in rising order."""
    present = np.zeros(LARGEST_VALUE + 1, dtype=bool)
    # slice by slice: sorting or counting a whole CT would take gigabytes
    for plane in labels:
        present[plane] = True
    present[0] = False
    return tuple(int(value) for value in np.flatnonzero(present))


def outside(values: Iterable[int], classes: Sequence[LabelClass]) -> tuple[int, ...]:
    """Return the values other than 0 that belong to no class."""
    known = {0}.union(*(each.values for each in classes))
    return tuple(value for value in values if value not in known)


def merged(labels: NDArray[np.unsignedinteger[Any]], classes: Sequence[LabelClass]) -> NDArray[np.unsignedinteger[Any]]:
    """Write every value of a class as the class's first; the shape (Z, Y, X) is kept.

    Values that belong to no class become 0: refuse them first, see `outside`. Returns uint8 where it suffices.
    """
    largest = max(each.value for each in classes)
    dtype = np.uint8 if largest <= np.iinfo(np.uint8).max else np.uint16
    single = all(len(each.values) == 1 for each in classes)
    if labels.dtype == dtype and single and not outside(values_of(labels), classes):
        return labels
    table = np.zeros(LARGEST_VALUE + 1 if labels.dtype == np.uint16 else 256, dtype=dtype)
    for each in classes:
        table[[value for value in each.values if value < len(table)]] = each.value
    result: NDArray[np.unsignedinteger[Any]] = table[labels]
    return result
