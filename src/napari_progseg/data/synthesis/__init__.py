"""Generated images of objects in surroundings, with their masks: what a click can be about, without any scan."""

from .tasks import Task, draw_tasks

__all__ = ["Task", "draw_tasks"]
