"""The exercises of lesson_04."""

from course_lib.exercises.lesson_04.attention_map import *  # noqa: F403
