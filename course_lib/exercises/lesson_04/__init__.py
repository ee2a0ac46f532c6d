"""The exercises of lesson_04."""

from course_lib.exercises.lesson_04.permute import *  # noqa: F403
