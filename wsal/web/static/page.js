"use strict";
// One key, one decision. What was pressed is kept in localStorage until the server has it on its disk.

const $ = (id) => document.getElementById(id);
const COMMANDS = [
  ["u", "Undo", undo], ["s", "Skip", () => decide("skip")], ["?", "Unsure", () => decide("unsure")],
  ["f", "Flag", () => remark("flag", "")], ["n", "Note", openNote], ["v", "Guess and votes", toggleShown],
  ["d", "Decide together", toggleTogether], ["g", "Guidelines", toggleGuidelines],
  ["a", "Settle", toggleSettle], ["e", "End the round", end],
];
const KEYS = [..."123456789", ..."bchijklmopqrtwxyz"]; // letters that are no command
const SEPARATORS = [" > ", " / ", "/", "::"];
const UNSENT = "wsal unsent";

const state = {
  queue: [], shown: null, since: 0, labels: [], guidelines: {}, round: 0, phase: "", settling: false,
  open: false, together: true, told: false, ending: false, done: [], fetching: false, dry: false, ties: 0, last: {},
};

function make(tag, text, attributes = {}) {
  const one = document.createElement(tag);
  if (text !== undefined && text !== null) one.textContent = text;
  for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
  return one;
}
const fill = (id, ...nodes) => $(id).replaceChildren(...nodes.filter(Boolean));

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}

// ---- sending: nothing is forgotten before it is acknowledged ----------------------------------
const unsent = () => JSON.parse(localStorage.getItem(UNSENT) || "[]");
const keep = (acts) => localStorage.setItem(UNSENT, JSON.stringify(acts));
let sending = null;

function send(act) {
  keep([...unsent(), { key: newKey(), round: state.round, ...act }]);
  flush();
}
function flush() {
  sending = sending || drain().finally(() => { sending = null; });
  return sending;
}
async function drain() {
  for (let acts = unsent(); acts.length; acts = unsent()) {
    $("saving").textContent = acts.length > 1 ? `saving ${acts.length}…` : "";
    let answer;
    try {
      answer = await fetch("/api/act", { method: "POST", body: JSON.stringify(acts[0]),
        headers: { "Content-Type": "application/json", "X-Wsal": "1" } });
    } catch { answer = null; }
    if (!answer || answer.status >= 500) {
      $("saving").textContent = `no answer from wsal: ${acts.length} kept here, trying again`;
      await new Promise((done) => setTimeout(done, 700));
      continue;
    }
    const key = acts[0].key;
    keep(unsent().filter((one) => one.key !== key)); // another tab may have added some
    const told = await answer.json().catch(() => ({}));
    $("saving").textContent = answer.ok ? "" : `not taken: ${told.detail || answer.status}`;
    if (answer.ok) { showCount(told); if (told.undone) back(told.undone); else if (!state.shown) refill(); }
  }
}

// ---- the next text ----------------------------------------------------------------------------
async function refill() {
  if (state.fetching || state.settling || state.phase !== "round") return;
  state.fetching = true;
  try {
    const have = [...state.queue, state.shown].filter(Boolean).map((one) => one.id);
    const waiting = unsent().flatMap((act) => act.ids || []);
    const query = new URLSearchParams({ n: Math.max(0, 5 - state.queue.length), have: [...have, ...waiting].join("\n") });
    const found = (await (await fetch(`/api/next?${query}`)).json()).items || [];
    const known = new Set([...have, ...waiting]);
    state.queue.push(...found.filter((one) => one.round === state.round && (one.again || !known.has(one.id))));
    state.dry = !waiting.length && !unsent().length;
  } catch { /* the next poll tries again */ } finally { state.fetching = false; }
  if (!state.shown && state.queue.length) next();
  else if (!state.shown) showEmpty();
}
function next() {
  state.shown = state.queue.shift() || null;
  state.since = performance.now();
  state.together = true;
  render();
  if (state.queue.length < 4) refill();
}
function back(item) {
  if (state.shown) state.queue.unshift(state.shown);
  state.queue = state.queue.filter((one) => one.id !== item.id);
  state.shown = item;
  state.since = performance.now();
  render();
}

