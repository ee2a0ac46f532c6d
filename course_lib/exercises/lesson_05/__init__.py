"""The exercises of lesson_05."""

from course_lib.exercises.lesson_05.shared import *  # noqa: F403
