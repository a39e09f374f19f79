"""Which cases a study tests, validates, trains and pretrains on."""

from __future__ import annotations

from dataclasses import dataclass

from ..data.persons import without
from ..data.splits import draw, permutation
from ..errors import UserError
from ..project import Project

# test and validation cases are the same for every seed of a study; no seed of a study draws development cases
_FIXED, DEVELOPMENT = 0, -1


@dataclass(frozen=True)
class Draw:
    """The cases of a study; nobody stands in two of `test`, `validation` and `pool`, not with another scan either.

    Parameters
    ----------
    test, validation : tuple of str
        The same for all seeds and groups.
    pool : tuple of str
        Completed cases that a seed draws its training cases from.
    scans : tuple of str
        The pool and all cases without completed labels: what learns from images alone.
    """

    test: tuple[str, ...]
    validation: tuple[str, ...]
    pool: tuple[str, ...]
    scans: tuple[str, ...]

    def train(self, patients: int, seed: int) -> tuple[str, ...]:
        """Return the training cases of a seed; fewer are always among more.

        Raises
        ------
        UserError
            If the pool is smaller.
        """
        if patients > len(self.pool):
            raise UserError(
                f"{patients} training cases were asked for and the pool holds {len(self.pool)}, since "
                f"{len(self.test)} test and {len(self.validation)} validate; nothing was started; "
                "lower --patients, --test or --validation"
            )
        return draw(self.pool, patients, seed)

    def development(self, cases: int) -> Draw:
        """Return a draw for choosing settings: tested on cases of the pool, which then train nothing.

        No seed of a study draws them, so that what chose the settings is not what one of its seeds trains on.
        """
        if cases >= len(self.pool):
            raise UserError(
                f"{cases} development cases were asked for and the pool holds {len(self.pool)}; nothing was started; "
                "ask for fewer, so that some are left to train on"
            )
        test = draw(self.pool, cases, DEVELOPMENT)
        return Draw(test, self.validation, without(self.pool, test), without(self.scans, test))


def draw_cases(project: Project, test: int | None = None, validation: int = 3) -> Draw:
    """Fix the cases of a study.

    Parameters
    ----------
    test, validation : int or None
        How many. They come from the project's parts of that purpose first; what is missing there is taken from its
        training part, and then trains nothing, nor does another scan of the same person. None takes the whole test
        part.

    Raises
    ------
    UserError
        If nothing is left to train on, or there is no test case.
    """
    split = project.split
    spare = tuple(reversed(permutation(split.train, _FIXED)))
    tested = (*permutation(split.test, _FIXED), *spare)[: len(split.test) if test is None else test]
    validated = without((*permutation(split.validation, _FIXED), *spare), tested)[:validation]
    apart = (*split.test, *split.validation, *tested, *validated)
    pool = without(split.train, apart)
    if not tested or not pool:
        raise UserError(
            f"{len(split.ids)} completed cases leave {len(tested)} to test and {len(pool)} to train on; nothing was "
            "started; complete more cases, or lower --test or --validation"
        )
    unlabelled = without((case.id for case in project.cases if case.id not in split.ids), apart)
    return Draw(tested, validated, pool, (*pool, *unlabelled))
