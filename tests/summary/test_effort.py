"""Effort as the journals of edits hold it."""

from __future__ import annotations

from collections.abc import Callable

from napari_progseg.project import Project
from napari_progseg.summary.effort import effort_of, project_effort


def test_clicks_strokes_and_masks_are_counted_and_long_pauses_left_out(
    project: Project, edits: Callable[..., None]
) -> None:
    edits(
        "b",
        ("click", 1, 0, ""),
        ("click", 2, 10, ""),
        ("undo", 1, 12, ""),
        ("click", 1, 15, ""),  # moved
        ("stroke", 1, 75, ""),  # a minute is still work
        ("accept", 1, 136, "clicks and contrast alone"),  # 61 s are a pause
        ("lasso", 1, 140, ""),
    )
    found = {each.case: each for each in project_effort(project)}
    effort = found["b"]
    counts = (effort.clicks, effort.strokes, effort.accepted, effort.imported, effort.others)
    assert counts == (2, 1, 1, 0, 3)
    assert effort.seconds == 10 + 2 + 3 + 60 + 4
    assert not effort.from_model
    assert (found["a"].edits, found["a"].seconds) == (0, 0)


def test_an_accepted_mask_of_a_run_or_of_nobody_known_began_as_a_prediction() -> None:
    def from_model(source: str | None) -> bool:
        record = {"edit": "accept", "clicks": [], **({} if source is None else {"source": source})}
        return effort_of("a", [record]).from_model

    assert from_model("run 0007 · step 1 200")
    assert from_model(None)
    assert not from_model("clicks and contrast alone")
    assert not from_model("from atlas.nii.gz")


def test_a_record_without_a_readable_time_counts_and_takes_no_seconds() -> None:
    found = effort_of("a", [{"edit": "stroke", "time": "yesterday"}, {"edit": "stroke"}])
    assert (found.strokes, found.seconds) == (2, 0)


def test_a_drag_is_one_act_like_a_click() -> None:
    records = [
        {"edit": "drag", "clicks": [{}]},
        {"edit": "click", "clicks": [{}] * 2},
        {"edit": "drag", "clicks": [{}]},
    ]
    effort = effort_of("a", records)
    assert (effort.clicks, effort.others) == (2, 1)


def test_a_line_or_a_box_is_one_act_however_many_clicks_it_gives() -> None:
    records = [{"edit": "line", "clicks": [{}] * 5}, {"edit": "box", "clicks": [{}] * 6}, {"edit": "box", "clicks": []}]
    effort = effort_of("a", records)
    assert (effort.clicks, effort.others) == (2, 1)


def test_shortened_steps_count_alike_and_other_news_not_at_all() -> None:
    edits = [
        {"time": "2026-01-05T10:00:00+00:00", "edit": "click", "clicks": [{}]},
        {"time": "2026-01-05T10:00:10+00:00", "edit": "stroke"},
        {"time": "2026-01-05T10:00:20+00:00", "edit": "click", "clicks": []},
        {"time": "2026-01-05T10:00:30+00:00", "edit": "line", "clicks": [{}] * 3},
        {"time": "2026-01-05T10:00:40+00:00", "edit": "accept", "source": "run 0001"},
    ]
    counts = [1, 1, 0, 3, 3]
    short = [
        {k: v for k, v in edit.items() if k != "clicks"} | {"count": n} for edit, n in zip(edits, counts, strict=True)
    ]
    saved = {"time": "2026-01-05T10:01:20+00:00", "labels": "saved", "step": 5, "fingerprint": "00"}
    expected = effort_of("a", edits)
    assert (expected.clicks, expected.strokes, expected.others, expected.seconds) == (2, 1, 1, 40.0)
    assert effort_of("a", [*short[:2], {"note": "predicted"}, {"kept": "stroke"}, *short[2:], saved]) == expected


def box(plane: int) -> dict[str, object]:
    return {"box_zyx": [[plane, 1, 1], [plane, 5, 5]], "axis": 0, "label": 1}


def test_a_box_that_takes_the_place_of_others_is_an_act_and_one_taken_away_is_none() -> None:
    wider = box(3) | {"axis": 1}
    lists = [[box(3)], [wider], [wider, {}, box(4)], [wider, box(5)], [box(5)]]
    names = ("box", "box", "click", "box", "box")
    effort = effort_of("a", [{"edit": name, "clicks": each} for name, each in zip(names, lists, strict=True)])
    assert (effort.clicks, effort.others) == (4, 1)
    short = [{"edit": "box", "count": 2, "sets": True}, {"edit": "box", "count": 1, "sets": True}]
    effort = effort_of("a", [*short, {"edit": "box", "count": 0, "sets": False}])
    assert (effort.clicks, effort.others) == (2, 1)
