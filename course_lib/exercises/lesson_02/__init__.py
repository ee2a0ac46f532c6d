"""The exercises of lesson_02."""

from course_lib.exercises.lesson_02.bug_settings import *  # noqa: F403
