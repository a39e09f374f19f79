"""Weights of one network carried over into another: other input channels, other classes, the rest as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..data.plan import Plan
from ..errors import UserError
from .build import input_and_head

_RESTORED, _CLICKED = "the restored image", "the clicked object"
_NETWORK = ("architecture", "dims", "widths", "strides", "norm", "blocks")


@dataclass(frozen=True)
class CarryReport:
    """What a network takes over from another run, and what begins anew.

    Parameters
    ----------
    origin : str
        The run that gives the weights, such as ``0001-learn (restoration, step 1200)``.
    carried, new : tuple of str
        Parameters, as ``named_parameters`` calls them. The input convolution is carried, also where channels were added
        or left out; a head with at least one new class is new.
    channels_before, channels : tuple of str
        Meaning of the input channels there and here.
    kept, fresh : tuple of str
        Outputs that were carried over, and those with new weights.
    """

    origin: str
    carried: tuple[str, ...]
    new: tuple[str, ...]
    channels_before: tuple[str, ...]
    channels: tuple[str, ...]
    kept: tuple[str, ...]
    fresh: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Say it in plain words."""
        parts = [f"{len(self.carried)} of {len(self.carried) + len(self.new)} tensors carried over"]
        before, after = len(self.channels_before), len(self.channels)
        if after > before:
            parts.append(f"input widened from {before} to {after} channels, the new ones start at zero")
        elif after < before:
            gone = [name for name in self.channels_before if name not in self.channels]
            parts.append(f"input narrowed from {before} channels to {after}, without {', '.join(gone)}")
        if self.kept:
            parts.append(f"head kept for {', '.join(self.kept)}")
        if self.fresh:
            parts.append(f"new head for {', '.join(self.fresh)}")
        return f"from {self.origin}: {'; '.join(parts)}"


def carry_over(
    tensors: Mapping[str, Tensor],
    source: Plan,
    network: nn.Module,
    plan: Plan,
    *,
    origin: str = "another run",
    keep_head: bool = False,
) -> tuple[dict[str, Tensor], CarryReport]:
    """Put together the weights a new network begins with.

    Input channels go by their meaning. Those the source lacks get filters of zero, so that without clicks the wider
    network answers exactly as the source did (algorithms 4.5). Outputs go by the name and the values of their classes.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        ``state_dict`` of the network that has learned.
    source : Plan
        That network's plan.
    network : nn.Module
        With fresh weights, which it keeps: load what is returned.
    plan : Plan
        Of `network`; made with `source`.
    origin : str
        What the report calls the run that gives the weights.
    keep_head : bool
        From restoration, let every class begin with the filter that gave the restored image or, in an interactive
        network after click tasks, the mask of what was clicked.

    Returns
    -------
    dict of str to Tensor
        A complete ``state_dict`` for `network`.
    CarryReport
        What comes from the source and what is new.

    Raises
    ------
    UserError
        If the networks differ in more than inputs and outputs.
    """
    _refuse_other_network(source, plan)
    first, last = input_and_head(network)
    input_filters, ends = id(first.weight), {id(parameter) for parameter in last.parameters()}
    outputs = _Outputs.of(source, plan, keep_head=keep_head)
    loaded = {}
    for name, fresh in network.state_dict(keep_vars=True).items():
        have = _known(name, tensors)
        if id(fresh) in ends:
            loaded[name] = outputs.filled(name, fresh.detach(), have)
        elif id(fresh) == input_filters:
            loaded[name] = _rewired(name, fresh.detach(), have, source.channels, plan.channels)
        else:
            loaded[name] = _same_shape(name, have, fresh.shape)
    named = {name: id(parameter) in ends and bool(outputs.fresh) for name, parameter in network.named_parameters()}
    carried, new = (tuple(name for name, is_new in named.items() if is_new is wanted) for wanted in (False, True))
    return loaded, CarryReport(origin, carried, new, source.channels, plan.channels, outputs.kept, outputs.fresh)


def _rewired(name: str, fresh: Tensor, have: Tensor, before: Sequence[str], after: Sequence[str]) -> Tensor:
    """Sort the filters (features, channels, *kernel) of the input convolution by the meaning of their channels."""
    _same_shape(name, have, (len(fresh), len(before), *fresh.shape[2:]))
    filters = torch.zeros_like(fresh)
    for channel, meaning in enumerate(after):
        if meaning in before:
            filters[:, channel] = have[:, before.index(meaning)]
    return filters


@dataclass(frozen=True)
class _Outputs:
    """Where each output channel comes from; None where it begins anew."""

    origins: tuple[int | None, ...]
    names: tuple[str, ...]
    before: int

    @classmethod
    def of(cls, source: Plan, plan: Plan, *, keep_head: bool) -> _Outputs:
        there, here = _meanings(source), _meanings(plan)
        if keep_head and not source.classes:
            clicked = source.click_tasks and plan.task == "interactive"
            origins: tuple[int | None, ...] = (int(clicked),) * len(here)
        else:
            origins = tuple(there.index(each) if each in there else None for each in here)
        return cls(origins, tuple(name for name, _ in here), len(there))

    @property
    def kept(self) -> tuple[str, ...]:
        return tuple(name for name, origin in zip(self.names, self.origins, strict=True) if origin is not None)

    @property
    def fresh(self) -> tuple[str, ...]:
        return tuple(name for name, origin in zip(self.names, self.origins, strict=True) if origin is None)

    def filled(self, name: str, fresh: Tensor, have: Tensor) -> Tensor:
        """Put the filters or biases, (outputs, ...), of the head together."""
        _same_shape(name, have, (self.before, *fresh.shape[1:]))
        rows = [fresh[row] if origin is None else have[origin] for row, origin in enumerate(self.origins)]
        return torch.stack(rows)


def _meanings(plan: Plan) -> list[tuple[str, frozenset[int]]]:
    """Say what each output channel is: a class by name and values, or what restoration gives."""
    if plan.classes:
        return [(each.name, frozenset(each.values)) for each in plan.classes]
    return [(name, frozenset()) for name in (_RESTORED, _CLICKED)[: plan.outputs]]


def _refuse_other_network(source: Plan, plan: Plan) -> None:
    for field in _NETWORK:
        there, here = getattr(source, field), getattr(plan, field)
        if there != here:
            raise UserError(
                f"the run to start from has a network of {field} {there}, this run's is {here}; nothing was started; "
                "make a new run, which takes the network over"
            )


def _known(name: str, tensors: Mapping[str, Tensor]) -> Tensor:
    if name not in tensors:
        raise UserError(
            f"the run to start from has no tensor {name}, as this run's network has; nothing was started; "
            "start from a run that this version has trained"
        )
    return tensors[name]


def _same_shape(name: str, have: Tensor, shape: Sequence[int]) -> Tensor:
    if tuple(have.shape) != tuple(shape):
        there, here = ("×".join(map(str, each)) for each in (have.shape, shape))
        raise UserError(
            f"the tensor {name} of the run to start from is {there}, its plan says {here}; nothing was started; "
            "start from another run"
        )
    return have
