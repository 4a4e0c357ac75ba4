// A class tree: keys open parents and go up again, or people type part of a path.
import { $, fill, keyButton, make } from "./dom.js";

const UP = ["Backspace", "ArrowLeft"], STOP = "."; // keys
const MOST = 40; // classes that are listed for what was typed
const NAMES_AT_TOP = "All classes";
const top = { name: "", short: NAMES_AT_TOP, parent: null, children: [], nLeaves: 0 };

let nodes = new Map([["", top]]); // by name
let at = top; // where the person is
let mark = 0, matches = []; // in the list of what was typed
let last = null; // what was drawn last: the text, what was typed, and what to do

export const hasTree = () => nodes.size > 1;
export const isParent = (name) => Boolean(nodes.get(name)?.children.length);

export function setTree(list) { // of [name, short name, position of the parent or -1], parents first
  top.children = []; top.nLeaves = 0;
  nodes = new Map([["", top]]);
  const made = [];
  for (const [name, short, place] of list) {
    const node = { name, short, parent: place < 0 ? top : made[place], children: [], nLeaves: 0, lower: "" };
    node.parent.children.push(node);
    node.lower = pathOf(node).toLowerCase();
    made.push(node); nodes.set(name, node);
  }
  for (const node of made) if (!node.children.length) for (let up = node; up; up = up.parent) up.nLeaves += 1;
  at = top;
}
export function goToParentOf(name) { at = nodes.get(name)?.parent || top; }

function wayTo(node) { // without the top
  const way = [];
  for (let up = node; up !== top; up = up.parent) way.unshift(up);
  return way;
}
const pathOf = (node) => wayTo(node).map((step) => step.short).join(" > ");

// ---- what people do ---------------------------------------------------------------------------
export function choose(name) { // a class is the answer, a parent is opened; null: what is marked in the list
  const node = name === null ? matches[mark] : nodes.get(name);
  if (!node) return;
  $("search").value = "";
  if (document.activeElement === $("search")) $("search").blur();
  if (node.children.length) walkTo(node);
  else last.answer(node.name);
}
function walkTo(node) {
  at = node;
  $("search").value = "";
  last.about(node === top ? null : node.name);
  $("about").classList.remove("on"); // on a narrow page it would cover the classes
  drawTree(last.item, "", last);
}
export function pressed(key) { // whether the key means something here
  if (UP.includes(key)) { if (at !== top) walkTo(at.parent); return at !== top || key === "Backspace"; }
  if (key === STOP) { if (at !== top) last.answer(at.name); return true; }
  const child = at.children[last ? last.keys.indexOf(key) : -1];
  if (child) choose(child.name);
  return Boolean(child);
}
export function stopsAt(event) { // Shift and a digit: an answer with a parent that is not opened
  const [, digit] = event.shiftKey && event.code.match(/^Digit([1-9])$/) || [];
  const child = digit && at.children[digit - 1];
  if (child) last.answer(child.name);
  return Boolean(child);
}
export function moveMark(step) {
  if (!matches.length) return;
  mark = (mark + step + matches.length) % matches.length;
  drawTree(last.item, $("search").value, last);
  $("classes").querySelector(".first")?.scrollIntoView({ block: "nearest" });
}

// ---- finding ----------------------------------------------------------------------------------
const begins = (words, text) => words.every((word) => ` ${text}`.includes(` ${word}`)); // a word of the text
function find(typed) { // the best first: those whose own name it begins, then those with words that begin so
  const wanted = typed.trim().toLowerCase(), words = wanted.split(/[\s>]+/).filter(Boolean), listed = [];
  for (const node of nodes.values()) {
    if (node === top || !words.every((word) => node.lower.includes(word))) continue;
    const own = node.short.toLowerCase(), ofPath = begins(words, node.lower);
    const rank = `${own} `.startsWith(`${wanted} `) ? 0 : own.startsWith(wanted) ? 1 : begins(words, own) ? 2
      : ofPath && begins(words.slice(-1), own) ? 3 : ofPath ? 4 : 5;
    listed.push([rank, node]);
  }
  return listed.sort((a, b) => a[0] - b[0] || a[1].lower.length - b[1].lower.length).map(([, node]) => node);
}

