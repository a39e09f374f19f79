"""Who answers clicks, as a choice: the user's own model, the starter, or contrast alone."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox

from .answers import Answerer, By
from .wording import run_number

_NO_MODEL = "No model yet: mend the mask, accept it, press Completed, and train “Masks from clicks”."
_OWN_PREDICTS = "Your own model still predicts whole patients."
_SHORTEST = 8
_SHORT: dict[By, str] = {"starter": "Starter (3D)", "contrast": "Contrast (one slice)"}
_TIPS: dict[By, str] = {
    "own": "What you trained: it knows your structures",
    "starter": "It comes with the program and knows no structure, only what things look like; in 3D",
    "contrast": "A click finds what stands out around it in its slice; no network",
}


class WhoAnswers(QComboBox):
    """The choice; it offers what is there."""

    def __init__(self, answerer: Answerer) -> None:
        super().__init__()
        self._answerer = answerer
        self.setToolTip("Who answers clicks, from the next one on; what is on screen stays")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(_SHORTEST)
        self.activated.connect(self._chosen)

    def _chosen(self, position: int) -> None:
        self._answerer.choose(self.itemData(position))

    def refresh(self) -> None:
        """Offer what is there now, and show who answers."""
        offered = _offered(self._answerer)
        if [(self.itemData(n), self.itemText(n)) for n in range(self.count())] != list(offered.items()):
            self.clear()
            for position, (by, text) in enumerate(offered.items()):
                self.addItem(text, by)
                self.setItemData(position, _TIPS[by], Qt.ItemDataRole.ToolTipRole)
        self.setCurrentIndex(list(offered).index(self._answerer.by))


def answers_sentence(answerer: Answerer) -> str:
    """Say who answers, and how to get to a model of one's own where there is none."""
    if answerer.by == "own":
        return f"Clicks are answered by {answerer.source or run_number(answerer.run.name)}"
    return _NO_MODEL if answerer.run is None else _OWN_PREDICTS


def _offered(answerer: Answerer) -> dict[By, str]:
    own: dict[By, str] = {} if answerer.run is None else {"own": f"Own model, {run_number(answerer.run.name)}"}
    return own | {by: text for by, text in _SHORT.items() if by != "starter" or answerer.starter}
