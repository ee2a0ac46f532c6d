"""Truth of the mechanisms of the survey; helper B writes it (see `machinery.py`)."""

from .machinery import Case

CASES: dict[str, Case] = {}
