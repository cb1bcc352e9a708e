"""Losses of rows of classes beside the cross entropy of logits: from probabilities, and others."""

from __future__ import annotations

from adapters.pytorch.table.row import ALIAS, Rows, constant

KL = "F.kl_div(log_probabilities, {}, reduction={}{})"
LOG_TARGET = ", log_target=True"
NO_WEIGHT = {"fixed": {"class_weights": constant("nll_loss_forward")}}
MARGINS = {
    "dtypes": ("float32", "float64"),  # the kernel is not implemented for the others
    "fixed": {"class_weights": constant("multi_margin_loss")},
    "cannot": {
        "jvp": "Trying to use forward AD with multi_margin_loss that does not support it because"
        " it has not been implemented yet.",
        "hvp": "derivative for aten::multi_margin_loss_backward is not implemented",
    },
}
MARGIN = "p=int(exponent), margin=margin, weight=class_weights"

FUNCTIONS: Rows = {
    "kl_divergence": {
        "F.kl_div": KL.format("labels", "'none'", "") + ".sum(-1)",
        "F.kl_div (reduced)": KL.format("labels", "reduction", ""),
        "F.kl_div (log_target)": KL.format("labels.log()", "'none'", LOG_TARGET) + ".sum(-1)",
        "torch.kl_div": (
            "torch.kl_div(log_probabilities, labels, reduction=0).sum(-1)",
            ALIAS,
        ),
        "torch.nn.KLDivLoss": (
            "torch.nn.KLDivLoss(reduction='none')(log_probabilities, labels).sum(-1)",
            ALIAS,
        ),
    },
    "kl_divergence_log_targets": {
        "F.kl_div (logarithms)": KL.format("log_labels", "'none'", LOG_TARGET) + ".sum(-1)",
        "F.kl_div (logarithms, reduced)": KL.format("log_labels", "reduction", LOG_TARGET),
        "torch.nn.KLDivLoss (logarithms)": (
            "torch.nn.KLDivLoss(reduction='none', log_target=True)("
            "log_probabilities, log_labels).sum(-1)",
            ALIAS,
        ),
    },
    "multiclass_margin_loss": {
        "F.multi_margin_loss": (
            f"F.multi_margin_loss(logits, labels, {MARGIN}, reduction=reduction)",
            MARGINS,
        ),
        "torch.nn.MultiMarginLoss": (
            f"torch.nn.MultiMarginLoss({MARGIN}, reduction=reduction)(logits, labels)",
            {**ALIAS, **MARGINS},
        ),
    },
}

P = "probabilities"
SHARES = f"({P} / {P}.sum(-1, keepdim=True))"
CLIPPED = f"{P}.clamp(clip_epsilon, 1 - clip_epsilon)"
PICKED = (
    "F.nll_loss(({}).log(), labels, weight=class_weights, ignore_index=ignore_index,"
    " reduction=reduction)"
)
BEFORE = {"takes": {"normalise": ("before_clip",)}}
AFTER = {"takes": {"normalise": ("after_clip",)}}
WEIGHTED = {"needs": ("class_weights",)}
EPSILON = {"defaults": {"epsilon": 1.0}}
Q = {"defaults": {"q": 0.7}}
SOFTMAX = "F.softmax(logits, dim=-1)"
LOGS = "F.log_softmax(logits, dim=-1)"
CROSS = "F.cross_entropy(logits, labels, reduction='none')"
AT = "gather(-1, labels[:, None])[:, 0]"
FOCAL = "-({}labels * (1 - {})**gamma * {}).sum(-1)"
OPEN = {"defaults": {"alpha": 1.0, "gamma": 2.0}}
MIDDLE = "((p + q) / 2).log()"
STUDENT = "F.log_softmax(student / temperature, dim=-1)"
TEACHER = "teacher / temperature, dim=-1"
WARM = {"defaults": {"temperature": 1.0}}
MISSING = f"(margin - logits.{AT}[:, None] + logits).clamp(min=0) ** exponent"

