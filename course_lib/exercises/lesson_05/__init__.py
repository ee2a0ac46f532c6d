"""The exercises of lesson_05."""

from course_lib.exercises.lesson_05.bug_survey import *  # noqa: F403
