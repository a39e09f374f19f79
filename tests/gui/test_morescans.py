"""Scans that are added to the open project, and scans that are found again, from the Patients part."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_progseg.gui.background import CancelledError
from napari_progseg.gui.morescans import add, find
from napari_progseg.project import CaseState, Project

from .conftest import open_case, write_scan


@pytest.fixture
def patients(dock, project, qtbot):
    """The Patients part of the dock with the project open."""
    dock.open_project(project.root)
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
    return dock.patients


@pytest.fixture
def said(dock) -> list[str]:
    sentences: list[str] = []
    dock.desk.said.connect(sentences.append)
    return sentences


def press(button) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_scans_are_added_with_their_labels_by_the_form(dock, patients, cohort, project, qtbot, said) -> None:
    for name, labelled in (("case-8", True), ("case-9", False)):
        write_scan(cohort / "more", name, labelled, values=(1, 2))
    open_case(dock, project, qtbot, "case-3")
    patients.scans.add.trigger()
    assert patients.currentWidget() is patients.more
    patients.more.images.edit.setText(str(cohort / "more" / "images"))
    patients.more.labels.edit.setText(str(cohort / "more" / "labels"))
    press(patients.more.do)
    assert patients.currentWidget() is patients.full
    qtbot.waitUntil(lambda: len(said) == 1, timeout=20_000)
    assert said == ["2 scans added, 1 labelled completely; 6 patients in all."]
    rows = {row.case.id: row for row in patients.table.rows}
    assert rows["case-8"].case.state is CaseState.COMPLETED
    qtbot.waitUntil(lambda: rows["case-9"].image is not None, timeout=20_000)
    assert dock.desk.case.id == "case-3"


def test_scans_that_were_moved_are_found_and_read_again(patients, cohort, qtbot, said) -> None:
    patients.scans.refresh()
    assert not patients.scans.find.isEnabled()
    (cohort / "images").rename(cohort / "elsewhere")
    patients.scans.refresh()
    assert patients.scans.find.isEnabled()
    patients.refresh()
    assert "the images of case-0, case-1, case-2, case-3 are not where they were" in patients.summary.text()
    patients.scans.find.trigger()
    patients.more.images.edit.setText(str(cohort / "elsewhere"))
    before = patients.table.rows[0].image
    press(patients.more.do)
    qtbot.waitUntil(lambda: len(said) == 1, timeout=20_000)
    assert said == ["4 scans of this project found in “elsewhere”. No scan is missing now."]
    qtbot.waitUntil(lambda: patients.table.rows[0].image is not before, timeout=20_000)
    assert patients.table.rows[0].image.usable
    patients.scans.refresh()
    assert not patients.scans.find.isEnabled()


def test_a_folder_without_scans_is_refused_in_a_sentence(patients, tmp_path, qtbot, said) -> None:
    (tmp_path / "empty").mkdir()
    patients.scans.add.trigger()
    press(patients.more.do)
    assert said == ["No folder of scans is chosen yet, so nothing was done. Choose one."]
    assert patients.currentWidget() is patients.more
    patients.more.images.edit.setText(str(tmp_path / "empty"))
    press(patients.more.do)
    qtbot.waitUntil(lambda: len(said) == 2, timeout=20_000)
    assert "holds no CT/MR image" in said[1]
    assert len(patients.table.rows) == 4
    patients.scans.add.trigger()
    assert patients.more.do.isEnabled()


def cancelled(fraction: float) -> None:
    raise CancelledError


def test_what_is_cancelled_changes_nothing(project, cohort) -> None:
    write_scan(cohort / "more", "case-9", labelled=False)
    (cohort / "images").rename(cohort / "elsewhere")
    for work, folder in ((add, cohort / "more" / "images"), (find, cohort / "elsewhere")):
        with pytest.raises(CancelledError):
            work(project, folder, None, cancelled)
    assert [case.id for case in Project.open(project.root).cases] == [f"case-{n}" for n in range(4)]
    assert len(project.missing) == 4


def test_the_sentences_say_what_is_known_flagged_and_still_missing(project, cohort) -> None:
    write_scan(cohort / "more", "case-9", labelled=True, values=(7,))
    more = cohort / "more"
    assert add(project, more / "images", more / "labels", lambda fraction: None) == (
        "1 scan added, 0 labelled completely, 1 flagged (⚑ says why); 5 patients in all."
    )
    again = add(project, more / "images", None, lambda fraction: None)
    assert again == "The project knows all scans of “images”; nothing was added."
    (more / "images").rename(more / "moved")
    (cohort / "images" / "case-1.nii.gz").unlink()
    assert find(project, more / "moved", None, lambda fraction: None) == (
        "1 scan of this project found in “moved”. case-1 still missing: look in another folder."
    )
