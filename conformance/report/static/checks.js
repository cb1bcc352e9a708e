// The table of checks: filtered by the fields of the address, sorted, drawn as it is scrolled.

const FILTER_LIST = Object.entries({
  framework: (check) => check.framework,
  operator: (check) => check.operator,
  implementation: (check) => check.implementation.name,
  dtype: (check) => check.dtype,
  mode: (check) => check.mode,
  quantity: (check) => check.quantity,
  theme: (check) => check.case.theme,
  case: (check) => check.case.case,
});
const SHOWN_FILTERS = [
  "framework",
  "operator",
  "implementation",
  "dtype",
  "mode",
  "quantity",
  "verdict",
  "theme",
];

const COLUMNS = [
  ["verdict", (c) => (isUnsupported(c) ? -1 : c.level), (c) => chip(c.verdict)],
  [
    "implementation",
    (c) => `${c.framework} ${c.implementation.name}`,
    (c) => [h("small", {}, c.framework), " ", h("code", {}, c.implementation.name)],
  ],
  ["case", (c) => c.case.case, (c) => h("a", { href: checkAddress(c) }, c.case.case)],
  ["dtype", (c) => data.dtypes.indexOf(c.dtype), (c) => c.dtype],
  ["mode", (c) => c.mode, (c) => c.mode],
  ["quantity", (c) => c.quantity, (c) => c.quantity],
  ["worst row", (c) => c.row || "", (c) => c.row],
  ["ulps", (c) => c.ulps ?? -1, (c) => short(c.ulps), "n"],
  ["error / bound", (c) => c.over ?? -1, (c) => short(c.over), "n"],
  [
    "finding",
    (c) => c.finding?.id || "",
    (c) => c.finding && h("a", { href: findingAddress(c.finding.id) }, c.finding.id),
  ],
];

// What a search can find of a check: the texts of its implementation, its case and its own.
function mentions(check, word) {
  const { implementation: i, case: c, finding: f } = check;
  i.text ??= lower(i.framework, i.operator, i.name, i.code);
  c.text ??= lower(c.case, c.theme, c.why, c.source, c.file);
  if (i.text.includes(word) || c.text.includes(word)) return true;
  const own = lower(check.dtype, check.mode, check.quantity, check.verdict, check.row);
  return own.includes(word) || (f && lower(f.id, f.title).includes(word));
}

const lower = (...texts) => texts.join("\n").toLowerCase();

const wordsOf = (text) => (text || "").toLowerCase().split(/\s+/).filter(Boolean);

const searched = { text: "", found: null }; // the last search

function checksWith(text) {
  if (!searched.found || searched.text !== text) {
    const words = wordsOf(text);
    searched.found = checks.filter((check) => words.every((word) => mentions(check, word)));
    searched.text = text;
  }
  return searched.found;
}

// The checks that match, and for each filter the values that the other filters leave over.
function matching(fields) {
  const found = [];
  const values = Object.fromEntries(FILTER_LIST.map(([name]) => [name, new Set()]));
  for (const check of fields.q ? checksWith(fields.q) : checks) {
    if (!matchesVerdict(check, fields.verdict) || !matchesFinding(check, fields.finding)) continue;
    if (!fields.implementation && !matchesKind(check, fields.kind)) continue;
    const missed = FILTER_LIST.filter(([name, of]) => !matchesField(name, fields[name], of(check)));
    if (missed.length === 0) found.push(check);
    if (missed.length > 1) continue;
    for (const [name, of] of missed.length ? missed : FILTER_LIST) values[name].add(of(check));
  }
  return { found, values };
}

// `gradient` stands for the gradient of any input.
const matchesField = (name, wanted, found) =>
  !wanted || found === wanted || (name === "quantity" && found.startsWith(`${wanted}.`));

function matchesVerdict(check, verdict) {
  if (verdict === "failing") return isFailing(check);
  if (verdict === "passing") return !isFailing(check) && !isUnsupported(check);
  return !verdict || check.verdict === verdict;
}

function matchesFinding(check, finding) {
  return !finding || (finding === "none" ? !check.finding : check.finding?.id === finding);
}

function sorted(some, fields) {
  const [, key] = COLUMNS.find(([name]) => name === fields.sort) || [];
  if (!key)
    return [...some].sort(
      (a, b) => COLUMNS[0][1](b) - COLUMNS[0][1](a) || (b.over ?? -1) - (a.over ?? -1) || a.n - b.n,
    );
  const sign = fields.down ? -1 : 1;
  const compare = (x, y) => (x < y ? -1 : x > y ? 1 : 0);
  return [...some].sort((a, b) => sign * compare(key(a), key(b)) || a.n - b.n);
}

