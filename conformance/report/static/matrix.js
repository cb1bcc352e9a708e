// The matrix: operators (or themes) by framework, mode and dtype; a row opens into its parts.

const ROWS = {
  operator: {
    title: "operator",
    rows: () =>
      data.operators.map(({ name, family, formula, page }) => ({
        key: name,
        family,
        note: formula,
        page,
      })),
    of: (check) => check.operator,
    parts: (check) => `${check.framework} ${check.implementation.name}`,
    fields: (row) => ({ operator: row }),
    partFields: (check) => ({
      operator: check.operator,
      implementation: check.implementation.name,
    }),
    partLabel: (check) => [h("small", {}, check.framework), " ", check.implementation.name],
    partTitle: (check) => check.implementation.code,
    partOwn: true, // an implementation belongs to one framework
  },
  theme: {
    title: "theme of the cases",
    rows: () =>
      distinct(data.cases.map((c) => c.theme))
        .sort()
        .map((key) => ({ key, family: "" })),
    of: (check) => check.case.theme,
    parts: (check) => check.case.case,
    fields: (row) => ({ theme: row }),
    partFields: (check) => ({ case: check.case.case }),
    partLabel: (check) => [check.case.case],
    partTitle: (check) => check.case.why,
    partOwn: false,
  },
};

const opened = new Set();

function matrixColumns(some) {
  const columns = [];
  for (const { name: framework, version } of data.frameworks) {
    const own = some.filter((check) => check.framework === framework);
    const modes = distinct(own.map((check) => check.mode));
    for (const mode of sortModes(modes))
      for (const dtype of data.dtypes)
        if (own.some((check) => check.mode === mode && check.dtype === dtype))
          columns.push({ framework, version, mode, dtype });
  }
  return columns;
}

function sortModes(modes) {
  const order = ["eager", "graph", "compiled"];
  const place = (mode) => (order.includes(mode) ? order.indexOf(mode) : order.length);
  return [...modes].sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
}

const columnKey = (c) => `${c.framework} ${c.mode} ${c.dtype}`;

// Tallies by row and column, and by row, part and column.
function tabulate(some, grouping) {
  const cells = new Map();
  const parts = new Map();
  const put = (key, check) => cells.set(key, (cells.get(key) || new Tally()).add(check));
  for (const check of some) {
    const row = grouping.of(check);
    const part = grouping.parts(check);
    put(`${row}\t${columnKey(check)}`, check);
    put(`${row}\t${part}\t${columnKey(check)}`, check);
    if (!parts.has(row)) parts.set(row, new Map());
    if (!parts.get(row).has(part)) parts.get(row).set(part, check);
  }
  return { cells, parts };
}

function renderMatrix(fields) {
  const grouping = ROWS[fields.rows] || ROWS.operator;
  const shown = fields.kind || firstKind();
  const kind = shown === "both" ? "" : shown;
  const all = checks.filter((check) => matchesKind(check, kind));
  const some = all.filter(
    (check) => !fields.quantity || check.quantity.startsWith(fields.quantity),
  );
  const columns = matrixColumns(all);
  const chosen = { kind, quantity: fields.quantity };
  const table = { grouping, columns, chosen, ...tabulate(some, grouping) };
  const go = (change) => (location.hash = viewAddress("matrix", { ...fields, ...change }));
  const rows = grouping.rows().filter((row) => table.parts.has(row.key));
  const body = h("tbody", {}, matrixBody(table, rows));
  const toggleAll = () => {
    const open = rows.some((row) => !opened.has(row.key));
    rows.forEach((row) => (open ? opened.add(row.key) : opened.delete(row.key)));
    fill(body, matrixBody(table, rows));
  };
  fill(
    document.getElementById("matrix-body"),
    h(
      "div",
      { class: "tools" },
      choice("implementations", shown, [...KINDS.slice(0, 2), ["both", "both"]], (v) =>
        go({ kind: v }),
      ),
      choice(
        "rows",
        fields.rows || "operator",
        [
          ["operator", "operators"],
          ["theme", "themes"],
        ],
        (v) => go({ rows: v === "operator" ? "" : v }),
      ),
      choice(
        "quantity",
        fields.quantity || "",
        [
          ["", "all"],
          ["value", "values"],
          ["gradient", "gradients"],
        ],
        (v) => go({ quantity: v }),
      ),
      h("button", { type: "button", onclick: toggleAll }, "Open or close all rows"),
    ),
    legend(),
    h(
      "div",
      { class: "matrix-scroll", tabindex: "0", role: "region", "aria-label": "Matrix" },
      h("table", { class: "matrix" }, matrixHead(columns, grouping), body),
    ),
  );
}

