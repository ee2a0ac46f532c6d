"""The exercises of lesson_03."""

from course_lib.exercises.lesson_03.bug_twice_answers import *  # noqa: F403
