"""The command line ``progseg``: each command is a few lines over the Python API."""

from .app import app, main

__all__ = ["app", "main"]
