"""The exercises of lesson_01."""

from course_lib.exercises.lesson_01.squeeze_excite_answers import *  # noqa: F403