// ---- what people do ---------------------------------------------------------------------------
function decide(kind, label = null) {
  const item = state.shown;
  if (!item) return;
  if (state.settling) kind = kind === "answer" ? "settle" : null;
  else if (item.again) kind = kind === "answer" ? "again" : null;
  if (!kind) return;
  const others = state.together ? item.alike.map((one) => one.id) : [];
  const seconds = (performance.now() - state.since) / 1000;
  const shown = state.open && !item.blind ? "guess,votes" : "";
  send({ kind, label, ids: [item.id, ...others], seconds, shown });
  state.queue = state.queue.filter((one) => !others.includes(one.id));
  $("search").value = "";
  next();
}
function undo() { send({ kind: "undo" }); }
function remark(kind, note) {
  if (!state.shown) return;
  send({ kind, ids: [state.shown.id], note });
  $("saving").textContent = kind === "flag" ? "flagged" : "note kept";
}
function openNote() { if (state.shown) { $("note").hidden = false; $("note-text").focus(); } }
function toggleShown() { state.open = !state.open; render(); }
function toggleTogether() { state.together = !state.together; render(); }
function toggleGuidelines() { state.told = !state.told; render(); }
function end() {
  if (!state.ending) {
    state.ending = true;
    $("saving").textContent = "press e again to end the round: what is open stays unanswered";
    setTimeout(() => { state.ending = false; }, 4000);
    return;
  }
  send({ kind: "finish" });
}
async function toggleSettle() {
  state.settling = !state.settling;
  state.queue = []; state.shown = null;
  if (state.settling) {
    await flush();
    state.queue = (await (await fetch("/api/settle")).json()).items || [];
    next();
  } else { render(); refill(); }
}

