"""The Methods paragraph says what a run did and cites what it used, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from napari_progseg.data.plan import Plan
from napari_progseg.summary import papers
from napari_progseg.summary.accuracy import Accuracy, CaseDice
from napari_progseg.summary.methods import Methods, Statement, cited, methods_of
from napari_progseg.summary.models import run_facts
from napari_progseg.training.config import RunConfig

ConfigOf = Callable[..., RunConfig]
AddRun = Callable[..., Path]


def told(run: Path, accuracy: Accuracy | None = None) -> Methods:
    methods = methods_of(run_facts(run), accuracy)
    assert methods is not None
    return methods


def test_a_plain_run_states_its_settings_and_cites_its_network_alone(config_of: ConfigOf, add_run: AddRun) -> None:
    methods = told(add_run("0001-first", config_of("optimiser.rate=0.002")))
    for words in (
        "A 2D U-Net (MONAI DynUNet) for bone",
        "4 to 8 features",
        "intensities from 0 to 100 HU",
        "It learned from 2 patients, with 1 other for validation, in batches of 4 patches of 16×16 voxels",
        "AdamW at a learning rate of 0.002",
        "for 40 steps (2.0 min)",
    ):
        assert words in methods.paragraph
    assert methods.references == (papers.UNET,)
    assert "[1]" in methods.paragraph
    assert "[2]" not in methods.paragraph


@pytest.mark.parametrize(
    ("settings", "paper", "words"),
    [
        (("samples.schedule=pdl",), papers.PDL, "most similar came first"),
        (("patches.schedule=performance",), papers.PGPS, "batch filled to equal voxels"),
    ],
)
def test_a_curriculum_cites_its_paper(
    config_of: ConfigOf, add_run: AddRun, settings: tuple[str, ...], paper: str, words: str
) -> None:
    methods = told(add_run("0001-first", config_of(*settings)))
    assert methods.references == (papers.UNET, paper)
    assert words in methods.paragraph


def test_clicks_after_a_restoration_start_cite_both_sources_once(config_of: ConfigOf, add_run: AddRun) -> None:
    start = add_run("0001-learn", config_of(task="restoration", train=("a", "b", "c", "d", "x")))
    methods = told(add_run("0002-clicks", config_of(task="interactive", init=str(start))))
    assert methods.references == (papers.UNET, papers.LIMITED_DATA, papers.GENESIS)
    assert "had learned to restore distorted patches of 5 scans without labels [2, 3]" in methods.paragraph
    assert "Gaussian maps (σ 3 mm)" in methods.paragraph


def test_click_tasks_are_told_of_the_run_and_of_what_begins_with_it(
    config_of: ConfigOf, add_run: AddRun, plan_of
) -> None:
    config = config_of("restoration.click_tasks=0.25", task="restoration")
    start = add_run("0001-learn", config, plan_of(task="restoration", click_tasks=True))
    text = told(start).paragraph
    assert "25% of the samples were not distorted; in these, simulated clicks named a supervoxel" in text
    text = told(add_run("0002-clicks", config_of(task="interactive", init=str(start)))).paragraph
    assert "and to follow clicks on unlabelled objects in them" in text
    assert "a second output" not in text


def test_frozen_layers_of_another_model_cite_the_transfer_paper(config_of: ConfigOf, add_run: AddRun) -> None:
    first = add_run("0001-first", config_of())
    methods = told(add_run("0002-mine", config_of("freeze.policy=last_k", "freeze.last=4", init=str(first))))
    assert methods.references == (papers.UNET, papers.TRANSFER)
    assert "all but its last 4 convolutions were kept as they were" in methods.paragraph


def test_network_and_window_are_those_of_the_plan(config_of: ConfigOf, add_run: AddRun, plan_of) -> None:
    plan: Plan = plan_of(architecture="deeplab", modality="mr", window=None, patch=(8, 16, 16))
    methods = told(add_run("0001-first", config_of(), plan))
    assert methods.references == (papers.TRANSFER,)
    assert "MR volumes were resampled to (z×y×x) 1×1×1 mm" in methods.paragraph
    assert "percentile of each volume" in methods.paragraph


def test_dice_is_told_with_its_interval_on_labels_that_were_made_independently(
    config_of: ConfigOf, add_run: AddRun
) -> None:
    cases = (CaseDice("d", {"bone": 0.5}), CaseDice("e", {"bone": 0.7}), CaseDice("f", {"bone": 1.0}, accepted=True))
    paragraph = told(add_run("0001-first", config_of()), Accuracy("0001-first", cases)).paragraph
    assert "On 2 completed patients that it had not learned from, the mean Dice without clicks was 0.600" in paragraph
    only = told(add_run("0002-second", config_of()), Accuracy("0002-second", cases[2:])).paragraph
    assert "On 1 completed patient that it had not learned from, whose labels began as predictions" in only


def test_a_run_that_never_began_has_no_methods(config_of: ConfigOf, add_run: AddRun) -> None:
    run = add_run("0001-first", config_of())
    (run / "plan.json").unlink()
    assert methods_of(run_facts(run)) is None


def test_papers_are_numbered_in_the_order_of_first_use() -> None:
    found = cited((Statement("One", ("B", "A")), Statement("Two"), Statement("Three", ("A",))))
    assert found == Methods("One [1, 2]. Two. Three [2].", ("B", "A"))
