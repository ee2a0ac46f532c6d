"""The exercises of lesson_06."""

from course_lib.exercises.lesson_06.head import *  # noqa: F403
