"""The exercises of lesson_06."""

from course_lib.exercises.lesson_06.loss import *  # noqa: F403
