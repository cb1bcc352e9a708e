"""Programs to paste: what `programs.py` runs, for one function, in TensorFlow's own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapters.base import Array, Call

DECORATORS = {
    "graph": "@tf.function\n",
    "compiled": "@tf.function(jit_compile=True)\n",
    "vectorized": "@tf.function\n",
}
STEP = """\
{imports}

{inputs}


def function({arguments}):
    return {expression}


{decorator}def step({everything}):
    found = {{}}
{step}
    return found


tensors = [tf.constant(array) for array in [{everything}]]
for name, result in step(*tensors).items():
    print(name, np.asarray(result.numpy()).tolist())
"""
TAPES = """\
with tf.GradientTape(persistent=True) as outer:
    outer.watch([{wrt}])
    with tf.GradientTape() as tape:
        tape.watch([{wrt}])
        value = {value}
    gradients = tape.gradient(value, [{wrt}], tf.cast(upstream, value.dtype))
    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]"""
SESSION = """\
{imports}

{inputs}

arrays = [{everything}]


def function({arguments}):
    return {expression}


with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    {everything} = placeholders = [
        tf.compat.v1.placeholder(a.dtype, [None, *a.shape[1:]] if a.ndim else []) for a in arrays
    ]
    found = {{}}
{step}
    results = session.run(found, dict(zip(placeholders, arrays)))
for name, result in results.items():
    print(name, np.asarray(result).tolist())
"""
SYMBOLIC = """\
value = function({arguments})
gradients = tf.gradients(value, [{wrt}], tf.cast(upstream, value.dtype))
gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]"""
FORWARD = """\
with tf.autodiff.ForwardAccumulator({name}, tangent_{name}) as forward:
    value = {value}
found["jvp.{name}"] = forward.jvp(value, unconnected_gradients="zero")"""
SECOND = {
    "session": 'tf.gradients({slope}, {name}, {along}, unconnected_gradients="zero")[0]',
    "tapes": 'outer.gradient({slope}, {name}, {along}, unconnected_gradients="zero")',
}


def snippet(
    call: Call,
    mode: str,
    *,
    imports: str,
    expression: str,
    arrays: dict[str, Array],
    rows: Sequence[str],
    constants: dict[str, Any],
    asked: Sequence[str],
    wrt: Sequence[str],
) -> str:
    """The program that prints the quantities that are asked, one on a line.

    arrays: the tensors of the expression; rows: those whose first axis is the batch; wrt: what is
    differentiated by in reverse mode.
    """
    used = {name for quantity in asked for name in quantity.split(".")[1:]}
    second = any(quantity.split(".")[0] in ("jvp", "hvp", "mixed") for quantity in asked)
    tangents = [name for name in call.tangents if second and name in used]
    lines = [literal(name, array) for name, array in arrays.items()]
    lines += [literal("upstream", call.upstream)]
    lines += [literal(f"tangent_{name}", call.tangents[name]) for name in tangents]
    lines += [f"{name} = {value!r}" for name, value in constants.items()]
    arguments = ", ".join(arrays)
    value = by_rows(arrays, rows) if mode == "vectorized" else f"function({arguments})"
    template = SESSION if mode == "session" else STEP
    return template.format(
        imports=imports,
        inputs="\n".join(lines),
        arguments=arguments,
        everything=", ".join([*arrays, "upstream", *(f"tangent_{name}" for name in tangents)]),
        expression=expression,
        decorator=DECORATORS.get(mode, ""),
        step=indented(steps(mode, value, arguments, asked, wrt)),
    )


def steps(mode: str, value: str, arguments: str, asked: Sequence[str], wrt: Sequence[str]) -> str:
    """The statements that fill `found`, in the order of what is asked."""
    kind = "session" if mode == "session" else "tapes"
    start = SYMBOLIC if kind == "session" else TAPES
    lines = [start.format(value=value, arguments=arguments, wrt=", ".join(wrt))]
    for quantity in asked:
        word, *names = quantity.split(".")
        if word == "jvp":
            lines.append(FORWARD.format(name=names[0], value=value))
            continue
        if not names:
            found = "value"
        elif word == "gradient":
            found = f"gradients[{wrt.index(names[0])}]"
        else:
            slope = f"gradients[{wrt.index(names[-1])}]"
            along = f"tangent_{names[-1]}"
            again = SECOND[kind].format(slope=slope, name=names[0], along=along)
            found = f"tf.convert_to_tensor({again})"
        lines.append(f'found["{quantity}"] = {found}')
    return "\n".join(lines)


def by_rows(arrays: dict[str, Array], rows: Sequence[str]) -> str:
    """The call of `function` for one row at a time."""
    own = ", ".join(f"{name}={name}" for name in rows)
    shared = "".join(f", {name}={name}" for name in arrays if name not in rows)
    return f"tf.vectorized_map(lambda row: function(**row{shared}), dict({own}))"


def literal(name: str, values: Array) -> str:
    """An assignment of the exact numbers, in NumPy: tf.constant flushes bfloat16 from a list."""
    shape = "" if values.size else f".reshape{values.shape}"
    return f'{name} = np.array({values.tolist()}, "{values.dtype}"){shape}'


def indented(text: str) -> str:
    """The lines of a block."""
    return "\n".join(f"    {line}" for line in text.splitlines())
