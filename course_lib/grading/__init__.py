"""`course-grade`: from a folder of submissions to grades and feedback, around nbgrader."""
