// One check: its verdict, its numbers, where it comes from, and the program that shows it.

async function renderCheck(key) {
  const view = document.getElementById("check");
  const check = checkByKey.get(key);
  if (!check) {
    fill(
      view,
      h("h1", {}, "No such check"),
      h("p", {}, "It is not in these results: ", h("code", {}, decodeURIComponent(key))),
    );
    return;
  }
  const detail = await detailsOf(check);
  fill(
    view,
    crumbs(check),
    h("h1", {}, check.implementation.name),
    h("p", { class: "verdict-line" }, chip(check.verdict), h("span", {}, sentence(check, detail))),
    h(
      "div",
      { class: "columns" },
      h(
        "div",
        {},
        h("h2", {}, "The worst output"),
        numbers(check, detail),
        ruler(check),
        detail.snippet ? [h("h2", {}, "See it yourself"), codeBlock(detail.snippet)] : null,
      ),
      h("div", {}, aboutFinding(check), aboutCase(check.case), aboutImplementation(check)),
    ),
    h("h2", {}, "The same case elsewhere"),
    caseGrid(check.case, check),
  );
}

function crumbs(check) {
  const { operator, framework, dtype, mode } = check;
  const step = (text, fields) => h("a", { href: viewAddress("checks", fields) }, text);
  return h(
    "p",
    { class: "crumbs" },
    step(operator, { operator }),
    " › ",
    step(framework, { operator, framework }),
    " › ",
    step(`${mode} ${dtype}`, { operator, framework, mode, dtype }),
    " › ",
    h("a", { href: caseAddress(check.case.case) }, check.case.case),
    " › ",
    check.quantity,
  );
}

function sentence(check, detail) {
  const where = `${check.quantity} in ${check.dtype}, ${check.mode}`;
  if (detail.message) return `${where}: ${detail.message}`;
  const far =
    check.ulps === null || check.ulps === undefined
      ? ""
      : `: ${short(check.ulps)} ulps from the truth`;
  const over =
    check.over === null || check.over === undefined
      ? ""
      : `, ${short(check.over)} times the baseline bound`;
  return `${where}${far}${over}`;
}

function numbers(check, detail) {
  const rows = [];
  const add = (name, ...content) =>
    rows.push(h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, content)));
  if (detail.got !== null && detail.truth !== null) {
    const [got, truth] = alignedDigits(detail.got, detail.truth);
    add("got", h("span", { class: "digits" }, got));
    add("truth", h("span", { class: "digits" }, truth));
    add("got, hex", shortHex(detail.got_hex));
    add("truth, hex", shortHex(detail.truth_hex));
  }
  if (check.ulps !== null) add("error", `${short(check.ulps, 4)} `, h("small", {}, "ulps"));
  for (const name of ["strict", "baseline"])
    if (detail[name] !== null)
      add(
        `${name} bound`,
        `${short(number(detail[name]), 4)} `,
        check[name] === null ? "" : h("small", {}, `= ${short(check[name])} ulps`),
      );
  if (check.over !== null)
    add("error / bound", short(check.over, 4), " ", h("small", {}, "of the baseline bound"));
  if (detail.message) add("message", detail.message);
  if (check.row)
    add(
      "row",
      check.row,
      detail.index ? [" ", h("small", {}, `output [${detail.index.join(", ")}]`)] : "",
    );
  for (const [name, text] of detail.inputs || []) add(name, text);
  const outputs = Object.entries(detail.counts);
  if (outputs.length) {
    const tally = new Tally();
    outputs.forEach(([verdict, n]) => tally.counts.set(verdict, n));
    add(
      "all outputs",
      bar(tally),
      h(
        "small",
        {},
        `${tally.ordered.map(([v, n]) => `${count(n)} ${v}`).join(", ")} of ${count(detail.outputs)}`,
      ),
    );
  }
  return h("table", { class: "numbers" }, h("tbody", {}, rows));
}

