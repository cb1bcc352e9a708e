// The pictures: for each implementation, the worst error of every check on a logarithmic axis.

const FLOOR = 0.01; // ulps: what is left of it stands at the axis' left end
const LINE = 24;
const LANE = 76; // where checks without a distance stand: NaN, infinity, an exception

// ulps -> pixels between two ends: logarithmic from FLOOR to the power of ten above `top`.
function ulpScale(left, right, top) {
  const low = Math.log10(FLOOR);
  const high = Math.ceil(Math.log10(Math.max(top, 10)));
  return (ulps) =>
    left +
    ((Math.min(Math.max(Math.log10(Math.max(ulps, FLOOR)), low), high) - low) / (high - low)) *
      (right - left);
}

function ulpTicks(scale, top) {
  const ticks = [
    [0.5, "½"],
    [1, "1"],
    [10, "10"],
    [100, "100"],
  ];
  for (let e = 3; 10 ** e <= top * 1.0001; e += 1) ticks.push([10 ** e, `1e${e}`]);
  let last = -Infinity;
  return ticks.filter(([x]) => {
    const fits = scale(x) - last > 24;
    if (fits) last = scale(x);
    return fits;
  });
}

// Ulps of an error as large as the truth: from here on not one bit is right.
const lost = (dtype) => 2 ** (data.precision[dtype] || 60);

const triangle = (x, y) => `M${x - 4.5},${y - 7} h9 L${x},${y} Z`;

// Two axes: ulps, or the error over the baseline bound.
const AXES = {
  ulps: {
    label: "ulps",
    of: (check) => check.ulps,
    ticks: ulpTicks,
    strict: (check) => check.strict,
    baseline: (check) => check.baseline,
  },
  bound: {
    label: "error over baseline bound",
    // An exact or faithful output passes whatever the bound: it stands left of 1.
    of: (check) => (isFailing(check) ? check.over : check.over && Math.min(check.over, 1)),
    ticks: (scale, top) => [[0.01, "0.01"], ...ulpTicks(scale, top).filter(([x]) => x >= 1)],
    strict: (check) =>
      check.strict === null || !check.baseline ? null : check.strict / check.baseline,
    baseline: () => 1,
  },
};

function renderAccuracy(fields) {
  const axis = AXES[fields.axis] || AXES.ulps;
  const dtype = data.dtypes.includes(fields.dtype)
    ? fields.dtype
    : data.dtypes.includes("float32")
      ? "float32"
      : data.dtypes[0];
  const shown = fields.kind || firstKind();
  const kind = shown === "both" ? "" : shown;
  const go = (change) => (location.hash = viewAddress("accuracy", { ...fields, dtype, ...change }));
  const some = checks.filter(
    (check) =>
      check.dtype === dtype &&
      !isUnsupported(check) &&
      matchesKind(check, kind) &&
      (!fields.mode || check.mode === fields.mode) &&
      (!fields.operator || check.operator === fields.operator),
  );
  const finite = some.map(axis.of).filter((x) => Number.isFinite(x));
  // Further than ten times the truth itself all is alike: it stands at the right end.
  const top = Math.min(
    10 * lost(dtype),
    finite.reduce((a, b) => Math.max(a, b), 10),
  );
  const panels = data.operators
    .map((operator) => [operator, some.filter((check) => check.operator === operator.name)])
    .filter(([, own]) => own.length)
    .map(([operator, own]) => strip(operator, own, axis, top));
  fill(
    document.getElementById("accuracy"),
    h("h1", {}, "How far from the truth"),
    h(
      "p",
      { class: "lead" },
      "Each mark is a check at its worst output, on a logarithmic axis: values above the line, gradients below. ",
      "▽ and ▼ are the strict and the baseline bound of the check with the largest error in the row. ",
      axis === AXES.ulps
        ? "Some problems are hard by themselves: there an error of many ulps can lie within the bound. Error over bound tells them apart. The line at 2^p is an error as large as the truth."
        : "The line at 1 is the bound: what lies to its right fails, whatever the problem.",
    ),
    h(
      "div",
      { class: "tools" },
      h(
        "label",
        {},
        select("public functions and compositions", kind, KINDS, (v) => go({ kind: v || "both" })),
      ),
      choice(
        "dtype",
        dtype,
        data.dtypes.map((d) => [d, d]),
        (v) => go({ dtype: v }),
      ),
      choice(
        "axis",
        fields.axis || "ulps",
        [
          ["ulps", "error in ulps"],
          ["bound", "error over bound"],
        ],
        (v) => go({ axis: v === "ulps" ? "" : v }),
      ),
      h(
        "label",
        {},
        select("all modes", fields.mode, sortModes(data.modes), (v) => go({ mode: v })),
      ),
      h(
        "label",
        {},
        select(
          "all operators",
          fields.operator,
          data.operators.map((o) => o.name),
          (v) => go({ operator: v }),
        ),
      ),
    ),
    panels.length ? panels : h("p", { class: "note" }, "No check to show."),
  );
}

function strip(operator, own, axis, top) {
  const lines = new Map();
  for (const check of own) {
    if (!lines.has(check.implementation)) lines.set(check.implementation, []);
    lines.get(check.implementation).push(check);
  }
  const ordered = [...lines].sort((a, b) => Boolean(a[0].control) - Boolean(b[0].control));
  const place = h("div", { style: { minHeight: `${ordered.length * LINE + 26}px` } });
  const draw = () => fill(place, drawStrip(place.clientWidth, ordered, axis, top));
  return h(
    "div",
    { class: "strip" },
    h(
      "h3",
      {},
      h(
        "a",
        { href: viewAddress("checks", { operator: operator.name, dtype: own[0].dtype }) },
        operator.name,
      ),
      " ",
      h("small", {}, operator.formula),
    ),
    whenNear(place, draw),
  );
}

