"""The exercises of lesson_06."""

from course_lib.exercises.lesson_06.loss_answers import *  # noqa: F403