// ---- drawing ----------------------------------------------------------------------------------
function marked(text, words) {
  const found = words.filter(Boolean).sort((a, b) => b.length - a.length);
  if (!found.length) return [document.createTextNode(text)];
  const escaped = found.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return text.split(new RegExp(`(${escaped.join("|")})`, "g"))
    .map((piece) => (found.includes(piece) ? make("mark", piece) : document.createTextNode(piece)));
}
function render() {
  const item = state.shown;
  $("message").textContent = state.settling ? "Settle: people disagree on this text, or it carries a remark." : "";
  for (const id of ["text", "fields", "alike", "reason", "help-model", "remarks"]) fill(id);
  $("text").dataset.shown = item ? item.id : "";
  if (!item) { showEmpty(); drawClasses(); drawCommands(); return; }
  const open = state.open && !item.blind;
  fill("text", ...marked(item.text || "(no text)", open ? item.marks : []));
  const fields = Object.entries(item.fields);
  if (fields.length > 1) fill("fields", ...fields.flatMap(([k, v]) => [make("dt", k), make("dd", v)]));
  if (item.alike.length) {
    const list = make("ul");
    list.append(...item.alike.map((one) => make("li", one.text)));
    fill("alike", make("div", state.together ? "Decided together with:" : "Nearly the same, decided apart:"), list);
  }
  fill("reason", document.createTextNode(item.again ? "asked again: your answer from before does not show"
    : item.reason ? `Why this text: ${item.reason}` : ""));
  if (state.open && item.blind) fill("help-model", make("span", "Guess and votes stay hidden on this text."));
  if (open) {
    const votes = item.votes.map(([rule, label]) => `${rule}: ${label}`).join("; ") || "none";
    fill("help-model", make("div", `Guess: ${item.guess} (${item.confidence.toFixed(2)})`), make("div", `Votes: ${votes}`));
  }
  const said = [...(item.answers || []).map(([who, label]) => `${who}: ${label}`), ...(item.remarks || [])];
  fill("remarks", ...said.map((one) => make("li", one)));
  drawClasses();
  drawCommands();
}
function showEmpty() {
  const texts = {
    round: state.settling ? "Nothing to settle. Press a to go back."
      : state.ties ? `${state.ties} texts wait to be settled: press a.`
        : state.dry ? "No text is left for you in this round; others may still be answering." : "Loading…",
    training: `wsal is at work: ${state.round ? `learning from round ${state.round}` : "getting ready"}. The next texts come by themselves.`,
    over: state.last.over || "",
    "": "Loading…",
  };
  fill("text", document.createTextNode(texts[state.phase] ?? ""));
}
function matches() {
  const wanted = $("search").value.trim().toLowerCase();
  if (!wanted) return state.labels;
  const words = wanted.split(/\s+/);
  const hit = state.labels.filter((label) => words.every((word) => label.toLowerCase().includes(word)));
  return hit.sort((a, b) => Number(b.toLowerCase().startsWith(wanted)) - Number(a.toLowerCase().startsWith(wanted)));
}
function classButton(label, key, first) {
  const one = make("button", null, { type: "button" });
  if (key) { one.append(make("kbd", key)); one.setAttribute("aria-keyshortcuts", key); }
  one.append(document.createTextNode(label));
  if (first) one.className = "first";
  if (state.told && state.guidelines[label]) one.append(make("small", state.guidelines[label]));
  one.addEventListener("click", () => { decide("answer", label); one.blur(); });
  return one;
}
function drawClasses() {
  const searching = $("search").value.trim() !== "";
  const found = matches();
  const key = (label) => KEYS[state.labels.indexOf(label)];
  const separator = SEPARATORS.find((sep) => state.labels.filter((one) => one.includes(sep)).length > state.labels.length / 2);
  if (separator && !searching && state.labels.length > 12) {
    const groups = new Map();
    for (const label of found) {
      const head = label.includes(separator) ? label.split(separator)[0] : "other";
      groups.set(head, [...(groups.get(head) || []), label]);
    }
    fill("classes", ...[...groups].map(([head, labels]) => {
      const fold = make("details"), inside = make("div");
      inside.append(...labels.map((label) => classButton(label, key(label), false)));
      fold.append(make("summary", `${head} (${labels.length})`), inside);
      return fold;
    }));
    return;
  }
  fill("classes", ...found.map((label, n) => classButton(label, key(label), searching && n === 0)),
    found.length ? null : make("p", "no class is called so"));
}
function drawCommands() {
  const pressed = { v: state.open, d: state.together, g: state.told, a: state.settling };
  const useful = { d: state.shown?.alike?.length, g: Object.keys(state.guidelines).length };
  fill("commands", ...COMMANDS.filter(([key]) => useful[key] !== 0 && useful[key] !== undefined || !(key in useful))
    .map(([key, name, act]) => {
      const one = make("button", null, { type: "button", "aria-keyshortcuts": key });
      if (key in pressed) one.setAttribute("aria-pressed", String(pressed[key]));
      one.append(make("kbd", key), document.createTextNode(name));
      one.addEventListener("click", () => { act(); one.blur(); });
      return one;
    }));
}
function showCount(told) {
  if (told.n === undefined) return;
  state.ties = told.ties;
  $("round").textContent = `round ${told.round}`;
  $("bar").max = told.n; $("bar").value = told.n - told.open;
  $("count").textContent = `${told.n - told.open} of ${told.n}`;
}
function svg(tag, attributes, text) {
  const one = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
  if (text !== undefined) one.textContent = text;
  return one;
}
function drawCurve(points) {
  if (!points || points.length < 2) { fill("curve"); return; }
  const wide = 240, high = 96, left = 30, most = points.at(-1).n_gold || 1;
  const low = Math.min(...points.map((p) => p.low)), top = Math.max(...points.map((p) => p.high));
  const x = (n) => left + (wide - left - 6) * n / most;
  const y = (v) => 6 + (high - 24) * (top - v) / Math.max(top - low, 1e-6);
  const line = (name) => points.map((p) => `${x(p.n_gold)},${y(p[name])}`);
  const picture = svg("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": "learning curve" });
  picture.append(
    svg("polygon", { points: [...line("high"), ...line("low").reverse()].join(" "), fill: "var(--accent)", opacity: "0.18" }),
    svg("polyline", { points: line("value").join(" "), fill: "none", stroke: "var(--accent)", "stroke-width": "2" }),
    ...[[top, 12], [low, high - 14]].map(([v, at]) => svg("text", { x: 0, y: at, "font-size": "9", fill: "var(--soft)" }, v.toFixed(2))),
    svg("text", { x: left, y: high - 2, "font-size": "9", fill: "var(--soft)" }, "0"),
    svg("text", { x: wide - 6, y: high - 2, "font-size": "9", fill: "var(--soft)", "text-anchor": "end" }, `${most} labels`));
  fill("curve", picture);
}
function drawPanel(told) {
  const quality = told.quality || {};
  $("stop").hidden = !(quality.stop || []).length;
  $("stop-why").textContent = `${(quality.stop || []).join("; ")}. Press e twice to end this round.`;
  const now = quality.curve?.at(-1);
  fill("quality", make("p", now ? `${quality.metric === "macro_f1" ? "macro-F1" : "accuracy"} ${now.value.toFixed(3)}, between ${now.low.toFixed(3)} and ${now.high.toFixed(3)} (90%)`
    : "comes with the first finished round"));
  drawCurve(quality.curve);
  fill("forecast", ...(quality.forecast || []).map((line) => make("p", line)));
  const counts = told.distribution || [], most = counts[0]?.[1] || 1;
  fill("distribution", ...counts.slice(0, 12).map(([label, n]) => {
    const row = make("div", null, { class: "bar" }), bar = make("i");
    bar.style.width = `${100 * n / most}%`;
    row.append(make("span", label), make("span", n), bar);
    return row;
  }), counts.length > 12 ? make("p", `and ${counts.length - 12} more classes`) : counts.length ? null : make("p", "none yet"));
  drawPeople(told.people);
}
function drawPeople(told) {
  if (!told?.people?.length) { fill("people", make("p", "nobody yet")); return; }
  const table = make("table"), head = make("tr");
  head.append(...["name", "answers", "seconds", "same again"].map((one) => make("th", one, { scope: "col" })));
  table.append(head, ...told.people.map((one) => {
    const row = make("tr"), [same, of] = one.same_again;
    row.append(make("td", one.name), make("td", one.answers, { class: "n" }),
      make("td", one.seconds === null ? "" : one.seconds.toFixed(1), { class: "n" }), make("td", of ? `${same} of ${of}` : "", { class: "n" }));
    return row;
  }));
  const worst = Object.entries(told.classes || {}).filter(([, a]) => a !== null).sort((a, b) => a[1] - b[1]).slice(0, 3);
  fill("people", table,
    told.alpha === null ? null : make("p", `Krippendorff's alpha ${told.alpha.toFixed(2)}`),
    ...told.pairs.map(([a, b, n, kappa]) => make("p", `${a}, ${b}: kappa ${kappa.toFixed(2)} on ${n}`)),
    worst.length && told.alpha < 1 ? make("p", `least agreed: ${worst.map(([c, a]) => `${c} ${a.toFixed(2)}`).join(", ")}`) : null);
}

