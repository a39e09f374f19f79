"""Progressive segmentation of CT/MR volumes: few labels, own data, own model."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("napari-progseg")
except PackageNotFoundError:
    __version__ = "unknown"
