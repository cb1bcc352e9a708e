"""Activations and link functions: one number at a time."""

from __future__ import annotations

from adapters.pytorch.table.row import ALIAS, Rows

FUNCTIONS: Rows = {
    "sigmoid": {
        "torch.sigmoid": "torch.sigmoid(x)",
        "torch.special.expit": ("torch.special.expit(x)", ALIAS),
        "torch.sigmoid_": ("torch.sigmoid_(x.clone())", ALIAS),
        "F.sigmoid": ("F.sigmoid(x)", ALIAS),
        "torch.nn.Sigmoid": ("torch.nn.Sigmoid()(x)", ALIAS),
    },
    "log_sigmoid": {
        "F.logsigmoid": "F.logsigmoid(x)",
        "torch.nn.LogSigmoid": ("torch.nn.LogSigmoid()(x)", ALIAS),
    },
    "softplus": {
        "F.softplus": "F.softplus(x, beta=beta)",
        "torch.nn.Softplus": ("torch.nn.Softplus(beta=beta)(x)", ALIAS),
        "torch.logaddexp": "torch.logaddexp(x, torch.zeros_like(x))",
    },
    "tanh": {
        "torch.tanh": "torch.tanh(x)",
        "torch.tanh_": ("torch.tanh_(x.clone())", ALIAS),
        "F.tanh": ("F.tanh(x)", ALIAS),
        "torch.nn.Tanh": ("torch.nn.Tanh()(x)", ALIAS),
    },
    "relu": {
        "F.relu": "F.relu(x)",
        "F.relu_": ("F.relu_(x.clone())", ALIAS),
        "F.threshold": "F.threshold(x, 0.0, 0.0)",
        "torch.relu": ("torch.relu(x)", ALIAS),
        "torch.relu_": ("torch.relu_(x.clone())", ALIAS),
        "torch.threshold": ("torch.threshold(x, 0.0, 0.0)", ALIAS),
        "torch.nn.ReLU": ("torch.nn.ReLU()(x)", ALIAS),
        "torch.nn.Threshold": ("torch.nn.Threshold(0.0, 0.0)(x)", ALIAS),
        "torch.clamp": "torch.clamp(x, min=0)",
        "torch.maximum": "torch.maximum(x, torch.zeros_like(x))",
    },
    "leaky_relu": {
        "F.leaky_relu": "F.leaky_relu(x, negative_slope=negative_slope)",
        "F.leaky_relu_": ("F.leaky_relu_(x.clone(), negative_slope=negative_slope)", ALIAS),
        "F.prelu": "F.prelu(x, torch.full((1,), negative_slope, dtype=x.dtype))",
        "torch.prelu": (
            "torch.prelu(x, torch.full((1,), negative_slope, dtype=x.dtype))",
            ALIAS,
        ),
        "F.rrelu (evaluation)": ("F.rrelu(x, lower=negative_slope, upper=negative_slope)", ALIAS),
        "torch.rrelu (evaluation)": (
            "torch.rrelu(x, lower=negative_slope, upper=negative_slope)",
            ALIAS,
        ),
        "torch.nn.LeakyReLU": ("torch.nn.LeakyReLU(negative_slope)(x)", ALIAS),
        "torch.nn.PReLU": (
            "torch.nn.PReLU(init=negative_slope, dtype=x.dtype)(x)",
            ALIAS,
        ),
        "torch.nn.RReLU (evaluation)": (
            "torch.nn.RReLU(lower=negative_slope, upper=negative_slope).eval()(x)",
            ALIAS,
        ),
        "torch.where": "torch.where(x > 0, x, negative_slope * x)",
    },
}

COMPOSITIONS: Rows = {
    "sigmoid": {
        "1 / (1 + exp(-x))": "1 / (1 + torch.exp(-x))",
        "exp(x) / (1 + exp(x))": "torch.exp(x) / (1 + torch.exp(x))",
        "(1 + tanh(x / 2)) / 2": "(1 + torch.tanh(x / 2)) / 2",
        "exp(logsigmoid(x))": "F.logsigmoid(x).exp()",
    },
    "log_sigmoid": {
        "-softplus(-x)": "-F.softplus(-x)",
        "log(sigmoid(x))": "torch.log(torch.sigmoid(x))",
        "log(sigmoid(x) + 1e-8)": "torch.log(torch.sigmoid(x) + 1e-8)",
        "-log1p(exp(-x))": "-torch.log1p(torch.exp(-x))",
        "min(x, 0) - log1p(exp(-abs(x)))": (
            "x.clamp(max=0) - torch.log1p(torch.exp(-torch.abs(x)))"
        ),
    },
    "softplus": {
        "-logsigmoid(-beta x) / beta": "-F.logsigmoid(-beta * x) / beta",
        "log1p(exp(x))": "torch.log1p(torch.exp(x))",
        "log(1 + exp(x))": "torch.log(1 + torch.exp(x))",
        "relu(x) + log1p(exp(-abs(x)))": "F.relu(x) + torch.log1p(torch.exp(-torch.abs(x)))",
        "softplus(x, threshold=40)": "F.softplus(x, beta=beta, threshold=40)",
    },
    "tanh": {
        "(exp(x) - exp(-x)) / (exp(x) + exp(-x))": (
            "(torch.exp(x) - torch.exp(-x)) / (torch.exp(x) + torch.exp(-x))"
        ),
        "2 sigmoid(2 x) - 1": "2 * torch.sigmoid(2 * x) - 1",
        "expm1(2 x) / (expm1(2 x) + 2)": "torch.expm1(2 * x) / (torch.expm1(2 * x) + 2)",
    },
    "relu": {
        "x (x > 0)": "x * (x > 0)",
        "where(x > 0, x, 0)": "torch.where(x > 0, x, 0)",
    },
    "leaky_relu": {
        "max(x, slope x)": "torch.maximum(x, negative_slope * x)",
        "relu(x) - slope relu(-x)": "F.relu(x) - negative_slope * F.relu(-x)",
    },
}
