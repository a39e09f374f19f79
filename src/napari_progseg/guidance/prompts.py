"""All that the user can say about where a structure lies, and what it means to those who only know clicks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

from .boxes import BoxPrompt
from .clicks import Click
from .drags import DragPrompt

Prompt = Click | BoxPrompt | DragPrompt
Step = Click | BoxPrompt


def click_of(prompt: Prompt) -> Click:
    """Return the click that a prompt stands for: of a box the one in its middle, of a drag the one where it began."""
    match prompt:
        case BoxPrompt():
            return prompt.middle
        case DragPrompt():
            return prompt.begin
        case _:
            return prompt


def clicks_in(prompts: Iterable[Prompt]) -> tuple[Click, ...]:
    """Return the click of each prompt."""
    return tuple(map(click_of, prompts))


def boxes_in(prompts: Iterable[Prompt]) -> tuple[BoxPrompt, ...]:
    """Return the boxes among prompts."""
    return tuple(prompt for prompt in prompts if isinstance(prompt, BoxPrompt))


def drags_in(prompts: Iterable[Prompt]) -> tuple[DragPrompt, ...]:
    """Return the drags among prompts."""
    return tuple(prompt for prompt in prompts if isinstance(prompt, DragPrompt))


def steps_of(prompts: Iterable[Prompt]) -> tuple[Step, ...]:
    """Return what is to be done one after the other: a box first confines its plane, then its middle is clicked."""
    steps: list[Step] = []
    for prompt in prompts:
        steps += [prompt, prompt.middle] if isinstance(prompt, BoxPrompt) else [click_of(prompt)]
    return tuple(steps)


def count_common(before: Iterable[Prompt], after: Iterable[Prompt]) -> int:
    """Count how many prompts two lists begin with alike: those that need not be answered again."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))
