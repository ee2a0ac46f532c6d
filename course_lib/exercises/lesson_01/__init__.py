"""The exercises of lesson_01."""

from course_lib.exercises.lesson_01.shared import *  # noqa: F403
