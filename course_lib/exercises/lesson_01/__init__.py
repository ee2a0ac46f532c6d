"""Lesson 01, squeeze-and-excitation: its exercises, one file each, in their order."""

from course_lib.exercises.collecting import exercises_of

LESSON = "01_squeeze_excitation"
EXERCISES = exercises_of(
    __name__,
    "squeeze_excite",
    "se_linear",
    "se_conv",
    "bug_bottleneck",
    "bug_batch_of_one",
    "parameters",
    "quiz",
)
