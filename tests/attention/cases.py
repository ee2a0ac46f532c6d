"""All cases: the dictionaries `CASES` of the truth files, joined."""

from . import truth, truth_survey
from .machinery import Case

CASES: dict[str, Case] = {**truth.CASES, **truth_survey.CASES}
