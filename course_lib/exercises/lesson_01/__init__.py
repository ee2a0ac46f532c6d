"""The exercises of lesson_01."""

from course_lib.exercises.lesson_01.quiz import *  # noqa: F403
