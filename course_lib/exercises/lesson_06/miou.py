"""Exercise danet-miou: one matrix, and what is read off it."""

import torch

from course_lib.checks import Alternate, Exercise, Mutant, Text
from course_lib.exercises.lesson_06.miou_answers import (
    by_class,
    count_and_score,
    mean_of_pictures,
    miou_case,
    miou_loop,
    miou_one_hot,
    of_labels_only,
    score_mutant,
    transposed_counts,
    void_as_class_0,
    void_in_the_codes,
)

DANET_MIOU = Exercise(
    id="danet-miou",
    kind="implement",
    title=Text("混淆矩阵与 mIoU", "Confusion matrix and mIoU"),
    difficulty=2,
    minutes=6,
    points=3,
    reference=count_and_score,
    cases=(
        miou_case(Text("几张图", "several pictures"), 3),
        miou_case(Text("一个类哪里都没有", "a class that is nowhere"), 3, absent=True),
        miou_case(Text("一个类只在预测里出现", "a class that is only predicted"), 2, invented=True),
        miou_case(Text("一张图", "one picture"), 1),
    ),
    mutants=(
        Mutant(
            "void-counted",
            void_as_class_0,
            Text(
                "标签为 255 的像素被当成了第 0 类。它们一个也不算，预测了什么都不问。",
                "Pixels with the label 255 are taken for class 0. None of them counts, whatever is "
                "predicted there.",
            ),
        ),
        Mutant(
            "void-in-the-codes",
            void_in_the_codes,
            Text(
                "若报的是 `shape … is invalid`：标签为 255 的像素还在里面，"
                "它们的编码比方阵的格子大得多。先去掉它们。",
                "If it says `shape … is invalid`: pixels with the label 255 are still there, and "
                "their codes lie far beyond the places of the square. Take them out first.",
            ),
        ),
        Mutant(
            "transposed",
            transposed_counts,
            Text(
                "矩阵转置了：行是真实的类，列是预测的类。mIoU 倒没有变。",
                "The matrix is transposed: rows are true classes, columns predicted ones. The mIoU "
                "happens to be the same.",
            ),
        ),
        Mutant(
            "pixel-accuracy",
            score_mutant(lambda counts: counts.trace() / counts.sum()),
            Text(
                "第二个数是像素准确率。它由大的类说了算，小的类全错也看不出来。",
                "The second number is the pixel accuracy. Large classes decide it; a small class "
                "may be wrong everywhere without a trace.",
            ),
        ),
        Mutant(
            "recall",
            score_mutant(lambda counts: (counts.diagonal() / counts.sum(1)).nanmean()),
            Text(
                "除数只是真实属于这一类的像素。错认成这一类的像素也要算进并集。",
                "The divisor holds only pixels that truly have the class. Those that were wrongly "
                "given it belong to the union too.",
            ),
        ),
        Mutant(
            "both-twice",
            score_mutant(
                lambda counts: (counts.diagonal() / (counts.sum(0) + counts.sum(1))).nanmean()
            ),
            Text(
                "并集里交集数了两遍：行和与列和都含着它，要减去一次。",
                "The union counts the intersection twice: row sum and column sum both hold it, so "
                "take it off once.",
            ),
        ),
        Mutant(
            "dice",
            score_mutant(
                lambda counts: (2 * counts.diagonal() / (counts.sum(0) + counts.sum(1))).nanmean()
            ),
            Text(
                "这是 Dice 系数，两倍的交集除以两者之和；IoU 是交集除以并集。",
                "This is the Dice coefficient, twice the intersection over the sum of both; IoU is "
                "intersection over union.",
            ),
        ),
        Mutant(
            "absent-is-zero",
            score_mutant(lambda counts: by_class(counts).nan_to_num(0.0).mean()),
            Text(
                "标签与预测里都没有的类算成了 0，拉低了均值。这样的类没有 IoU，不参加平均。",
                "A class that is neither in the labels nor predicted counts as 0 and pulls the "
                "mean down. It has no IoU and takes no part in the mean.",
            ),
        ),
        Mutant(
            "absent-is-one",
            score_mutant(lambda counts: by_class(counts).nan_to_num(1.0).mean()),
            Text(
                "标签与预测里都没有的类算成了 1，抬高了均值。这样的类没有 IoU，不参加平均。",
                "A class that is neither in the labels nor predicted counts as 1 and lifts the "
                "mean. It has no IoU and takes no part in the mean.",
            ),
        ),
        Mutant(
            "in-per-cent",
            score_mutant(lambda counts: 100 * by_class(counts).nanmean()),
            Text(
                "第二个数是百分数。这里从 0 到 1。",
                "The second number is in per cent. Here it goes from 0 to 1.",
            ),
        ),
        Mutant(
            "invented-left-out",
            score_mutant(of_labels_only),
            Text(
                "只对标签里出现的类取平均。凭空预测出来的类也有并集，它的 IoU 是 0。",
                "The mean is over the classes of the labels only. A class that is predicted out of "
                "nothing has a union too, and its IoU is 0.",
            ),
        ),
        Mutant(
            "mean-of-pictures",
            mean_of_pictures,
            Text(
                "先算每张图的 mIoU 再平均。数要先在所有图上加起来，最后只除一次。",
                "This averages the mIoU of the pictures. Counts are summed over all pictures "
                "first and divided once.",
            ),
        ),
    ),
    alternates=(
        Alternate("loop", miou_loop),
        Alternate("one-hot", miou_one_hot),
        Alternate("by-class", score_mutant(lambda counts: torch.nanmean(by_class(counts).float()))),
    ),
    gradients=False,
)
