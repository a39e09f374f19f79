"""Dice of models on cases with references."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_progseg.errors import UserError
from napari_progseg.guidance.clicks import Click
from napari_progseg.guidance.simulate import largest_error
from napari_progseg.inference import evaluate
from napari_progseg.inference.cases import ReferenceCase
from napari_progseg.inference.evaluate import emptied, evaluate_case, evaluate_run, robot_of, simulated_clicks
from napari_progseg.inference.model import TrainedModel
from napari_progseg.storage.atomic import write_json
from napari_progseg.training.config import preset_config
from napari_progseg.volume import LabelClass, LabelMap, Volume

ModelOf = Callable[..., TrainedModel]
VolumeOf = Callable[..., Volume]
SHAPE = (6, 24, 24)


def truth() -> Any:
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:4, 6:12, 6:12] = 1
    return labels


def case(name: str, volume_of: VolumeOf, image: Any = None, labels: Any = None) -> ReferenceCase:
    labels = truth() if labels is None else labels
    volume = volume_of(np.zeros(SHAPE, np.int16) if image is None else image)
    return ReferenceCase(name, lambda: volume, lambda: LabelMap(labels, volume.geometry))


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Callable[[TrainedModel], None]:
    return lambda model: monkeypatch.setattr(evaluate, "load_trained", lambda run, device: model)


def test_a_model_without_clicks_is_measured_without_any(
    model_of: ModelOf, volume_of: VolumeOf, loaded: Callable[[TrainedModel], None]
) -> None:
    loaded(model_of())
    report = evaluate_run(Path("run"), [case("a", volume_of, truth() * 100), case("b", volume_of)])
    assert report.counts == (0,)
    document = report.to_json()
    assert document["cases"][0] == {
        "case": "a",
        "dice": {"bone": 1.0},
        "clicks": {"0": {"bone": 1.0}},
        "object_free_slices_emptied": {"0": {"bone": 1.0}},
    }
    assert document["mean_dice"] == document["clicks"]["0"] == 0.5


def test_cases_of_training_and_validation_are_listed_and_left_out(
    model_of: ModelOf, volume_of: VolumeOf, loaded: Callable[[TrainedModel], None]
) -> None:
    model = model_of()
    config = model.config.model_copy(update={"train": ("a",), "validation": ("b",)})
    loaded(TrainedModel(model.network, model.plan, config, model.device, "r", 1, None))
    fractions: list[float] = []
    cases = [case("a", volume_of), case("b", volume_of), case("c", volume_of, truth() * 100)]
    report = evaluate_run(Path("run"), cases, progress=fractions.append)
    assert report.left_out == ("a", "b")
    assert report.to_json()["left_out"] == ["a", "b"]
    assert [each.case for each in report.cases] == ["c"]
    assert report.mean(0) == 1
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_other_scans_of_persons_who_trained_are_left_out(
    model_of: ModelOf, volume_of: VolumeOf, loaded: Callable[[TrainedModel], None]
) -> None:
    model = model_of()
    config = model.config.model_copy(update={"train": ("patient001_frame01",)})
    loaded(TrainedModel(model.network, model.plan, config, model.device, "r", 1, None))
    cases = [case(name, volume_of) for name in ("patient001_frame12", "patient002_frame12")]
    assert evaluate_run(Path("run"), cases).left_out == ("patient001_frame12",)
    assert evaluate_run(Path("run"), cases, elsewhere=True).left_out == ()


@pytest.mark.parametrize(("patch", "per"), [((16, 16), "slice"), ((4, 16, 16), "volume")])
def test_the_document_is_the_one_of_the_command_line(
    interactive_of: ModelOf, volume_of: VolumeOf, loaded: Callable[[TrainedModel], None], patch: Any, per: str
) -> None:
    loaded(interactive_of(patch=patch))
    document = json.loads(json.dumps(evaluate_run(Path("run"), [case("a", volume_of)], clicks=(3, 0, 1)).to_json()))
    assert list(document["clicks"]) == ["0", "1", "3"]
    assert document["mean_dice"] == document["clicks"]["0"]
    assert document["clicks_are_given_per"].startswith(per)
    assert document["cases"][0]["case"] == "a"
    assert set(document["cases"][0]["dice"]) == {"bone"}


@pytest.mark.parametrize("patch", [(16, 16), (4, 16, 16)])
def test_simulated_clicks_help_a_model_that_listens(
    interactive_of: ModelOf, volume_of: VolumeOf, patch: tuple[int, ...]
) -> None:
    found = evaluate_case(interactive_of(patch=patch), case("a", volume_of), (0, 1, 5)).dice
    assert found[0] == {"bone": 0.0}
    assert min(found[1]["bone"] or 0, found[5]["bone"] or 0) > 0.2


def test_2d_models_get_one_click_on_each_slice_of_the_object(
    interactive_of: ModelOf, volume_of: VolumeOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[list[Any]] = []
    original = evaluate.InteractiveSession.answer

    def recorded(self: Any, clicks: Any, revision: int, current: Any = None) -> Any:
        given.append(list(clicks))
        return original(self, clicks, revision, current)

    monkeypatch.setattr(evaluate.InteractiveSession, "answer", recorded)
    model = interactive_of()
    list(simulated_clicks(model, case("a", volume_of).volume(), truth(), np.zeros(SHAPE, np.uint8), 2))
    assert [click.voxel_zyx[0] for click in given[0]] == [2, 3]
    assert all(click.inside and truth()[click.voxel_zyx] for click in given[0])
    assert {click.voxel_zyx[0] for click in given[1]} <= {2, 3}
    assert given[1][:2] == given[0]


@pytest.mark.parametrize(
    ("patch", "expected"), [((16, 16), [(z, 8, 8) for z in range(1, 5)]), ((4, 16, 16), [(2, 7, 7)])]
)
def test_the_first_click_is_the_innermost_point_and_says_inside(
    interactive_of: ModelOf, volume_of: VolumeOf, monkeypatch: pytest.MonkeyPatch, patch: Any, expected: Any
) -> None:
    given: list[Any] = []
    original = evaluate.InteractiveSession.answer

    def recorded(self: Any, clicks: Any, revision: int, current: Any = None) -> Any:
        given.append(clicks)
        return original(self, clicks, revision, current)

    monkeypatch.setattr(evaluate.InteractiveSession, "answer", recorded)
    block = np.zeros(SHAPE, np.uint8)
    block[1:5, 6:12, 6:12] = 1
    evaluate_case(interactive_of(patch=patch), case("a", volume_of, labels=block), (1,))
    assert [(click.voxel_zyx, click.inside, click.label) for click in given[0]] == [(at, True, 1) for at in expected]
    assert len(given) == 1


def test_a_case_without_the_structure_is_not_in_the_mean(
    interactive_of: ModelOf, volume_of: VolumeOf, loaded: Callable[[TrainedModel], None]
) -> None:
    loaded(interactive_of())
    cases = [case("a", volume_of, labels=np.zeros(SHAPE, np.uint8)), case("b", volume_of, truth() * 100)]
    document = evaluate_run(Path("run"), cases, clicks=(0, 1)).to_json()
    assert document["cases"][0]["dice"] == {"bone": None}
    assert document["mean_dice"] == 1


def test_nothing_to_measure_gives_no_mean(model_of: ModelOf, loaded: Callable[[TrainedModel], None]) -> None:
    loaded(model_of())
    assert evaluate_run(Path("run"), []).to_json()["mean_dice"] is None


@pytest.mark.parametrize("clicks", [(), (0, -1)])
@pytest.mark.parametrize("kind", ["model_of", "interactive_of"])
def test_no_number_of_clicks_ends_in_a_sentence(
    request: pytest.FixtureRequest, volume_of: VolumeOf, loaded: Callable[[TrainedModel], None], clicks: Any, kind: str
) -> None:
    loaded(request.getfixturevalue(kind)())
    with pytest.raises(UserError, match="no numbers of clicks; nothing was evaluated"):
        evaluate_run(Path("run"), [case("a", volume_of)], clicks=clicks)


def test_the_control_is_given_after_every_number_of_clicks(
    interactive_of: ModelOf, volume_of: VolumeOf, loaded: Callable[[TrainedModel], None]
) -> None:
    """A bright thing in a slice without the structure stands, since nobody clicks there; the control knows better."""
    loaded(interactive_of())
    image = truth() * 100
    image[5, 6:12, 6:12] = 100
    image[2, 6:9, 6:12] = 0
    (found,) = evaluate_run(Path("run"), [case("a", volume_of, image)], clicks=(0, 1, 2)).cases
    assert found.emptied.keys() == found.dice.keys() == {0, 1, 2}
    scores = [found.dice[0]["bone"], found.emptied[0]["bone"], found.emptied[2]["bone"]]
    assert scores[:2] == pytest.approx([2 * 54 / (72 + 90), 2 * 54 / (72 + 54)])
    assert scores[2] > scores[1], "the control hears the clicks, too"
    assert all((found.emptied[count]["bone"] or 0) > (found.dice[count]["bone"] or 0) for count in (0, 1, 2))
    document = evaluate_run(Path("run"), [case("a", volume_of, image)], clicks=(1,)).to_json()
    assert document["object_free_slices_emptied"] == {"1": found.emptied[1]["bone"]}


def test_the_control_empties_slices_without_the_object() -> None:
    classes = (LabelClass("a", (1,)), LabelClass("b", (2,)))
    predicted = np.ones((3, 2, 2), np.uint8)
    predicted[0, 0, 0] = 2
    reference = np.zeros((3, 2, 2), np.uint8)
    reference[0, 1, 1], reference[1] = 1, 2
    out = emptied(predicted, reference, classes)
    assert out[0].ravel().tolist() == [0, 1, 1, 1]
    assert not out[1:].any()
    assert predicted.all()


def test_each_class_is_measured_by_its_own_clicks(interactive_of: ModelOf, volume_of: VolumeOf) -> None:
    labels = truth()
    labels[2:4, 15:20, 15:20] = 7
    model = interactive_of(classes=(LabelClass("a", (1,)), LabelClass("b", (7,))))
    found = evaluate_case(model, case("a", volume_of, labels=labels), (0, 1)).dice
    assert found[0] == {"a": 0.0, "b": 0.0}
    assert all(value > 0.3 for value in found[1].values() if value is not None)


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Click], Any]]:
    """Clicks that each question added, and the mask that was there before."""
    given: list[tuple[list[Click], Any]] = []
    known: list[Click] = []
    original = evaluate.InteractiveSession.answer

    def recorded(self: Any, clicks: Any, revision: int, current: Any = None) -> Any:
        assert list(clicks[: len(known)]) == known
        given.append((list(clicks[len(known) :]), current.copy()))
        known[:] = clicks
        return original(self, clicks, revision, current)

    monkeypatch.setattr(evaluate.InteractiveSession, "answer", recorded)
    return given


@pytest.mark.parametrize("patch", [(16, 16), (6, 16, 16)], ids=["2D", "3D"])
@pytest.mark.parametrize("per", [None, "volume"])
def test_every_later_click_lies_in_the_largest_error_of_the_answer_to_the_one_before(
    interactive_of: ModelOf, volume_of: VolumeOf, rounds: list[tuple[list[Click], Any]], patch: Any, per: Any
) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:4, 2:14, 2:10] = 1
    labels[2:5, 12:20, 14:23] = 7
    classes = (LabelClass("a", (1,)), LabelClass("b", (7,)))
    model = interactive_of(patch=patch, classes=classes, clicks={"sigma_mm": 1.0, "min_component": 3})
    found = case("a", volume_of, labels=labels)
    evaluate_case(model, found, (4,), robot=robot_of(model, per))
    assert len(rounds) == 8
    assert len({before.tobytes() for _, before in rounds}) == 8, "every answer differs from the one before"
    for number, (clicks, before) in enumerate(rounds):
        value = (1, 7)[number % 2]
        assert {click.label for click in clicks} == {value}
        if number < 2:
            continue
        for click in clicks:
            z = click.voxel_zyx[0]
            planes = [z] if len(patch) == 2 else slice(None)
            here = tuple(torch.from_numpy((part == value)[planes]) for part in (before, labels))
            region, inside, _ = largest_error(*(part if len(patch) == 2 else part[None] for part in here), 3)
            assert region[(0, *click.voxel_zyx[-len(patch) :])]
            assert click.inside == bool(inside[0])
            if per == "volume" and len(patch) == 2:
                sizes = largest_error(torch.from_numpy(before == value), torch.from_numpy(labels == value), 3)[0]
                assert region.sum() == sizes.flatten(1).sum(1).max()


@pytest.mark.parametrize("least", [5, 7])
def test_errors_that_training_leaves_alone_get_no_click(
    interactive_of: ModelOf, volume_of: VolumeOf, rounds: list[tuple[list[Click], Any]], least: int
) -> None:
    image = truth() * 100
    image[2, 11, 6:12] = 0
    model = interactive_of(clicks={"sigma_mm": 1.0, "min_component": least})
    list(simulated_clicks(model, case("a", volume_of, image).volume(), truth(), image // 100, 2))
    second = rounds[1][0]
    assert [click.voxel_zyx[:2] for click in second] == ([(2, 11)] if least == 5 else [])


def test_clicks_of_a_2d_model_can_be_counted_per_volume_and_those_of_a_3d_model_only_so(
    interactive_of: ModelOf,
    volume_of: VolumeOf,
    loaded: Callable[[TrainedModel], None],
    rounds: list[tuple[list[Click], Any]],
) -> None:
    loaded(interactive_of())
    document = evaluate_run(Path("run"), [case("a", volume_of)], clicks=(2,), per="volume").to_json()
    assert document["clicks_are_given_per"] == "volume"
    assert [len(clicks) for clicks, _ in rounds] == [1, 1]
    loaded(interactive_of(patch=(4, 16, 16)))
    with pytest.raises(UserError, match="is a 3D model"):
        evaluate_run(Path("run"), [case("a", volume_of)], clicks=(2,), per="slice")


def test_jitter_is_drawn_by_the_seed_and_the_case(
    interactive_of: ModelOf, volume_of: VolumeOf, loaded: Callable[[TrainedModel], None]
) -> None:
    loaded(interactive_of())
    cases = [case("a", volume_of), case("b", volume_of)]

    def scores(cases: list[ReferenceCase], **jitter: Any) -> list[Any]:
        report = evaluate_run(Path("run"), cases, clicks=(1, 3), **jitter)
        assert report.to_json()["clicks_miss_by_mm"] == jitter.get("jitter_mm", 0)
        return [each.dice for each in report.cases]

    missing = scores(cases, jitter_mm=3.0, seed=1)
    assert missing == scores(cases, jitter_mm=3.0, seed=1)
    assert missing[1:] == scores(cases[1:], jitter_mm=3.0, seed=1)
    assert missing[0] != missing[1]
    assert missing != scores(cases, jitter_mm=3.0, seed=2)
    exact = scores(cases)
    assert exact[0] == exact[1] == scores(cases, jitter_mm=0.0, seed=9)[0]
    with pytest.raises(UserError, match="cannot miss"):
        evaluate_run(Path("run"), cases, jitter_mm=-1)


def test_training_cases_of_the_run_it_started_from_are_left_out_too(
    model_of: ModelOf, volume_of: VolumeOf, loaded: Callable[[TrainedModel], None], tmp_path: Path
) -> None:
    loaded(model_of())
    for name, train, init in (("0001-first", ("c",), None), ("0002-second", ("d",), "0001-first")):
        config = preset_config("tiny", "segmentation", train=train, init=init, budget={"steps": 1})
        write_json(tmp_path / "runs" / name / "config.json", config.model_dump(mode="json"))
    cases = [case(name, volume_of, truth() * 100) for name in ("c", "d", "e")]
    report = evaluate_run(tmp_path / "runs" / "0002-second", cases)
    assert report.left_out == ("c", "d")
    assert [each.case for each in report.cases] == ["e"]
    assert evaluate_run(tmp_path / "runs" / "0002-second", cases, elsewhere=True).left_out == ()
