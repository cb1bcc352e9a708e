// The address decides what is shown: #view?field=value, #check/…, #case/…, #finding/…, #claim/….

const VIEWS = {
  matrix: renderMatrix,
  accuracy: renderAccuracy,
  checks: renderChecks,
  check: (_, rest) => renderCheck(rest),
  case: (_, rest) => renderCase(decodeURIComponent(rest)),
  findings: () => document.querySelectorAll(".finding").forEach(renderCovered),
  claims: () => {},
  controls: () => {},
  guide: () => {},
};
const INSIDE = { finding: "findings", claim: "claims" }; // an address inside a longer view
const TABS = { check: "checks", case: "checks" };

const scrolled = new Map(); // address -> where it was left
let current = null;
let clicked = true;

function parse(hash) {
  const [path, query] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const slash = path.indexOf("/");
  const head = (slash < 0 ? path : path.slice(0, slash)) || "matrix";
  return {
    head,
    rest: slash < 0 ? "" : path.slice(slash + 1),
    fields: Object.fromEntries(new URLSearchParams(query || "")),
  };
}

async function show() {
  const { head, rest, fields } = parse(location.hash);
  const view = INSIDE[head] || (head in VIEWS ? head : "matrix");
  if (current !== null) scrolled.set(current, scrollY);
  const sameView = current !== null && parse(current).head === head && !rest;
  current = location.hash;
  hideTip();
  document.querySelectorAll(".view").forEach((section) => (section.hidden = section.id !== view));
  document.querySelectorAll(".top nav a").forEach((a) => {
    if (a.getAttribute("href") === `#${TABS[view] || view}`) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  });
  const search = document.getElementById("search");
  if (document.activeElement !== search) search.value = view === "checks" ? fields.q || "" : "";
  await VIEWS[view](fields, rest);
  document.querySelectorAll(".target").forEach((a) => a.classList.remove("target"));
  const target =
    head in INSIDE ? document.getElementById(decodeURIComponent(`${head}/${rest}`)) : null;
  if (target) {
    target.classList.add("target");
    target.scrollIntoView();
  } else if (!clicked) scrollTo(0, scrolled.get(location.hash) || 0);
  else if (!sameView) scrollTo(0, 0);
  clicked = false;
  document.body.dataset.shown = location.hash || "#matrix";
}

function search(text) {
  const { head, fields } = parse(location.hash);
  const address = viewAddress("checks", { ...(head === "checks" ? fields : {}), q: text });
  if (head === "checks") history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  clicked = true;
  show();
}

function nextScheme() {
  const root = document.documentElement.style;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  root.colorScheme = root.colorScheme ? "" : dark ? "light" : "dark";
}

async function start() {
  let waiting;
  const box = document.getElementById("search");
  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => search(box.value.trim()), 180);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest?.("input, select, textarea")) return;
    event.preventDefault();
    box.focus();
  });
  document.addEventListener("click", (event) => {
    clicked = true;
    if (event.target.matches(".copy")) copyCode(event.target);
  });
  document.addEventListener("change", () => (clicked = true));
  document.getElementById("theme").addEventListener("click", nextScheme);
  history.scrollRestoration = "manual";
  await load();
  addEventListener("hashchange", show);
  await show();
}

start().catch((error) => {
  const trouble = document.getElementById("trouble");
  trouble.hidden = false;
  trouble.textContent = `This page could not be shown (${error.message}). It needs a browser of 2024 or later.`;
});
