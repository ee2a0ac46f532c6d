"""`course-grade`: from a folder of submissions to grades and feedback, around nbgrader."""

import sys

# jsonschema imports it, and it builds a grammar of addresses each time: a third of what a process
# needs to start. No schema of a notebook asks for it.
sys.modules.setdefault("rfc3987_syntax", None)
