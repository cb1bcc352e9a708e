// Numbers and verdicts as people read them.

function short(x, digits = 3) {
  if (x === null || x === undefined) return "";
  if (typeof x !== "number") return String(x);
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e5 || size < 1e-3) {
    const [mantissa, exponent] = x.toExponential(digits - 1).split("e");
    return `${Number(mantissa)}e${Number(exponent)}`;
  }
  return Number(x.toPrecision(digits)).toLocaleString("en", { maximumSignificantDigits: digits });
}

const count = (n) => n.toLocaleString("en");
const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;
const shortDtype = (dtype) =>
  ({ float16: "f16", bfloat16: "bf16", float32: "f32", float64: "f64" })[dtype] || dtype;

const chip = (verdict) =>
  h("span", { class: `chip v-${verdict}` }, h("b", {}, letter(verdict)), ` ${verdict}`);

function bar(tally) {
  return h(
    "span",
    { class: "bar", "aria-hidden": "true" },
    tally.ordered.map(([verdict, n]) =>
      h("i", { class: `v-${verdict}`, style: { flexGrow: n }, title: `${n} ${verdict}` }),
    ),
  );
}

// One cell of a matrix: a link to its checks, or a mark that says why there are none.
function cell(tally, address, what) {
  if (!tally)
    return h("span", { class: "cell not-run", title: `${what}: not run`, "aria-label": "not run" });
  const { verdict, failing, unexplained, total } = tally;
  const sign = unexplained ? "!" : failing ? "†" : "";
  const said = tally.ordered.map(([v, n]) => `${n} ${v}`).join(", ");
  const why = failing
    ? unexplained
      ? `; ${unexplained} failing without a finding`
      : "; findings explain every failure"
    : "";
  return h(
    "a",
    {
      class: `cell v-${verdict}${unexplained ? " unexplained" : ""}`,
      href: address,
      title: `${what}\nworst: ${verdict}\n${said}${why}`,
      "aria-label": `${what}: worst ${verdict}; ${said}${why}`,
    },
    h("b", {}, letter(verdict), sign && h("sup", {}, sign)),
    h("small", {}, verdict === "unsupported" ? "" : String(failing || total)),
    verdict === "unsupported" ? null : bar(tally),
  );
}

const shortHex = (hex) => hex.replace(/\.?0+p/, "p");

// got and truth with the digits they share set apart from the first that differs.
function alignedDigits(got, truth) {
  const split = (text) => [text.split("e")[0], Number(text.split("e")[1] || 0)];
  const [a, b] = [split(got), split(truth)];
  const plain = (text) => /^-?[\d.]+(e[-+]?\d+)?$/.test(text);
  const comparable =
    plain(got) && plain(truth) && a[1] === b[1] && a[0].indexOf(".") === b[0].indexOf(".");
  let shared = 0;
  if (comparable) while (shared < a[0].length && a[0][shared] === b[0][shared]) shared += 1;
  const marked = (text) =>
    comparable
      ? [
          h("span", { class: "same" }, text.slice(0, shared)),
          h("span", { class: "other" }, text.slice(shared)),
        ]
      : [text];
  return [
    marked(got),
    [
      comparable ? h("span", { class: "same" }, truth.slice(0, shared)) : null,
      comparable ? truth.slice(shared) : truth,
    ],
  ];
}

// A note beside the pointer.
function showTip(event, text) {
  const tip = document.getElementById("tip");
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 12, innerWidth - box.width - 8))}px`;
  tip.style.top = `${event.clientY + 16 + box.height > innerHeight ? event.clientY - box.height - 10 : event.clientY + 16}px`;
}
const hideTip = () => (document.getElementById("tip").hidden = true);
