"""Lesson 02, CBAM: its exercises, one file each, in their order."""

from course_lib.exercises.collecting import exercises_of

LESSON = "02_cbam"
EXERCISES = exercises_of(
    __name__,
    "channel_gate",
    "channel_module",
    "spatial_gate",
    "spatial_module",
    "cbam",
    "block",
    "bug_settings",
    "bug_weights",
    "parameters",
    "quiz",
)
