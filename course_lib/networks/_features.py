"""Intermediate feature maps by name, for every network in the same way."""

from collections.abc import Callable, Collection, Mapping

from torch import Tensor

from course_lib.networks._arguments import require_one_of


def walk(
    steps: Mapping[str, Callable[[Tensor], Tensor]], x: Tensor, names: Collection[str]
) -> dict[str, Tensor]:
    """What the steps called so give; those behind the last one do not run.

    Args:
        steps: the parts of a network in their order, by name.
        x: input of the first.
        names: which results are wanted.

    Raises:
        ValueError: if a name is unknown or there is none.
    """
    if isinstance(names, str) or not names:
        raise ValueError(f"names={names!r} must be a list of some of {', '.join(steps)}")
    for name in names:
        require_one_of("feature", name, steps)
    order = list(steps)
    maps = {}
    for name in order[: 1 + max(map(order.index, names))]:
        x = steps[name](x)
        if name in names:
            maps[name] = x
    return maps
