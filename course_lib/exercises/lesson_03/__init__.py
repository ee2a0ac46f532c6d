"""The exercises of lesson_03."""

from course_lib.exercises.lesson_03.quiz import *  # noqa: F403