function renderChecks(fields) {
  const { found, values } = matching(fields);
  const some = sorted(found, fields);
  const go = (change) => (location.hash = viewAddress("checks", { ...fields, ...change }));
  const tally = tallyOf(some);
  fill(
    document.getElementById("checks"),
    h("h1", {}, checksTitle(fields)),
    h(
      "p",
      { class: "meta" },
      plural(some.length, "check"),
      ...tally.ordered.map(([v, n]) =>
        h("a", { href: viewAddress("checks", { ...fields, verdict: v }) }, chip(v), ` ${count(n)}`),
      ),
    ),
    filterRow(fields, values, go),
    alsoFound(fields),
    some.length
      ? checkTable(some, fields, go)
      : h(
          "p",
          { class: "note" },
          "No check matches. ",
          h("a", { href: "#checks" }, "Show all checks"),
        ),
  );
}

function checksTitle(fields) {
  const cellOf = [fields.framework, fields.mode, fields.dtype].filter(Boolean).join(" ");
  const what = fields.case || fields.implementation || fields.operator || fields.theme;
  const said = [
    what,
    cellOf,
    !what && KINDS.find(([kind]) => kind === fields.kind)?.[1],
    fields.finding && (fields.finding === "none" ? "without a finding" : fields.finding),
  ];
  const verdict = fields.verdict
    ? `${fields.verdict[0].toUpperCase()}${fields.verdict.slice(1)} checks`
    : "All checks";
  return said.filter(Boolean).join(" · ") || verdict;
}

// The filters, each offering what the others leave over.
function filterRow(fields, values, go) {
  const verdicts = [
    ["failing", "failing"],
    ["passing", "passing"],
    ...data.verdicts.map((v) => [v, `${letter(v)}  ${v}`]),
  ];
  const options = (name) => {
    if (name === "verdict") return verdicts;
    const found = [...values[name]];
    if (name === "dtype") return data.dtypes.filter((d) => found.includes(d));
    if (name === "quantity" && found.some((q) => q.startsWith("gradient."))) found.push("gradient");
    return found.sort();
  };
  const extra = ["case", "finding", "q"].filter((name) => fields[name]);
  return h(
    "div",
    { class: "filters" },
    SHOWN_FILTERS.map((name) =>
      select(name, fields[name], options(name), (value) => go({ [name]: value })),
    ),
    select("without controls", fields.kind, KINDS, (value) => go({ kind: value })),
    extra.map((name) =>
      h(
        "button",
        { type: "button", title: "Remove this filter", onclick: () => go({ [name]: "" }) },
        `${name === "q" ? "search" : name}: ${fields[name]} ✕`,
      ),
    ),
    Object.keys(fields).some((name) => fields[name])
      ? h("button", { type: "button", onclick: () => (location.hash = "#checks") }, "Clear")
      : null,
  );
}

// Cases and findings that a search names.
function alsoFound(fields) {
  const words = wordsOf(fields.q);
  if (!words.length) return null;
  const has = (...texts) => words.every((word) => lower(...texts).includes(word));
  const cases = data.cases.filter((c) => has(c.case, c.theme, c.why, c.source));
  const findings = data.findings.filter((f) => has(f.id, f.title, f.framework));
  const list = (label, items, address) =>
    items.length
      ? h(
          "p",
          { class: "also" },
          `${label}: `,
          items
            .slice(0, 8)
            .flatMap((item, n) => [
              n ? ", " : "",
              h("a", { href: address(item) }, item.case || item.id),
            ]),
          items.length > 8 ? ` and ${items.length - 8} more` : "",
        )
      : null;
  return [
    list("Findings", findings, (f) => findingAddress(f.id)),
    list("Cases", cases, (c) => caseAddress(c.case)),
  ];
}

function checkTable(some, fields, go) {
  const body = h("tbody");
  const more = h("div");
  let drawn = 0;
  const draw = () => {
    body.append(...some.slice(drawn, drawn + 150).map(checkRow));
    drawn += 150;
    if (drawn < some.length) whenNear(more, draw);
  };
  draw();
  const head = COLUMNS.map(([name, , , kind]) => {
    const now = fields.sort === name;
    const first = kind === "n" || name === "verdict"; // numbers: the largest first
    const down = now ? !fields.down : first;
    const button = h(
      "button",
      { type: "button", onclick: () => go({ sort: name, down: down ? "1" : "" }) },
      name,
      now ? (fields.down ? " ↓" : " ↑") : "",
    );
    return h(
      "th",
      {
        scope: "col",
        class: kind,
        "aria-sort": now ? (fields.down ? "descending" : "ascending") : null,
      },
      button,
    );
  });
  return [
    h(
      "div",
      { class: "list-scroll" },
      h("table", { class: "list" }, h("thead", {}, h("tr", {}, head)), body),
    ),
    more,
  ];
}

function checkRow(check) {
  const open = (event) => {
    if (!event.target.closest("a") && !getSelection().toString())
      location.hash = checkAddress(check);
  };
  return h(
    "tr",
    { onclick: open },
    COLUMNS.map(([, , show, kind]) => h("td", { class: kind }, show(check))),
  );
}
