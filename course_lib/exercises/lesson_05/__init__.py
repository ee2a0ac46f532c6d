"""The exercises of lesson_05."""

from course_lib.exercises.lesson_05.effective_channels import *  # noqa: F403
