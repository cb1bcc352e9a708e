"""Losses of two classes, squared losses, and Poisson losses: one number a target."""

from __future__ import annotations

from adapters.pytorch.table.row import ALIAS, MEANS, Rows, constant

SIGNS = "linear in the label: equal to ln(1 + e^(-y x)) at the labels -1 and +1 only"
LABEL = {"fixed": {"labels": "the derivative for 'target' is not implemented"}}
PROBABILITIES = {"fixed": {"sample_weights": constant("binary_cross_entropy")}}
LOGIT = "binary_cross_entropy_with_logits"
POSITIVE = {"pos_weight": constant(LOGIT, "pos_weight")}
OF_LOGITS = {"fixed": {"sample_weights": constant(LOGIT), **POSITIVE}}
FLOOR = {"takes": {"log_floor": (-100.0,)}}
STIRLING = {"takes": {"full": ("stirling",)}}
EXACT = {"takes": {"full": ("exact",)}}
ROWS = {"reductions": {"mean": "mean"}}
SMOOTH = "(1 - label_smoothing) * labels + label_smoothing / 2"
P = "probabilities"
CROSS = "F.binary_cross_entropy({}, reduction=reduction)"
LOGITS = "F.binary_cross_entropy_with_logits({}, reduction=reduction)"
POISSON = "F.poisson_nll_loss({}, reduction=reduction)"
SQUARED = {
    "none": "{}",
    "sum": "({}).sum()",
    "mean": "({}).mean()",
    "batch_mean": "({}).sum() / len(predictions)",
}

