"""PyTorch on the CPU: the public functions of `torch` and the compositions users write.

`compiled` is `torch.compile` with inductor, in one graph and for dynamic shapes, so that a new
number of rows does not compile again (except 0 and 1, which PyTorch always specialises). It costs
seconds a function, dtype and choice of gradients, so only the names in `COMPILED` have it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np

# Inductor would compile four programs, 3 s each, to ask whether the compiler knows the processor's
# vectors. Read once, at the import.
os.environ.setdefault("TORCHINDUCTOR_VEC_ISA_OK", "1")

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own name for it

from adapters.base import Adapter, Array, Call, Implementation

# Operator -> name -> code. A name that starts with `torch.` or `F.` is a public function, the
# others are compositions in mathematical shorthand. No *, ? or [ in a name: findings match names
# with shell-style wildcards.
TABLE: Mapping[str, Mapping[str, str]] = {
    "sigmoid": {
        "torch.sigmoid": "torch.sigmoid(x)",
        "torch.special.expit": "torch.special.expit(x)",
        "1 / (1 + exp(-x))": "1 / (1 + torch.exp(-x))",
        "exp(x) / (1 + exp(x))": "torch.exp(x) / (1 + torch.exp(x))",
    },
    "log_sigmoid": {
        "F.logsigmoid": "F.logsigmoid(x)",
        "-softplus(-x)": "-F.softplus(-x)",
        "log(sigmoid(x))": "torch.log(torch.sigmoid(x))",
        "log(sigmoid(x) + 1e-8)": "torch.log(torch.sigmoid(x) + 1e-8)",
        "-log1p(exp(-x))": "-torch.log1p(torch.exp(-x))",
    },
    "softplus": {
        "F.softplus": "F.softplus(x, beta=beta)",
        "torch.logaddexp": "torch.logaddexp(x, torch.zeros_like(x))",
        "-logsigmoid(-beta x) / beta": "-F.logsigmoid(-beta * x) / beta",
        "log1p(exp(x))": "torch.log1p(torch.exp(x))",
        "log(1 + exp(x))": "torch.log(1 + torch.exp(x))",
        "relu(x) + log1p(exp(-abs(x)))": "F.relu(x) + torch.log1p(torch.exp(-torch.abs(x)))",
    },
    "tanh": {
        "torch.tanh": "torch.tanh(x)",
        "(exp(x) - exp(-x)) / (exp(x) + exp(-x))": (
            "(torch.exp(x) - torch.exp(-x)) / (torch.exp(x) + torch.exp(-x))"
        ),
    },
    "relu": {
        "F.relu": "F.relu(x)",
        "torch.clamp": "torch.clamp(x, min=0)",
        "torch.maximum": "torch.maximum(x, torch.zeros_like(x))",
        "x (x > 0)": "x * (x > 0)",
    },
    "leaky_relu": {
        "F.leaky_relu": "F.leaky_relu(x, negative_slope=negative_slope)",
        "torch.where": "torch.where(x > 0, x, negative_slope * x)",
    },
    "binary_cross_entropy": {
        "F.binary_cross_entropy": (
            "F.binary_cross_entropy(probabilities, labels, reduction=reduction)"
        ),
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
        "F.binary_cross_entropy_with_logits": (
            "F.binary_cross_entropy_with_logits(logits, labels, reduction=reduction)"
        ),
        "F.multilabel_soft_margin_loss": (
            "F.multilabel_soft_margin_loss(logits[..., None], labels[..., None],"
            " reduction=reduction)"
        ),
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
        "softplus(x) - x y": "F.softplus(logits) - logits * labels",
        "(1 - y) x + log(1 + exp(-x))": "(1 - labels) * logits + (1 + (-logits).exp()).log()",
        "clamp(x, min=0) - x y + log1p(exp(-abs(x)))": (
            "logits.clamp(min=0) - logits * labels + torch.log1p(torch.exp(-logits.abs()))"
        ),
    },
    "logistic_loss_pm1": {
        "F.soft_margin_loss": "F.soft_margin_loss(logits, labels, reduction=reduction)",
        "softplus(-y x)": "F.softplus(-labels * logits)",
        "-logsigmoid(y x)": "-F.logsigmoid(labels * logits)",
        "log1p(exp(-y x))": "torch.log1p(torch.exp(-labels * logits))",
        "log(1 + exp(-y x))": "torch.log(1 + torch.exp(-labels * logits))",
        "binary_cross_entropy_with_logits(x, (1 + y) / 2)": (
            "F.binary_cross_entropy_with_logits(logits, (1 + labels) / 2, reduction=reduction)"
        ),
    },
    "squared_loss": {
        "F.mse_loss": "scale * F.mse_loss(predictions, labels, reduction=reduction)",
        "scale (y - z)^2": "scale * (predictions - labels) ** 2",
    },
    "sigmoid_squared_loss": {
        "(sigmoid(x) - y)^2 / 2": "(logits.sigmoid() - labels) ** 2 / 2",
        "mse_loss(sigmoid(x), y) / 2": (
            "F.mse_loss(torch.sigmoid(logits), labels, reduction=reduction) / 2"
        ),
    },
    "softmax": {
        "F.softmax": "F.softmax(logits, dim=-1)",
        "F.softmax (in float32)": "F.softmax(logits, dim=-1, dtype=torch.float32).to(logits.dtype)",
        "exp(x) / sum(exp(x))": "logits.exp() / logits.exp().sum(-1, keepdim=True)",
        "exp(log_softmax(x))": "F.log_softmax(logits, dim=-1).exp()",
    },
    "log_softmax": {
        "F.log_softmax": "F.log_softmax(logits, dim=-1)",
        "torch.special.log_softmax": "torch.special.log_softmax(logits, dim=-1)",
        "log(softmax(x))": "F.softmax(logits, dim=-1).log()",
        "x - logsumexp(x)": "logits - logits.logsumexp(-1, keepdim=True)",
        "x - log(sum(exp(x)))": "logits - logits.exp().sum(-1, keepdim=True).log()",
    },
    "logsumexp": {
        "torch.logsumexp": "torch.logsumexp(logits, dim=-1)",
        "torch.special.logsumexp": "torch.special.logsumexp(logits, dim=-1)",
        "torch.logcumsumexp": "torch.logcumsumexp(logits, dim=-1)[..., -1]",
        "log(sum(exp(x)))": "logits.exp().sum(-1).log()",
        "max(x) + log(sum(exp(x - max(x))))": (
            "logits.amax(-1) + (logits - logits.amax(-1, keepdim=True)).exp().sum(-1).log()"
        ),
    },
    "cross_entropy": {
        "-sum(p log(q))": "-(labels * probabilities.log()).sum(-1)",
        "-sum(p log(q + 1e-8))": "-(labels * (probabilities + 1e-8).log()).sum(-1)",
        "-sum(xlogy(p, q))": "-torch.xlogy(labels, probabilities).sum(-1)",
    },
    "kl_divergence": {
        "F.kl_div": "F.kl_div(log_probabilities, labels, reduction='none').sum(-1)",
        "F.kl_div (reduced)": "F.kl_div(log_probabilities, labels, reduction=reduction)",
        "F.kl_div (log_target)": (
            "F.kl_div(log_probabilities, labels.log(), reduction='none', log_target=True).sum(-1)"
        ),
        "sum(p (log(p) - lq))": "(labels * (labels.log() - log_probabilities)).sum(-1)",
        "sum(p log(p / exp(lq)))": "(labels * (labels / log_probabilities.exp()).log()).sum(-1)",
    },
    "softmax_cross_entropy": {
        "F.cross_entropy (probabilities)": (
            "F.cross_entropy(logits, labels, weight=class_weights,"
            " label_smoothing=label_smoothing, reduction=reduction)"
        ),
        "-sum(y log_softmax(x))": "-(labels * F.log_softmax(logits, dim=-1)).sum(-1)",
        "-sum(y log(softmax(x)))": "-(labels * F.softmax(logits, dim=-1).log()).sum(-1)",
        "-sum(y log(softmax(x) + 1e-8))": (
            "-(labels * (F.softmax(logits, dim=-1) + 1e-8).log()).sum(-1)"
        ),
        "sum(y (logsumexp(x) - x))": (
            "(labels * (logits.logsumexp(-1, keepdim=True) - logits)).sum(-1)"
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
        "logsumexp(x) - x at y": "logits.logsumexp(-1) - logits.gather(-1, labels[:, None])[:, 0]",
        "-Categorical(logits=x).log_prob(y)": (
            "-torch.distributions.Categorical(logits=logits).log_prob(labels)"
        ),
    },
    "nll": {
        "F.nll_loss": (
            "F.nll_loss(log_probabilities, labels, weight=class_weights,"
            " ignore_index=ignore_index, reduction=reduction)"
        ),
        "-log_probabilities at y": "-log_probabilities.gather(-1, labels[:, None])[:, 0]",
        "-sum(one_hot(y) log_probabilities)": (
            "-(F.one_hot(labels, log_probabilities.shape[-1]) * log_probabilities).sum(-1)"
        ),
    },
}

ELEMENTS = {"none": "none", "sum": "sum", "mean": "mean"}
TARGETS = {"none": "none", "sum": "sum", "weighted_mean": "mean"}
REDUCTIONS = {  # where PyTorch's own `reduction=` is not simply the suite's
    "kl_divergence": {"sum": "sum", "mean": "batchmean"},
    "softmax_cross_entropy_index": TARGETS,
    "nll": TARGETS,
}
DEFAULTS = {
    "beta": 1.0,
    "class_weights": None,
    "ignore_index": -100,
    "label_smoothing": 0.0,
    "negative_slope": 0.0,  # the operator's default; PyTorch's own is 0.01
    "scale": 1.0,
}
FIXED = {
    "F.soft_margin_loss": {"labels": "the derivative for 'target' is not implemented"},
    "binary_cross_entropy_with_logits(x, (1 + y) / 2)": {
        "labels": "linear in the label: equal to ln(1 + e^(-y x)) at the labels -1 and +1 only"
    },
}
DTYPES = {"F.softmax (in float32)": ("float16", "bfloat16")}
COMPILED: Mapping[str, tuple[str, ...]] = {
    "F.logsigmoid": ("float32", "bfloat16"),
    "F.softplus": ("float32", "float64"),
    "F.binary_cross_entropy_with_logits": ("float32", "bfloat16"),
    "F.log_softmax": ("float32", "bfloat16"),
    "torch.logsumexp": ("float32",),
    "F.cross_entropy (probabilities)": ("float32",),
    "F.cross_entropy (index)": ("float32",),
}
"""What is compiled, in which dtypes; sums and means are those of the eager mode."""
COMPILE = {"fullgraph": True, "dynamic": True}
RECOMPILE_LIMIT = 64  # 4 dtypes x sizes 0, 1, many x choices of gradients; PyTorch's own is 8
THREADS = 1  # one order of every sum
GENERATED = re.compile(r"^kernel, .*?\.cpp:\d+, ")  # how the errors of generated code begin


def page(name: str) -> str:
    """The documentation of a public function; compositions have none."""
    if not name.startswith(("torch.", "F.")):
        return ""
    function = name.split(" (")[0].replace("F.", "torch.nn.functional.")
    special = function.startswith("torch.special.")
    path = f"special.html#{function}" if special else f"generated/{function}.html"
    return f"https://docs.pytorch.org/docs/stable/{path}"


def row(operator: str, name: str, code: str) -> Implementation:
    """One row of the table with what is said about it above."""
    return Implementation(
        name,
        operator,
        code,
        reductions=REDUCTIONS.get(operator, ELEMENTS) if "=reduction" in code else {},
        defaults=DEFAULTS,
        dtypes=DTYPES.get(name),
        modes=("eager", "compiled") if name in COMPILED else ("eager",),
        fixed=FIXED.get(name, {}),
        documentation=page(name),
    )


def literal(values: Array, leaf: bool = False) -> str:
    """Source of the tensor with exactly these values, which round-trip through float64."""
    numbers = (values if values.dtype == np.int64 else values.astype(np.float64)).tolist()
    shape = "" if values.size else f".reshape{values.shape}"  # an empty list forgets its shape
    grad = ".requires_grad_()" if leaf else ""
    return f"torch.tensor({numbers}, dtype=torch.{values.dtype.name}){shape}{grad}"


class PyTorch(Adapter):
    """PyTorch on the CPU. Subnormals are kept in both modes (measured), so nothing is flushed."""

    framework = "torch"
    modes: tuple[str, ...] = ("eager", "compiled")
    bucketed = ("compiled",)
    implementations = tuple(row(op, *entry) for op, rows in TABLE.items() for entry in rows.items())
    namespace: Mapping[str, Any] = {"torch": torch, "F": F}
    imports = "import torch\nimport torch.nn.functional as F\nfrom torch import inf, nan"
    reductions: Mapping[str, str] = {"none": "{}", "sum": "({}).sum()", "mean": "({}).mean()"}

    def __init__(self) -> None:
        torch.set_num_threads(THREADS)
        self.compiled: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def versions(self) -> dict[str, str]:
        return {"torch": torch.__version__}

    def flags(self) -> dict[str, str]:
        return {
            "device": "cpu",
            "threads": str(torch.get_num_threads()),
            "vectors": torch.backends.cpu.get_cpu_capability(),
            "compiled": ", ".join(f"{name}={value}" for name, value in COMPILE.items()),
            "TORCHINDUCTOR_VEC_ISA_OK": os.environ["TORCHINDUCTOR_VEC_ISA_OK"],
        }

    def unsupported(self, implementation: Implementation, call: Call, mode: str) -> str:
        if mode == "compiled" and implementation.name in COMPILED:
            dtypes = COMPILED[implementation.name]
            if call.dtype not in dtypes:
                return f"compiled in {' and '.join(dtypes)} only, for the time it takes"
            if call.reduction in ("sum", "mean"):
                return "sums and means are not compiled, for the time it takes"
        return super().unsupported(implementation, call, mode)

    def tensor(self, values: Array) -> torch.Tensor:
        values = np.array(values, order="C")
        if values.dtype == ml_dtypes.bfloat16:
            return torch.from_numpy(values.view(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(values)

    def array(self, tensor: torch.Tensor) -> Array:
        tensor = tensor.detach()
        bfloat16 = tensor.dtype == torch.bfloat16
        values: Array = (tensor.view(torch.int16) if bfloat16 else tensor).numpy()
        return values.view(ml_dtypes.bfloat16) if bfloat16 else values

    def differentiate(
        self,
        function: Callable[..., Any],
        key: tuple[Any, ...],
        tensors: Mapping[str, Any],
        wrt: Sequence[str],
        upstream: Any,
        mode: str,
    ) -> tuple[Any, dict[str, Any]]:
        if mode == "compiled":
            if key not in self.compiled:
                limit = {"recompile_limit": RECOMPILE_LIMIT}
                self.compiled[key] = torch.compile(function, **COMPILE, **limit)
            function = self.compiled[key]
        leaves = [tensors[name].requires_grad_() for name in wrt]
        try:
            value = function(**tensors)
        except RuntimeError as error:
            if not GENERATED.match(str(error)):
                raise
            raise RuntimeError(GENERATED.sub("", str(error))) from error
        gradients = torch.autograd.grad(value, leaves, upstream) if leaves else ()
        return value, dict(zip(wrt, gradients, strict=True))

    def snippet(self, implementation: Implementation, call: Call, mode: str) -> str:
        wrt = [name for name in call.wrt if name not in implementation.fixed]
        expression = self.expression(implementation, call)
        arrays = self.arrays(implementation, call)
        lines = [self.imports, "", f"torch.set_num_threads({THREADS})"]
        lines += [f"{name} = {literal(values, name in wrt)}" for name, values in arrays.items()]
        lines += [f"{name} = {v!r}" for name, v in self.constants(implementation, call).items()]
        if mode == "compiled":
            names = ", ".join(arrays)
            options = ", ".join(f"{name}={value}" for name, value in COMPILE.items())
            lines += ["", "", f"@torch.compile({options})", f"def function({names}):"]
            lines += [f"    return {expression}", "", ""]
            expression = f"function({names})"
        lines += [f"value = {expression}", 'print("value", value.tolist())']
        if wrt:
            ones = bool((call.upstream == 1).all())
            lines += [f"upstream = {'torch.ones_like(value)' if ones else literal(call.upstream)}"]
            lines += [f"gradients = torch.autograd.grad(value, [{', '.join(wrt)}], upstream)"]
        for position, name in enumerate(wrt):
            lines += [f'print("gradient.{name}", gradients[{position}].tolist())']
        return "\n".join(lines) + "\n"


ADAPTER = PyTorch()
