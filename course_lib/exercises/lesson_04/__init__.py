"""The exercises of lesson_04."""

from course_lib.exercises.lesson_04.shared import *  # noqa: F403