function legend() {
  return h(
    "div",
    { class: "legend" },
    data.verdicts.map((verdict) => chip(verdict)),
    h("span", {}, h("span", { class: "swatch not-run" }), " not run"),
    h("span", {}, h("b", {}, "†"), " every failure has a finding"),
    h("span", {}, h("b", {}, "!"), " a failure without one"),
    h("a", { href: "#guide" }, "how to read"),
  );
}

function matrixHead(columns, grouping) {
  const spans = (key) => {
    const found = [];
    for (const column of columns) {
      const last = found.at(-1);
      if (last && last.key === key(column)) last.n += 1;
      else found.push({ key: key(column), n: 1, column });
    }
    return found;
  };
  return h(
    "thead",
    {},
    h(
      "tr",
      {},
      h("th", { rowspan: 3, scope: "col" }, grouping.title),
      spans((c) => c.framework).map(({ n, column }) =>
        h(
          "th",
          { colspan: n, scope: "colgroup", class: "framework" },
          column.framework,
          " ",
          h("small", {}, column.version),
        ),
      ),
    ),
    h(
      "tr",
      {},
      spans((c) => `${c.framework} ${c.mode}`).map(({ n, column }) =>
        h("th", { colspan: n, scope: "colgroup", class: "mode" }, column.mode),
      ),
    ),
    h(
      "tr",
      {},
      columns.map((column) =>
        h("th", { scope: "col", class: "dtype", title: column.dtype }, shortDtype(column.dtype)),
      ),
    ),
  );
}

function* familiesOf(rows) {
  for (const family of distinct(rows.map((row) => row.family)))
    yield [family, rows.filter((row) => row.family === family)];
}

function matrixBody(table, rows) {
  const found = [];
  for (const [family, own] of familiesOf(rows)) {
    if (family) found.push(h("tr", { class: "family" }, h("th", { scope: "rowgroup" }, family)));
    for (const row of own) found.push(...matrixRow(table, row));
  }
  return found;
}

function matrixRow(table, row) {
  const toggle = h(
    "button",
    { type: "button", class: "name", "aria-expanded": String(opened.has(row.key)), title: row.key },
    h("span", {}, row.key),
  );
  const line = h(
    "tr",
    {},
    h(
      "th",
      { scope: "row" },
      toggle,
      row.note &&
        h(
          row.page ? "a" : "span",
          { class: "formula", title: row.note, href: row.page || null },
          row.note,
        ),
    ),
    cells(table, [row.key], row.key, table.grouping.fields(row.key)),
  );
  const parts = () =>
    [...table.parts.get(row.key)].map(([part, check]) => partRow(table, row, part, check));
  let shown = opened.has(row.key) ? parts() : [];
  toggle.addEventListener("click", () => {
    const open = !opened.has(row.key);
    toggle.setAttribute("aria-expanded", String(open));
    shown.forEach((node) => node.remove());
    shown = open ? parts() : [];
    if (open) opened.add(row.key);
    else opened.delete(row.key);
    line.after(...shown);
  });
  return [line, ...shown];
}

function partRow(table, row, part, check) {
  const { grouping } = table;
  const only = grouping.partOwn ? check.framework : null;
  return h(
    "tr",
    { class: "sub" },
    h(
      "th",
      { scope: "row", title: grouping.partTitle(check) },
      h("span", {}, grouping.partLabel(check)),
    ),
    cells(
      table,
      [row.key, part],
      part,
      { ...grouping.fields(row.key), ...grouping.partFields(check) },
      only,
    ),
  );
}

function cells(table, path, label, fields, only) {
  return table.columns.map((column, n) => {
    const before = table.columns[n - 1];
    const edge =
      !before || before.framework !== column.framework
        ? "edge-framework"
        : before.mode !== column.mode
          ? "edge"
          : null;
    if (only && column.framework !== only) return h("td", { class: edge });
    const { framework, mode, dtype } = column;
    const tally = table.cells.get([...path, columnKey(column)].join("\t"));
    const address = viewAddress("checks", { ...fields, framework, mode, dtype, ...table.chosen });
    return h(
      "td",
      { class: edge },
      cell(tally, address, `${label}, ${framework} ${mode} ${dtype}`),
    );
  });
}
