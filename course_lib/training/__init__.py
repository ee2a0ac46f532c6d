"""Training: the loop, its checkpoint, its bar and its metrics; the commands are in `train`."""

from typing import Any

__all__ = ["fit", "segmentation"]


def __getattr__(name: str) -> Any:
    # The metrics need nothing but torch, so what the loop needs is imported when it is asked for.
    if name in __all__:
        from course_lib.training import loop

        return getattr(loop, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
