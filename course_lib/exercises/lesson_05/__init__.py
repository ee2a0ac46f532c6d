"""The exercises of lesson_05."""

from course_lib.exercises.lesson_05.quiz import *  # noqa: F403
