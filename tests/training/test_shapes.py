"""Runs of task shape: from labels to a model that finds points, surface and mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_progseg.errors import UserError
from napari_progseg.inference.export import export_project
from napari_progseg.inference.model import load_trained
from napari_progseg.inference.shapes import load_shapes
from napari_progseg.networks.shape import ShapeNetwork
from napari_progseg.project import Project
from napari_progseg.samples.cohort import write_cohort
from napari_progseg.shape.files import load_model, save_model
from napari_progseg.shape.frame import to_world
from napari_progseg.shape.particles import write_particles
from napari_progseg.training.config import RunConfig, ShapeConfig, apply_settings, preset_config
from napari_progseg.training.events import Event, Failed, Finished, Said, StepDone, Validated
from napari_progseg.training.material import material_of
from napari_progseg.training.rehearsal import measured
from napari_progseg.training.run import create_run, execute
from napari_progseg.training.shapes import built_model
from napari_progseg.training.starts import usable_starts
from napari_progseg.training.watch import request, status

CASES = tuple(f"supershape_{number:03d}" for number in range(4))
SMALL = ("model.width=4", "model.levels=2", "patches.batch=2", "shape.scales=16,32", "validate_on.times=2")


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Five supershapes of 16 voxels a side, all labelled."""
    folder = tmp_path_factory.mktemp("shapes")
    write_cohort(folder, "supershape", 5, voxels=16)
    return Project.create(folder / "project", folder / "images", folder / "labels", {"body": (1,)})


def config_of(*settings: str, steps: int = 4, **fields: Any) -> RunConfig:
    plain = {"train": CASES, "validation": ("supershape_004",), "device": "cpu", "budget": {"steps": steps}}
    return apply_settings(preset_config("tiny", "shape", **{**plain, **fields}), [*SMALL, *settings])


@pytest.fixture(scope="session")
def trained(shapes: Project) -> tuple[Path, list[Event]]:
    """A run of four steps, and what it told."""
    torch.set_num_threads(1)
    run = create_run(shapes, config_of())
    return run, list(execute(run))


def losses(events: list[Event]) -> list[float]:
    return [event.loss for event in events if isinstance(event, StepDone)]


def test_a_run_says_what_it_does_and_is_validated_in_mm(trained: tuple[Path, list[Event]]) -> None:
    run, events = trained
    assert events[0] == Said("finding corresponding points on the surfaces of 4 cases")
    checked = [event for event in events if isinstance(event, Validated)]
    assert checked
    for event in checked:
        assert event.mean_dice is None
        assert event.mean_mm == pytest.approx(event.surfaces["supershape_004"])
        assert 0 < event.mean_mm < 20
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.best_mm == min(event.mean_mm for event in checked if event.mean_mm is not None)
    assert status(run).best_mm == end.best_mm
    assert status(run).best_dice is None


def test_the_best_model_is_the_nearest_one(trained: tuple[Path, list[Event]]) -> None:
    run, events = trained
    best = load_shapes(run, "cpu")
    checked = [event for event in events if isinstance(event, Validated)]
    nearest = min(checked, key=lambda event: event.mean_mm or 99)
    assert (best.step, best.mm) == (nearest.step, nearest.mean_mm)


def test_a_run_keeps_the_shape_model_of_its_training_cases(trained: tuple[Path, list[Event]]) -> None:
    model = load_shapes(trained[0], "cpu").model
    assert model.cases == CASES
    assert model.scales == (16, 32)
    assert model.structure == "body"


def test_a_network_begins_with_mean_and_modes(shapes: Project) -> None:
    material = material_of(shapes, config_of())
    network = material.network(seed=0)
    assert isinstance(network, ShapeNetwork)
    assert material.shapes is not None
    mean = network.decoded(1, torch.zeros(1, network.heads.modes[1]))[0].detach().numpy()
    assert np.abs(mean - material.shapes.levels[1].mean).max() < 1e-4


def test_on_a_cpu_the_same_seed_gives_the_same_losses_also_after_a_stop(
    shapes: Project, trained: tuple[Path, list[Event]]
) -> None:
    run = create_run(shapes, config_of())
    told: list[Event] = []
    for event in execute(run):
        told.append(event)
        if isinstance(event, StepDone) and event.step == 2:
            request(run, want="stop")
    told += [event for event in execute(run) if isinstance(event, StepDone)]
    by_step = {event.step: event.loss for event in told if isinstance(event, StepDone)}
    assert [by_step[step] for step in (1, 2, 3, 4)] == losses(trained[1])


@pytest.mark.parametrize(
    "settings",
    [
        ("shape.schedule=single",),
        ("shape.schedule=joint", "shape.supervision=shallow", "shape.previous=points", "shape.loss=focal"),
        ("shape.sampling=gaussian", "shape.detach_previous=true", "shape.release=0"),
        ("shape.backbone=base", "shape.release=1"),
        ("samples.schedule=pdl", "shape.variance=0.8", "shape.latent=0", "shape.mask=0"),
        ("shape.sampling=mixture", "shape.reflect=true", "shape.modes=2"),
    ],
)
def test_every_way_of_learning_runs(shapes: Project, settings: tuple[str, ...]) -> None:
    run = create_run(shapes, config_of(*settings, steps=1, validation=()))
    events = list(execute(run))
    assert isinstance(events[-1], Finished)
    assert np.isfinite(losses(events)).all()


def test_a_single_scale_is_the_finest(shapes: Project) -> None:
    plan = material_of(shapes, config_of("shape.schedule=single")).plan
    assert plan.heads is not None
    assert plan.heads.scales == (32,)


