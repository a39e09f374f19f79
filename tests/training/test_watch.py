"""The outside view of a run folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from napari_progseg.storage.atomic import write_json
from napari_progseg.training import watch
from napari_progseg.training.events import Event, Failed, Finished, Paused, StepDone, Validated, to_record
from napari_progseg.training.watch import beat, follow, is_alive, read_request, request, status

STEP = StepDone(5, 0.25, 0.5, 1e-3, 10.0, 0, (8, 8), 4, 2)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    write_json(tmp_path / "config.json", {"task": "segmentation", "train": ["a", "b"]})
    return tmp_path


def write(run_dir: Path, *events: Event) -> None:
    with (run_dir / "events.jsonl").open("a", encoding="utf-8") as stream:
        stream.writelines(json.dumps(to_record(event)) + "\n" for event in events)


def ended() -> psutil.Process:
    child = subprocess.Popen([sys.executable, "-c", ""])
    process = psutil.Process(child.pid)
    process.create_time()
    child.wait()
    return process


def test_what_a_request_does_not_name_stays(run_dir: Path) -> None:
    assert read_request(run_dir) == {"want": "run", "preview": None}
    request(run_dir, preview="a")
    request(run_dir, want="pause")
    assert read_request(run_dir) == {"want": "pause", "preview": {"case": "a"}}
    request(run_dir, preview="a", z=3)
    assert read_request(run_dir)["preview"] == {"case": "a", "z": 3}
    request(run_dir, preview="")
    assert read_request(run_dir) == {"want": "pause", "preview": None}


def test_a_torn_request_means_go_on(run_dir: Path) -> None:
    (run_dir / "request.json").write_text('{"want": "st', encoding="utf-8")
    assert read_request(run_dir)["want"] == "run"


def test_this_process_is_alive_and_may_be_left_out(run_dir: Path) -> None:
    assert not is_alive(run_dir)
    beat(run_dir, 1)
    assert is_alive(run_dir)
    assert not is_alive(run_dir, besides=os.getpid())
    assert is_alive(run_dir, besides=os.getpid() + 1)


def test_a_process_that_is_gone_is_dead_at_once(run_dir: Path) -> None:
    beat(run_dir, 1, ended())
    write(run_dir, STEP)
    assert not is_alive(run_dir)
    assert status(run_dir).state == "dead"
    assert list(follow(run_dir)) == [STEP]


def test_another_process_of_the_same_number_is_not_the_run(run_dir: Path) -> None:
    beat(run_dir, 1)
    record = json.loads((run_dir / "alive.json").read_text(encoding="utf-8"))
    write_json(run_dir / "alive.json", {**record, "started": record["started"] - 100})
    assert not is_alive(run_dir)


def test_a_distant_run_is_dead_once_its_counter_stands_still(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: now[0])

    def sleep(seconds: float) -> None:
        now[0] += 10
        if now[0] <= 50:
            beat_elsewhere(int(now[0]))

    def beat_elsewhere(count: int) -> None:
        write_json(run_dir / "alive.json", {"pid": 1, "host": "elsewhere", "started": 0, "count": count})

    monkeypatch.setattr(watch.time, "sleep", sleep)
    beat_elsewhere(0)
    assert set(follow(run_dir)) == {None}
    assert now[0] == 80


def test_a_run_of_this_computer_is_followed_however_long_its_counter_stands_still(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(watch.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + 10))
    beat(run_dir, 0)
    events = follow(run_dir)
    assert [next(events) for _ in range(20)] == [None] * 20
    assert now[0] > 100


def test_following_yields_old_and_new_events_and_none_between(run_dir: Path) -> None:
    beat(run_dir, 1)
    write(run_dir, STEP)
    events = follow(run_dir, poll=0.01)
    assert next(events) == STEP
    assert next(events) is None
    end = Finished(6, 11.0, "budget", 0.5)
    write(run_dir, end)
    (run_dir / "alive.json").unlink()
    assert list(events) == [end]


def test_following_from_now_on_leaves_out_the_past(run_dir: Path) -> None:
    beat(run_dir, 1)
    write(run_dir, STEP)
    events = follow(run_dir, poll=0.01, from_start=False)
    assert next(events) is None
    write(run_dir, Paused(5))
    assert next(events) == Paused(5)


@pytest.mark.parametrize(
    ("events", "alive", "state"),
    [
        ([], False, "new"),
        ([STEP], True, "running"),
        ([STEP, Paused(5)], True, "paused"),
        ([STEP, Finished(6, 1.0, "budget", None)], False, "finished"),
        ([STEP, Finished(6, 1.0, "stopped", None)], False, "stopped"),
        ([STEP, Failed(6, "why")], False, "failed"),
        ([STEP, Validated(5, 0.5, 1.0, 0.5, {}, best=True)], False, "dead"),
        ([STEP, Paused(5)], False, "dead"),
    ],
)
def test_status_names_the_state(run_dir: Path, events: list[Event], alive: bool, state: str) -> None:
    write(run_dir, *events)
    if alive:
        beat(run_dir, 1)
    found = status(run_dir)
    assert found.state == state
    assert found.message == ("why" if state == "failed" else "")


def test_status_tells_how_far_the_run_is(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(run_dir, Validated(4, 0.2, 8.0, 0.7, {"a": {"x": 0.7}}, best=True), STEP)
    write_json(run_dir / "checkpoints" / "best.json", {"checkpoint": "step-000003", "dice": 0.75})
    beat(run_dir, 1)
    found = status(run_dir)
    assert (found.name, found.task, found.train_cases) == (run_dir.name, "segmentation", ("a", "b"))
    assert (found.step, found.progress, found.mean_dice, found.best_dice) == (5, 0.25, 0.7, 0.75)
    assert (found.seconds, found.seconds_left) == (10.0, 30.0)


def test_a_torn_last_line_does_not_disturb(run_dir: Path, tmp_path: Path) -> None:
    write(run_dir, STEP)
    with (run_dir / "events.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"type": "StepD')
    assert status(run_dir).step == 5
