"""The quiz of lesson 06, DANet."""

from course_lib.checks import Text, choice

QUIZ_DILATION = choice(
    "danet-quiz-dilation",
    Text("膨胀换来什么", "What dilation buys"),
    "b",
    {
        "a": Text(
            "参数没有变：膨胀只把抽头拉开，抽头的个数不变。",
            "The parameters stay: dilation moves the taps apart, and their number is the same.",
        ),
        "b": Text(
            "对：权重一个不变，粗网格上的每个数还在细网格里，多出的是它们之间的位置，乘加也因此多了。",
            "Yes: not one weight changes, every number of the coarse grid is still there in the "
            "fine one. New are the positions between them, and with them the multiply-adds.",
        ),
        "c": Text(
            "感受野没有缩小：步幅让抽头隔得远，膨胀正好补上。只去掉步幅、不膨胀，才会缩小。",
            "The receptive field does not shrink: a stride moves taps apart, and dilation makes up "
            "for it. It would shrink if the stride went and no dilation came.",
        ),
        "d": Text(
            "放大只在旧的数之间插值；这里每个位置都真的算过一次。",
            "Enlarging only interpolates between the old numbers; here every position is really "
            "computed.",
        ),
    },
)


QUIZ_VOID = choice(
    "danet-quiz-void",
    Text("空白处的梯度", "Gradients at void"),
    "c",
    {
        "a": Text(
            "损失里没有这个像素的项，什么也不把它推向第 0 类。",
            "The loss has no term for this pixel; nothing pushes it towards class 0.",
        ),
        "b": Text(
            "均匀的分数也是一种要求。没有项，就没有要求。",
            "Even scores would be a demand. Without a term there is none.",
        ),
        "c": Text(
            "对：没有损失项，就没有来自它的梯度；网络在那里说什么都可以，评价时也不问。",
            "Yes: without a term there is no gradient from it; the network may say anything there, "
            "and evaluation does not ask.",
        ),
        "d": Text(
            "`cross_entropy` 的 `ignore_index` 就是为此而设；没有它，255 才会出错。",
            "`ignore_index` of `cross_entropy` is made for this; it is without it that 255 fails.",
        ),
    },
)


QUIZ_OUTPUTS = choice(
    "danet-quiz-outputs",
    Text("另外两个输出", "The other two outputs"),
    "a",
    {
        "a": Text(
            "对：它们的损失直接教每一支自己也能分类；推理时只看第一个，扔掉它们不改变预测。",
            "Yes: their losses teach each branch directly to classify by itself; in use only the "
            "first is read, and dropping them changes no prediction.",
        ),
        "b": Text(
            "第一个输出是对两支特征之和分类，不是三个分数的平均。",
            "The first output classifies the sum of both branches' features; it is no mean of "
            "three scores.",
        ),
        "c": Text(
            "不单由它们：第一个损失的梯度也到两个 γ。γ 是各自的注意力里学出来的一个数。",
            "Not they alone: the gradient of the first loss reaches both gammas too. Each is one "
            "learned number of its attention.",
        ),
        "d": Text(
            "少了它们照样训练得动，第一个损失的梯度也到达两支。",
            "Training works without them too: the gradient of the first loss reaches both "
            "branches.",
        ),
    },
)


QUIZ_RESUME = choice(
    "danet-quiz-resume",
    Text("接着训练", "Going on with a training"),
    "d",
    {
        "a": Text(
            "网络是对的，可是学习率从头开始，AdamW 的滑动平均也没有了：曲线上会有一个跳。",
            "The network is right, but the learning rate starts anew and AdamW has lost its "
            "averages: the curve has a jump.",
        ),
        "b": Text(
            "学习率由调度器的步数决定，它也要存。",
            "The learning rate follows from the schedule's count of steps, which has to be kept "
            "too.",
        ),
        "c": Text(
            "网络在哪里都没有存：批归一化的统计量与权重一样要存。",
            "The network is stored nowhere: weights are needed, and so are the statistics of batch "
            "normalization.",
        ),
        "d": Text(
            "对：四样都在，再由种子与轮数决定每轮的随机数，接着训练就与没有断过一模一样。",
            "Yes: with all four, and random numbers that seed and epoch decide, a training goes on "
            "exactly as if it had not been cut.",
        ),
    },
)
