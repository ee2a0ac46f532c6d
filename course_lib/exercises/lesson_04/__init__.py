"""The exercises of lesson_04."""

from course_lib.exercises.lesson_04.position_attention_answers import *  # noqa: F403
