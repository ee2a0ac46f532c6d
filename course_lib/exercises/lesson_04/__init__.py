"""The exercises of lesson_04."""

from course_lib.exercises.lesson_04.position_attention import *  # noqa: F403
