"""The exercises of lesson_05."""

from course_lib.exercises.lesson_05.temperature import *  # noqa: F403
