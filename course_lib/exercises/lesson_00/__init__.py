"""Lesson 00, the tools: its exercises, one file each, in their order."""

from course_lib.exercises.collecting import exercises_of

LESSON = "00_tools"
EXERCISES = exercises_of(
    __name__,
    "map_size",
    "rows_to_map",
    "two_summaries",
    "expands",
    "mix_channels",
    "attend",
    "output_size",
    "receptive_field",
    "convolution_cost",
    "residual_block",
    "quiz",
)
