"""The exercises of lesson_06."""

from course_lib.exercises.lesson_06.head_answers import *  # noqa: F403
