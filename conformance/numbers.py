"""The numbers of the case files: exact, read once, rounded once to the format under test.

A number is written as a decimal or hexadecimal literal, a name, or a sum, product or quotient of
these: `0.1`, `1e30`, `0x1.8p-3`, `1/4`, `-inf`, `-2*max`, `1-eps`, `20+4*eps`. The names `max`,
`tiny` (smallest normal), `subnormal` (smallest positive) and `eps` (2u) are those of the format.
A vector is a list of numbers or a generator, `{normal: {seed: 1, scale: 10}, size: 1000}`.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from reference.balls import ball, precision
from reference.formats import FORMATS, Format

Exact = Fraction | float
"""A rational, or an infinity or NaN as a float."""
_SPECIAL = {"inf": math.inf, "nan": math.nan}
_NAMES: dict[str, Callable[[Format], Fraction]] = {
    "max": lambda f: Fraction(f.max),
    "tiny": lambda f: Fraction(f.tiny),
    "subnormal": lambda f: Fraction(f.subnormal),
    "eps": lambda f: Fraction(2 * f.u),
}
_OPERATIONS: dict[type[ast.operator], Callable[[Exact, Exact], Exact]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_HEX = re.compile(
    r"([-+]?)0[xX](?=\.?[0-9a-fA-F])([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([-+]?[0-9]{1,5})"
)
_DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,5})?")
_WHOLE = re.compile(r"[0-9]{1,9}")
Number = Callable[[Format], Exact]
"""A number as a function of the format."""


class NumberError(ValueError):
    """A text that is not a number; the message says what is allowed."""


def number(text: Any) -> Number:
    """Read one number.

    Raises NumberError for anything else.
    """
    if not isinstance(text, str):
        raise NumberError(f"`{text}` is not a number")
    return _number(text)


@cache
def _number(text: str) -> Number:
    if _DECIMAL.fullmatch(text):
        exact = Fraction(text)
        return lambda _: exact
    if match := _HEX.fullmatch(text):
        sign, whole, part, power = match.groups()
        mantissa = int(f"{sign}{whole}{part}", 16)
        binary = mantissa * Fraction(2) ** (int(power) - 4 * len(part))
        return lambda _: binary
    try:
        found = _read(ast.parse(text.strip(), mode="eval").body, text.strip())
        for format in FORMATS.values():
            found(format)
    except (SyntaxError, NumberError, ArithmeticError):
        known = ", ".join((*_SPECIAL, *_NAMES))
        raise NumberError(
            f"`{text}` is not a number (a literal, a fraction, {known}, or + - * / of these)"
        ) from None
    return found


def _read(tree: ast.expr, text: str) -> Number:
    match tree:
        case ast.Constant():
            literal = ast.get_source_segment(text, tree) or ""
            if _DECIMAL.fullmatch(literal):
                exact = Fraction(literal)
                return lambda _: exact
        case ast.Name(id=name) if name in _SPECIAL:
            special = _SPECIAL[name]
            return lambda _: special
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
            sign = -1 if isinstance(op, ast.USub) else 1
            inner = _read(operand, text)
            return lambda f: sign * inner(f)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            combine = _OPERATIONS[type(op)]
            a, b = _read(left, text), _read(right, text)
            return lambda f: combine(a(f), b(f))
    raise NumberError(text)


def rounded(exact: Exact, format: Format) -> float:
    """The nearest number of the format."""
    return exact if isinstance(exact, float) else format.round(exact)


def vector(spec: Any) -> list[Number]:
    """The numbers of a vector: a list, or a generator with its size.

    Raises NumberError.
    """
    if isinstance(spec, list):
        return [number(text) for text in spec]
    if not isinstance(spec, dict):
        raise NumberError(f"`{spec}` is neither a list of numbers nor a generator")
    size = spec.get("size")
    kinds = [key for key in spec if key != "size"]
    if not _whole(size) or len(kinds) != 1 or kinds[0] not in _GENERATORS:
        known = ", ".join(_GENERATORS)
        raise NumberError(f"a generator is one of {known}, with a `size`")
    return list(_GENERATORS[kinds[0]](spec[kinds[0]], int(str(size))))


def sweep(spec: Any) -> list[Number]:
    """The numbers of a sweep: `linspace`, `logspace` (with a `base`), or `ulps` around a number.

    Raises NumberError.
    """
    if isinstance(spec, dict) and "ulps" in spec:
        if set(spec) != {"ulps", "steps"} or not _whole(spec["steps"]):
            raise NumberError("`ulps` goes with `steps`, the number of neighbours on either side")
        centre, steps = number(spec["ulps"]), int(spec["steps"])
        return [_neighbour(centre, k) for k in range(-steps, steps + 1)]
    if isinstance(spec, dict) and "logspace" in spec:
        if not set(spec) <= {"logspace", "size", "base"}:
            raise NumberError("`logspace` goes with `size` and `base`, and nothing else")
        base = _rational(spec.get("base", "10"))
        if base <= 0:
            raise NumberError(f"the base of a `logspace` is positive, not {base}")
        exponents = vector({"linspace": spec["logspace"], "size": spec.get("size")})
        return [_power(base, e) for e in exponents]
    return vector(spec)


def _whole(text: Any) -> bool:
    return isinstance(text, str) and _WHOLE.fullmatch(text) is not None


def _rational(text: Any) -> Fraction:
    """A number that is the same in every format."""
    values = {number(text)(format) for format in FORMATS.values()}
    exact = values.pop()
    if values or not isinstance(exact, Fraction):
        raise NumberError(f"`{text}` is not a plain number here")
    return exact


def _neighbour(centre: Number, steps: int) -> Number:
    def at(format: Format) -> Exact:
        x = rounded(centre(format), format)
        for _ in range(abs(steps)):
            up = float(format.next_up(np.array(math.copysign(1, steps) * x)))
            x = math.copysign(1, steps) * up
        return x if not math.isfinite(x) else Fraction(x)

    return at


def _power(base: Fraction, exponent: Number) -> Number:
    """The power: exact for a whole exponent, otherwise right to 120 bits on every machine."""

    def at(format: Format) -> Exact:
        e = exponent(format)
        if not isinstance(e, Fraction):
            raise NumberError("`logspace` takes a list of two finite numbers")
        if e.denominator == 1:
            return base ** int(e)
        with precision(128):
            mantissa, power = (ball(base).log() * ball(e)).exp().mid().man_exp()
        return Fraction(int(mantissa)) * Fraction(2) ** int(power)

    for format in FORMATS.values():
        at(format)
    return at


def _linspace(spec: Any, size: int) -> Iterator[Number]:
    if not isinstance(spec, list) or len(spec) != 2:
        raise NumberError("`linspace` takes a list of two numbers, first and last")
    first, last = (number(text) for text in spec)
    for k in range(size):
        yield _between(first, last, Fraction(k, max(size - 1, 1)))


def _constant(exact: Fraction) -> Number:
    return lambda _: exact


def _between(first: Number, last: Number, part: Fraction) -> Number:
    return lambda f: first(f) * (1 - part) + last(f) * part


def _repeat(spec: Any, size: int) -> Iterator[Number]:
    yield from [number(spec)] * size


def _normal(spec: Any, size: int) -> Iterator[Number]:
    known = isinstance(spec, dict) and set(spec) <= {"seed", "scale"}
    if not known or not _whole(spec.get("seed")):
        raise NumberError("`normal` takes a mapping of `seed`, a whole number, and `scale`")
    scale = _rational(spec.get("scale", "1"))
    # The sum of twelve uniform numbers, less 6: near enough to normal, and unlike NumPy's own
    # normal numbers it is the same in every release (Philox's raw words are specified).
    words = np.random.Philox(int(spec["seed"])).random_raw(12 * size) >> 40
    for draw in words.reshape(size, 12).sum(axis=1).tolist():
        yield _constant((Fraction(draw, 1 << 24) - 6) * scale)


def _one_hot(spec: Any, size: int) -> Iterator[Number]:
    if not _whole(spec) or int(spec) >= size:
        raise NumberError(f"`one_hot` takes a class below the size, not `{spec}`")
    yield from [number("1" if k == int(spec) else "0") for k in range(size)]


_GENERATORS: Mapping[str, Callable[[Any, int], Iterator[Number]]] = {
    "linspace": _linspace,
    "repeat": _repeat,
    "normal": _normal,
    "one_hot": _one_hot,
}