FUNCTIONS: Rows = {
    "binary_cross_entropy": {
        "F.binary_cross_entropy": (
            CROSS.format(f"{P}, labels, weight=sample_weights"),
            PROBABILITIES,
        ),
        "F.binary_cross_entropy (floor of -100)": (
            CROSS.format(f"{P}, labels, weight=sample_weights"),
            {**FLOOR, **PROBABILITIES},
        ),
        "torch.nn.BCELoss": (
            f"torch.nn.BCELoss(weight=sample_weights, reduction=reduction)({P}, labels)",
            {**ALIAS, **PROBABILITIES},
        ),
    },
    "sigmoid_cross_entropy": {
        "F.binary_cross_entropy_with_logits": (
            LOGITS.format("logits, labels, weight=sample_weights, pos_weight=pos_weight"),
            OF_LOGITS,
        ),
        "torch.binary_cross_entropy_with_logits": (
            "torch.binary_cross_entropy_with_logits(logits, labels, pos_weight=pos_weight,"
            " reduction=0)",
            {**ALIAS, **OF_LOGITS},
        ),
        "torch.nn.BCEWithLogitsLoss": (
            "torch.nn.BCEWithLogitsLoss(weight=sample_weights, pos_weight=pos_weight,"
            " reduction=reduction)(logits, labels)",
            {**ALIAS, **OF_LOGITS},
        ),
        "F.multilabel_soft_margin_loss": (
            "F.multilabel_soft_margin_loss(logits[..., None], labels[..., None],"
            " reduction=reduction)"
        ),
        "F.multilabel_soft_margin_loss (mean)": (
            "F.multilabel_soft_margin_loss(logits, labels, weight=sample_weights,"
            " reduction=reduction)",
            ROWS,
        ),
        "torch.nn.MultiLabelSoftMarginLoss (mean)": (
            "torch.nn.MultiLabelSoftMarginLoss(weight=sample_weights,"
            " reduction=reduction)(logits, labels)",
            {**ALIAS, **ROWS},
        ),
    },
    "logistic_loss_pm1": {
        "F.soft_margin_loss": ("F.soft_margin_loss(logits, labels, reduction=reduction)", LABEL),
        "torch.nn.SoftMarginLoss": (
            "torch.nn.SoftMarginLoss(reduction=reduction)(logits, labels)",
            {**ALIAS, **LABEL},
        ),
    },
    "hinge_loss": {
        "F.hinge_embedding_loss": (
            "F.hinge_embedding_loss(labels * logits, -torch.ones_like(logits), margin=margin,"
            " reduction=reduction)"
        ),
        "torch.hinge_embedding_loss": (
            "torch.hinge_embedding_loss(labels * logits, -torch.ones_like(logits), margin=margin,"
            " reduction=0)",
            ALIAS,
        ),
        "torch.nn.HingeEmbeddingLoss": (
            "torch.nn.HingeEmbeddingLoss(margin=margin, reduction=reduction)("
            "labels * logits, -torch.ones_like(logits))",
            ALIAS,
        ),
        "F.margin_ranking_loss": (
            "F.margin_ranking_loss(logits, torch.zeros_like(logits), labels, margin=margin,"
            " reduction=reduction)"
        ),
        "torch.margin_ranking_loss": (
            "torch.margin_ranking_loss(logits, torch.zeros_like(logits), labels, margin=margin,"
            " reduction=0)",
            ALIAS,
        ),
        "torch.nn.MarginRankingLoss": (
            "torch.nn.MarginRankingLoss(margin=margin, reduction=reduction)("
            "logits, torch.zeros_like(logits), labels)",
            ALIAS,
        ),
    },
    "squared_loss": {
        "F.mse_loss": "scale * F.mse_loss(predictions, labels, reduction=reduction)",
        "F.mse_loss (weight)": (
            "F.mse_loss(predictions, labels, weight=sample_weights, reduction=reduction)",
            {
                "needs": ("sample_weights",),
                "reductions": {"none": "none", "sum": "sum", "sample_weighted_mean": "mean"},
            },
        ),
        "torch.nn.MSELoss": (
            "scale * torch.nn.MSELoss(reduction=reduction)(predictions, labels)",
            ALIAS,
        ),
    },
    "poisson_nll": {
        "F.poisson_nll_loss": POISSON.format("log_rates, counts"),
        "F.poisson_nll_loss (full)": (POISSON.format("log_rates, counts, full=True"), STIRLING),
        "torch.poisson_nll_loss": (
            "torch.poisson_nll_loss(log_rates, counts, log_input=True, full=False, eps=1e-8,"
            " reduction=0)",
            ALIAS,
        ),
        "torch.nn.PoissonNLLLoss": (
            "torch.nn.PoissonNLLLoss(reduction=reduction)(log_rates, counts)",
            ALIAS,
        ),
    },
    "poisson_nll_rate": {
        "F.poisson_nll_loss (rate)": POISSON.format(
            "rates, counts, log_input=False, eps=add_epsilon"
        ),
        "F.poisson_nll_loss (rate, full)": (
            POISSON.format("rates, counts, log_input=False, eps=add_epsilon, full=True"),
            STIRLING,
        ),
        "F.poisson_nll_loss (rate, default eps)": (
            POISSON.format("rates, counts, log_input=False"),
            {"takes": {"add_epsilon": (1e-8,)}, "needs": ("add_epsilon",)},
        ),
    },
}

SIGMOID = "logits.sigmoid()"
FOCAL = f"(1 - ({SIGMOID} * labels + (1 - {SIGMOID}) * (1 - labels))) ** gamma"
BALANCE = "(alpha * labels + (1 - alpha) * (1 - labels))"
BARE = "F.binary_cross_entropy_with_logits(logits, labels, reduction='none')"
SPARSE = "target * torch.log(target / activations)"

