"""What several exercises of lesson 04 share."""

from course_lib.checks import Text

GRADIENT_STOPPED = Text(
    "数值对，但没有梯度。找 `detach`、`no_grad`、`.data` 或 `.item()`。",
    "The values are right, but no gradient arrives. Look for `detach`, `no_grad`, `.data` or "
    "`.item()`.",
)
