"""The exercises of lesson_01."""

from course_lib.exercises.lesson_01.se_linear import *  # noqa: F403