// The error on a logarithmic axis, with both bounds.
function ruler(check) {
  if (!Number.isFinite(check.ulps) || !Number.isFinite(check.strict)) return null;
  const width = Math.min(640, innerWidth - 30);
  const top = Math.max(10, check.ulps, check.baseline ?? 0);
  const scale = ulpScale(20, width - 30, top);
  const y = 42;
  const bound = (x, text, full) => [
    svg("path", { class: full ? "bound full" : "bound", d: triangle(scale(x), y - 5) }),
    svg("text", { x: scale(x), y: full ? y - 28 : y - 15, "text-anchor": "middle" }, text),
  ];
  return h(
    "div",
    { class: "ruler" },
    svg(
      "svg",
      {
        viewBox: `0 0 ${width} 70`,
        role: "img",
        "aria-label": `error ${short(check.ulps)} ulps, strict bound ${short(check.strict)}, baseline bound ${short(check.baseline)}`,
      },
      svg("line", { class: "rule strong", x1: 20, x2: width - 30, y1: y, y2: y }),
      ulpTicks(scale, top).map(([x, text]) => [
        svg("line", { class: "rule strong", x1: scale(x), x2: scale(x), y1: y, y2: y + 4 }),
        svg("text", { x: scale(x), y: y + 17, "text-anchor": "middle" }, text),
      ]),
      bound(check.strict, "strict", false),
      Number.isFinite(check.baseline) ? bound(check.baseline, "baseline", true) : null,
      svg(
        "g",
        { class: `v-${check.verdict}` },
        svg("circle", { class: "mark", cx: scale(check.ulps), cy: y, r: 6 }),
      ),
    ),
  );
}

function aboutFinding(check) {
  if (!check.finding) {
    if (!isFailing(check)) return null;
    const why = isControl(check)
      ? ["A negative control: it must fail. ", ...prose(check.implementation.control)]
      : "No finding explains this failure.";
    return [h("h2", {}, "Finding"), h("p", { class: isControl(check) ? null : "alarm" }, why)];
  }
  const article = document.getElementById(`finding/${check.finding.id}`);
  return [
    h("h2", {}, "Finding"),
    h("h3", {}, h("a", { href: findingAddress(check.finding.id) }, check.finding.title)),
    article.querySelector(".explanation").cloneNode(true),
    article.querySelector(".facts").cloneNode(true),
  ];
}

function aboutCase(c) {
  return [
    h("h2", {}, "Case"),
    h("p", {}, prose(c.why)),
    h(
      "dl",
      { class: "facts" },
      h("dt", {}, "case"),
      h("dd", {}, h("a", { href: caseAddress(c.case) }, c.case)),
      h("dt", {}, "theme"),
      h("dd", {}, h("a", { href: viewAddress("checks", { theme: c.theme }) }, c.theme)),
      h("dt", {}, "source"),
      h("dd", {}, prose(c.source)),
      h("dt", {}, "file"),
      h("dd", {}, h("code", {}, c.file), ` ${plural(c.rows, "row")}`),
      c.claims
        ? [
            h("dt", {}, "claims"),
            h("dd", {}, h("a", { href: `#claim/${c.case}/0` }, plural(c.claims, "claim"))),
          ]
        : null,
    ),
  ];
}

function aboutImplementation(check) {
  const { implementation: i } = check;
  const { formula, page } = data.operators.find((o) => o.name === i.operator);
  const name = page ? h("a", { href: page }, i.operator) : i.operator;
  return [
    h("h2", {}, "Implementation"),
    h(
      "dl",
      { class: "facts" },
      h("dt", {}, "framework"),
      h("dd", {}, i.framework, " ", data.frameworks.find((f) => f.name === i.framework).version),
      h("dt", {}, "code"),
      h("dd", {}, h("code", {}, i.code)),
      h("dt", {}, "operator"),
      h("dd", {}, name, formula ? [" = ", h("code", {}, formula)] : ""),
      i.documentation
        ? [h("dt", {}, "documentation"), h("dd", {}, outside(i.documentation))]
        : null,
    ),
  ];
}
