"""The exercises of lesson_03."""

from course_lib.exercises.lesson_03.fold import *  # noqa: F403
