"""The exporter of feedback pages: nbconvert's own, for many pages that are mostly alike.

A template is compiled once in a process. nbconvert's last step reads the whole page once more,
which takes as long as all others together; the one thing that it does for these pages is done here.
"""

import re
from typing import Any

from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from nbconvert.exporters import HTMLExporter
from nbconvert.exporters.templateexporter import TemplateExporter
from nbformat import NotebookNode

from course_lib.grading.writer.feedback import clean_html, highlighted, markdown2html

# Bootstrap, which the template loads, takes from hints the triangle that says they can be opened,
# and from the cells of a table the room between them.
_STYLE = "<style>summary { display: list-item } td { padding-right: 0.5em }</style>\n</head>"
_WITHOUT_ALT = re.compile(r"<img(?![^>]*\salt=)(?=[\s/>])", re.IGNORECASE)


class _Compiled(BytecodeCache):
    """The templates of this process."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give a template back."""
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template."""
        self._kept[bucket.key] = bucket.bytecode_to_string()


_compiled = _Compiled()


class FeedbackExporter(HTMLExporter):
    """Makes the pages of one learner after the other."""

    def _create_environment(self) -> Environment:
        environment = super()._create_environment()
        environment.bytecode_cache = _compiled
        # A compiled template calls each filter as it was when it was compiled, so they must always
        # be the same, whatever the configuration says.
        environment.filters["highlight_code"] = highlighted
        environment.filters["clean_html"] = clean_html
        environment.filters["markdown2html"] = markdown2html
        return environment

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **options: Any
    ) -> tuple[str, dict[str, Any]]:
        """Make a page."""
        resources = self._init_resources(resources)
        page, resources = TemplateExporter.from_notebook_node(self, nb, resources, **options)
        page = page.replace("</head>", _STYLE, 1)
        return _WITHOUT_ALT.sub('<img alt=""', page), resources
