"""The quiz of lesson 00, the tools."""

from course_lib.checks import Text, choice

QUIZ_INPUT = choice(
    "tools-quiz-input",
    Text("试一个形状", "A shape to try"),
    "d",
    {
        "a": Text(
            "高与宽相等：对调了也看不出来。批里只有一张图，`squeeze()` 的错会显露，"
            "别的图掺进了结果的错却藏住了。",
            "Height and width are equal, so swapping them does not show. A batch of one reveals "
            "`squeeze()`, yet it hides it when other pictures are mixed into a result.",
        ),
        "b": Text(
            "四个轴都一样长：无论怎样对调，形状都对。",
            "All four axes have one length: whatever is swapped, the shape is right.",
        ),
        "c": Text(
            "高与宽仍然相等，而且通道数等于宽：门乘在宽上也不会报错。",
            "Height and width are still equal, and so are channels and width: a gate on the width "
            "raises no error.",
        ),
        "d": Text(
            "对：四个长度各不相同，都大于一，轴一旦对调，形状就错了，或者干脆报错。另加只有一张图的批。"
            "断错的行（第 1 节的 `third`）与用错的 softmax 轴，什么形状都看不出来，"
            "要放进 `torch.arange` 那样认得出的数。",
            "Yes: four different lengths, all above one; a swapped axis gives a wrong shape or an "
            "error. Add a batch of one as well. Rows that break in the wrong place (`third` of "
            "section 1) or a wrong axis of softmax show in no shape: put in numbers that you can "
            "recognize, as from `torch.arange`.",
        ),
    },
)


QUIZ_LINEAR = choice(
    "tools-quiz-linear",
    Text("Linear 收什么", "What Linear takes"),
    "b",
    {
        "a": Text(
            "博客这样写，但不对：前面有几个轴都行，也可以一个都没有。",
            "So says the blog, and it is wrong: any number of axes may stand before the last, or "
            "none.",
        ),
        "b": Text(
            "对：只看最后一个轴，前面的轴原样留下。",
            "Yes: it looks at the last axis only and keeps all axes before it.",
        ),
        "c": Text(
            "通道不在最后一个轴上，要先移过去；`Linear` 自己不会找。",
            "The channels are not the last axis and must be moved there; `Linear` does not look "
            "for them.",
        ),
        "d": Text(
            "它不会展平任何东西。最后一个轴的长度不是 6 就会报错。",
            "It flattens nothing. If the last axis does not have length 6 it raises an error.",
        ),
    },
)


QUIZ_ROWS = choice(
    "tools-quiz-softmax",
    Text("哪个和是一", "Which sum is one"),
    "a",
    {
        "a": Text(
            "对：`dim` 说的是沿着哪个轴求和得一。`dim=2` 走在 j 上，一行的和是一。",
            "Yes: `dim` names the axis along which the sum is one. `dim=2` walks over j, so a row "
            "sums to one.",
        ),
        "b": Text(
            "那是 `dim=1`：固定 j，让 i 走，一列的和是一。",
            "That is `dim=1`: j stays and i walks, so a column sums to one.",
        ),
        "c": Text(
            "那要先把两个轴并成一个，再做 softmax。",
            "For that the two axes must be merged before softmax.",
        ),
        "d": Text(
            "那是 `dim=0`，会把不同的图混在一起，几乎从来不是你要的。",
            "That is `dim=0`; it mixes pictures and is hardly ever what you want.",
        ),
    },
)


QUIZ_DILATION = choice(
    "tools-quiz-dilation",
    Text("膨胀", "Dilation"),
    "c",
    {
        "a": Text(
            "参数是核的点数，不因点与点隔开而变。",
            "The parameters are the taps of the kernel; moving them apart adds none.",
        ),
        "b": Text(
            "每个输出仍是九次乘加，乘以通道。图的大小不变时，运算一样多。",
            "Every output still takes nine multiply-adds, times channels. With a map of the same "
            "size the operations are the same.",
        ),
        "c": Text(
            "对。九个点隔开了，范围变大，代价不变；点与点之间的位置看不到。",
            "Yes. The nine taps stand apart: a wider range at the same cost, and the positions "
            "between them are not seen.",
        ),
        "d": Text(
            "范围内只用到九个位置，其余的看不到。第 6 节里 `5-5-5` 的网络就输在这里。",
            "Only nine positions of the range are used. That is where the network `5-5-5` of "
            "section 6 loses.",
        ),
    },
)
