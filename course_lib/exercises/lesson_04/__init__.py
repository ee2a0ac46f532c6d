"""The exercises of lesson_04."""

from course_lib.exercises.lesson_04.blocks import *  # noqa: F403