COMPOSITIONS: Rows = {
    "reconstruction_cross_entropy": {
        "sum(binary_cross_entropy(z, x))": (
            "F.binary_cross_entropy(reconstructions, inputs, reduction='none').sum(-1)"
        ),
        "-sum(x log(z) + (1 - x) log(1 - z))": (
            "-(inputs * reconstructions.log() + (1 - inputs) * (1 - reconstructions).log()).sum(-1)"
        ),
        "-sum(xlogy(x, z) + xlog1py(1 - x, -z))": (
            "-(torch.xlogy(inputs, reconstructions)"
            " + torch.special.xlog1py(1 - inputs, -reconstructions)).sum(-1)"
        ),
    },
    "cross_entropy": {
        "-sum(p log(q))": "-(labels * probabilities.log()).sum(-1)",
        "-sum(p log(q + 1e-8))": "-(labels * (probabilities + 1e-8).log()).sum(-1)",
        "-sum(xlogy(p, q))": "-torch.xlogy(labels, probabilities).sum(-1)",
    },
    "categorical_cross_entropy": {
        "-sum(y log(p))": f"-(labels * {P}.log()).sum(-1)",
        "-sum(w y log(p))": (f"-(class_weights * labels * {P}.log()).sum(-1)", WEIGHTED),
        "-sum(xlogy(y, p))": f"-torch.xlogy(labels, {P}).sum(-1)",
        "cross_entropy(log(p), y)": (
            f"F.cross_entropy({P}.log(), labels, reduction='none')",
            BEFORE,
        ),
        "-sum(y log(p / sum(p)))": (f"-(labels * {SHARES}.log()).sum(-1)", BEFORE),
        "-sum(y log(clamp(p / sum(p), e, 1 - e)))": (
            f"-(labels * {SHARES}.clamp(clip_epsilon, 1 - clip_epsilon).log()).sum(-1)",
            BEFORE,
        ),
    },
    "categorical_cross_entropy_index": {
        "nll_loss(log(p))": (PICKED.format(P), NO_WEIGHT),
        "-log(p at y)": f"-{P}.{AT}.log()",
        "nll_loss(log(clamp(p) / sum(clamp(p))))": (
            PICKED.format(f"{CLIPPED} / {CLIPPED}.sum(-1, keepdim=True)"),
            {**AFTER, **NO_WEIGHT},
        ),
        "-Categorical(clamp(p)).log_prob(y)": (
            f"-torch.distributions.Categorical({CLIPPED}, validate_args=False).log_prob(labels)",
            AFTER,
        ),
    },
    "kl_divergence": {
        "sum(p (log(p) - lq))": "(labels * (labels.log() - log_probabilities)).sum(-1)",
        "sum(p log(p / exp(lq)))": "(labels * (labels / log_probabilities.exp()).log()).sum(-1)",
        "sum(xlogy(p, p) - p lq)": (
            "(torch.xlogy(labels, labels) - labels * log_probabilities).sum(-1)"
        ),
    },
    "kl_divergence_log_targets": {
        "sum(exp(lp) (lp - lq))": "(log_labels.exp() * (log_labels - log_probabilities)).sum(-1)",
        "kl_div(lq, exp(lp))": (
            "F.kl_div(log_probabilities, log_labels.exp(), reduction='none').sum(-1)"
        ),
    },
    "generalized_kl_divergence": {
        "sum(kl_div(lq, p) - p + exp(lq))": (
            "(F.kl_div(log_probabilities, labels, reduction='none')"
            " - labels + log_probabilities.exp()).sum(-1)"
        ),
        "sum(p (log(p) - lq) - p + exp(lq))": (
            "(labels * (labels.log() - log_probabilities)"
            " - labels + log_probabilities.exp()).sum(-1)"
        ),
        "sum(xlogy(p, p / exp(lq)) - p + exp(lq))": (
            "(torch.xlogy(labels, labels / log_probabilities.exp())"
            " - labels + log_probabilities.exp()).sum(-1)"
        ),
    },
    "jensen_shannon_divergence": {
        "(kl_div(log(m), p) + kl_div(log(m), q)) / 2": (
            f"(F.kl_div({MIDDLE}, p, reduction='none')"
            f" + F.kl_div({MIDDLE}, q, reduction='none')).sum(-1) / 2"
        ),
        "sum(p log(p / m) + q log(q / m)) / 2": (
            "(p * (p / ((p + q) / 2)).log() + q * (q / ((p + q) / 2)).log()).sum(-1) / 2"
        ),
        "sum(xlogy(p, p / m) + xlogy(q, q / m)) / 2": (
            "(torch.xlogy(p, p / ((p + q) / 2)) + torch.xlogy(q, q / ((p + q) / 2))).sum(-1) / 2"
        ),
        "H(m) - (H(p) + H(q)) / 2": (
            "(torch.special.entr((p + q) / 2)"
            " - (torch.special.entr(p) + torch.special.entr(q)) / 2).sum(-1)"
        ),
    },
    "softmax_focal_loss": {
        "-alpha sum(y (1 - s)^gamma log_softmax(x))": (
            "alpha * " + FOCAL.format("", SOFTMAX, LOGS),
            OPEN,
        ),
        "-alpha sum(w y (1 - s)^gamma log_softmax(x))": (
            "alpha * " + FOCAL.format("class_weights * ", SOFTMAX, LOGS),
            OPEN,
        ),
        "-alpha sum(y (1 - s)^gamma log(s))": (
            "alpha * " + FOCAL.format("", SOFTMAX, f"{SOFTMAX}.log()"),
            OPEN,
        ),
    },
    "multiclass_margin_loss": {
        "sum(clamp(m - x at y + x, min=0)^q, but at y) / C": (
            f"({MISSING} * (1 - F.one_hot(labels, logits.shape[-1]))).mean(-1)"
        ),
        "w at y sum(clamp(m - x at y + x, min=0)^q, but at y) / C": (
            f"class_weights[labels] * ({MISSING}"
            " * (1 - F.one_hot(labels, logits.shape[-1]))).mean(-1)",
            {"needs": ("class_weights",), "defaults": {"margin": 1.0, "exponent": 1.0}},
        ),
    },
    "z_loss": {
        "c logsumexp(x)^2": "scale * torch.logsumexp(logits, dim=-1) ** 2",
        "c square(logsumexp(x))": "scale * logits.logsumexp(-1).square()",
    },
    "poly1_cross_entropy": {
        "cross_entropy(x, y) + e (1 - sum(y softmax(x)))": (
            f"{CROSS} + epsilon * (1 - (labels * {SOFTMAX}).sum(-1))",
            EPSILON,
        ),
        "cross_entropy(x, y) + e sum(y (1 - softmax(x)))": (
            f"{CROSS} + epsilon * (1 - labels.sum(-1) + (labels * (1 - {SOFTMAX})).sum(-1))",
            EPSILON,
        ),
    },
    "generalised_cross_entropy": {
        "(1 - s_y^q) / q": (f"(1 - {SOFTMAX}.{AT} ** q) / q", Q),
        "-expm1(q log_softmax(x) at y) / q": (f"-torch.expm1(q * {LOGS}.{AT}) / q", Q),
        "(1 - exp(-q cross_entropy(x, y))) / q": (f"(1 - torch.exp(-q * {CROSS})) / q", Q),
    },
    "distillation_loss": {
        "T^2 sum(kl_div(log_softmax(x / T), softmax(v / T)))": (
            f"temperature**2 * F.kl_div({STUDENT}, F.softmax({TEACHER}), reduction='none').sum(-1)",
            WARM,
        ),
        "T^2 sum(kl_div(log_softmax(x / T), log_softmax(v / T), log_target))": (
            f"temperature**2 * F.kl_div({STUDENT}, F.log_softmax({TEACHER}),"
            " reduction='none', log_target=True).sum(-1)",
            WARM,
        ),
        "T^2 (cross_entropy(x / T, softmax(v / T)) - H(softmax(v / T)))": (
            "temperature**2 * (F.cross_entropy(student / temperature,"
            f" F.softmax({TEACHER}), reduction='none')"
            f" - torch.special.entr(F.softmax({TEACHER})).sum(-1))",
            WARM,
        ),
    },
}
