"""Softmax, its logarithm, the logarithm of its denominator, and the cross entropy of logits."""

from __future__ import annotations

from adapters.pytorch.table.row import ALIAS, MEANS, Rows, constant

HALF = {"dtypes": ("float16", "bfloat16")}
WEIGHT = "weight=class_weights"
OPTIONS = f"{WEIGHT}, label_smoothing=label_smoothing"
INDEX = f"{WEIGHT}, ignore_index=ignore_index, label_smoothing=label_smoothing"
LOSS = f"F.cross_entropy(logits, labels, {INDEX}, reduction=reduction)"
LAYER = (
    "F.linear_cross_entropy(hidden, weights, labels, linear_bias=bias, {}, reduction=reduction{})"
)
AXIS = {"needs": ("axis",)}
"""A batch whose class axis is not the last: PyTorch has the classes on axis 1."""
CONSTANT = {"fixed": {"class_weights": constant("nll_loss_forward")}}
SPATIAL = ("eager", "compiled", "strided", "placed", "deterministic")
"""The modes of a row of classes with a spatial axis: `torch.vmap` would leave it no batch axis."""
PIXELS = {"fixed": {"class_weights": constant("nll_loss2d_forward")}}
UNUSED = "The differentiated Tensor at index 0 appears to not have been used in the graph."
EAGER = ("eager", "strided", "placed", "deterministic")
"""The modes of the chunked algorithm: its documentation excludes torch.compile and torch.vmap."""
WEIGHTED = {"needs": ("class_weights",)}
WARM = {"needs": ("temperature",)}
ROWWISE = {"needs": ("sample_weights",), "reductions": MEANS}

FUNCTIONS: Rows = {
    "softmax": {
        "F.softmax": "F.softmax(logits, dim=axis)",
        "F.softmax (in float32)": (
            "F.softmax(logits, dim=axis, dtype=torch.float32).to(logits.dtype)",
            HALF,
        ),
        "F.softmin": ("F.softmin(-logits, dim=axis)", ALIAS),
        "torch.softmax": ("torch.softmax(logits, dim=axis)", ALIAS),
        "torch.special.softmax": ("torch.special.softmax(logits, dim=axis)", ALIAS),
        "torch.nn.Softmax": ("torch.nn.Softmax(dim=axis)(logits)", ALIAS),
        "torch.nn.Softmin": ("torch.nn.Softmin(dim=axis)(-logits)", ALIAS),
        "torch.nn.Softmax2d": (
            "torch.nn.Softmax2d()(logits[:, :, None, None])[:, :, 0, 0]",
            ALIAS,
        ),
        "torch.masked.softmax": "torch.masked.softmax(logits, axis, mask=mask)",
        "torch.masked.softmin": "torch.masked.softmin(-logits, axis, mask=mask)",
    },
    "log_softmax": {
        "F.log_softmax": "F.log_softmax(logits, dim=axis)",
        "F.log_softmax (in float32)": (
            "F.log_softmax(logits, dim=axis, dtype=torch.float32).to(logits.dtype)",
            HALF,
        ),
        "torch.log_softmax": ("torch.log_softmax(logits, dim=axis)", ALIAS),
        "torch.special.log_softmax": ("torch.special.log_softmax(logits, dim=axis)", ALIAS),
        "torch.nn.LogSoftmax": ("torch.nn.LogSoftmax(dim=axis)(logits)", ALIAS),
        "torch.masked.log_softmax": "torch.masked.log_softmax(logits, axis, mask=mask)",
    },
    "logsumexp": {
        "torch.logsumexp": "torch.logsumexp(logits, dim=axis)",
        "torch.special.logsumexp": ("torch.special.logsumexp(logits, dim=axis)", ALIAS),
        "torch.logcumsumexp": "torch.logcumsumexp(logits, dim=-1)[..., -1]",
        "torch.masked.logsumexp": "torch.masked.logsumexp(logits, axis, mask=mask)",
    },
    "softmax_cross_entropy": {
        "F.cross_entropy (probabilities)": (
            f"F.cross_entropy(logits, labels, {OPTIONS}, reduction=reduction)"
        ),
        "F.cross_entropy (probabilities, class axis)": (
            "F.cross_entropy(logits.movedim(axis, 1), labels.movedim(axis, 1),"
            f" {OPTIONS}, reduction=reduction)",
            AXIS,
        ),
        "torch.nn.CrossEntropyLoss (probabilities)": (
            f"torch.nn.CrossEntropyLoss({OPTIONS}, reduction=reduction)(logits, labels)",
            ALIAS,
        ),
    },
    "softmax_cross_entropy_index": {
        "F.cross_entropy (index)": (LOSS, CONSTANT),
        "F.cross_entropy (index, one spatial dimension)": (
            f"F.cross_entropy(logits[..., None], labels[..., None], {INDEX},"
            " reduction='none')[..., 0]",
            {**PIXELS, "modes": SPATIAL},
        ),
        "F.cross_entropy (index, class axis)": (
            f"F.cross_entropy(logits.movedim(axis, 1), labels, {INDEX}, reduction=reduction)",
            {**AXIS, **PIXELS},
        ),
        "torch.nn.CrossEntropyLoss (index)": (
            f"torch.nn.CrossEntropyLoss({INDEX}, reduction=reduction)(logits, labels)",
            {**ALIAS, **CONSTANT},
        ),
    },
    "linear_softmax_cross_entropy": {
        "F.linear_cross_entropy": (LAYER.format(INDEX, ""), CONSTANT),
        "torch.nn.LinearCrossEntropyLoss": (
            "torch.func.functional_call(torch.nn.LinearCrossEntropyLoss(hidden.shape[-1],"
            f" len(weights), bias=True, {INDEX}, reduction=reduction),"
            " {'linear.weight': weights, 'linear.bias': bias}, (hidden, labels))",
            {**ALIAS, **CONSTANT, "needs": ("bias",)},
        ),
        "F.linear_cross_entropy (chunked)": (
            LAYER.format(INDEX, ", options=torch.nn.LinearCrossEntropyOptions()"),
            {"fixed": {"class_weights": UNUSED}, "modes": EAGER},
        ),
    },
    "nll": {
        "F.nll_loss": (
            f"F.nll_loss(log_probabilities, labels, {WEIGHT},"
            " ignore_index=ignore_index, reduction=reduction)",
            CONSTANT,
        ),
        "torch.nn.NLLLoss": (
            f"torch.nn.NLLLoss({WEIGHT}, ignore_index=ignore_index, reduction=reduction)"
            "(log_probabilities, labels)",
            {**ALIAS, **CONSTANT},
        ),
    },
}

