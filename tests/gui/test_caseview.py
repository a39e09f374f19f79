from __future__ import annotations

import pytest

from napari_progseg.gui.casetable import CLASSES, DICE, MODALITY, NAME, SIZE, STATE, CaseTable, Filtered
from napari_progseg.gui.caseview import CaseView
from napari_progseg.project import Project

LONG = "hippocampus_left_025"


@pytest.fixture
def view(qtbot, cohort) -> CaseView:
    """The table of a project with a long name, in a view that is on screen."""
    (cohort / "images" / "case-3.nii.gz").rename(cohort / "images" / f"{LONG}.nii.gz")
    table = CaseTable()
    view = CaseView(table, Filtered(table))
    qtbot.addWidget(view)
    table.set_project(Project.create(cohort / "study", cohort / "images", cohort / "labels", {"a": (1,), "b": (2,)}))
    view.resize(300, 200)
    view.show()
    qtbot.waitUntil(lambda: view.isColumnHidden(MODALITY), timeout=20_000)
    view.table = table
    return view


def room_for_names(view: CaseView) -> bool:
    return view.columnWidth(NAME) >= view.fontMetrics().horizontalAdvance(LONG)


def test_in_a_narrow_dock_names_can_be_read_and_other_columns_give_way(view) -> None:
    assert room_for_names(view)
    assert view.isColumnHidden(SIZE)
    assert not any(view.isColumnHidden(column) for column in (STATE, NAME, DICE))


def test_a_wider_dock_shows_all(view, qtbot) -> None:
    view.resize(640, 200)
    qtbot.waitUntil(lambda: not view.isColumnHidden(CLASSES), timeout=20_000)
    assert not view.isColumnHidden(SIZE)
    assert room_for_names(view)


def test_the_type_is_shown_as_soon_as_one_is_known(view, qtbot) -> None:
    project = Project.open(view.table.rows[0].case.image.parents[1] / "study")
    project.set_modality("mr")
    view.table.update(project, {})
    qtbot.waitUntil(lambda: not view.isColumnHidden(MODALITY), timeout=20_000)
