// The classes: their buttons, and what belongs in each.
import { $, fill, keyButton, make } from "./dom.js";
import { drawTree, hasTree } from "./tree.js";
import { acceptLine, isChosen } from "./multilabel.js";

export const KEYS = [..."123456789", ..."bchijklmopqrtwxyz"]; // for classes: letters that are no command
const SEPARATORS = [" > ", " / ", "/", "::"]; // of a class name's levels
const FOLDED_FROM = 12; // more classes than this are folded by their first level

let labels = [], guidelines = {}, examples = {}; // of the run
let opened = false; // whether what belongs in each class is shown in its button
let drawn = ""; // what the buttons were drawn for: most texts need the same ones

export function setClasses(news) {
  labels = news.labels; guidelines = news.guidelines;
  drawn = "";
}
export function setExamples(classes) { examples = classes; drawn = ""; }
export const hasGuidelines = () => Object.keys(guidelines).length + Object.keys(examples).length > 0;
export const areOpen = () => opened;
export function toggleGuidelines() { opened = !opened; }

export function matching(typed) {
  const wanted = typed.trim().toLowerCase();
  if (!wanted) return labels;
  const words = wanted.split(/\s+/);
  const matches = labels.filter((label) => words.every((word) => label.toLowerCase().includes(word)));
  return matches.sort((a, b) => Number(b.toLowerCase().startsWith(wanted)) - Number(a.toLowerCase().startsWith(wanted)));
}

// ---- what belongs in a class ------------------------------------------------------------------
function examplesOf(label) {
  const [n, texts] = examples[label] || [0, []];
  if (!texts.length) return [];
  const list = make("ul");
  list.append(...texts.map((text) => make("li", text, { dir: "auto" })));
  return [make("p", `${texts.length} of ${n} that people gave this class:`), list];
}
export function drawAbout(label) {
  $("about").hidden = !hasGuidelines();
  if (label === null) {
    fill("about", make("h2", "About a class"), make("p", "Point at a class, or move to it with Tab, to see what belongs there."));
    $("about").classList.remove("on");
    return;
  }
  const known = examplesOf(label);
  fill("about", make("h2", "About a class"), make("p", label, { class: "label", dir: "auto" }),
    guidelines[label] ? make("p", guidelines[label], { dir: "auto" }) : null, ...known,
    known.length ? null : make("p", "No examples yet: they come from answers of earlier rounds."));
  $("about").classList.add("on");
}
function inside(button, label) { // the same, in the button
  const texts = (examples[label] || [0, []])[1];
  if (guidelines[label]) button.append(make("small", guidelines[label], { dir: "auto" }));
  button.append(...texts.map((text) => make("small", `“${text}”`, { dir: "auto" })));
}

// ---- the buttons ------------------------------------------------------------------------------
export function classButton(label, isFirst, answer, key = KEYS[labels.indexOf(label)], name = label) {
  const button = make("button", null, { type: "button", "data-label": label });
  if (key) { button.append(make("kbd", key)); button.setAttribute("aria-keyshortcuts", key); }
  button.append(make("bdi", name));
  if (isFirst) button.classList.add("first");
  if (opened) inside(button, label);
  button.addEventListener("click", () => { answer(label); button.blur(); });
  return button;
}
function noneButton(none, answer) {
  const button = keyButton("0", "None of these", () => answer(none));
  button.setAttribute("data-label", none);
  button.classList.add("none");
  return button;
}
export function drawClasses(item, typed, answer, showsGuess, several = null) { // several: what accepts a set of classes
  $("way").hidden = !hasTree() || Boolean(item?.group);
  if (!$("way").hidden) {
    $("find").hidden = false; drawn = "";
    drawTree(item, typed, { answer, showsGuess, guidelines, keys: KEYS, button: classButton, about: drawAbout,
      none: item?.none ? noneButton(item.none, answer) : null });
    return;
  }
  const searching = typed.trim() !== "";
  $("classes").classList.remove("listed");
  const now = JSON.stringify([searching ? typed : "", opened, item?.group && [item.ask, item.no], item?.word && item.depends, item?.none, item?.answered?.label, several && [Boolean(item), ...labels.filter(isChosen)]]);
  if (now === drawn) return;
  drawn = now;
  $("find").hidden = Boolean(item?.group);
  if (item?.group) {
    fill("classes", keyButton("Enter", "Yes, all of them", () => answer(item.ask)), keyButton("0", "No, not all", () => answer(item.no)));
    return;
  }
  const depends = item?.word ? keyButton("0", "It depends", () => answer(item.depends)) : null; // an answer to a word only
  const none = item?.none && !several ? noneButton(item.none, answer) : null; // an answer to a text only
  const shown = matching(typed), line = several && item ? acceptLine(labels, several) : null;
  const separator = SEPARATORS.find((sep) => labels.filter((label) => label.includes(sep)).length > labels.length / 2);
  if (separator && !searching && labels.length > FOLDED_FROM) fill("classes", line, ...folds(shown, separator, answer), depends, none);
  else {
    fill("classes", line, ...shown.map((label, n) => classButton(label, searching && n === 0, answer)), depends, searching ? null : none,
      searching && !shown.length ? make("p", "no class matches") : null);
  }
  for (const button of $("classes").querySelectorAll("[data-label]")) {
    if (several) button.setAttribute("aria-pressed", String(isChosen(button.dataset.label)));
    if (item?.answered?.label === button.dataset.label) button.setAttribute("aria-current", "true");
  }
  if (searching && shown.length) drawAbout(shown[0]);
}
function folds(shown, separator, answer) {
  const open = new Set([...$("classes").querySelectorAll("details[open]")].map((fold) => fold.dataset.head));
  const groups = new Map();
  for (const label of shown) {
    const head = label.includes(separator) ? label.split(separator)[0] : "other";
    groups.set(head, [...(groups.get(head) || []), label]);
  }
  return [...groups].map(([head, members]) => {
    const fold = make("details", null, { "data-head": head }), within = make("div");
    within.append(...members.map((label) => classButton(label, false, answer)));
    fold.append(make("summary", `${head} (${members.length})`), within);
    fold.open = open.has(head);
    return fold;
  });
}
const labelAt = (event) => event.target.closest?.("[data-label]")?.dataset.label;
for (const kind of ["pointerover", "focusin"]) {
  $("classes").addEventListener(kind, (event) => { // a finger does not hover: it answers
    if (event.pointerType !== "touch" && labelAt(event) !== undefined) drawAbout(labelAt(event));
  });
}
for (const kind of ["pointerleave", "focusout"]) $("classes").addEventListener(kind, () => $("about").classList.remove("on"));
