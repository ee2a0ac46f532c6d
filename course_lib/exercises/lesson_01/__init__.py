"""The exercises of lesson_01."""

from course_lib.exercises.lesson_01.se_conv import *  # noqa: F403
