"""The exercises of lesson_02."""

from course_lib.exercises.lesson_02.channel_module import *  # noqa: F403