def test_the_base_backbone_reads_60_voxels_an_axis(shapes: Project) -> None:
    material = material_of(shapes, config_of("shape.backbone=base"))
    assert material.plan.patch == (60, 60, 60)


def test_a_u_net_begins_with_what_restoration_has_learned(shapes: Project) -> None:
    size = ("model.width=4", "model.levels=2", "patches.size=16,16,16", "patches.batch=2")
    first = preset_config("tiny", "restoration", train=CASES, device="cpu", budget={"steps": 1})
    start = create_run(shapes, apply_settings(first, list(size)))
    list(execute(start))
    run = create_run(shapes, config_of(steps=1, validation=(), init=str(start)))
    said = [event.text for event in execute(run) if isinstance(event, Said)]
    assert any(text.startswith(f"from {start.name}") and "tensors carried over" in text for text in said)


def test_no_other_run_begins_with_shapes(shapes: Project, trained: tuple[Path, list[Event]]) -> None:
    assert trained[0] not in usable_starts(shapes)
    config = preset_config("tiny", "segmentation", train=CASES, init=str(trained[0]), budget={"steps": 1})
    with pytest.raises(UserError, match="has learned shapes, and no other run can begin with that"):
        create_run(shapes, config)


def test_a_shape_run_cannot_segment_and_a_segmenting_run_knows_no_shape(
    shapes: Project, trained: tuple[Path, list[Event]]
) -> None:
    with pytest.raises(UserError, match="progseg shape predict"):
        load_trained(trained[0], "cpu")
    config = preset_config("tiny", "segmentation", train=CASES, device="cpu", budget={"steps": 1})
    other = create_run(shapes, apply_settings(config, ["model.width=4", "patches.batch=2"]))
    list(execute(other))
    with pytest.raises(UserError, match="has learned segmentation, not shapes"):
        load_shapes(other, "cpu")


def test_a_dry_run_measures_whole_volumes(shapes: Project) -> None:
    cost = measured(shapes, config_of())
    assert cost.seconds_a_step > 0


@pytest.mark.parametrize(
    ("settings", "fields", "said"),
    [
        ((), {"train": CASES[:2]}, "a shape is learned from 3 labelled cases or more and there are 2"),
        (("shape.structure=spleen",), {}, "there is no structure 'spleen', only body"),
    ],
)
def test_what_cannot_be_learned_is_refused_before_anything_is_made(
    shapes: Project, settings: tuple[str, ...], fields: dict[str, Any], said: str
) -> None:
    before = shapes.runs()
    with pytest.raises(UserError, match=said):
        create_run(shapes, config_of(*settings, **fields))
    assert shapes.runs() == before


@pytest.mark.parametrize(
    "setting", ["augment.rotation_degrees=5", "model.dims=2", "patches.schedule=efficiency", "shape.scales=64,32"]
)
def test_impossible_combinations_are_refused_with_their_name(setting: str) -> None:
    with pytest.raises(UserError, match=setting.split("=")[0].split(".")[0]):
        config_of(setting)


def test_a_run_learns_a_model_that_was_built_before(shapes: Project, tmp_path: Path) -> None:
    file = tmp_path / "model.npz"
    save_model(file, built_model(shapes, (*CASES, "supershape_004"), ShapeConfig(scales=(16, 32))))
    run = create_run(shapes, config_of(f"shape.model={file}", steps=1, validation=()))
    list(execute(run))
    assert load_shapes(run, "cpu").model.cases == CASES
    lacking = config_of(f"shape.model={file}", train=(*CASES[:3], "supershape_004"), validation=())
    save_model(file, built_model(shapes, CASES, ShapeConfig(scales=(16, 32))))
    with pytest.raises(UserError, match="does not hold the cases supershape_004"):
        create_run(shapes, lacking)


def test_particles_of_shapeworks_become_a_model(shapes: Project, tmp_path: Path) -> None:
    known = built_model(shapes, CASES, ShapeConfig(scales=(16, 32)))
    for row, case in enumerate(CASES):
        points = known.poses[row].apply(known.points[row])
        write_particles(tmp_path / f"{case}_world.particles", to_world(points, shapes.volume(case).geometry))
    found = built_model(shapes, CASES, ShapeConfig(scales=(16, 32)), tmp_path)
    assert np.allclose(found.levels[-1].share, known.levels[-1].share, atol=1e-6)
    assert np.allclose(found.poses.vectors, known.poses.vectors, atol=1e-5)


def test_a_case_without_the_structure_fails_with_its_name(shapes: Project, tmp_path: Path) -> None:
    write_cohort(tmp_path, "supershape", 4, voxels=16)
    project = Project.create(tmp_path / "project", tmp_path / "images", tmp_path / "labels", {"a": (1,), "b": (2,)})
    run = create_run(project, config_of("shape.structure=b", validation=()))
    told: list[Event] = []
    with pytest.raises(UserError, match="case supershape_000 has no label of b"):
        told.extend(execute(run))
    assert status(run).state == "failed"


def test_an_exported_run_predicts_shapes(shapes: Project, trained: tuple[Path, list[Event]], tmp_path: Path) -> None:
    list(export_project(shapes, tmp_path / "out", cases=[], run=trained[0]))
    exported = load_shapes(tmp_path / "out" / "models" / trained[0].name, "cpu")
    assert exported.mm == load_shapes(trained[0], "cpu").mm
    assert exported.model.cases == CASES


def test_labels_of_a_saved_model_are_intact(trained: tuple[Path, list[Event]]) -> None:
    assert load_model(trained[0] / "shape" / "model.npz").surface.vertices.shape[1] == 3
    assert not [event for event in trained[1] if isinstance(event, Failed)]
