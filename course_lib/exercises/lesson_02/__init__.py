"""The exercises of lesson_02."""

from course_lib.exercises.lesson_02.channel_gate_answers import *  # noqa: F403