// ---- drawing ----------------------------------------------------------------------------------
export function drawTree(item, typed, how) {
  const searching = typed.trim() !== "";
  if (!last || typed !== last.typed) mark = 0;
  last = { ...how, item, typed };
  $("classes").classList.toggle("listed", searching);
  if (searching) drawMatches(typed);
  else { matches = []; drawChildren(item); }
  const depends = item?.word ? keyButton("0", "It depends", () => last.answer(item.depends)) : null;
  if (depends) $("classes").append(depends);
  if (last.none && !searching) $("classes").append(last.none);
  for (const button of $("classes").querySelectorAll("[data-label]")) {
    const name = button.dataset.label;
    if (item?.answered && (name === item.answered.label || isParent(name) && nodes.get(item.answered.label)?.lower.startsWith(`${nodes.get(name).lower} > `))) {
      button.setAttribute("aria-current", "true");
    }
  }
}
const inside = (n) => `${n.toLocaleString("en")} ${n === 1 ? "class" : "classes"}`;

function drawMatches(typed) {
  const listed = find(typed);
  matches = listed.slice(0, MOST);
  mark = Math.min(mark, Math.max(0, matches.length - 1));
  const more = listed.length - matches.length;
  fill("way", make("p", matches.length ? `${listed.length.toLocaleString("en")} ${listed.length === 1 ? "match" : "matches"}. ↑ and ↓ move; Enter answers with a class or opens a parent.` : "Nothing matches.", { role: "status" }));
  fill("classes", ...matches.map((node, n) => {
    const button = last.button(node.name, n === mark, choose, "", node.short);
    const of = node.children.length ? ` (${inside(node.nLeaves)})` : "";
    button.append(make("small", `${pathOf(node.parent) || NAMES_AT_TOP}${of}`, { dir: "auto" }));
    button.classList.toggle("parent", node.children.length > 0);
    button.classList.add("match");
    return button;
  }), more > 0 ? make("p", `and ${more.toLocaleString("en")} more; type more of the path`) : null);
  if (matches.length) last.about(matches[mark].name);
  $("about").classList.remove("on");
}
function addCount(button, node) {
  button.classList.add("parent");
  button.append(make("small", inside(node.nLeaves), { class: "count" }));
}
function drawChildren(item) {
  drawWay();
  const sees = last.showsGuess && item && !item.blind && !item.word;
  const guessed = sees ? wayTo(nodes.get(item.guess) || top) : [];
  fill("classes", ...at.children.map((node, n) => {
    const button = last.button(node.name, false, choose, last.keys[n] || "", node.short);
    if (node.children.length) addCount(button, node);
    if (guessed.includes(node)) {
      button.classList.add("first");
      button.append(make("small", node.children.length ? "contains the guess" : `the guess (${item.confidence.toFixed(2)})`));
    }
    return button;
  }));
}
function drawWay() {
  const steps = make("ol");
  steps.append(...[top, ...wayTo(at)].map((node) => {
    const step = make("li");
    if (node === at) { step.append(make("bdi", node.short, { "aria-current": "location" })); return step; }
    const button = make("button", null, { type: "button" });
    button.append(make("bdi", node.short));
    button.addEventListener("click", () => { walkTo(node); $("way").querySelector("[aria-current]")?.focus(); });
    step.append(button);
    return step;
  }));
  if (at === top) { fill("way", steps, make("p", `${inside(top.nLeaves)}. A key opens a parent; Shift and a digit answer with it.`)); return; }
  const stop = keyButton(STOP, `Stop here: answer ${at.short}`, () => last.answer(at.name));
  stop.setAttribute("data-label", at.name);
  if (last.item?.answered?.label === at.name) stop.setAttribute("aria-current", "true");
  const up = keyButton("⌫", "Up", () => walkTo(at.parent));
  up.setAttribute("aria-keyshortcuts", UP.join(" "));
  const row = make("div", null, { class: "moves" });
  row.append(up, stop);
  fill("way", steps, last.guidelines[at.name] ? make("p", last.guidelines[at.name], { dir: "auto" }) : null, row);
}
