"""The exercises of lesson_05."""

from course_lib.exercises.lesson_05.channel_attention_answers import *  # noqa: F403
