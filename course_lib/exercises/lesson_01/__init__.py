"""The exercises of lesson_01."""

from course_lib.exercises.lesson_01.bug_bottleneck import *  # noqa: F403
