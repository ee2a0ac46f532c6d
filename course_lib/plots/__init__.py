"""Every picture of the course. Text in a figure is English; the caption below it is bilingual."""

from course_lib.plots._show import save, show
from course_lib.plots._style import BLUE, GREEN, GREY, ORANGE, RED
from course_lib.plots.charts import (
    accuracies,
    curves,
    differences,
    gate_bars,
    heat_map,
    history,
    live_history,
    matrix,
)
from course_lib.plots.diagrams import Box, Window, flow, grids, windows
from course_lib.plots.images import (
    class_colours,
    pictures,
    scene_answers,
    segmentations,
    swatches,
)
from course_lib.plots.maps import (
    channel_maps,
    dual_attention,
    influence,
    kernel_planes,
    maps_over,
    pooled_maps,
    position_maps,
)

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "RED",
    "Box",
    "Window",
    "accuracies",
    "channel_maps",
    "class_colours",
    "curves",
    "differences",
    "dual_attention",
    "flow",
    "gate_bars",
    "grids",
    "heat_map",
    "history",
    "influence",
    "kernel_planes",
    "live_history",
    "maps_over",
    "matrix",
    "pictures",
    "pooled_maps",
    "position_maps",
    "save",
    "scene_answers",
    "segmentations",
    "show",
    "swatches",
    "windows",
]
