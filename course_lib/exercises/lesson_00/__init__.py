"""The exercises of lesson_00."""

from course_lib.exercises.lesson_00.residual_block import *  # noqa: F403
