"""Lesson 06, DANet: its exercises, one file each, in their order."""

from course_lib.exercises.collecting import exercises_of

LESSON = "06_danet"
EXERCISES = exercises_of(
    __name__,
    "miou",
    "augment",
    "dilate",
    "macs",
    "head",
    "loss",
    "bug_rate",
    "bug_loss",
    "bug_masks",
    "bug_batches",
    "quiz",
)
