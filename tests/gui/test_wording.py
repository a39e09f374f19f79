from __future__ import annotations

import pytest

from napari_progseg.gui import wording
from napari_progseg.volume import LabelClass

CLASSES = (LabelClass("left", (1,)), LabelClass("right", (2, 3)))


def test_the_canvas_line_names_every_class_and_the_source() -> None:
    text = wording.canvas_text({1: 0.93, 2: 0.89}, CLASSES, "run 0007 step 1240")
    assert text == "Dice 0.91 (left 0.93, right 0.89)\nrun 0007 step 1240"
    assert wording.canvas_text({1: 0.93}, CLASSES[:1], "run 0007 step 9") == "Dice 0.93 · run 0007 step 9"
    assert wording.canvas_text(None, CLASSES, "run 0007 step 9") == "run 0007 step 9"
    assert wording.canvas_text({1: None, 2: None}, CLASSES, "") == "Dice n/a (left n/a, right n/a)"


@pytest.mark.parametrize(("seconds", "text"), [(None, ""), (4.4, "4 s"), (89, "89 s"), (300, "5 min"), (7200, "2.0 h")])
def test_durations_read_well(seconds, text) -> None:
    assert wording.duration(seconds) == text


def test_the_sentence_says_what_start_will_do() -> None:
    assert wording.training_sentence("segmentation", CLASSES, 0, 0, 5, "GPU").startswith("Tick")
    text = wording.training_sentence("interactive", CLASSES, 3, 1, 5.0, "this GPU")
    assert text == (
        "Learn to turn clicks into left, right from 3 patients, checked on 1 other; "
        "5 min on this GPU. You can go on working meanwhile."
    )


def test_a_refused_value_is_explained_with_the_classes() -> None:
    text = wording.outside_sentence((5,), CLASSES)
    assert "left = 1, right = 2" in text
    assert "taken back" in text


def test_numbers() -> None:
    assert wording.source_text("0007-x", 1200, 0.871) == "run 0007 · step 1\u202f200 · Dice 0.87 on validation"
    assert wording.size_text((36, 50, 35)) == "36×50×35"
    assert wording.spacing_text((1.0, 0.78, 0.78)) == "1.0×0.78×0.78 mm"
    assert wording.latency(0.042) == "42 ms"
