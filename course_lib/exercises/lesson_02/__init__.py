"""The exercises of lesson_02."""

from course_lib.exercises.lesson_02.shared import *  # noqa: F403
