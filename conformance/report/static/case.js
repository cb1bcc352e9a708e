// One case: what it is, and every check of it on one grid.

function renderCase(id) {
  const c = data.cases.find((one) => one.case === id);
  const view = document.getElementById("case");
  if (!c) {
    fill(
      view,
      h("h1", {}, "No such case"),
      h("p", {}, "It is not in these results: ", h("code", {}, id)),
    );
    return;
  }
  fill(
    view,
    h(
      "p",
      { class: "crumbs" },
      h("a", { href: viewAddress("checks", { operator: c.operator }) }, c.operator),
      " › ",
      h("a", { href: viewAddress("checks", { theme: c.theme }) }, c.theme),
    ),
    h("h1", {}, c.case),
    aboutCase(c).slice(1),
    h(
      "p",
      {},
      h(
        "a",
        { href: viewAddress("checks", { case: c.case, kind: "any" }) },
        "As a table of checks",
      ),
    ),
    caseGrid(c, null),
  );
}

// Public functions first; what is unsupported throughout is only named.
function caseGrid(c, here) {
  const places = KINDS.map(([kind]) => kind);
  const place = (check) => places.indexOf(check.implementation.kind);
  const own = checks.filter((check) => check.case === c).sort((a, b) => place(a) - place(b));
  const tried = new Set(own.filter((check) => !isUnsupported(check)).map((c) => c.implementation));
  if (here) tried.add(here.implementation);
  const shown = own.filter((check) => tried.has(check.implementation));
  const others = distinct(own.map((check) => check.implementation)).filter((i) => !tried.has(i));
  return [
    checkGrid(shown, here),
    others.length
      ? h(
          "p",
          { class: "note" },
          "Unsupported by ",
          others.map((i, n) => [n ? ", " : "", `${i.framework} `, h("code", {}, i.name)]),
          ".",
        )
      : null,
  ];
}

// Some checks of one case: implementations and modes down, quantities and dtypes across.
function checkGrid(some, here) {
  const quantities = distinct(some.map((check) => check.quantity)).sort((a, b) =>
    a === "value" ? -1 : b === "value" ? 1 : a < b ? -1 : 1,
  );
  const columns = quantities.flatMap((quantity) =>
    data.dtypes.map((dtype) => ({ quantity, dtype })),
  );
  const lines = new Map();
  for (const check of some) {
    const line = JSON.stringify([check.framework, check.implementation.name, check.mode]);
    if (!lines.has(line)) lines.set(line, new Map());
    lines.get(line).set(`${check.quantity} ${check.dtype}`, check);
  }
  const gap = (n) => (n % data.dtypes.length === 0 ? "gap" : null);
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      { class: "siblings" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { rowspan: 2 }),
          quantities.map((quantity) =>
            h("th", { colspan: data.dtypes.length, scope: "colgroup" }, quantity),
          ),
        ),
        h(
          "tr",
          {},
          columns.map(({ dtype }) =>
            h("th", { class: "dtype", scope: "col", title: dtype }, shortDtype(dtype)),
          ),
        ),
      ),
      h(
        "tbody",
        {},
        [...lines].map(([line, found]) => {
          const [framework, name, mode] = JSON.parse(line);
          return h(
            "tr",
            {},
            h(
              "th",
              { scope: "row", title: `${framework} ${name} ${mode}` },
              `${framework} `,
              h("b", {}, name),
              ` ${mode}`,
            ),
            columns.map(({ quantity, dtype }, n) =>
              h("td", { class: gap(n) }, checkCell(found.get(`${quantity} ${dtype}`), here)),
            ),
          );
        }),
      ),
    ),
  );
}

function checkCell(check, here) {
  if (!check)
    return h("span", { class: "cell not-run", title: "not run", "aria-label": "not run" });
  const title = `${check.verdict}${check.ulps === null ? "" : `, ${short(check.ulps)} ulps`}${check.finding ? `, ${check.finding.id}` : ""}`;
  const sign = isFailing(check) ? (check.finding ? "†" : isControl(check) ? "" : "!") : "";
  return h(
    "a",
    {
      class: `cell v-${check.verdict}${check === here ? " here" : ""}`,
      href: checkAddress(check),
      title,
      "aria-label": title,
    },
    h("b", {}, letter(check.verdict), sign && h("sup", {}, sign)),
  );
}

// For a finding: which operators and implementations it covers, by framework, mode and dtype.
function renderCovered(article) {
  const place = article.querySelector(".covered");
  if (place.childElementCount) return;
  const id = article.id.slice("finding/".length);
  const some = checks.filter((check) => check.finding?.id === id);
  if (!some.length) return;
  const names = distinct(some.map((check) => check.implementation.name));
  const modes = sortModes(distinct(some.map((check) => check.mode)));
  const columns = modes.flatMap((mode) => data.dtypes.map((dtype) => ({ mode, dtype })));
  place.append(
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        { class: "siblings" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { rowspan: 2 }, "checks covered"),
            modes.map((mode) => h("th", { colspan: data.dtypes.length, scope: "colgroup" }, mode)),
          ),
          h(
            "tr",
            {},
            columns.map(({ dtype }) =>
              h("th", { class: "dtype", scope: "col", title: dtype }, shortDtype(dtype)),
            ),
          ),
        ),
        h(
          "tbody",
          {},
          names.map((name) =>
            h(
              "tr",
              {},
              h("th", { scope: "row" }, h("b", {}, name)),
              columns.map(({ mode, dtype }, n) => {
                const own = some.filter(
                  (check) =>
                    check.implementation.name === name &&
                    check.mode === mode &&
                    check.dtype === dtype,
                );
                const verdict = tallyOf(own).verdict;
                const address = viewAddress("checks", {
                  finding: id,
                  implementation: name,
                  mode,
                  dtype,
                });
                return h(
                  "td",
                  { class: n % data.dtypes.length ? null : "gap" },
                  own.length
                    ? h(
                        "a",
                        {
                          class: `cell v-${verdict}`,
                          href: address,
                          title: `${plural(own.length, "check")}, worst ${verdict}`,
                        },
                        h("b", {}, letter(verdict)),
                        h("small", {}, own.length),
                      )
                    : null,
                );
              }),
            ),
          ),
        ),
      ),
    ),
  );
}
