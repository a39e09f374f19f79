"""The figures of a results page are those of the rows that lie beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from napari_progseg.evaluation.report import Table
from napari_progseg.studies import report as parts
from napari_progseg.studies.limited_data_report import Findings
from napari_progseg.studies.rows import Row, RowFile

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"


def lines(table: Table, columns: Sequence[int]) -> list[str]:
    return ["| " + " | ".join(row[column] for column in columns) + " |" for row in table.rows]


@pytest.fixture(scope="module")
def limited_data() -> list[Row]:
    return list(RowFile(RESULTS / "limited-data").read().values())


def test_the_limited_data_page_shows_what_its_rows_say(limited_data: list[Row]) -> None:
    page = (RESULTS / "limited-data.md").read_text(encoding="utf-8")
    found = Findings.of(limited_data)
    assert len(limited_data) == 60
    shown = [
        *lines(parts.dice_table(found.means), range(4)),
        *lines(parts.difference_table(found.differences, ""), (0, 1, 2, 3, 5)),
    ]
    assert [line for line in shown if line not in page] == []
    for each in found.reaching:
        steps = each.mean_steps
        assert f"{steps.mean:.0f} [{steps.low:.0f}, {steps.high:.0f}]" in page


def test_its_seeds_and_cases_chose_no_setting(limited_data: list[Row]) -> None:
    from napari_progseg.studies.frozen import frozen_settings

    chosen = frozen_settings("limited-data").chosen_on
    assert chosen.cases
    assert not {row.seed for row in limited_data} & set(chosen.seeds)
    assert not {score.case for row in limited_data for score in row.scores} & set(chosen.cases)
