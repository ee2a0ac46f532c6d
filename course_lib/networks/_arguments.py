"""What every network refuses at construction, said in one line."""

from collections.abc import Collection


def require_classes(classes: int) -> None:
    """Refuse a number of classes that is not a positive whole number.

    Raises:
        ValueError: naming the value and the rule.
    """
    if not isinstance(classes, int) or classes < 1:
        raise ValueError(f"classes={classes!r} must be a positive whole number")


def require_one_of(name: str, value: object, allowed: Collection[object]) -> None:
    """Refuse a value that is not one of those allowed.

    Raises:
        ValueError: naming the argument, its value and the values that there are.
    """
    if value not in allowed:
        values = ", ".join(map(str, allowed))
        raise ValueError(f"{name}={value!r} is unknown; there are: {values}")
