"""The exercises of lesson_02."""

from course_lib.exercises.lesson_02.spatial_module import *  # noqa: F403
