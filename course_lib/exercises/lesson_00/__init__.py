"""The exercises of lesson_00."""

from course_lib.exercises.lesson_00.convolution_cost import *  # noqa: F403
