"""The exercises of lesson_00."""

from course_lib.exercises.lesson_00.output_size import *  # noqa: F403
