"""The quiz of lesson 03, dual pooling."""

from course_lib.checks import Text, choice

QUIZ_SHUFFLE = choice(
    "dual-quiz-shuffle",
    Text("打乱位置", "Shuffled positions"),
    "a",
    {
        "a": Text(
            "均值与最大值都不问位置，所以一个数也不变。",
            "Neither a mean nor a maximum asks where a value stands, so not one number changes.",
        ),
        "b": Text(
            "最大值移到了别处，它的值没有变；池化之后不记得它在哪里。",
            "The maximum moves elsewhere, but its value stays; after pooling its place is "
            "forgotten.",
        ),
        "c": Text(
            "均值是所有位置之和除以个数，与次序无关；最大值也一样。",
            "A mean is the sum over all positions divided by their number, in any order; the "
            "maximum does not care either.",
        ),
    },
)


QUIZ_PADDED = choice(
    "dual-quiz-padded",
    Text("四周是零", "Zeros around it"),
    "b",
    {
        "a": Text(
            "均值会变：总和没有变，位置却成了四倍。",
            "The means change: the sum stays, but there are four times as many positions.",
        ),
        "b": Text(
            "对：和不变而位置成了四倍，均值成了四分之一；ReLU 之后没有负数，添上的零盖不过最大值。",
            "Yes: the sum stays and the positions are four times as many, so the means are a "
            "quarter; after a ReLU nothing is negative, and added zeros exceed no maximum.",
        ),
        "c": Text(
            "最大值不会变：ReLU 之后的图没有负数，添上的零不会比原来的最大值大。",
            "The maxima stay: after a ReLU nothing is negative, and the added zeros exceed no "
            "maximum.",
        ),
        "d": Text(
            "正好相反：均值依赖于位置的个数，最大值不依赖。",
            "The other way round: a mean depends on the number of positions, a maximum does not.",
        ),
    },
)


QUIZ_GRADIENT = choice(
    "dual-quiz-gradient",
    Text("梯度去哪里", "Where gradients go"),
    "c",
    {
        "a": Text(
            "均值的那一半把梯度分给所有位置；只经过最大值时才是这样。",
            "The half of the means spreads its gradient over all positions; this would hold for "
            "the maximum alone.",
        ),
        "b": Text(
            "取得最大值的位置还从最大值的那一半收到梯度，所以它与别处不同。",
            "The position of the maximum also receives the gradient of the other half, so it "
            "differs from the rest.",
        ),
        "c": Text(
            "对：均值给每个位置同样的一份，最大值的那一份全部给取得最大值的位置。",
            "Yes: the mean gives every position the same share, and all of the maximum's goes to "
            "the position that has it.",
        ),
        "d": Text(
            "两者都可导（最大值在没有并列时可导），梯度照常传回。",
            "Both have gradients, the maximum wherever it is unique, and they flow back as usual.",
        ),
    },
)


QUIZ_CANNOT = choice(
    "dual-quiz-cannot",
    Text("双池化看不见什么", "What dual pooling cannot see"),
    "d",
    {
        "a": Text(
            "最大值看得见：只要有一处强烈的响应就够了。",
            "The maximum sees it: one strong response anywhere is enough.",
        ),
        "b": Text(
            "均值看得见：响应越多，均值越大。",
            "The mean sees it: the more responses, the larger it is.",
        ),
        "c": Text(
            "两半合起来看得见：一半说有没有，一半说有多少。",
            "Both halves together see it: one says whether, the other how much.",
        ),
        "d": Text(
            "对：两种池化都忘掉位置，而看不到两针宽的卷积自己也说不出左右。",
            "Yes: both poolings forget positions, and a convolution that sees less than two "
            "stitches in width cannot tell left from right either.",
        ),
    },
)
