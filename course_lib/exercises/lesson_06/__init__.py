"""The exercises of lesson_06."""

from course_lib.exercises.lesson_06.bug_rate import *  # noqa: F403
