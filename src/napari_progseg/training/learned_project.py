"""The structures of a project, learned from its completed patients as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ..inference.cases import project_cases
from ..inference.click_model import ClickModel
from ..inference.starter import StructureModel
from ..project import Project
from .accepted import AcceptedRecipe
from .learned import Learned, finish, learn_case
from .learned_files import folder_of, read_learned, write_learned

Known = Mapping[int, Learned]


def known_structures(project: Project, starter: ClickModel) -> dict[int, Learned]:
    """Read what lies in a project, by label value; all is forgotten once one of its patients is completed no more."""
    completed, known = {case.id for case in project.completed}, {}
    for each in project.classes:
        found = read_learned(folder_of(project.root, each.value), starter.network)
        if found is not None and {patient.patient for patient in found.patients} <= completed:
            known[each.value] = found
    return known


def learn_completed(
    project: Project,
    starter: ClickModel,
    known: Known,
    pause: Callable[[], None],
    recipe: AcceptedRecipe | None = None,
) -> Iterator[Known]:
    """Learn from the completed patients that nothing was learned from yet; of many, from the last ones.

    Parameters
    ----------
    starter : ClickModel
        What all learning begins with.
    known : mapping of int to Learned
        What is known, by label value.
    pause : callable
        Called after each step, some tenths of a second each; it may wait, and raise to end the work.

    Yields
    ------
    mapping of int to Learned
        What is known after each structure of each patient; it lies in the project by then.
    """
    settings = recipe or AcceptedRecipe()
    for case in project_cases(project, [each.id for each in project.completed][-settings.patients :]):
        new = [each for each in project.classes if case.id not in _patients(known.get(each.value))]
        if not new:
            continue
        labels = case.labels().labels
        for structure in (each for each in new if (labels == each.value).any()):
            learned = finish(learn_case(starter, known.get(structure.value), case, structure, settings), pause)
            write_learned(folder_of(project.root, structure.value), learned, starter.network)
            known = {**known, structure.value: learned}
            yield known


def trusted_models(known: Known, starter: ClickModel) -> dict[int, StructureModel]:
    """Return what may answer in the starter's place, by label value."""
    return {value: each.structure_model(starter.device) for value, each in known.items() if each.trusted}


def _patients(learned: Learned | None) -> set[str]:
    return set() if learned is None else {each.patient for each in learned.comparisons}
