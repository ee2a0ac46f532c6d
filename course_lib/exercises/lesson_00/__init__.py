"""The exercises of lesson_00."""

from course_lib.exercises.lesson_00.mix_channels import *  # noqa: F403