// ---- keys, polling ----------------------------------------------------------------------------
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === "Escape") {
    $("search").value = ""; $("note").hidden = true; document.activeElement.blur(); drawClasses();
    return;
  }
  if (event.target === $("search") && event.key === "Enter") {
    const first = matches()[0];
    if ($("search").value.trim() && first) { $("search").blur(); decide("answer", first); }
    event.preventDefault();
    return;
  }
  if (typing) return;
  if (event.target instanceof HTMLButtonElement && (event.key === "Enter" || event.key === " ")) return;
  if (event.key === "/") { event.preventDefault(); $("search").focus(); return; }
  const command = COMMANDS.find(([key]) => key === event.key);
  const at = KEYS.indexOf(event.key);
  if (command) { event.preventDefault(); command[2](); }
  else if (at >= 0 && at < state.labels.length && !event.repeat) { event.preventDefault(); decide("answer", state.labels[at]); }
});
$("search").addEventListener("input", drawClasses);
$("note").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("note-text").value.trim()) remark("note", $("note-text").value.trim());
  $("note-text").value = ""; $("note").hidden = true; $("note-text").blur();
});

async function poll() {
  let told;
  try {
    const answer = await fetch("/api/state");
    if (!answer.ok) { $("saving").textContent = "open the address that wsal printed"; return; }
    told = await answer.json();
  } catch {
    if (state.phase !== "over") $("saving").textContent = "wsal does not answer; what you press is kept here";
    return;
  }
  if (!unsent().length) $("saving").textContent = $("saving").textContent.startsWith("wsal does not") ? "" : $("saving").textContent;
  const fresh = told.phase !== state.phase || told.round !== state.round;
  const labels = told.labels || state.labels;
  const relabelled = labels.join("\n") !== state.labels.join("\n");
  state.last = told;
  if (fresh) { Object.assign(state, { phase: told.phase, round: told.round, queue: [], shown: null, settling: false, dry: false }); }
  Object.assign(state, { labels, guidelines: told.guidelines || state.guidelines });
  showCount(told);
  drawPanel(told);
  if (fresh || relabelled) render();
  if (unsent().length) flush();
  if (!state.shown || state.queue.length < 4) refill();
}
poll();
setInterval(poll, 1500);
