"""The exercises of lesson_00."""

from course_lib.exercises.lesson_00.quiz import *  # noqa: F403
