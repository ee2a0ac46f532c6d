"""The exercises of lesson_00."""

from course_lib.exercises.lesson_00.rows_to_map import *  # noqa: F403
