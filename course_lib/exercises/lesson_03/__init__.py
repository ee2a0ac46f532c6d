"""Lesson 03, dual pooling: its exercises, one file each, in their order."""

from course_lib.exercises.collecting import exercises_of

LESSON = "03_dual_pooling"
EXERCISES = exercises_of(
    __name__,
    "pool",
    "head",
    "fold",
    "bug_features",
    "bug_twice",
    "counts",
    "hooks",
    "quiz",
)
