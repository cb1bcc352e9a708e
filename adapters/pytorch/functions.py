"""The public functions of PyTorch, operator by operator: name -> expression.

`F` is `torch.nn.functional`. A name says in brackets which use of the function it is. No `*`, `?`
or `[` in a name: findings match names with shell-style wildcards.
"""

from __future__ import annotations

from collections.abc import Mapping

FUNCTIONS: Mapping[str, Mapping[str, str]] = {
    "sigmoid": {
        "torch.sigmoid": ("torch.sigmoid(x)"),
        "torch.special.expit": ("torch.special.expit(x)"),
    },
    "log_sigmoid": {
        "F.logsigmoid": ("F.logsigmoid(x)"),
    },
    "softplus": {
        "F.softplus": ("F.softplus(x, beta=beta)"),
        "torch.logaddexp": ("torch.logaddexp(x, torch.zeros_like(x))"),
    },
    "tanh": {
        "torch.tanh": ("torch.tanh(x)"),
    },
    "relu": {
        "F.relu": ("F.relu(x)"),
        "torch.clamp": ("torch.clamp(x, min=0)"),
        "torch.maximum": ("torch.maximum(x, torch.zeros_like(x))"),
    },
    "leaky_relu": {
        "F.leaky_relu": ("F.leaky_relu(x, negative_slope=negative_slope)"),
        "torch.where": ("torch.where(x > 0, x, negative_slope * x)"),
    },
    "binary_cross_entropy": {
        "F.binary_cross_entropy": (
            "F.binary_cross_entropy(probabilities, labels, reduction=reduction)"
        ),
    },
    "sigmoid_cross_entropy": {
        "F.binary_cross_entropy_with_logits": (
            "F.binary_cross_entropy_with_logits(logits, labels, pos_weight=pos_weight,"
            " reduction=reduction)"
        ),
        "F.multilabel_soft_margin_loss": (
            "F.multilabel_soft_margin_loss(logits[..., None], labels[..., None],"
            " reduction=reduction)"
        ),
    },
    "logistic_loss_pm1": {
        "F.soft_margin_loss": ("F.soft_margin_loss(logits, labels, reduction=reduction)"),
    },
    "squared_loss": {
        "F.mse_loss": ("scale * F.mse_loss(predictions, labels, reduction=reduction)"),
    },
    "softmax": {
        "F.softmax": ("F.softmax(logits, dim=-1)"),
        "F.softmax (in float32)": (
            "F.softmax(logits, dim=-1, dtype=torch.float32).to(logits.dtype)"
        ),
    },
    "log_softmax": {
        "F.log_softmax": ("F.log_softmax(logits, dim=-1)"),
        "torch.special.log_softmax": ("torch.special.log_softmax(logits, dim=-1)"),
    },
    "logsumexp": {
        "torch.logsumexp": ("torch.logsumexp(logits, dim=-1)"),
        "torch.special.logsumexp": ("torch.special.logsumexp(logits, dim=-1)"),
        "torch.logcumsumexp": ("torch.logcumsumexp(logits, dim=-1)[..., -1]"),
    },
    "kl_divergence": {
        "F.kl_div": ("F.kl_div(log_probabilities, labels, reduction='none').sum(-1)"),
        "F.kl_div (reduced)": ("F.kl_div(log_probabilities, labels, reduction=reduction)"),
        "F.kl_div (log_target)": (
            "F.kl_div(log_probabilities, labels.log(), reduction='none', log_target=True).sum(-1)"
        ),
    },
    "softmax_cross_entropy": {
        "F.cross_entropy (probabilities)": (
            "F.cross_entropy(logits, labels, weight=class_weights,"
            " label_smoothing=label_smoothing, reduction=reduction)"
        ),
    },
    "softmax_cross_entropy_index": {
        "F.cross_entropy (index)": (
            "F.cross_entropy(logits, labels, weight=class_weights, ignore_index=ignore_index,"
            " label_smoothing=label_smoothing, reduction=reduction)"
        ),
        "F.cross_entropy (index, one spatial dimension)": (
            "F.cross_entropy(logits[..., None], labels[..., None], weight=class_weights,"
            " ignore_index=ignore_index, label_smoothing=label_smoothing, reduction='none')[..., 0]"
        ),
        "F.cross_entropy (index, classes moved to axis 1)": (
            "F.cross_entropy(logits.movedim(axis, 1), labels, reduction=reduction)"
        ),
    },
    "nll": {
        "F.nll_loss": (
            "F.nll_loss(log_probabilities, labels, weight=class_weights,"
            " ignore_index=ignore_index, reduction=reduction)"
        ),
    },
}
