"""The quiz of lesson 05, channel attention."""

from course_lib.checks import Text, choice

QUIZ_SIGN = choice(
    "cam-quiz-sign",
    Text("负的 gamma", "A negative gamma"),
    "b",
    {
        "a": Text(
            "符号在 softmax 里面，`gamma` 在外面：`-gamma * softmax(-G)` 不是 "
            "`gamma * softmax(G)`。",
            "The sign stands inside the softmax, `gamma` outside: `-gamma * softmax(-G)` is not "
            "`gamma * softmax(G)`.",
        ),
        "b": Text(
            "对：负的 `gamma` 减去最不相似的那些通道；论文的形式加上的，量出来几乎只是通道自己。",
            "Yes: a negative `gamma` subtracts the least similar channels; what the paper's form "
            "adds is, as measured, little but the channel itself.",
        ),
        "c": Text(
            "`gamma` 是普通的参数，没有什么让它不能是负的；第 7 节看得到它的符号。",
            "`gamma` is an ordinary parameter and nothing keeps it from being negative; section 7 "
            "shows its sign.",
        ),
        "d": Text(
            "行的和总是一，与 `gamma` 无关：它乘在 softmax 之后。",
            "The rows sum to one whatever `gamma` is: it comes after the softmax.",
        ),
    },
)


QUIZ_SHUFFLE = choice(
    "cam-quiz-shuffle",
    Text("各自打乱", "Each shuffled on its own"),
    "a",
    {
        "a": Text(
            "对：各通道的均值不变，所以门不变；哪些通道在同一处响应却变了，Gram 矩阵看得见。",
            "Yes: the means of the channels stay, and so do the gates; which channels respond at "
            "the same place changes, and the Gram matrix sees it.",
        ),
        "b": Text(
            "均值不问位置，所以 SE 的门不变；内积却要逐位置相乘，打乱得不一致就变了。",
            "Means do not ask for positions, so the gates of SE stay; inner products multiply "
            "position by position and change when the shuffles differ.",
        ),
        "c": Text(
            "所有通道用同一种打乱时才是这样。现在各打乱各的，同一个位置上的数不再相配。",
            "That holds when all channels are shuffled alike. Here each is shuffled on its own, "
            "and the numbers at a position no longer belong together.",
        ),
        "d": Text(
            "SE 的门只由各通道的均值决定，打乱不改变均值。",
            "The gates of SE depend on the means of the channels alone, and a shuffle does not "
            "change them.",
        ),
    },
)


QUIZ_SE = choice(
    "cam-quiz-se",
    Text("SE 会而 CAM 不会", "What SE can and CAM cannot"),
    "d",
    {
        "a": Text(
            "这是 CAM 会的：全零的通道得到别的通道的混合；门乘以零还是零。",
            "CAM can do this: a channel of zeros receives a mixture of others; a gate times zero "
            "is zero.",
        ),
        "b": Text(
            "这是 CAM 会的：混合可以改变符号，正的门不能。",
            "CAM can do this: a mixture may change a sign, a positive gate cannot.",
        ),
        "c": Text(
            "这是 CAM 会的：内积看得见共同的响应，均值看不见。",
            "CAM can do this: inner products see responses at the same place, means do not.",
        ),
        "d": Text(
            "对：SE 的权重属于通道的编号，CAM 没有这样的权重；通道换了次序，它的输出只是跟着换。",
            "Yes: the weights of SE belong to channel numbers, and CAM has none; reorder the "
            "channels and its output is merely reordered too.",
        ),
    },
)
