"""The quiz of lesson 04, position attention."""

from course_lib.checks import Text, choice

QUIZ_GAMMA = choice(
    "pam-quiz-gamma",
    Text("γ = 0 的测试", "A test at γ = 0"),
    "b",
    {
        "a": Text(
            "不报错只说明形状相配。γ = 0 时，混合里算了什么都不影响输出。",
            "That nothing is raised shows only that shapes fit. With γ = 0 the output does not "
            "depend on what the mixture holds.",
        ),
        "b": Text(
            "对：输出是 `x` 加上零乘混合，混合算成什么样都行。要把 γ 设成别的数再比。",
            "Yes: the output is `x` plus zero times the mixture, whatever that is. Set γ to "
            "another number, then compare.",
        ),
        "c": Text(
            "查询、键、值的梯度都乘着 γ，此时全是零，错的与对的一样，所以也看不出。",
            "The gradients of queries, keys and values all carry the factor γ and are zero now, in "
            "right and wrong modules alike, so they tell nothing either.",
        ),
        "d": Text(
            "更大的输入、更多的种子都一样：零乘什么都是零。",
            "Larger inputs and more seeds change nothing: zero times anything is zero.",
        ),
    },
)


QUIZ_PLACE = choice(
    "pam-quiz-place",
    Text("它不知道什么", "What it does not know"),
    "d",
    {
        "a": Text(
            "能：颜色相近的位置查询与键的内积可以大，与远近无关。",
            "It can: positions of like colour can have a large inner product of query and key, "
            "near or far.",
        ),
        "b": Text(
            "能：键可以认出信标，值带上它的颜色，每个位置都取得到。",
            "It can: keys can know the beacon, values carry its colour, and every position gets "
            "it.",
        ),
        "c": Text(
            "能：注意力图若是均匀的，混合就是值的均值。",
            "It can: with a uniform attention map the mixture is the mean of the values.",
        ),
        "d": Text(
            "对：把位置任意打乱，输出只是跟着打乱，所以单靠它分不出左右；这样的消息得由卷积或位置"
            "编码给。",
            "Yes: however the positions are permuted, the output only follows, so by itself it "
            "cannot tell left from right; convolutions or an encoding of positions must say so.",
        ),
    },
)


QUIZ_TWO_WRONGS = choice(
    "pam-quiz-two-wrongs",
    Text("两处错", "Two mistakes"),
    "a",
    {
        "a": Text(
            "对：列加起来是 1，用的也是列；等于把查询与键对调。两者都是学来的，所以重新训练时"
            "看不出差别，装别人的权重时才错。",
            "Yes: the columns sum to 1, and columns are what is used, which amounts to "
            "exchanging queries and keys. Both are learned, so training from scratch shows no "
            "difference, only loading somebody's weights does.",
        ),
        "b": Text(
            "各有一处时加起来不是 1；两处都有时，用的列正是归一化过的列。",
            "With one of the two they do not sum to 1; with both, the columns that are used are "
            "the ones that were normalized.",
        ),
        "c": Text(
            "形状没有变：注意力图是 N×N 的，转不转置、沿哪个轴归一化都一样大。",
            "No shape changes: the attention map is N×N, transposed or not, normalized along "
            "either axis.",
        ),
        "d": Text(
            "输出与对的不同，除非查询等于键：能量一般不对称。",
            "The output differs from the right one unless queries equal keys: energies are not "
            "symmetric in general.",
        ),
    },
)