function drawStrip(width, lines, axis, top) {
  const narrow = width < 700; // names above their lines
  const line = narrow ? LINE + 16 : LINE;
  const left = narrow ? 8 : 390;
  const right = width - LANE; // beyond it: no distance
  const scale = ulpScale(left, right - 8, top);
  const height = lines.length * line;
  const wide = [0.5, 1].map(scale);
  const ground =
    axis === AXES.ulps
      ? svg("rect", { class: "best", x: left, y: 0, width: wide[0] - left, height })
      : svg("rect", {
          class: "failing-side",
          x: wide[1],
          y: 0,
          width: right - 8 - wide[1],
          height,
        });
  return svg(
    "svg",
    {
      width,
      height: height + 26,
      viewBox: `0 0 ${width} ${height + 26}`,
      role: "group",
      "aria-label": axis.label,
    },
    ground,
    svg("rect", { class: "beyond", x: right, y: 0, width: LANE - 2, height }),
    svg("text", { x: width, y: height + 14, "text-anchor": "end" }, "no distance"),
    (axis === AXES.ulps
      ? withLost(lines, axis.ticks(scale, top), scale)
      : axis.ticks(scale, top)
    ).map(([x, text]) => [
      svg("line", {
        class: x === 1 && axis !== AXES.ulps ? "rule strong" : "rule",
        x1: scale(x),
        x2: scale(x),
        y1: 0,
        y2: height + 3,
      }),
      svg("text", { x: scale(x), y: height + 14, "text-anchor": "middle" }, text),
    ]),
    lines.map(([implementation, own], n) =>
      stripLine(
        implementation,
        own,
        axis,
        scale,
        left,
        right,
        width,
        n * line + line - LINE / 2,
        narrow,
      ),
    ),
  );
}

// The ticks with that of a lost truth in place of those it would run into.
function withLost(lines, ticks, scale) {
  const { dtype } = lines[0][1][0];
  const p = data.precision[dtype];
  if (!p) return ticks;
  return [...ticks.filter(([x]) => Math.abs(scale(x) - scale(2 ** p)) > 26), [2 ** p, `2^${p}`]];
}

function stripLine(implementation, own, axis, scale, left, right, width, y, narrow) {
  const label = `${implementation.name}${implementation.control ? " (control)" : ""}`;
  const longest = narrow ? 44 : 50;
  const shown = label.length > longest ? `${label.slice(0, longest - 1)}…` : label;
  const worst = own
    .filter((c) => Number.isFinite(axis.of(c)))
    .reduce((a, c) => (!a || axis.of(c) > axis.of(a) ? c : a), null);
  const bound = (x, kind) =>
    worst && Number.isFinite(x) ? svg("path", { class: kind, d: triangle(scale(x), y - 1) }) : null;
  return svg(
    "g",
    {},
    svg(
      "a",
      {
        href: viewAddress("checks", {
          framework: implementation.framework,
          implementation: implementation.name,
          dtype: own[0].dtype,
        }),
      },
      svg(
        "text",
        {
          class: "label",
          x: narrow ? left : left - 12,
          y: narrow ? y - 13 : y + 4,
          "text-anchor": narrow ? "start" : "end",
        },
        svg("title", {}, implementation.code),
        svg("tspan", { class: "fw" }, `${implementation.framework} `),
        shown,
      ),
    ),
    svg("line", { class: "rule", x1: left, x2: width, y1: y, y2: y }),
    marks(own, axis, scale, right, y),
    bound(worst && axis.strict(worst), "bound"),
    bound(worst && axis.baseline(worst), "bound full"),
  );
}

// Checks that fall on the same spot share a mark; it shows and opens the worst of them.
function marks(own, axis, scale, right, y) {
  const spots = new Map();
  for (const check of own) {
    const where = axis.of(check);
    const x = Number.isFinite(where)
      ? Math.round(scale(where) / 3) * 3
      : isFailing(check) || where !== null
        ? right + LANE / 2
        : null;
    if (x === null) continue;
    const side = check.quantity === "value" ? -1 : 1;
    const key = `${x} ${side} ${check.level}`;
    if (!spots.has(key)) spots.set(key, { x, side, found: [] });
    spots.get(key).found.push(check);
  }
  const ordered = [...spots.values()].sort((a, b) => a.found[0].level - b.found[0].level);
  return ordered.map(({ x, side, found }) => {
    const worst = found.reduce((a, b) => ((axis.of(b) ?? 0) > (axis.of(a) ?? 0) ? b : a));
    const said =
      `${worst.case.case}\n${worst.quantity}, ${worst.mode}: ${worst.verdict}` +
      `${worst.ulps === null ? "" : `\n${short(worst.ulps)} ulps, ${short(worst.over)} of the bound`}${found.length > 1 ? `\nand ${count(found.length - 1)} more here` : ""}`;
    const radius = Math.min(5, 2.8 + Math.log10(found.length));
    return svg(
      "a",
      {
        href: checkAddress(worst),
        class: `v-${worst.verdict}`,
        "aria-label": said,
        onmousemove: (event) => showTip(event, said),
        onmouseleave: hideTip,
      },
      svg("circle", { class: "mark", cx: x, cy: y + side * 5, r: radius }),
    );
  });
}

let resizing;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => document.getElementById("accuracy").hidden || show(), 200);
});
