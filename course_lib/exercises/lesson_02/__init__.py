"""The exercises of lesson_02."""

from course_lib.exercises.lesson_02.parameters import *  # noqa: F403
