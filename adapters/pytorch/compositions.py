"""What users of PyTorch write out, operator by operator: mathematical shorthand -> expression."""

from __future__ import annotations

from collections.abc import Mapping

COMPOSITIONS: Mapping[str, Mapping[str, str]] = {
    "sigmoid": {
        "1 / (1 + exp(-x))": ("1 / (1 + torch.exp(-x))"),
        "exp(x) / (1 + exp(x))": ("torch.exp(x) / (1 + torch.exp(x))"),
    },
    "log_sigmoid": {
        "-softplus(-x)": ("-F.softplus(-x)"),
        "log(sigmoid(x))": ("torch.log(torch.sigmoid(x))"),
        "log(sigmoid(x) + 1e-8)": ("torch.log(torch.sigmoid(x) + 1e-8)"),
        "-log1p(exp(-x))": ("-torch.log1p(torch.exp(-x))"),
    },
    "softplus": {
        "-logsigmoid(-beta x) / beta": ("-F.logsigmoid(-beta * x) / beta"),
        "log1p(exp(x))": ("torch.log1p(torch.exp(x))"),
        "log(1 + exp(x))": ("torch.log(1 + torch.exp(x))"),
        "relu(x) + log1p(exp(-abs(x)))": ("F.relu(x) + torch.log1p(torch.exp(-torch.abs(x)))"),
    },
    "tanh": {
        "(exp(x) - exp(-x)) / (exp(x) + exp(-x))": (
            "(torch.exp(x) - torch.exp(-x)) / (torch.exp(x) + torch.exp(-x))"
        ),
    },
    "relu": {
        "x (x > 0)": ("x * (x > 0)"),
    },
    "binary_cross_entropy": {
        "-(y log(p) + (1 - y) log(1 - p))": (
            "-(labels * probabilities.log() + (1 - labels) * (1 - probabilities).log())"
        ),
        "-(y log(p) + (1 - y) log1p(-p))": (
            "-(labels * probabilities.log() + (1 - labels) * torch.log1p(-probabilities))"
        ),
        "-(y log(p + 1e-8) + (1 - y) log(1 - p + 1e-8))": (
            "-(labels * (probabilities + 1e-8).log()"
            " + (1 - labels) * (1 - probabilities + 1e-8).log())"
        ),
        "-(xlogy(y, p) + xlog1py(1 - y, -p))": (
            "-(torch.xlogy(labels, probabilities)"
            " + torch.special.xlog1py(1 - labels, -probabilities))"
        ),
        "binary_cross_entropy(clamp(p, 1e-7, 1 - 1e-7))": (
            "F.binary_cross_entropy(probabilities.clamp(1e-7, 1 - 1e-7), labels,"
            " reduction=reduction)"
        ),
    },
    "sigmoid_cross_entropy": {
        "-Bernoulli(logits=x).log_prob(y)": (
            "-torch.distributions.Bernoulli(logits=logits, validate_args=False).log_prob(labels)"
        ),
        "binary_cross_entropy(sigmoid(x))": (
            "F.binary_cross_entropy(torch.sigmoid(logits), labels, reduction=reduction)"
        ),
        "-(y log(sigmoid(x)) + (1 - y) log(1 - sigmoid(x)))": (
            "-(labels * logits.sigmoid().log() + (1 - labels) * (1 - logits.sigmoid()).log())"
        ),
        "-(y logsigmoid(x) + (1 - y) logsigmoid(-x))": (
            "-(labels * F.logsigmoid(logits) + (1 - labels) * F.logsigmoid(-logits))"
        ),
        "softplus(x) - x y": ("F.softplus(logits) - logits * labels"),
        "(1 - y) x + log(1 + exp(-x))": ("(1 - labels) * logits + (1 + (-logits).exp()).log()"),
        "clamp(x, min=0) - x y + log1p(exp(-abs(x)))": (
            "logits.clamp(min=0) - logits * labels + torch.log1p(torch.exp(-logits.abs()))"
        ),
    },
    "logistic_loss_pm1": {
        "softplus(-y x)": ("F.softplus(-labels * logits)"),
        "-logsigmoid(y x)": ("-F.logsigmoid(labels * logits)"),
        "log1p(exp(-y x))": ("torch.log1p(torch.exp(-labels * logits))"),
        "log(1 + exp(-y x))": ("torch.log(1 + torch.exp(-labels * logits))"),
        "binary_cross_entropy_with_logits(x, (1 + y) / 2)": (
            "F.binary_cross_entropy_with_logits(logits, (1 + labels) / 2, reduction=reduction)"
        ),
    },
    "squared_loss": {
        "scale (y - z)^2": ("scale * (predictions - labels) ** 2"),
    },
    "sigmoid_squared_loss": {
        "(sigmoid(x) - y)^2 / 2": ("(logits.sigmoid() - labels) ** 2 / 2"),
        "mse_loss(sigmoid(x), y) / 2": (
            "F.mse_loss(torch.sigmoid(logits), labels, reduction=reduction) / 2"
        ),
    },
    "softmax": {
        "exp(x) / sum(exp(x))": ("logits.exp() / logits.exp().sum(-1, keepdim=True)"),
        "exp(log_softmax(x))": ("F.log_softmax(logits, dim=-1).exp()"),
    },
    "log_softmax": {
        "log(softmax(x))": ("F.softmax(logits, dim=-1).log()"),
        "x - logsumexp(x)": ("logits - logits.logsumexp(-1, keepdim=True)"),
        "x - log(sum(exp(x)))": ("logits - logits.exp().sum(-1, keepdim=True).log()"),
    },
    "logsumexp": {
        "log(sum(exp(x)))": ("logits.exp().sum(-1).log()"),
        "max(x) + log(sum(exp(x - max(x))))": (
            "logits.amax(-1) + (logits - logits.amax(-1, keepdim=True)).exp().sum(-1).log()"
        ),
    },
    "cross_entropy": {
        "-sum(p log(q))": ("-(labels * probabilities.log()).sum(-1)"),
        "-sum(p log(q + 1e-8))": ("-(labels * (probabilities + 1e-8).log()).sum(-1)"),
        "-sum(xlogy(p, q))": ("-torch.xlogy(labels, probabilities).sum(-1)"),
    },
    "kl_divergence": {
        "sum(p (log(p) - lq))": ("(labels * (labels.log() - log_probabilities)).sum(-1)"),
        "sum(p log(p / exp(lq)))": ("(labels * (labels / log_probabilities.exp()).log()).sum(-1)"),
    },
    "softmax_cross_entropy": {
        "-sum(y log_softmax(x))": ("-(labels * F.log_softmax(logits, dim=-1)).sum(-1)"),
        "-sum(y log(softmax(x)))": ("-(labels * F.softmax(logits, dim=-1).log()).sum(-1)"),
        "-sum(y log(softmax(x) + 1e-8))": (
            "-(labels * (F.softmax(logits, dim=-1) + 1e-8).log()).sum(-1)"
        ),
        "sum(y (logsumexp(x) - x))": (
            "(labels * (logits.logsumexp(-1, keepdim=True) - logits)).sum(-1)"
        ),
    },
    "softmax_cross_entropy_index": {
        "cross_entropy(x, one_hot(y))": (
            "F.cross_entropy(logits, F.one_hot(labels, logits.shape[-1]).to(logits.dtype),"
            " weight=class_weights, label_smoothing=label_smoothing, reduction='none')"
        ),
        "nll_loss(log_softmax(x))": (
            "F.nll_loss(F.log_softmax(logits, dim=-1), labels, weight=class_weights,"
            " ignore_index=ignore_index, reduction=reduction)"
        ),
        "nll_loss(log(softmax(x)))": (
            "F.nll_loss(F.softmax(logits, dim=-1).log(), labels, weight=class_weights,"
            " ignore_index=ignore_index, reduction=reduction)"
        ),
        "-log(softmax(x)) at y": (
            "-F.softmax(logits, dim=-1).gather(-1, labels[:, None])[:, 0].log()"
        ),
        "logsumexp(x) - x at y": (
            "logits.logsumexp(-1) - logits.gather(-1, labels[:, None])[:, 0]"
        ),
        "-Categorical(logits=x).log_prob(y)": (
            "-torch.distributions.Categorical(logits=logits).log_prob(labels)"
        ),
    },
    "nll": {
        "-log_probabilities at y": ("-log_probabilities.gather(-1, labels[:, None])[:, 0]"),
        "-sum(one_hot(y) log_probabilities)": (
            "-(F.one_hot(labels, log_probabilities.shape[-1]) * log_probabilities).sum(-1)"
        ),
    },
}
