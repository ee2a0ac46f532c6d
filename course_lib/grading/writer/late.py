"""The penalty for work that came late: nbgrader's own extension point, one setting."""

import math

from nbgrader.plugins.base import BasePlugin
from traitlets import Float

_DAY = 24 * 60 * 60


class DailyPenalty(BasePlugin):
    """Takes off a share of the earned points for each day that has begun after the due date."""

    percent_per_day = Float(
        0.0, min=0.0, max=100.0, help="Percent of the earned points for each day."
    ).tag(config=True)

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float | None:
        """The points to take off; None where none are."""
        days = math.ceil(max(0.0, total_seconds_late) / _DAY)
        return score * min(1.0, self.percent_per_day / 100 * days) or None
