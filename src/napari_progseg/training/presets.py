"""What the presets change of the settings' own defaults."""

from __future__ import annotations

from typing import Any

# What each preset changes; the rest stands above. "paper" is algorithms 4.1, word for word where the paper is explicit.
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "paper": {
        "model": {"architecture": "basic_unet", "dims": 2, "width": 64, "max_width": 1024, "levels": 4, "norm": "none"},
        "data": {"window": (-1024.0, 3000.0)},
        "patches": {"size": (96, 96), "batch": 32, "foreground": 0.0, "without_repetition": True},
        "optimiser": {
            "name": "adam",
            "rate": 1e-5,
            "warmup": 0.0,
            "power": 0.0,
            "weight_decay": 0.0,
            "clip": None,
            "average": 0.0,
            "loss": "ce",
        },
        "augment": {"enabled": False},
        "clicks": {
            "sigma_voxels": 2.0,
            "combine": "sum",
            "none": 0.0,
            "after": 0.0,
            "decoys": 0.0,
            "previous_mask": False,
            "previous": "answers",
            "emphasis": 0.0,
            "bent": 0.0,
            "min_component": 0,
        },
    },
    "transfer-paper": {
        "model": {"architecture": "deeplab", "dims": 2, "width": 64, "norm": "batch", "blocks": (3, 4, 23, 3)},
        "data": {"window": (-1024.0, 3000.0)},
        "patches": {"size": (417, 417), "batch": 1, "foreground": 0.0},
        "optimiser": {
            "name": "sgd",
            "rate": 2.5e-4,
            "power": 0.9,
            "warmup": 0.0,
            "weight_decay": 5e-4,
            "momentum": 0.9,
            "nesterov": False,
            "clip": None,
            "average": 0.0,
            "loss": "ce",
        },
        "augment": {
            "rotation_degrees": 10.0,
            "scales": (0.5, 0.75, 1.0, 1.25, 1.5),
            "shift": 0.0,
            "elastic": 0.0,
            "intensity": 0.0,
            "outside": "ignore",
        },
    },
    "default": {
        "model": {"width": 32, "levels": 5},
        "patches": {"voxels": 128**3, "batch": 32, "batch_voxels": 2 * 128**3},
        "optimiser": {"rate": 1e-3, "average": 0.999},
    },
    "tiny": {
        "model": {"width": 16, "max_width": 128, "levels": 3},
        "patches": {"voxels": 48 * 64 * 48, "batch": 32, "batch_voxels": 8 * 96 * 96},
    },
}


# what preset "progressive" adds to the sizes of "default" or "tiny"
PROGRESSIVE: dict[str, dict[str, Any]] = {
    "clicks": {"previous_mask": True},
    "samples": {"schedule": "pdl"},
    "patches": {"schedule": "efficiency"},
}
# what task "interactive" changes: a click names one object of a patch, and half of the patches have no click, so that a
# batch has to hold many (on hearts 16 instead of 8 brought .12 after the same steps, see docs/results/clicks.md)
INTERACTIVE: dict[str, dict[str, dict[str, Any]]] = {
    "tiny": {"patches": {"batch_voxels": 16 * 112 * 112, "least_batch": 16}},
}
# what task "restoration" changes: the distortions are augmentation enough, as in the paper, and what is to be restored
# is the image as it was scanned
RESTORATION: dict[str, dict[str, Any]] = {"augment": {"enabled": False}}
# task "shape" reads whole volumes, of fewer voxels, and moves its points along with the image, by itself
SHAPE: dict[str, dict[str, dict[str, Any]]] = {
    size: {
        "model": {"width": width, "max_width": most, "levels": levels},
        "patches": {"voxels": voxels, "batch": 8, "batch_voxels": None},
        "optimiser": {"rate": rate},
        "augment": {"rotation_degrees": 0.0, "scale": 0.0, "shift": 0.0, "elastic": 0.0},
    }
    for size, width, most, levels, voxels, rate in (
        ("default", 32, 320, 5, 96**3, 1e-3),
        ("tiny", 8, 64, 3, 24_000, 4e-3),
    )
}
