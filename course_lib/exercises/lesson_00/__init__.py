"""The exercises of lesson_00."""

from course_lib.exercises.lesson_00.two_summaries import *  # noqa: F403
