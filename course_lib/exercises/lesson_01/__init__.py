"""The exercises of lesson_01."""

from course_lib.exercises.lesson_01.bug_batch_of_one import *  # noqa: F403
