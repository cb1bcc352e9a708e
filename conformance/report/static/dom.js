"use strict";

// Building elements. Text is always set as text: nothing here reads markup.

function element(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(node.style, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(
    ...children
      .flat(Infinity)
      .filter((child) => child !== null && child !== undefined && child !== ""),
  );
  return node;
}

// Replace what a node shows.
function fill(node, ...children) {
  node.replaceChildren();
  return element(node, {}, children);
}

const h = (tag, attributes, ...children) =>
  element(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  element(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

// A link, if the address is one of the web; the bare text otherwise.
function outside(address, text) {
  return /^https?:\/\//.test(address || "")
    ? h("a", { href: address, rel: "noreferrer" }, text || address)
    : text || address;
}

// Text with its URLs and owner/repo#number as links and its `code`; see page.py.
function prose(text) {
  const pattern =
    /(https?:\/\/[^\s<>"')\]]+[^\s<>"')\].,;:])|`([^`]+)`|\b([A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*)#(\d+)\b/g;
  const parts = [];
  let end = 0;
  for (const [all, url, code, repository, thread] of (text || "").matchAll(pattern)) {
    const start = text.indexOf(all, end);
    const address = url || `https://github.com/${repository}/issues/${thread}`;
    parts.push(text.slice(end, start), code ? h("code", {}, code) : outside(address, all));
    end = start + all.length;
  }
  return [...parts, (text || "").slice(end)];
}

function codeBlock(text) {
  return h(
    "div",
    { class: "code" },
    h("button", { type: "button", class: "copy" }, "Copy"),
    h("pre", {}, text),
  );
}

async function copyCode(button) {
  const pre = button.parentElement.querySelector("pre");
  try {
    await navigator.clipboard.writeText(pre.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(pre); // no clipboard here: the old way, or leave it selected
    button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
  }
  setTimeout(() => (button.textContent = "Copy"), 1500);
}

function select(label, value, options, onchange) {
  const all = [["", label], ...options.map((o) => (Array.isArray(o) ? o : [o, o]))];
  if (value && !all.some(([v]) => v === value)) all.push([value, value]);
  return h(
    "select",
    {
      "aria-label": label,
      class: value ? "set" : null,
      onchange: (event) => onchange(event.target.value),
    },
    all.map(([v, text]) => h("option", { value: v, selected: v === (value || "") }, text)),
  );
}

// Buttons of which one is pressed.
function choice(label, value, options, onpick) {
  return h(
    "span",
    { class: "group", role: "group", "aria-label": label },
    h("span", {}, label),
    options.map(([v, text]) =>
      h(
        "button",
        { type: "button", "aria-pressed": String(v === value), onclick: () => onpick(v) },
        text,
      ),
    ),
  );
}

// Run `render` when the placeholder comes near the window.
const arrivals = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      arrivals.unobserve(entry.target);
      entry.target.render();
    }
  },
  { rootMargin: "600px" },
);

function whenNear(node, render) {
  node.render = render;
  arrivals.observe(node);
  return node;
}
