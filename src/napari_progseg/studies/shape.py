"""The study of shapes: progressive against direct training (Progressive DeepSSM; algorithms 5.2 and 5.3)."""

from __future__ import annotations

from .arms import Arms

# of one seed all arms have the same training cases, and so the same corresponding points
SHAPE = Arms(
    "shape",
    "Single",
    {
        "Deep": ("shape.schedule=stagewise", "shape.supervision=deep"),
        "Shallow": ("shape.schedule=stagewise", "shape.supervision=shallow"),
        "Joint": ("shape.schedule=joint", "shape.supervision=deep"),
        "Single": ("shape.schedule=single",),
    },
    "shape",
)
