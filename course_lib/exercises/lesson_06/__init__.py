"""The exercises of lesson_06."""

from course_lib.exercises.lesson_06.miou import *  # noqa: F403
