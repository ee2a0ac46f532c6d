"""The exercises of lesson_03."""

from course_lib.exercises.lesson_03.shared import *  # noqa: F403
