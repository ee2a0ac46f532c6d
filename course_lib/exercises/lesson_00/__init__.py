"""The exercises of lesson_00."""

from course_lib.exercises.lesson_00.map_size import *  # noqa: F403
