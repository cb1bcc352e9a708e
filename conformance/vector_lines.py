"""The lines of a file of vectors.

These structs are the one source of the format: they write the lines and export the schema that
`docs/vectors.md` explains.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

SCHEMA: Literal[1] = 1

Hex = Annotated[
    str,
    Meta(
        description="An exact number, as C's %a writes it: 0x1.8p+1 is 3; or inf, -inf, nan.",
        pattern=r"^(-?(0x[01](\.[0-9a-f]{1,13})?p[+-][0-9]+|inf)|nan)$",
    ),
]
Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Meta(ge=0)]
Places = Annotated[list[Count], Meta(description="Places in the flat arrays, from 0, ascending.")]


class Part(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A part of a line."""


class Numbers(Part, frozen=True, kw_only=True, tag_field="kind", tag="numbers"):
    """An array of numbers, flat in row-major order; the shape [] is one number."""

    shape: list[Count]
    values: list[Hex]


class Integers(Part, frozen=True, kw_only=True, tag_field="kind", tag="integers"):
    """An array of integers such as class labels, flat in row-major order."""

    shape: list[Count]
    values: list[int]


class Booleans(Part, frozen=True, kw_only=True, tag_field="kind", tag="booleans"):
    """An array of booleans such as a mask, flat in row-major order."""

    shape: list[Count]
    values: list[bool]


Array = Numbers | Integers | Booleans
Fact = Numbers | Integers | Booleans | bool | int | str | None


class FlushedBound(Part, frozen=True, kw_only=True):
    """The bounds of one output where subnormal numbers may be flushed to zero."""

    index: Count
    strict: Hex
    baseline: Hex


class Kink(Part, frozen=True, kw_only=True):
    """An output at a kink: everything from `lower` to `upper` is exact."""

    index: Count
    lower: Annotated[Hex, Meta(description="The lesser one-sided derivative, rounded down.")]
    upper: Annotated[Hex, Meta(description="The greater one, rounded up.")]


class Quantity(Part, frozen=True, kw_only=True):
    """What is known of one quantity; arrays are flat, in row-major order of `shape`."""

    shape: list[Count]
    hi: Annotated[
        list[Hex],
        Meta(description="The float64 nearest to the truth; its class (finite, infinite or NaN)."),
    ]
    lo: Annotated[
        list[Hex],
        Meta(description="The rest, truth - hi; may lie below the range of float64."),
    ]
    radius: Annotated[
        list[Hex],
        Meta(description="|truth - (hi + lo)| is at most this; may lie below float64's range."),
    ]
    rn: Annotated[
        list[Hex | None],
        Meta(description="The truth rounded to nearest in the dtype; null where that is open."),
    ]
    rd: Annotated[list[Hex], Meta(description="The truth rounded down in the dtype.")]
    ru: Annotated[list[Hex], Meta(description="The truth rounded up in the dtype.")]
    strict: Annotated[
        list[Hex | None],
        Meta(description="Absolute error bound; null where rn is not finite: the class is owed."),
    ]
    baseline: Annotated[list[Hex | None], Meta(description="The same, of the mixed bound.")]
    flush: Annotated[
        list[FlushedBound],
        Meta(description="The bounds that differ if subnormal numbers may be flushed to zero."),
    ]
    policy: Annotated[
        Literal["must", "may"],
        Meta(description="`may` if NaN may be answered in some places, which are in `may`."),
    ]
    may: Annotated[Places, Meta(description="Where NaN may be answered instead of a limit.")]
    kinks: list[Kink]
    undecided: Annotated[
        Places, Meta(description="Where no precision decided: anything but exact and faithful is.")
    ]
    bits: Annotated[Count, Meta(description="The precision in bits that the enclosure needed.")]


class Dtype(Part, frozen=True, kw_only=True):
    """A binary floating-point format: normal numbers are m 2^e with 1 <= m < 2."""

    p: Annotated[int, Meta(description="Significant bits.")]
    emin: Annotated[int, Meta(description="The smallest e.")]
    emax: Annotated[int, Meta(description="The largest e.")]
    max: Annotated[Hex, Meta(description="The largest finite number.")]
    tiny: Annotated[Hex, Meta(description="The smallest positive normal number.")]
    subnormal: Annotated[Hex, Meta(description="The smallest positive number.")]


class Record(Part, frozen=True, kw_only=True, tag_field="kind"):
    """A line."""


class Header(Record, frozen=True, kw_only=True, tag="header"):
    """The first line: what was written, from what."""

    schema: Literal[1]
    cases: Annotated[Hash, Meta(description="SHA-256 of the case files.")]
    reference: Annotated[Hash, Meta(description="SHA-256 of the sources of the truths.")]
    selection: Annotated[str, Meta(description="`all`, or the options that selected a part.")]
    dtypes: dict[str, Dtype]
    operators: Annotated[dict[str, Count], Meta(description="The number of problems of each.")]
    problems: Count


class Vector(Record, frozen=True, kw_only=True, tag="problem"):
    """A case with every number rounded to one dtype: the exact question, and its truths."""

    schema: Literal[1]
    case: str
    dtype: Annotated[str, Meta(description="One of the header's dtypes.")]
    operator: str
    formula: Annotated[str, Meta(description="The operator's definition as text.")]
    theme: str
    source: Annotated[str, Meta(description="Where the case comes from.")]
    why: Annotated[str, Meta(description="What the case is for.")]
    file: Annotated[str, Meta(description="Where the case is written, FILE:LINE.")]
    rows: Annotated[list[str], Meta(description="The names of the inputs' rows, in order.")]
    inputs: dict[str, Array]
    parameters: Annotated[dict[str, Fact], Meta(description="Those that the case sets.")]
    defaults: Annotated[
        dict[str, Fact], Meta(description="Those that it does not set; null: there is none.")
    ]
    reduction: Annotated[str, Meta(description="none, sum, mean or weighted_mean.")]
    upstream: Annotated[
        Array, Meta(description="The cotangent of the value, for `gradient.<input>`.")
    ]
    tangents: Annotated[
        dict[str, Array], Meta(description="Directions of inputs, for `jvp`, `hvp` and `mixed`.")
    ]
    axis: Annotated[int, Meta(description="Where rows of classes have their classes, as NumPy's.")]
    quantities: dict[str, Quantity]


class Footer(Record, frozen=True, kw_only=True, tag="footer"):
    """The last line: a file without it is not complete."""

    problems: Count
    quantities: Count
    outputs: Annotated[Count, Meta(description="Numbers to judge, over all quantities.")]
    undecided: Annotated[Count, Meta(description="Those that no precision decided.")]


Line = Header | Vector | Footer
_ENCODER = msgspec.json.Encoder(order="deterministic")


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a line."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A line of a file of vectors, version {SCHEMA}",
        **msgspec.json.schema(Line),
    }


def encode(line: Line) -> bytes:
    """Return the line, with its end."""
    return _ENCODER.encode(line) + b"\n"


def text(number: float, exponent: int = 0) -> str:
    """The number times 2^exponent, exactly, in hexadecimal; inf, -inf or nan."""
    digits, finite, power = float(number).hex().partition("p")
    if not finite or number == 0:
        return digits.removesuffix(".0") + ("p+0" if finite else "")
    return f"{digits.rstrip('0').rstrip('.')}p{int(power) + exponent:+d}"
