"""The exercises of lesson_00."""

from course_lib.exercises.lesson_00.shared import *  # noqa: F403
