"""Made-up results in the schema of `results/*.jsonl`, for the tests of the report.

Nothing here was measured. The numbers are drawn from a seeded generator, so that the same call
writes the same bytes; the shapes (findings that cover checks, controls that fail, unsupported
dtypes, infinities, claims) are those of a real run.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

Record = dict[str, Any]

DTYPES = {  # significant bits, least normal exponent
    "float16": (11, -14),
    "bfloat16": (8, -126),
    "float32": (24, -126),
    "float64": (53, -1022),
}
MODES = {
    "torch": ["eager", "compiled"],
    "tensorflow": ["eager", "graph", "compiled"],
    "jax": ["eager", "compiled"],
    "numpy": ["eager"],
}
INPUTS = {
    "sigmoid": ("x",),
    "softplus": ("x",),
    "sigmoid_cross_entropy": ("logits", "labels"),
    "binary_cross_entropy": ("probabilities", "labels"),
    "softmax": ("logits",),
    "logsumexp": ("logits",),
    "softmax_cross_entropy": ("logits", "labels"),
    "softmax_cross_entropy_index": ("logits",),
    "kl_divergence": ("labels", "log_probabilities"),
}
CODE = {
    "torch": {
        "sigmoid": ["torch.sigmoid(x)"],
        "softplus": ["F.softplus(x, beta=beta)"],
        "sigmoid_cross_entropy": [
            "F.binary_cross_entropy_with_logits(logits, labels, reduction=reduction)",
            "F.multilabel_soft_margin_loss(logits[:, None], labels[:, None])",
        ],
        "binary_cross_entropy": ["F.binary_cross_entropy(probabilities, labels)"],
        "softmax": ["F.softmax(logits, dim=-1)"],
        "logsumexp": ["torch.logsumexp(logits, dim=-1)"],
        "softmax_cross_entropy": ["F.cross_entropy(logits, labels, label_smoothing=a)"],
        "softmax_cross_entropy_index": [
            "F.linear_cross_entropy(logits, weight, labels)",
            "F.nll_loss(F.log_softmax(logits, -1), labels, reduction=reduction)",
        ],
        "kl_divergence": ["F.kl_div(log_probabilities, labels, reduction='none').sum(-1)"],
    },
    "tensorflow": {
        "sigmoid": ["tf.nn.sigmoid(x)"],
        "softplus": ["tf.nn.softplus(x)"],
        "sigmoid_cross_entropy": ["tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)"],
        "binary_cross_entropy": ["keras.losses.binary_crossentropy(labels, probabilities)"],
        "softmax": ["tf.nn.softmax(logits)"],
        "logsumexp": ["tf.reduce_logsumexp(logits, -1)"],
        "softmax_cross_entropy": ["tf.nn.softmax_cross_entropy_with_logits(labels, logits)"],
        "softmax_cross_entropy_index": [
            "tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)"
        ],
    },
    "jax": {
        "sigmoid": ["jax.nn.sigmoid(x)"],
        "softplus": ["jax.nn.softplus(x)"],
        "sigmoid_cross_entropy": ["optax.sigmoid_binary_cross_entropy(logits, labels)"],
        "softmax": ["jax.nn.softmax(logits)"],
        "logsumexp": ["jax.nn.logsumexp(logits, -1)"],
        "softmax_cross_entropy": [
            "optax.softmax_cross_entropy(logits, labels)",
            "optax.safe_softmax_cross_entropy(logits, labels)",
        ],
        "softmax_cross_entropy_index": [
            "optax.softmax_cross_entropy_with_integer_labels(logits, labels)"
        ],
        "kl_divergence": ["optax.kl_divergence(log_probabilities, labels)"],
    },
    "numpy": {
        "softmax": [
            "shifted(logits) / sum(shifted(logits))",
            "exp(logits) / sum(exp(logits))",
        ],
        "sigmoid_cross_entropy": ["x - x*z + log(1 + exp(-x))"],
    },
}
CONTROLS = {
    "exp(logits) / sum(exp(logits))": "exp overflows above 88.7 in float32: inf/inf is NaN",
    "x - x*z + log(1 + exp(-x))": "`exp(-x)` overflows for large negative logits",
}
THEMES = [
    ("ordinary values", "derivation: random logits, |x| <= 3", "nothing is difficult here"),
    ("saturated tails", "seeds/001 §Numerical stability", "the small tail term survives"),
    ("overflow range", "pytorch/pytorch#12345", "logits of 1e30 do not overflow on the way"),
    ("infinities and NaN", "IEEE 754-2019 §6", "a class at -inf has probability 0"),
    ("ties and zeros", "tensorflow/tensorflow#4321", "equal logits give exactly 1/2^k"),
    ("large vocabulary", "derivation: 50,000 classes", "many small terms do not get lost"),
    ("label smoothing", "https://arxiv.org/abs/1512.00567 §7", "alpha/C goes to every class"),
    ("half precision", "seeds/004 §pitfalls", "computed in float32, rounded once"),
]


def _pattern(framework: str, implementation: str, case: str, wrt: str) -> Record:
    return {
        "implementation": implementation,
        "case": case,
        "dtype": ["float64", "bfloat16"],
        "mode": MODES[framework],
        "quantity": ["value", f"gradient.{wrt}"],
    }


FINDINGS: dict[str, list[Record]] = {
    "torch": [
        {
            "id": "torch-softplus-threshold",
            "title": "softplus returns x above x*beta = 20 in every dtype",
            "severity": "accuracy",
            "explanation": "`F.softplus` is the identity from `threshold=20` on, in any dtype. "
            "In float64 ln(1 + e^-20) = 2.06e-9 is lost.\n\nThe gradient switches to 1.",
            "upstream": [
                "pytorch/pytorch#22222",
                "https://github.com/pytorch/pytorch/issues/33333",
            ],
            "reproduction": "x = torch.tensor([20.5], dtype=torch.float64)\n"
            "print(F.softplus(x))  # tensor([20.5000], dtype=torch.float64)",
            "confirmed": "mpmath.log1p(mpmath.exp(20.5)) = 20.5000000012501528...",
            "checks": [_pattern("torch", "F.softplus", "softplus-*", "x")],
            "verdict": ["inaccurate", "wrong"],
            "over_bound": [1.0, math.inf],
        },
        {
            "id": "torch-bce-clamped-log",
            "title": "binary_cross_entropy clamps the logarithm: 100 at p = 0, not inf",
            "severity": "special-values",
            "explanation": "Documented: the log is clamped so that the loss stays finite.",
            "upstream": [],
            "reproduction": "F.binary_cross_entropy(torch.tensor([0.]), torch.tensor([1.]))  # 100",
            "confirmed": "-ln 0 = +inf (limit)",
            "checks": [_pattern("torch", "F.binary_cross_entropy", "*", "probabilities")],
            "verdict": ["wrong", "inaccurate"],
            "over_bound": [1.0, math.inf],
        },
    ],
    "tensorflow": [
        {
            "id": "tf-bfloat16-sparse-sum",
            "title": "the sparse loss sums exponentials in bfloat16",
            "severity": "wrong-in-training",
            "explanation": "float16 is widened first, bfloat16 is not: the sum stands still.",
            "upstream": ["tensorflow/tensorflow#44444"],
            "reproduction": "logits = tf.zeros([1, 50000], tf.bfloat16)\n"
            "tf.nn.sparse_softmax_cross_entropy_with_logits([0], logits)  # 5.53, not 10.8",
            "confirmed": "mpmath.log(50000) = 10.8197782844102...",
            "checks": [_pattern("tensorflow", "tf.nn.sparse*", "*", "logits")],
            "verdict": ["wrong", "inaccurate"],
            "over_bound": [1.0, math.inf],
        },
    ],
    "jax": [
        {
            "id": "optax-docs-kl-order",
            "title": "the documentation of kl_divergence names its arguments in the other order",
            "severity": "documentation",
            "explanation": "The formula on the page has p and q exchanged.",
            "upstream": ["google-deepmind/optax#555"],
            "reproduction": "optax.kl_divergence(log_predictions, targets)",
            "confirmed": "KL(p||q) = sum p ln(p/q)",
            "checks": [_pattern("jax", "optax.kl_divergence", "*", "labels")],
            "verdict": ["inaccurate", "wrong"],
            "over_bound": [1.0, math.inf],
        },
    ],
}
BAD = (
    "F.softplus",
    "F.binary_cross_entropy",
    "tf.nn.sparse_softmax_cross_entropy_with_logits",
    "optax.kl_divergence",
)
"""Implementations whose checks fail where the findings say so."""


def implementations(framework: str) -> list[Record]:
    """The implementation records of one framework."""
    return [
        {
            "kind": "implementation",
            "name": code if framework == "numpy" else code.split("(")[0],
            "operator": operator,
            "code": code,
            "modes": MODES[framework],
            "documentation": f"https://example.org/docs/{operator}",
            "control": CONTROLS.get(code, ""),
        }
        for operator, codes in CODE[framework].items()
        for code in codes
    ]


def cases(per_operator: int) -> list[Record]:
    """Case records, `per_operator` of each operator, with two claims in all."""
    found = [
        _case(operator, number) for operator in sorted(INPUTS) for number in range(per_operator)
    ]
    found[0]["claims"] = [
        _claim("H(x, y1) = 9/4", "value == 9/4", False, "value / log(2) == 9/4"),
        _claim("y2 is closer: H(x, y2) < H(x, y1)", 'value < row("y1").value', True, None),
    ]
    return found


def _case(operator: str, number: int) -> Record:
    theme, source, why = THEMES[number % len(THEMES)]
    name = f"{operator.replace('_', '-')}-{theme.replace(' ', '-')}-{number}"
    return {
        "kind": "case",
        "case": name,
        "operator": operator,
        "source": source,
        "why": why,
        "theme": theme,
        "file": f"cases/{theme.replace(' ', '-')}.yaml:{12 + 9 * number}",
        "rows": 5 + number,
        "claims": [],
    }


def _claim(says: str, check: str, holds: bool, instead: str | None) -> Record:
    return {
        "says": says,
        "row": "y1",
        "check": check,
        "holds": holds,
        "instead": instead,
        "verdict": "holds" if holds else "does not hold",
        "as_documented": True,
        "true": "1.55958115625987694617636932551",
    }


def checks(framework: str, per_operator: int) -> Iterator[Record]:
    """Check records of one framework, in sorted order."""
    table = cases(per_operator)
    for implementation in implementations(framework):
        own = [case for case in table if case["operator"] == implementation["operator"]]
        for case in own:
            for dtype in sorted(DTYPES):
                for mode in sorted(MODES[framework]):
                    names = INPUTS[implementation["operator"]]
                    for quantity in ("value", f"gradient.{names[0]}"):
                        yield _check(framework, implementation, case, dtype, mode, quantity)


def _check(
    framework: str, implementation: Record, case: Record, dtype: str, mode: str, quantity: str
) -> Record:
    name = implementation["name"]
    seed = "|".join((framework, name, case["case"], dtype, quantity))
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    verdict = _verdict(rng, name, case, dtype, mode, bool(implementation["control"]))
    outputs = case["rows"] * rng.choice([1, 3, 10])
    record = {
        "kind": "check",
        "operator": implementation["operator"],
        "implementation": name,
        "case": case["case"],
        "dtype": dtype,
        "mode": mode,
        "quantity": quantity,
        "verdict": verdict,
        "outputs": outputs,
        **_numbers(rng, verdict, dtype, outputs),
        "row": f"x[{rng.randrange(case['rows'])}]",
        "index": [rng.randrange(case["rows"]), rng.randrange(10)],
        "inputs": {
            n: "[" + ", ".join(f"{rng.gauss(0, 9):.6g}" for _ in range(5)) + ", …]"
            for n in INPUTS[implementation["operator"]]
        },
        "message": "",
        "finding": None,
    }
    if verdict == "raised":
        record["message"] = "RuntimeError: expected scalar type Float but found Half"
    if verdict == "unsupported":
        record["message"] = f"no {dtype}"
    record["snippet"] = _snippet(framework, implementation, dtype, mode, record["inputs"])
    return record


def _verdict(
    rng: random.Random, name: str, case: Record, dtype: str, mode: str, control: bool
) -> str:
    if name == "F.multilabel_soft_margin_loss" and dtype == "float16":
        return "unsupported"
    if name == "torch.logsumexp" and dtype == "float16" and case["theme"] == "half precision":
        return "raised"
    draw = rng.random()
    hard = case["theme"] in ("saturated tails", "overflow range", "infinities and NaN")
    if control and hard:
        return "wrong" if draw < 0.5 else "inaccurate"
    if name in BAD and hard and dtype in ("float64", "bfloat16"):
        return "wrong" if draw < 0.1 else "inaccurate"
    if draw < 0.001:
        return "wrong" if mode == "eager" else "undecided"
    ladder = [("exact", 0.45), ("faithful", 0.75), ("strict", 0.95), ("baseline", 2.0)]
    return next(verdict for verdict, up_to in ladder if draw < up_to)


def _numbers(rng: random.Random, verdict: str, dtype: str, outputs: int) -> Record:
    if verdict in ("raised", "unsupported"):
        none = dict.fromkeys(["got", "got_hex", "truth", "truth_hex", "ulps", "over_bound"])
        return {"counts": {verdict: outputs}, "bound": {"strict": None, "baseline": None}, **none}
    p, emin = DTYPES[dtype]
    truth = rng.choice([-1, 1]) * math.ldexp(rng.uniform(1, 2), rng.randrange(max(emin, -40), 8))
    ulp = math.ldexp(1.0, max(math.frexp(truth)[1] - 1, emin) - (p - 1))
    strict, baseline = rng.uniform(2, 30), rng.uniform(30, 400)
    ulps = {
        "exact": rng.uniform(0, 0.5),
        "faithful": rng.uniform(0.5, 1),
        "strict": rng.uniform(1, strict),
        "baseline": rng.uniform(strict, baseline),
        "inaccurate": baseline * 10 ** rng.uniform(0.1, 5),
        "wrong": 2.0 ** (p - 1) * rng.uniform(0.5, 40),
        "undecided": 0.5,
    }[verdict]
    got = truth + rng.choice([-1, 1]) * ulps * ulp
    lost = verdict == "wrong" and rng.random() < 0.3
    worst = outputs if verdict == "exact" else max(1, outputs // 7)
    counts = {verdict: worst} | ({"exact": outputs - worst} if worst < outputs else {})
    return {
        "counts": counts,
        "got": "nan" if lost else repr(got),
        "got_hex": "nan" if lost else got.hex(),
        "truth": str(Decimal(truth))[:31] if abs(truth) > 1e-4 else f"{Decimal(truth):.29e}",
        "truth_hex": truth.hex(),
        "ulps": None if lost else ulps,
        "bound": {"strict": strict * ulp, "baseline": baseline * ulp},
        "over_bound": "inf" if lost else ulps / baseline,
    }


def _snippet(
    framework: str, implementation: Record, dtype: str, mode: str, inputs: dict[str, str]
) -> str:
    lines = [f"import {framework}", ""]
    lines += [f"{n} = {framework}.asarray({text}, dtype='{dtype}')" for n, text in inputs.items()]
    lines += [f"def f({', '.join(inputs)}):", f"    return {implementation['code']}", ""]
    lines += [f"# mode: {mode}", f"print(f({', '.join(inputs)}))"]
    return "\n".join(lines) + "\n"


def expressions(framework: str) -> list[Record]:
    """What ran: the code itself, with one value of its parameters written in."""
    return [
        {
            "kind": "expression",
            "implementation": own["name"],
            "options": [],
            "reduction": "none",
            "code": own["code"].replace("reduction=reduction", "reduction='none'"),
        }
        for own in implementations(framework)
    ]


def signatures(framework: str) -> list[Record]:
    """The arguments of the functions, made up like all else."""
    names = {own["name"] for own in implementations(framework) if framework != "numpy"}
    return [
        {"kind": "signature", "function": name, "arguments": "(input, target, reduction='mean')"}
        for name in sorted(names)
    ]


def records(framework: str, per_operator: int = 8) -> list[Record]:
    """All records of one results file, header to footer."""
    found = list(checks(framework, per_operator))
    verdicts = Counter(record["verdict"] for record in found)
    header = {
        "kind": "header",
        "schema": 2,
        "framework": framework,
        "versions": {framework: "2.13.0", "numpy": "2.3.1", "python": "3.11.2"},
        "machine": {"machine": "x86_64", "system": "Linux", "cpu": "AVX-512"},
        "flags": {"threads": "2"},
        "cases": "c0ffee" * 10,
        "reference": "0ff1ce" * 10,
        "selection": "all",
    }
    footer = {"kind": "footer", "checks": len(found), "verdicts": dict(verdicts), "complete": True}
    told = [*implementations(framework), *signatures(framework), *cases(per_operator)]
    return [header, *told, *expressions(framework), *found, footer]


def write_records(path: Path, lines: list[Record]) -> Path:
    """Write one results file."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def write(folder: Path, per_operator: int = 8) -> tuple[list[Path], Path]:
    """Write results of four frameworks and their findings; give the files and findings folder."""
    (folder / "results").mkdir(parents=True, exist_ok=True)
    (folder / "findings").mkdir(exist_ok=True)
    for framework, findings in FINDINGS.items():
        path = folder / "findings" / f"{framework}.yaml"
        path.write_text(yaml.safe_dump(findings, sort_keys=False), encoding="utf-8")
    paths = [
        write_records(folder / "results" / f"{framework}.jsonl", records(framework, per_operator))
        for framework in MODES
    ]
    return paths, folder / "findings"
