"""``python -m napari_progseg.cli`` is the same as ``progseg``."""

from .app import main

main()