SOFTMAX = "F.softmax(logits, dim=-1)"
LOGS = "F.log_softmax(logits, dim=-1)"
AT = "gather(-1, labels[:, None])[:, 0]"
MASKED = "logits.masked_fill(~mask, -torch.inf)"
NLL = f"F.nll_loss({{}}, labels, {WEIGHT}, ignore_index=ignore_index, reduction=reduction)"
ONE_HOT = "F.one_hot(labels, logits.shape[-1]).to(logits.dtype)"

COMPOSITIONS: Rows = {
    "softmax": {
        "exp(x) / sum(exp(x))": "logits.exp() / logits.exp().sum(axis, keepdim=True)",
        "exp(log_softmax(x))": "F.log_softmax(logits, dim=axis).exp()",
        "exp(x - max(x)) / sum(exp(x - max(x)))": (
            "(logits - logits.amax(axis, keepdim=True)).exp()"
            " / (logits - logits.amax(axis, keepdim=True)).exp().sum(axis, keepdim=True)"
        ),
        "softmax(masked_fill(x, -inf))": f"F.softmax({MASKED}, dim=axis)",
    },
    "log_softmax": {
        "log(softmax(x))": "F.softmax(logits, dim=axis).log()",
        "x - logsumexp(x)": "logits - logits.logsumexp(axis, keepdim=True)",
        "x - log(sum(exp(x)))": "logits - logits.exp().sum(axis, keepdim=True).log()",
        "log_softmax(masked_fill(x, -inf))": f"F.log_softmax({MASKED}, dim=axis)",
    },
    "logsumexp": {
        "log(sum(exp(x)))": "logits.exp().sum(axis).log()",
        "max(x) + log(sum(exp(x - max(x))))": (
            "logits.amax(axis) + (logits - logits.amax(axis, keepdim=True)).exp().sum(axis).log()"
        ),
        "logsumexp(masked_fill(x, -inf))": f"torch.logsumexp({MASKED}, dim=axis)",
    },
    "softmax_cross_entropy": {
        "-sum(y log_softmax(x))": f"-(labels * {LOGS}).sum(-1)",
        "-sum(w y log_softmax(x))": (f"-(class_weights * labels * {LOGS}).sum(-1)", WEIGHTED),
        "-sum(y log(softmax(x)))": f"-(labels * {SOFTMAX}.log()).sum(-1)",
        "-sum(y log(softmax(x) + 1e-8))": f"-(labels * ({SOFTMAX} + 1e-8).log()).sum(-1)",
        "sum(y (logsumexp(x) - x))": (
            "(labels * (logits.logsumexp(-1, keepdim=True) - logits)).sum(-1)"
        ),
        "logsumexp(x) sum(y) - sum(y x)": (
            "logits.logsumexp(-1) * labels.sum(-1) - (labels * logits).sum(-1)"
        ),
        "cross_entropy(x / T, y)": (
            "F.cross_entropy(logits / temperature, labels, reduction=reduction)",
            WARM,
        ),
        "-sum(y log_softmax(masked_fill(x, -inf)), within the mask)": (
            f"-(labels * F.log_softmax({MASKED}, dim=-1).masked_fill(~mask, 0)).sum(-1)"
        ),
    },
    "softmax_cross_entropy_index": {
        "cross_entropy(x, one_hot(y))": (
            f"F.cross_entropy(logits, {ONE_HOT},"
            " weight=class_weights, label_smoothing=label_smoothing, reduction='none')"
        ),
        "nll_loss(log_softmax(x))": (NLL.format(LOGS), CONSTANT),
        "nll_loss(log(softmax(x)))": (NLL.format(f"{SOFTMAX}.log()"), CONSTANT),
        "cross_entropy(masked_fill(x, -inf), y)": (
            f"F.cross_entropy({MASKED}, labels, reduction=reduction)"
        ),
        "-log(softmax(x)) at y": f"-{SOFTMAX}.{AT}.log()",
        "logsumexp(x) - x at y": f"logits.logsumexp(-1) - logits.{AT}",
        "-Categorical(logits=x).log_prob(y)": (
            "-torch.distributions.Categorical(logits=logits).log_prob(labels)"
        ),
        "weights cross_entropy(x, y)": (
            "sample_weights * F.cross_entropy(logits, labels, reduction='none')",
            ROWWISE,
        ),
        "cross_entropy(x, y, reduction=sum) / kept": (
            f"F.cross_entropy(logits, labels, {WEIGHT}, ignore_index=ignore_index,"
            " reduction='sum') / (labels != ignore_index).sum()",
            {"reductions": {"kept_mean": "{}"}, **CONSTANT},
        ),
        "sum(w at y cross_entropy(x, y)) / sum(w at y)": (
            "F.cross_entropy(logits, labels, ignore_index=ignore_index, reduction='none')"
            " * class_weights[labels.clamp(min=0)] * (labels != ignore_index)",
            {
                "needs": ("class_weights",),
                "reductions": {
                    "none": "{}",
                    "sum": "({}).sum()",
                    "weighted_mean": (
                        "({}).sum()"
                        " / (class_weights[labels.clamp(min=0)] * (labels != ignore_index)).sum()"
                    ),
                    "kept_mean": "({}).sum() / (labels != ignore_index).sum()",
                },
            },
        ),
    },
    "linear_softmax_cross_entropy": {
        "cross_entropy(linear(h, W, b), y)": (
            f"F.cross_entropy(F.linear(hidden, weights, bias), labels, {INDEX},"
            " reduction=reduction)",
            CONSTANT,
        ),
        "cross_entropy(h W^T, y)": (
            f"F.cross_entropy(hidden @ weights.T, labels, {INDEX}, reduction=reduction)",
            CONSTANT,
        ),
    },
    "nll": {
        "-log_probabilities at y": f"-log_probabilities.{AT}",
        "-sum(one_hot(y) log_probabilities)": (
            "-(F.one_hot(labels, log_probabilities.shape[-1]) * log_probabilities).sum(-1)"
        ),
    },
}
