"""Exercise danet-loss: three outputs, three losses."""

import torch

from course_lib.checks import Alternate, Exercise, Mutant, Text
from course_lib.exercises.lesson_06.loss_answers import (
    corners_elsewhere,
    dual_loss,
    fixed_factor,
    labels_shrunk,
    loss_case,
    loss_mutant,
    loss_of_the_sum,
    loss_one_batch,
    loss_sum_reduced,
    mean_over_pictures,
    nearest_enlarged,
    over_all_pixels,
    softmax_twice,
    void_as_a_class,
)

DANET_LOSS = Exercise(
    id="danet-loss",
    kind="implement",
    title=Text("三个损失", "Three losses"),
    difficulty=2,
    minutes=5,
    points=3,
    reference=dual_loss,
    cases=(
        loss_case(Text("几张图", "several pictures"), 3),
        loss_case(Text("一张图，默认的权重", "one picture, default weights"), 1, default=True),
        loss_case(Text("双精度", "double precision"), 2, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "void-as-a-class",
            loss_mutant(void_as_a_class),
            Text(
                "标签为 255 的像素也有损失：它们被当成了第 0 类。",
                "Pixels with the label 255 have a loss too: they are taken for class 0.",
            ),
        ),
        Mutant(
            "divided-by-all-pixels",
            loss_mutant(over_all_pixels),
            Text(
                "和除以了所有像素的个数。只除以算数的像素的个数，否则空白多的图损失就小。",
                "The sum is divided by the number of all pixels. Divide by those that count, else "
                "pictures with much void have a small loss.",
            ),
        ),
        Mutant(
            "mean-of-pictures",
            loss_mutant(mean_over_pictures),
            Text(
                "先在每张图里平均，再在图之间平均。这里每个算数的像素分量一样。",
                "This averages within each picture and then over pictures. Here every pixel that "
                "counts has the same weight.",
            ),
        ),
        Mutant(
            "not-weighted",
            loss_mutant(add=lambda losses, weights: sum(losses)),
            Text("权重没有用上。", "The weights are not used."),
        ),
        Mutant(
            "fixed-weights",
            loss_mutant(add=lambda losses, weights: losses[0] + 0.4 * losses[1] + 0.4 * losses[2]),
            Text(
                "权重写死成了 1、0.4、0.4。用参数 `weights`。",
                "The weights are always 1, 0.4, 0.4. Use the argument `weights`.",
            ),
        ),
        Mutant(
            "loss-of-the-sum",
            loss_of_the_sum,
            Text(
                "先把三个分数按权重加起来，只求了一个交叉熵。每个分数各有自己的交叉熵，相加的是它们。",
                "The three scores are added by their weights, and there is one cross-entropy. Each "
                "score has its own; it is these that are added.",
            ),
        ),
        Mutant(
            "nearest",
            loss_mutant(nearest_enlarged),
            Text(
                '按最近的位置放大了，那是默认的做法。写明 `mode="bilinear"`。',
                "Enlarged by the nearest position, which is the default. Ask for "
                '`mode="bilinear"`.',
            ),
        ),
        Mutant(
            "fused-alone",
            loss_mutant(add=lambda losses, weights: weights[0] * losses[0]),
            Text(
                "只有第一个输出有损失，两支各自的分类层永远学不到东西。",
                "Only the first output has a loss, and the classifiers of both branches never "
                "learn.",
            ),
        ),
        Mutant(
            "divided-by-the-weights",
            loss_mutant(
                add=lambda losses, weights: (
                    sum(w * loss for w, loss in zip(weights, losses, strict=True)) / sum(weights)
                )
            ),
            Text(
                "除以了权重之和。要的是加权的和，不是加权的平均。",
                "It is divided by the sum of the weights. A weighted sum is asked for, not a "
                "weighted mean.",
            ),
        ),
        Mutant(
            "softmax-twice",
            loss_mutant(softmax_twice),
            Text(
                "先取了 softmax，交叉熵里又取一次。把分数直接交给它。",
                "A softmax is taken before cross-entropy, which takes one itself. Hand it the "
                "scores.",
            ),
        ),
        Mutant(
            "corners-not-aligned",
            loss_mutant(corners_elsewhere),
            Text(
                "插值没有对齐四角。题目要 `align_corners=True`，DANet 的代码就是这样。",
                "The interpolation does not align the corners. The task wants "
                "`align_corners=True`, as DANet's code has it.",
            ),
        ),
        Mutant(
            "labels-shrunk",
            loss_mutant(labels_shrunk),
            Text(
                "缩小了标签，没有放大分数。大多数像素就没有人问了，细的杆子也丢了。",
                "The labels are shrunk instead of the scores enlarged. Most pixels are then never "
                "asked for, and thin poles are lost.",
            ),
        ),
        Mutant(
            "fixed-factor",
            loss_mutant(fixed_factor),
            Text(
                "分数的大小与标签对不上。放大到 `labels` 的高与宽，不要用写死的倍数。",
                "The scores do not have the size of the labels. Enlarge to the height and width of "
                "`labels`, not by a fixed factor.",
            ),
        ),
    ),
    alternates=(
        Alternate("one-batch", loss_one_batch),
        Alternate("summed", loss_sum_reduced),
        Alternate("by-hand", loss_mutant()),
    ),
)
