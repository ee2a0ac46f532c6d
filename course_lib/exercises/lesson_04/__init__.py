"""The exercises of lesson_04."""

from course_lib.exercises.lesson_04.largest import *  # noqa: F403
