from __future__ import annotations

import pytest

from napari_progseg.gui import wording
from napari_progseg.gui.modes import MODES
from napari_progseg.volume import LabelClass

CLASSES = (LabelClass("left", (1,)), LabelClass("right", (2, 3)))


def test_the_canvas_line_names_every_class_and_the_source() -> None:
    text = wording.canvas_text({1: 0.93, 2: 0.89}, CLASSES, "run 0007 step 1240")
    assert text == "Dice 0.91 (left 0.93, right 0.89)\nrun 0007 step 1240"
    assert wording.canvas_text({1: 0.93}, CLASSES[:1], "run 0007 step 9") == "Dice 0.93 · run 0007 step 9"
    assert wording.canvas_text(None, CLASSES, "run 0007 step 9") == "run 0007 step 9"
    flattered = wording.canvas_text({1: 1.0}, CLASSES[:1], "run 0007 step 9", flattered=True)
    assert flattered == "Dice 1.00\nagainst labels that began as a prediction\nrun 0007 step 9"
    assert wording.canvas_text({1: None, 2: None}, CLASSES, "") == "Dice n/a (left n/a, right n/a)"


@pytest.mark.parametrize(("seconds", "text"), [(None, ""), (4.4, "4 s"), (89, "89 s"), (300, "5 min"), (7200, "2.0 h")])
def test_durations_read_well(seconds, text) -> None:
    assert wording.duration(seconds) == text


def test_the_sentence_says_what_start_will_do() -> None:
    text = wording.training_sentence(MODES["interactive"], CLASSES, 3, 1, 5.0, "this GPU")
    assert text == "Learn to turn clicks into left, right from 3 patients, checked on 1 other; 5 min on this GPU."


def test_the_sentence_names_the_run_that_a_training_starts_from() -> None:
    start = wording.start_sentence("0003-restoration", "restoration", 38, None)
    text = wording.training_sentence(MODES["progressive"], CLASSES, 3, 1, 5.0, "this GPU", start)
    assert text.startswith("Start from run 0003 (learned from 38 scans), then learn to turn clicks into left, right")
    assert wording.start_sentence("0004-x", "interactive", 3, 0.871) == "run 0004 (Dice 0.871)"
    assert wording.start_sentence("0004-x", "interactive", 3, None) == "run 0004"


def test_learning_from_scans_speaks_of_neither_labels_nor_classes() -> None:
    text = wording.training_sentence(MODES["restoration"], CLASSES, 38, 0, 5.0, "2 CPU cores")
    assert text.startswith("Learn what 38 scans look like by restoring distorted pieces; no labels needed; 5 min on 2")
    assert "left" not in text


@pytest.mark.parametrize(
    ("mode", "completed", "restored", "what"),
    [
        ("restoration", 0, False, "Tick at least one scan"),
        ("segmentation", 0, False, "No patient is labelled completely yet"),
        ("segmentation", 3, False, "Tick at least one labelled patient"),
        ("progressive", 3, False, "Press “Learn from all scans”"),
        ("progressive", 3, True, "Tick at least one labelled patient"),
    ],
)
def test_what_is_missing_is_said(mode, completed, restored, what) -> None:
    assert what in wording.nothing_to_start(MODES[mode], completed, restored)


def test_a_refused_value_is_explained_with_the_classes() -> None:
    text = wording.outside_sentence((5,), CLASSES)
    assert "left = 1, right = 2" in text
    assert "taken back" in text


def test_numbers() -> None:
    assert wording.source_text("0007-x", 1200, 0.871) == "run 0007 · step 1\u202f200 · Dice 0.87 on validation"
    assert wording.size_text((36, 50, 35)) == "36×50×35"
    assert wording.spacing_text((1.0, 0.78, 0.78)) == "1.0×0.78×0.78 mm"
    assert wording.latency(0.042) == "42 ms"


def test_without_a_suggestion_it_is_said_why() -> None:
    assert wording.no_next_sentence({"a", "b"}, "a", "modalities are mixed") == "No suggestion: modalities are mixed"
    assert wording.no_next_sentence({"a", "b"}, "a", "") == "No suggestion yet."
    assert wording.no_next_sentence({"a"}, "a", "") == "The patient on screen is the last one to label."
    assert wording.no_next_sentence({"a"}, None, "") == "No suggestion yet."
    assert wording.no_next_sentence((), "b", "") == "No patient is left to label."


def test_a_long_text_is_shortened_at_a_word() -> None:
    assert wording.shortened("short.") == "short."
    assert wording.shortened("images without a label file: a, b, c", 31) == "images without a label file …"


def test_a_change_that_rounds_to_nothing_has_no_minus() -> None:
    assert [wording.change_number(value) for value in (-0.0001, 0.25, -0.25)] == ["+0.000", "+0.250", "-0.250"]
