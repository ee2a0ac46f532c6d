"""The exercises of lesson_05."""

from course_lib.exercises.lesson_05.attention_map import *  # noqa: F403
