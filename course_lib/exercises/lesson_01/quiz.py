"""The quiz of lesson 01, squeeze-and-excitation."""

from course_lib.checks import Text, choice

QUIZ_SHUFFLE = choice(
    "se-quiz-shuffle",
    Text("打乱位置", "Shuffled positions"),
    "b",
    {
        "a": Text(
            "均值不记得位置：打乱之后每个通道的均值不变，门也不变。",
            "A mean does not know positions: after the shuffle every channel has the same mean, so "
            "the gate stays.",
        ),
        "b": Text(
            "门只通过通道均值依赖于 x；输出是原输出按同样的方式打乱。",
            "The gate depends on x through the channel means only; the output is the old output, "
            "shuffled the same way.",
        ),
        "c": Text(
            "门不变，但每个值跟着自己的位置走了，所以输出也被打乱。",
            "The gate stays, but every value has moved with its position, so the output is "
            "shuffled too.",
        ),
    },
)


QUIZ_COST = choice(
    "se-quiz-cost",
    Text("更大的图", "Larger maps"),
    "c",
    {
        "a": Text(
            "两层只看一个长度为 C 的向量，与 H 和 W 无关。",
            "The two layers see one vector of length C, whatever H and W are.",
        ),
        "b": Text(
            "参数从不依赖于特征图的大小。",
            "Parameters never depend on the size of the feature map.",
        ),
        "c": Text(
            "求均值和乘门各走遍所有 C·H·W 个数一次；两层的代价与尺寸无关。",
            "The mean and the multiplication each pass over all C·H·W numbers; the two layers do "
            "not depend on the size.",
        ),
        "d": Text(
            "四倍的位置要读要乘，时间不会不变。",
            "There are four times as many positions to read and to scale; the time does not stay.",
        ),
    },
)


QUIZ_SAME = choice(
    "se-quiz-same",
    Text("全连接与 1×1 卷积", "Linear and 1×1 convolution"),
    "a",
    {
        "a": Text(
            "1×1 卷积在每个位置用同一个矩阵；只有一个位置时，它就是那个矩阵乘一次。",
            "A 1×1 convolution applies one matrix at every position; with one position it is that "
            "matrix, once.",
        ),
        "b": Text(
            "两者都可以有或没有偏置，由参数 `bias` 决定。",
            "Both may have a bias or not; the argument `bias` decides.",
        ),
        "c": Text(
            "一个数也不少：形状 `(p, C, 1, 1)` 与 `(p, C)` 含同样多的数。",
            "Not one number fewer: shapes `(p, C, 1, 1)` and `(p, C)` hold equally many.",
        ),
        "d": Text(
            "这不是近似。载入同样的权重，两者的差只有舍入误差。",
            "It is no approximation. With the same weights they differ by rounding alone.",
        ),
    },
)


QUIZ_CANNOT = choice(
    "se-quiz-cannot",
    Text("SE 做不到什么", "What SE cannot do"),
    "d",
    {
        "a": Text(
            "这正是 SE 能做的：门由整张图的均值算出。",
            "That is what SE does: the gate is computed from the means of the whole picture.",
        ),
        "b": Text(
            "门趋近零时通道就被关上，SE 做得到。",
            "A gate near zero closes a channel; SE can.",
        ),
        "c": Text(
            "门随输入而变：同一个通道在不同的图里可以有不同的门。",
            "The gate changes with the input: one channel may have different gates in different "
            "pictures.",
        ),
        "d": Text(
            "同一个通道的所有位置乘同一个数，所以位置之间的比例不变。这是第 02 课的空间门做的事。",
            "All positions of a channel are multiplied by one number, so their ratios stay. That "
            "is the business of the spatial gate in lesson 02.",
        ),
    },
)
