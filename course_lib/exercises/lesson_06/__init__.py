"""The exercises of lesson_06."""

from course_lib.exercises.lesson_06.shared import *  # noqa: F403