COMPOSITIONS: Rows = {
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
        "-(y log(p + e) + (1 - y) log(1 - p + e))": (
            "-(labels * (probabilities + add_epsilon).log()"
            " + (1 - labels) * (1 - probabilities + add_epsilon).log())",
            {"needs": ("add_epsilon",)},
        ),
        "-(xlogy(y, p) + xlog1py(1 - y, -p))": (
            "-(torch.xlogy(labels, probabilities)"
            " + torch.special.xlog1py(1 - labels, -probabilities))"
        ),
        "-Bernoulli(p).log_prob(y)": (
            "-torch.distributions.Bernoulli(probabilities, validate_args=False).log_prob(labels)"
        ),
        "-(y max(log(p), floor) + (1 - y) max(log(1 - p), floor))": (
            "-(labels * probabilities.log().clamp(min=log_floor)"
            " + (1 - labels) * (1 - probabilities).log().clamp(min=log_floor))"
        ),
        "binary_cross_entropy(clamp(p, 1e-7, 1 - 1e-7))": CROSS.format(
            f"{P}.clamp(1e-7, 1 - 1e-7), labels"
        ),
        "binary_cross_entropy(clamp(p, e, 1 - e))": CROSS.format(
            f"{P}.clamp(clip_epsilon, 1 - clip_epsilon), labels"
        ),
        "binary_cross_entropy(p, smoothed y)": (
            CROSS.format(f"{P}, {SMOOTH}"),
            {"needs": ("label_smoothing",)},
        ),
    },
    "softened_cross_entropy": {
        "-(y log((p + e) / (1 + e)) + (1 - y) log((1 - p + e) / (1 + e)))": (
            "-(labels * ((probabilities + epsilon) / (1 + epsilon)).log()"
            " + (1 - labels) * ((1 - probabilities + epsilon) / (1 + epsilon)).log())",
            {"defaults": {"epsilon": 0.05}},
        ),
        "log(1 + e) - y log(p + e) - (1 - y) log(1 - p + e)": (
            "math.log(1 + epsilon) - labels * (probabilities + epsilon).log()"
            " - (1 - labels) * (1 - probabilities + epsilon).log()",
            {"defaults": {"epsilon": 0.05}},
        ),
    },
    "sparsity_penalty": {
        "r log(r / a) + (1 - r) log((1 - r) / (1 - a))": (
            f"{SPARSE} + (1 - target) * torch.log((1 - target) / (1 - activations))",
            {"defaults": {"target": 0.05}},
        ),
        "r log(r / a) + (1 - r) (log(1 - r) - log1p(-a))": (
            f"{SPARSE} + (1 - target) * (math.log1p(-target) - torch.log1p(-activations))",
            {"defaults": {"target": 0.05}},
        ),
        "kl_divergence(Bernoulli(r), Bernoulli(a))": (
            "torch.distributions.kl_divergence("
            "torch.distributions.Bernoulli(torch.full_like(activations, target)),"
            " torch.distributions.Bernoulli(activations, validate_args=False))",
            {"defaults": {"target": 0.05}},
        ),
    },
    "sigmoid_cross_entropy": {
        "-Bernoulli(logits=x).log_prob(y)": (
            "-torch.distributions.Bernoulli(logits=logits, validate_args=False).log_prob(labels)"
        ),
        "binary_cross_entropy(sigmoid(x))": CROSS.format("torch.sigmoid(logits), labels"),
        "-(y log(sigmoid(x)) + (1 - y) log(1 - sigmoid(x)))": (
            "-(labels * logits.sigmoid().log() + (1 - labels) * (1 - logits.sigmoid()).log())"
        ),
        "-(y logsigmoid(x) + (1 - y) logsigmoid(-x))": (
            "-(labels * F.logsigmoid(logits) + (1 - labels) * F.logsigmoid(-logits))"
        ),
        "-(w y logsigmoid(x) + (1 - y) logsigmoid(-x))": (
            "-(pos_weight * labels * F.logsigmoid(logits) + (1 - labels) * F.logsigmoid(-logits))",
            {"needs": ("pos_weight",)},
        ),
        "softplus(x) - x y": "F.softplus(logits) - logits * labels",
        "(1 - y) x + log(1 + exp(-x))": "(1 - labels) * logits + (1 + (-logits).exp()).log()",
        "weights binary_cross_entropy_with_logits(x, y)": (
            f"sample_weights * {BARE}",
            {"needs": ("sample_weights",), "reductions": MEANS},
        ),
        "clamp(x, min=0) - x y + log1p(exp(-abs(x)))": (
            "logits.clamp(min=0) - logits * labels + torch.log1p(torch.exp(-logits.abs()))"
        ),
        "binary_cross_entropy_with_logits(x, smoothed y)": (
            LOGITS.format(f"logits, {SMOOTH}, pos_weight=pos_weight"),
            {"needs": ("label_smoothing",), "fixed": POSITIVE},
        ),
    },
    "logistic_loss_pm1": {
        "softplus(-y x)": "F.softplus(-labels * logits)",
        "-logsigmoid(y x)": "-F.logsigmoid(labels * logits)",
        "log1p(exp(-y x))": "torch.log1p(torch.exp(-labels * logits))",
        "log(1 + exp(-y x))": "torch.log(1 + torch.exp(-labels * logits))",
        "binary_cross_entropy_with_logits(x, (1 + y) / 2)": (
            LOGITS.format("logits, (1 + labels) / 2"),
            {"fixed": {"labels": SIGNS}},
        ),
    },
    "hinge_loss": {
        "relu(m - y x)": "F.relu(margin - labels * logits)",
        "relu(m - y x)^q": (
            "F.relu(margin - labels * logits) ** exponent",
            {"needs": ("exponent",)},
        ),
        "clamp(m - y x, min=0)": "(margin - labels * logits).clamp(min=0)",
        "clamp(m - y x, min=0)^2": (
            "(margin - labels * logits).clamp(min=0).square()",
            {"takes": {"exponent": (2.0,)}, "needs": ("exponent",)},
        ),
    },
    "squared_loss": {
        "scale (y - z)^2": ("scale * (predictions - labels) ** 2", {"reductions": SQUARED}),
        "weights (y - z)^2": (
            "sample_weights * (predictions - labels) ** 2",
            {"needs": ("sample_weights",), "reductions": MEANS},
        ),
        "scale mse_loss(y, z, reduction=sum) / batch": (
            "scale * F.mse_loss(predictions, labels, reduction='sum') / len(predictions)",
            {"reductions": {"batch_mean": "{}"}},
        ),
    },
    "sigmoid_squared_loss": {
        "(sigmoid(x) - y)^2 / 2": "(logits.sigmoid() - labels) ** 2 / 2",
        "mse_loss(sigmoid(x), y) / 2": (
            "F.mse_loss(torch.sigmoid(logits), labels, reduction=reduction) / 2"
        ),
    },
    "sigmoid_focal_loss": {
        "(1 - p_t)^gamma binary_cross_entropy_with_logits": f"{FOCAL} * {BARE}",
        "alpha_t (1 - p_t)^gamma binary_cross_entropy_with_logits": f"{BALANCE} * {FOCAL} * {BARE}",
        "(1 - p_t)^gamma binary_cross_entropy(sigmoid(x))": (
            f"{FOCAL} * F.binary_cross_entropy(logits.sigmoid(), labels, reduction='none')"
        ),
    },
    "poisson_nll": {
        "exp(x) - t x": "log_rates.exp() - counts * log_rates",
        "-Poisson(exp(x)).log_prob(t)": (
            "-torch.distributions.Poisson(log_rates.exp(), validate_args=False).log_prob(counts)",
            EXACT,
        ),
        "exp(x) - t x + lgamma(t + 1)": (
            "log_rates.exp() - counts * log_rates + torch.lgamma(counts + 1)",
            EXACT,
        ),
    },
    "poisson_nll_rate": {
        "r - t log(r)": "rates - counts * rates.log()",
        "r - t log(r + e)": (
            "rates - counts * (rates + add_epsilon).log()",
            {"needs": ("add_epsilon",)},
        ),
        "r - xlogy(t, r)": "rates - torch.xlogy(counts, rates)",
        "-Poisson(r).log_prob(t)": (
            "-torch.distributions.Poisson(rates, validate_args=False).log_prob(counts)",
            EXACT,
        ),
        "r - xlogy(t, r) + lgamma(t + 1)": (
            "rates - torch.xlogy(counts, rates) + torch.lgamma(counts + 1)",
            EXACT,
        ),
    },
}
