"use strict";

// The porting guide: choose an operator, options and frameworks; find questions. Without this
// script everything is there, unfolded section by section.

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const chosen = (id) => document.getElementById(id).value;

function showFrameworks() {
  const off = all(".shown-frameworks input").filter((box) => !box.checked);
  const hidden = new Set(off.map((box) => box.value));
  for (const node of all("[data-framework]")) node.hidden = hidden.has(node.dataset.framework);
}

// The options that the chosen operator has.
function offerOptions(section) {
  const box = document.getElementById("option");
  const before = box.value;
  const names = all(".signature", section).flatMap((s) => s.dataset.options.split(" "));
  const offered = [...new Set(names)].filter(Boolean).sort();
  fill(box, h("option", { value: "" }, "any"), ...offered.map((name) => h("option", {}, name)));
  box.value = offered.includes(before) ? before : "";
}

function showOperator() {
  const operator = chosen("operator");
  for (const section of all("section.operator")) {
    section.hidden = section.dataset.operator !== operator;
    if (!section.hidden) offerOptions(section);
  }
  const reduction = chosen("reduction");
  const option = chosen("option");
  for (const part of all("section.operator:not([hidden]) .signature")) {
    const { reduction: own, options } = part.dataset;
    part.hidden =
      (reduction && own !== reduction) || (option && !options.split(" ").includes(option));
  }
}

function find() {
  const words = chosen("find").toLowerCase().split(/\s+/).filter(Boolean);
  for (const question of all(".question")) {
    const text = question.textContent.toLowerCase();
    question.hidden = !words.every((word) => text.includes(word));
  }
}

// Unfold what the address names.
function follow() {
  const node = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!node) return;
  const section = node.closest("section.operator");
  if (section) {
    document.getElementById("operator").value = section.dataset.operator;
    for (const id of ["reduction", "option"]) document.getElementById(id).value = "";
    showOperator();
  }
  if (node.tagName === "DETAILS") node.open = true;
  node.scrollIntoView();
}

for (const picker of all(".picker")) picker.hidden = false;
document.getElementById("find").addEventListener("input", find);
for (const box of all(".shown-frameworks input")) box.addEventListener("change", showFrameworks);
for (const id of ["operator", "reduction", "option"])
  document.getElementById(id).addEventListener("change", showOperator);
document.addEventListener("click", (event) => {
  if (event.target.matches(".copy")) copyCode(event.target);
});
addEventListener("hashchange", follow);
showOperator();
follow();
document.body.dataset.shown = "yes";
