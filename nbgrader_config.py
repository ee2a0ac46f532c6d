"""Where nbgrader finds the course. Its own commands and the formgrader use the same folders."""

from pathlib import Path

c = get_config()  # noqa: F821  (traitlets defines it when it loads this file)

c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.course_id = "attention-course"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"
# The text source lies beside the solution notebook and must not be released with it.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "*.md", "~*", ".*"]
