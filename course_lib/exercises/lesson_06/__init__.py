"""The exercises of lesson_06."""

from course_lib.exercises.lesson_06.bug_batches import *  # noqa: F403
