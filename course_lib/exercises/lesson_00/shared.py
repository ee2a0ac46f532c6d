"""What several exercises of lesson 00 share."""

from course_lib.checks import Text

SEVERAL = Text("几张图，高与宽不等", "several pictures, height and width differ")


ONE = Text("批里只有一张图", "a batch of one")


DOUBLE = Text("双精度", "double precision")


Shape = tuple[int, ...]
