"""Lesson 04, position attention: its exercises, one file each, in their order."""

from course_lib.exercises.collecting import exercises_of

LESSON = "04_position_attention"
EXERCISES = exercises_of(
    __name__,
    "energy",
    "attention_map",
    "mix",
    "position_attention",
    "bug_shared",
    "bug_axes",
    "permute",
    "costs",
    "largest",
    "blocks",
    "quiz",
)
