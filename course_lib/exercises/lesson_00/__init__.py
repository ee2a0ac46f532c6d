"""The exercises of lesson_00."""

from course_lib.exercises.lesson_00.receptive_field import *  # noqa: F403
