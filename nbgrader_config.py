"""Where nbgrader finds the course. Its own commands and the formgrader use the same folders."""

from pathlib import Path

c = get_config()  # noqa: F821  (traitlets defines it when it loads this file)

c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.course_id = "attention-course"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"
# The text source lies beside the solution notebook and must not be released with it.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "*.md", "~*", ".*"]

# Feedback and formgrader: nothing of a submission is obeyed by a browser, no hidden test is shown.
c.HTMLExporter.sanitize_html = True
c.HTMLExporter.filters = {
    "clean_html": "course_lib.grading.writer.feedback.clean_html",
    "markdown2html": "course_lib.grading.writer.feedback.markdown2html",
}
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]

# Points taken off for each day that has begun after the due date, in percent of those earned.
# A due date: nbgrader db assignment add LESSON --duedate "2026-12-24 23:59 UTC"
c.AssignLatePenalties.plugin_class = "course_lib.grading.writer.late.DailyPenalty"
c.DailyPenalty.percent_per_day = 0
