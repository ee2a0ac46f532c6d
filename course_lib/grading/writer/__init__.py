"""The one writer: the process of `course-grade`, which alone holds the gradebook and the files.

It must never execute or believe anything of a submission: texts and bounded plain data, no more.
"""
