"""The exercises of lesson_04."""

from course_lib.exercises.lesson_04.energy import *  # noqa: F403
