"""``python -m course_lib.train``: networks trained from end to end, with curves and pictures."""
