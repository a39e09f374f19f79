"""The offer of a model that learned beside the work: its Dice, and *Use* or *Later*."""

from __future__ import annotations

from qtpy.QtWidgets import QPushButton, QWidget

from ..training.offer import Offer
from .meanwhile import Meanwhile
from .parts import Banner
from .runs import RunRow
from .wording import offer_sentence, run_number


class OfferBanner(Banner):
    """Stays until it is answered; nothing changes before."""

    def __init__(self, host: QWidget, meanwhile: Meanwhile) -> None:
        self.use, self.later = QPushButton("Use"), QPushButton("Later")
        super().__init__(host, (self.use, self.later))
        self._meanwhile = meanwhile
        self.offered: tuple[RunRow, Offer] | None = None
        self.use.clicked.connect(self._use)
        self.later.clicked.connect(self._put_off)
        self.later.setToolTip("It waits among the runs in Results")
        meanwhile.offered.connect(self._offered)

    def _offered(self, row: RunRow | None, offer: Offer | None) -> None:
        if row is None or offer is None:
            self.offered = None
            self.hide()
            return
        self.offered = row, offer
        self.use.setToolTip(f"Let it answer from now on; {run_number(offer.start)} is kept")
        self.say(offer_sentence(row.name, offer))

    def _use(self) -> None:
        self._meanwhile.use(*self.offered)

    def _put_off(self) -> None:
        self._meanwhile.put_off(*self.offered)
