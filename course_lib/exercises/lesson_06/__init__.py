"""The exercises of lesson_06."""

from course_lib.exercises.lesson_06.quiz import *  # noqa: F403
