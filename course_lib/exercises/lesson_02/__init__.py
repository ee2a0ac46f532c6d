"""The exercises of lesson_02."""

from course_lib.exercises.lesson_02.bug_weights import *  # noqa: F403
