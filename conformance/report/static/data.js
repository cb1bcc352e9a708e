// The embedded results. `data` holds the tables, `checks` one object a check; see data.py.

let data, checks, checkByKey, details;

async function unpack(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) =>
    c.charCodeAt(0),
  );
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

const number = (value) =>
  value === "inf" ? Infinity : value === "-inf" ? -Infinity : value === "nan" ? NaN : value;

async function load() {
  data = await unpack("data-index");
  const c = data.checks;
  checks = c.case.map((_, n) => {
    const implementation = data.implementations[c.implementation[n]];
    return {
      n,
      implementation,
      framework: implementation.framework,
      operator: implementation.operator,
      case: data.cases[c.case[n]],
      dtype: data.dtypes[c.dtype[n]],
      mode: data.modes[c.mode[n]],
      quantity: data.quantities[c.quantity[n]],
      level: c.verdict[n],
      verdict: data.verdicts[c.verdict[n]],
      finding: c.finding[n] === null ? null : data.findings[c.finding[n]],
      row: data.rows[c.row[n]],
      ulps: number(c.ulps[n]),
      over: number(c.over[n]),
      strict: number(c.strict[n]),
      baseline: number(c.baseline[n]),
    };
  });
  checkByKey = new Map(checks.map((check) => [checkKey(check), check]));
}

// What only a single check shows.
async function detailsOf(check) {
  details ??= unpack("data-details");
  const { columns, inputs, snippets, lines } = await details;
  const own = Object.fromEntries(
    Object.entries(columns).map(([name, column]) => [name, column[check.n]]),
  );
  return {
    ...own,
    inputs: inputs[own.inputs],
    snippet: snippets[own.snippet].map((line) => lines[line]).join("\n"),
  };
}

// Addresses.

const checkKey = (c) =>
  [c.framework, c.implementation.name, c.case.case, c.dtype, c.mode, c.quantity]
    .map(encodeURIComponent)
    .join("/");
const checkAddress = (check) => `#check/${checkKey(check)}`;
const caseAddress = (id) => `#case/${encodeURIComponent(id)}`;
const findingAddress = (id) => `#finding/${id}`;

function viewAddress(view, fields) {
  const set = Object.entries(fields).filter(([, value]) => value);
  return `#${view}${set.length ? "?" : ""}${set.map(([k, v]) => `${k}=${encodeURIComponent(v)}`).join("&")}`;
}

// Verdicts.

const isFailing = (check) => check.level >= data.passing && check.level < data.failing;
const isUnsupported = (check) => check.level >= data.failing;
const isControl = (check) => check.implementation.kind === "control";
const letter = (verdict) => (verdict === "unsupported" ? "–" : verdict[0].toUpperCase());

// Kinds of implementations: public functions, compositions of such, negative controls. Controls stay
// apart unless they are asked for.

const KINDS = [
  ["public", "public functions"],
  ["composition", "compositions"],
  ["control", "negative controls"],
  ["any", "all, with controls"],
];

function matchesKind(check, kind) {
  return kind === "any" || (kind ? check.implementation.kind === kind : !isControl(check));
}

// What a picture of frameworks shows first: their public functions, where there are any.
const firstKind = () => (data.implementations.some((i) => i.kind === "public") ? "public" : "both");

// Counts of some checks: how many of each verdict, how many fail, how many of these unexplained.
class Tally {
  constructor() {
    this.total = this.failing = this.unexplained = 0;
    this.worst = -1;
    this.counts = new Map();
  }

  add(check) {
    this.total += 1;
    this.counts.set(check.verdict, (this.counts.get(check.verdict) || 0) + 1);
    if (isFailing(check)) {
      this.failing += 1;
      if (!check.finding) this.unexplained += 1;
    }
    // Unsupported is neutral: it is the cell's verdict only where there is no other.
    const rank = isUnsupported(check) ? 0 : check.level + 1;
    this.worst = Math.max(this.worst, rank);
    return this;
  }

  get verdict() {
    return this.worst < 0 ? null : this.worst === 0 ? "unsupported" : data.verdicts[this.worst - 1];
  }

  get ordered() {
    return data.verdicts.filter((v) => this.counts.has(v)).map((v) => [v, this.counts.get(v)]);
  }
}

const tallyOf = (some) => some.reduce((tally, check) => tally.add(check), new Tally());
const distinct = (values) => [...new Set(values)];
