"""The exercises of lesson_04."""

from course_lib.exercises.lesson_04.bug_shared import *  # noqa: F403
