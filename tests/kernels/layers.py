"""Layers: convolutions, products of matrices, norms, attention, recurrent networks, losses."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.kernels.draw import Case, Draw, Operation


def convolution(axes: int, *, transposed: bool = False) -> Operation:
    def build(d: Draw) -> Case:
        groups = d.one_of(1, 1, 2)
        grouped = d.coin() and d.coin()
        inside, outside = groups * d.size(), groups * d.size()
        if grouped:  # one filter for each channel
            groups = outside = inside
        kernel = tuple(d.one_of(1, 2, 3) for _ in range(axes))
        x = d.normal(d.batch, inside, *d.places(axes, least=3))
        wide = (inside, outside // groups) if transposed else (outside, inside // groups)
        weight, bias = d.normal(*wide, *kernel), d.normal(outside)
        stride, padding, dilation = d.one_of(1, 2), d.one_of(0, 1), 1 if transposed else d.one_of(1, 1, 2)
        if dilation == 2:
            padding = 2
        if transposed:
            run = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[axes - 1]
            padding = min(padding, min(kernel) - 1)
            return lambda x, w, b: run(x, w, b, stride, padding, 0, groups), [x, weight, bias]
        forward = (F.conv1d, F.conv2d, F.conv3d)[axes - 1]
        return lambda x, w, b: forward(x, w, b, stride, padding, dilation, groups), [x, weight, bias]

    return build


def linear(d: Draw) -> Case:
    x, weight = d.any_values(), d.normal(d.size(), d.size())
    x = d.normal(*x.shape, weight.shape[1])
    return F.linear, [x, weight, *([d.normal(weight.shape[0])] if d.coin() else [])]


def matmul(d: Draw) -> Case:
    inner, left, right = d.size(), d.size(), d.size()
    several = d.one_of((), (d.batch,), (d.batch, 3), (d.batch, 1))
    other = d.one_of(several, several[1:], ())
    a, b = d.normal(*several, left, inner), d.normal(*other, inner, right)
    return torch.matmul, [a, b[..., 0].contiguous() if not other and d.coin() else b]


def einsum(pattern: str) -> Operation:
    def build(d: Draw) -> Case:
        sizes = {letter: d.size() for letter in "abcdehijkq"} | {"n": d.batch}
        parts = pattern.split("->")[0].split(",")
        return lambda *t: torch.einsum(pattern, *t), [d.normal(*(sizes[i] for i in part)) for part in parts]

    return build


def norm_of_batch(axes: int, *, training: bool = False) -> Operation:
    def build(d: Draw) -> Case:
        x = d.normal(d.batch, d.size(), *d.places(axes, least=2 if training else 1))
        channels = x.shape[1]
        mean, var = d.lain(d.normal(channels)), d.lain(d.positive(channels))
        given = [x, *([d.normal(channels), d.normal(channels)] if d.coin() else [])]
        if training:
            return lambda x, w=None, b=None: F.batch_norm(x, None, None, w, b, True), given
        return lambda x, w=None, b=None: F.batch_norm(x, mean, var, w, b), given

    return build


def norm_of_instances(axes: int) -> Operation:
    def build(d: Draw) -> Case:
        x = d.normal(d.batch, d.size(), *d.places(axes))
        channels = x.shape[1]
        if x[0, 0].numel() == 1:
            x = d.normal(*x.shape[:-1], 3)
        given = [x, *([d.normal(channels), d.normal(channels)] if d.coin() else [])]
        mean, var = d.lain(d.normal(channels)), d.lain(d.positive(channels))
        if d.coin():
            return lambda x, w=None, b=None: F.instance_norm(x, weight=w, bias=b), given
        return lambda x, w=None, b=None: F.instance_norm(x, mean, var, w, b, use_input_stats=False), given

    return build


def group_norm(d: Draw) -> Case:
    groups = d.one_of(1, 2, 3)
    channels = groups * d.size()
    x = d.normal(d.batch, channels, *d.places(d.random.randint(1, 3), least=2))
    return lambda x, w, b: F.group_norm(x, groups, w, b), [x, d.normal(channels), d.normal(channels)]


def layer_norm(d: Draw) -> Case:
    shape = d.places(d.one_of(1, 1, 2, 3), least=2)
    x = d.normal(*d.any_shape()[:3], *shape)
    return lambda x, w, b: F.layer_norm(x, shape, w, b), [x, d.normal(*shape), d.normal(*shape)]


def rms_norm(d: Draw) -> Case:
    shape = d.places(d.one_of(1, 2), least=2)
    return lambda x, w: F.rms_norm(x, shape, w), [d.normal(*d.any_shape()[:3], *shape), d.normal(*shape)]


def weight_norm(d: Draw) -> Case:
    v = d.normal(3, *d.places(d.random.randint(1, 3)))
    axis = d.one_of(0, v.dim() - 1)
    wide = [size if i == axis else 1 for i, size in enumerate(v.shape)]
    return lambda v, g: torch._weight_norm(v, g, axis), [v, d.normal(*wide)]


def normalize(d: Draw) -> Case:
    x = d.normal(*d.any_shape(), 3)
    axis = d.axis(x)
    return lambda x: F.normalize(x, dim=axis, p=2), [x]


def attention(d: Draw) -> Case:
    heads, queries, keys, width = d.size(), d.size(), d.size(2), d.one_of(2, 4, 8)
    shapes = [(d.batch, heads, n, width) for n in (queries, keys, keys)]
    mask = d.normal(queries, keys) if d.coin() else None
    causal = mask is None and d.coin()
    return (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal),
        [d.normal(*shape) for shape in shapes],
    )


def attention_layer(d: Draw) -> Case:
    width, heads = 4, d.one_of(1, 2)
    module = nn.MultiheadAttention(width, heads, batch_first=d.coin()).to(d.device, d.dtype).eval()
    weights = [d.normal(*p.shape) for p in module.parameters()]
    names = [name for name, _ in module.named_parameters()]
    x = d.normal(d.batch, d.size(), width) if module.batch_first else d.normal(d.size(), d.batch, width)

    def run(x: Tensor, *weights: Tensor) -> object:
        return torch.func.functional_call(module, dict(zip(names, weights, strict=True)), (x, x, x))

    return run, [x, *weights]


def recurrent(kind: Callable[..., nn.RNNBase], mode: str = "") -> Operation:
    def build(d: Draw) -> Case:
        width = d.size()
        options = {"num_layers": d.one_of(1, 2), "bidirectional": d.coin(), "batch_first": d.coin()}
        more = {"nonlinearity": mode} if mode else {}
        module = kind(width, 3, **options, **more).to(d.device, d.dtype)
        names = [name for name, _ in module.named_parameters()]
        weights = [d.normal(*p.shape) / 2 for p in module.parameters()]
        shape = (d.batch, 4, width) if module.batch_first else (4, d.batch, width)

        def run(x: Tensor, *weights: Tensor) -> object:
            return torch.func.functional_call(module, dict(zip(names, weights, strict=True)), (x,))

        return run, [d.normal(*shape), *weights]

    return build


def embedding(d: Draw) -> Case:
    which = d.whole(4, d.batch, d.size())
    return lambda table: F.embedding(which, table), [d.normal(4, d.size())]


def embedding_bag(d: Draw) -> Case:
    which, mode = d.whole(4, d.batch, 3), d.one_of("sum", "mean")
    return lambda table: F.embedding_bag(which, table, mode=mode), [d.normal(4, d.size())]


# -------------------------------------------------------------------------------------------------------------- losses


def of_two(loss: Callable[..., Tensor]) -> Operation:
    def build(d: Draw) -> Case:
        shape, reduction = d.any_shape(), d.one_of("mean", "sum", "none")
        return lambda a, b: loss(a, b, reduction=reduction), [d.normal(*shape), d.normal(*shape)]

    return build


def cross_entropy(d: Draw) -> Case:
    places, reduction = d.places(d.random.randint(0, 2)), d.one_of("mean", "sum", "none")
    target, smooth = d.whole(4, d.batch, *places), d.one_of(0.0, 0.1)
    return (
        lambda x: F.cross_entropy(x, target, reduction=reduction, label_smoothing=smooth),
        [d.normal(d.batch, 4, *places)],
    )


def nll(d: Draw) -> Case:
    places = d.places(d.random.randint(0, 2))
    target, weight = d.whole(4, d.batch, *places), d.positive(4)
    return lambda x: F.nll_loss(x, target, weight), [d.normal(d.batch, 4, *places)]


def bce(d: Draw) -> Case:
    shape = d.any_shape()
    target = d.uniform(*shape)
    return lambda x: F.binary_cross_entropy(x, target), [d.uniform(*shape, low=0.1, high=0.9)]


def bce_of_logits(d: Draw) -> Case:
    shape = d.any_shape()
    target = d.uniform(*shape)
    return lambda x: F.binary_cross_entropy_with_logits(x, target, reduction="none"), [d.normal(*shape)]


def kl(d: Draw) -> Case:
    shape = d.any_shape()
    return lambda x, y: F.kl_div(x, y, reduction="sum"), [d.normal(*shape), d.positive(*shape)]


def ctc(d: Draw) -> Case:
    target = 1 + d.whole(3, d.batch, 2)
    lengths = torch.full((d.batch,), 6), torch.full((d.batch,), 2)
    return lambda x: F.ctc_loss(x.log_softmax(2), target, *lengths), [d.normal(6, d.batch, 4)]


def soft_margin(d: Draw) -> Case:
    shape = d.any_shape()
    target = 2.0 * d.whole(2, *shape) - 1
    return lambda x: F.soft_margin_loss(x, target), [d.normal(*shape)]


def triplet(d: Draw) -> Case:
    width = d.size(2)
    return F.triplet_margin_loss, [d.normal(d.batch, width) for _ in range(3)]


def two_rows(function: Callable[..., Tensor]) -> Operation:
    def build(d: Draw) -> Case:
        shape = (d.batch, *d.places(d.random.randint(0, 2)), 3)
        return lambda a, b: function(a, b), [d.normal(*shape), d.normal(*shape)]

    return build


def cdist(d: Draw) -> Case:
    width, p = d.size(2), d.one_of(1.0, 2.0, 3.0)
    return lambda a, b: torch.cdist(a, b, p), [d.normal(d.batch, d.size(), width), d.normal(d.batch, d.size(), width)]


def added_product(d: Draw) -> Case:
    a, b = d.normal(d.batch, 3, d.size()), d.normal(d.batch, d.size(), 2)
    b = d.normal(d.batch, a.shape[2], b.shape[2])
    return torch.baddbmm, [d.normal(d.batch, 3, 2), a, b]


def bilinear(d: Draw) -> Case:
    a, b = d.size(), d.size()
    return F.bilinear, [d.normal(d.batch, a), d.normal(d.batch, b), d.normal(3, a, b), d.normal(3)]


LAYERS: dict[str, Operation] = {
    **{f"conv{n}d": convolution(n) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": convolution(n, transposed=True) for n in (1, 2, 3)},
    "linear": linear,
    "matmul": matmul,
    "baddbmm": added_product,
    "bilinear": bilinear,
    **{f"einsum {p}": einsum(p) for p in ("nhqd,nhkd->nhqk", "nchq,chk->nkq", "nij,njk->ik", "nc,c->n", "ncij->nji")},
    **{f"batch_norm of {n + 2} axes": norm_of_batch(n) for n in (0, 1, 2, 3)},
    **{f"batch_norm of {n + 2} axes, training": norm_of_batch(n, training=True) for n in (1, 2, 3)},
    **{f"instance_norm of {n + 2} axes": norm_of_instances(n) for n in (1, 2, 3)},
    "group_norm": group_norm,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "weight_norm": weight_norm,
    "normalize": normalize,
    "local_response_norm": lambda d: (lambda x: F.local_response_norm(x, 3), [d.maps()]),
    "scaled_dot_product_attention": attention,
    "multi_head_attention": attention_layer,
    "lstm": recurrent(nn.LSTM),
    "gru": recurrent(nn.GRU),
    "rnn tanh": recurrent(nn.RNN, "tanh"),
    "rnn relu": recurrent(nn.RNN, "relu"),
    "embedding": embedding,
    "embedding_bag": embedding_bag,
    "dropout at rest": lambda d: (lambda x: F.dropout(x, training=False) * 2, [d.any_values()]),
    "cross_entropy": cross_entropy,
    "nll_loss": nll,
    "binary_cross_entropy": bce,
    "binary_cross_entropy_with_logits": bce_of_logits,
    "kl_div": kl,
    "ctc_loss": ctc,
    "triplet_margin_loss": triplet,
    "mse_loss": of_two(F.mse_loss),
    "l1_loss": of_two(F.l1_loss),
    "smooth_l1_loss": of_two(F.smooth_l1_loss),
    "huber_loss": of_two(F.huber_loss),
    "soft_margin_loss": soft_margin,
    "poisson_nll_loss": of_two(F.poisson_nll_loss),
    "cosine_similarity": two_rows(lambda a, b: F.cosine_similarity(a, b, -1)),
    "pairwise_distance": two_rows(F.pairwise_distance),
    "cdist": cdist,
}
