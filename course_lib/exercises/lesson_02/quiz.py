"""The quiz of lesson 02, CBAM."""

from course_lib.checks import (
    Text,
    choice,
)

QUIZ_MIRROR = choice(
    "cbam-quiz-mirror",
    Text("镜像", "The mirror"),
    "c",
    {
        "a": Text(
            "门要跟着内容走：空间门不随图翻转，就会乘错位置。它也确实会变。",
            "The content moves: a spatial gate that stayed would multiply the wrong places. And "
            "it does change.",
        ),
        "b": Text(
            "两个平面确实跟着翻转，但随机的 7×7 卷积核并不左右对称，所以卷积的结果不是原来的镜像。",
            "The two planes do mirror, but a random kernel of 7×7 is not symmetric, so the "
            "convolution does not give the mirrored result.",
        ),
        "c": Text(
            "均值与最大值不记得位置，通道门不变；随机的卷积核不对称，镜像的图便没有镜像的门。训练出来的卷积核也没有什么使它恰好对称。",
            "Mean and maximum do not know positions, so the channel gate stays; a random kernel is "
            "not symmetric, so the mirrored map has no mirrored gate. Nor does anything make a "
            "trained kernel exactly symmetric.",
        ),
        "d": Text(
            "通道门只看每个通道的均值与最大值，翻转不改变它们。",
            "The channel gate sees the mean and the maximum of every channel only, and a mirror "
            "changes neither.",
        ),
    },
)


QUIZ_FRESH = choice(
    "cbam-quiz-fresh",
    Text("刚刚造好的网络", "A fresh network"),
    "b",
    {
        "a": Text(
            "这要门等于 1。sigmoid 在零附近是 0.5，到不了 1。",
            "That would take gates of 1. A sigmoid near zero is 0.5, far from 1.",
        ),
        "b": Text(
            "两个门都在 0.5 附近，一个接一个相乘，约为四分之一。所以给一个训练好的 ResNet 装上 "
            "CBAM，它的输出立刻就变了。",
            "Both gates are near 0.5, and one multiplies after the other: about a quarter. So a "
            "trained ResNet that is given CBAM has other outputs at once.",
        ),
        "c": Text(
            "这是一个门的效果。通道门与空间门接连相乘。",
            "That is the effect of one gate. The channel gate and the spatial gate both multiply.",
        ),
        "d": Text(
            "权重为 0 的是批归一化，不是门：$\\sigma(0)$ 是 0.5，不是 0。",
            "It is the batch normalization that has the weight 0, not the gate: $\\sigma(0)$ is "
            "0.5, not 0.",
        ),
    },
)


QUIZ_SHARING = choice(
    "cbam-quiz-sharing",
    Text("先加后走", "Adding first"),
    "c",
    {
        "a": Text(
            "ReLU 不是线性的：一份是 1、另一份是 -1，先过 ReLU 再加是 1，先加再过是 0。",
            "A ReLU is not linear: for 1 and -1, the ReLU before the sum gives 1, after it 0.",
        ),
        "b": Text(
            "偏置只是其一。没有偏置，ReLU 仍让先加与后加不同。",
            "The biases are only one reason. Without them the ReLU still makes the order matter.",
        ),
        "c": Text(
            "两者都去掉，$g$ 就是一个矩阵，和的 $g$ 才总是 $g$ 的和；留着偏置，走两遍加两次，走一"
            "遍只加一次。",
            "With both gone, $g$ is a matrix, and only then is $g$ of a sum always the sum of the "
            "$g$'s; with the biases left, two passes add them twice, one pass once.",
        ),
        "d": Text(
            "批里有几张图与此无关：每张图各走各的。",
            "The number of pictures has nothing to do with it: each goes its own way.",
        ),
    },
)


QUIZ_COST = choice(
    "cbam-quiz-cost",
    Text("更大的图", "Larger pictures"),
    "c",
    {
        "a": Text(
            "通道门的小网络每张图只对两个向量各走一遍，与高和宽无关。",
            "The small network of the channel gate is passed by two vectors per picture, whatever "
            "the height and the width.",
        ),
        "b": Text(
            "卷积核是 $2k^2$ 个数，特征图多大都一样。",
            "The kernel is $2k^2$ numbers, whatever the size of the feature map.",
        ),
        "c": Text(
            "空间卷积在每个位置都算一遍，位置是四倍；小网络仍是每张图两遍。",
            "The spatial convolution works at every position, and there are four times as many; "
            "the small network is still passed twice per picture.",
        ),
        "d": Text(
            "空间门的是四倍，通道门的小网络却看不到高和宽。",
            "Those of the spatial gate are, but the small network of the channel gate never sees "
            "height and width.",
        ),
    },
)
