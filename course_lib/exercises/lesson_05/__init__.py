"""Lesson 05, channel attention: its exercises, one file each, in their order."""

from course_lib.exercises.collecting import exercises_of

LESSON = "05_channel_attention"
EXERCISES = exercises_of(
    __name__,
    "attention_map",
    "effective_channels",
    "bug_softmax",
    "temperature",
    "bug_mix",
    "channel_attention",
    "bug_survey",
    "costs",
    "quiz",
)
