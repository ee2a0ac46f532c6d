"""The exercises of lesson_06."""

from course_lib.exercises.lesson_06.dilate_answers import *  # noqa: F403
