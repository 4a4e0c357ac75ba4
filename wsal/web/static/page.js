// One key, one decision. What was pressed is kept in localStorage until the server has it on its disk.
import { $, fill, make } from "./dom.js";
import { drawPanel } from "./panel.js";

const COMMANDS = [
  ["u", "Undo", undo], ["s", "Skip", () => decide("skip")], ["?", "Unsure", () => decide("unsure")],
  ["f", "Flag", () => remark("flag", "")], ["n", "Note", openNote], ["v", "Guess and votes", toggleGuess],
  ["d", "Decide together", toggleTogether], ["g", "Guidelines", toggleGuidelines],
  ["a", "Settle", toggleSettling], ["e", "End the round", endRound],
];
const KEYS = [..."123456789", ..."bchijklmopqrtwxyz"]; // for classes: letters that are no command
const SEPARATORS = [" > ", " / ", "/", "::"]; // of a class name's levels
const FOLDED_FROM = 12; // more classes than this are folded by their first level
const UNSENT = "wsal unsent"; // a key of localStorage
const QUEUED = 5; // texts that are fetched ahead
const SERVER_SILENT = "wsal is not responding; your answers are kept in this browser";

const state = {
  queue: [], current: null, since: 0, labels: [], guidelines: {}, round: 0, phase: "", settling: false,
  showsGuess: false, together: true, showsGuidelines: false, ending: false, fetching: false, exhausted: false,
  ties: 0, over: "",
};
const status = (text) => { $("status").textContent = text; };

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// ---- sending: nothing is forgotten before the server has acknowledged it ----------------------
const unsent = () => JSON.parse(localStorage.getItem(UNSENT) || "[]");
const keepUnsent = (actions) => localStorage.setItem(UNSENT, JSON.stringify(actions));
let sending = null;

function send(action) {
  keepUnsent([...unsent(), { key: newKey(), round: state.round, ...action }]);
  flush();
}
function flush() {
  sending = sending || sendAll().finally(() => { sending = null; });
  return sending;
}
async function sendAll() {
  for (let actions = unsent(); actions.length; actions = unsent()) {
    status(actions.length > 1 ? `saving ${actions.length}…` : "");
    let response;
    try {
      response = await fetch("/api/act", { method: "POST", body: JSON.stringify(actions[0]),
        headers: { "Content-Type": "application/json", "X-Wsal": "1" } });
    } catch { response = null; }
    if (!response || response.status >= 500) {
      status(`wsal does not answer; ${actions.length} kept here, trying again`);
      await new Promise((done) => setTimeout(done, 700));
      continue;
    }
    const key = actions[0].key;
    keepUnsent(unsent().filter((action) => action.key !== key)); // another tab may have added some
    const answer = await response.json().catch(() => ({}));
    status(response.ok ? "" : `not accepted: ${answer.detail || response.status}`);
    if (!response.ok) continue;
    showCount(answer);
    if (answer.undone) bringBack(answer.undone);
    else if (!state.current) refill();
  }
}

// ---- the next text ----------------------------------------------------------------------------
async function refill() {
  if (state.fetching || state.settling || !["round", "early"].includes(state.phase)) return;
  state.fetching = true;
  try {
    const onPage = [...state.queue, state.current].filter(Boolean).map((item) => item.id);
    const waiting = unsent().flatMap((action) => action.ids || []);
    const ids = [...onPage, ...waiting];
    const query = new URLSearchParams({ n: Math.max(0, QUEUED - state.queue.length), on_page: ids.join("\n") });
    const items = (await (await fetch(`/api/next?${query}`)).json()).items || [];
    state.queue.push(...items.filter((item) => (item.early || item.round === state.round) && (item.recheck || !ids.includes(item.id))));
    state.exhausted = !waiting.length && !unsent().length;
  } catch { /* the next poll tries again */ } finally { state.fetching = false; }
  if (!state.current && state.queue.length) next();
  else if (!state.current) showEmpty();
}
function next() {
  state.current = state.queue.shift() || null;
  state.since = performance.now();
  state.together = true;
  render();
  if (state.queue.length < QUEUED - 1) refill();
}
function bringBack(item) {
  if (state.current) state.queue.unshift(state.current);
  state.queue = state.queue.filter((queued) => queued.id !== item.id);
  state.current = item;
  state.since = performance.now();
  render();
}

// ---- what people do ---------------------------------------------------------------------------
function decide(kind, label = null) {
  const item = state.current;
  if (!item) return;
  if (state.settling) kind = kind === "answer" ? "settle" : null;
  else if (item.recheck) kind = kind === "answer" ? "recheck" : null;
  if (!kind) return;
  const others = state.together ? item.duplicates.map((duplicate) => duplicate.id) : [];
  const seconds = (performance.now() - state.since) / 1000;
  const shown = state.showsGuess && !item.blind ? "guess,votes" : item.ask ? "guess" : "";
  send({ kind, label, round: item.round, ids: [item.id, ...others], seconds, shown });
  state.queue = state.queue.filter((queued) => !others.includes(queued.id));
  $("search").value = "";
  next();
}
function undo() { send({ kind: "undo" }); }
function remark(kind, note) {
  if (!state.current) return;
  send({ kind, round: state.current.round, ids: [state.current.id], note });
  status(kind === "flag" ? "flagged" : "note saved");
}
function openNote() { if (state.current) { $("note").hidden = false; $("note-text").focus(); } }
function closeNote() { $("note-text").value = ""; $("note").hidden = true; $("note-text").blur(); }
function toggleGuess() { state.showsGuess = !state.showsGuess; render(); }
function toggleTogether() { state.together = !state.together; render(); }
function toggleGuidelines() { state.showsGuidelines = !state.showsGuidelines; render(); }
function endRound() {
  if (!state.ending) {
    state.ending = true;
    status("press e again to end the round; texts without an answer stay unlabelled");
    setTimeout(() => { state.ending = false; }, 4000);
    return;
  }
  send({ kind: "finish" });
}
async function toggleSettling() {
  state.settling = !state.settling;
  state.queue = []; state.current = null;
  if (!state.settling) { render(); refill(); return; }
  await flush();
  state.queue = (await (await fetch("/api/settle")).json()).items || [];
  next();
}

// ---- drawing ----------------------------------------------------------------------------------
function highlighted(text, words) {
  const longestFirst = words.filter(Boolean).sort((a, b) => b.length - a.length);
  if (!longestFirst.length) return [document.createTextNode(text)];
  const escaped = longestFirst.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return text.split(new RegExp(`(${escaped.join("|")})`, "g"))
    .map((piece) => (words.includes(piece) ? make("mark", piece) : document.createTextNode(piece)));
}
function render() {
  const item = state.current;
  $("message").textContent = state.settling ? "Settle: people disagree on this text, or somebody flagged it or left a note." : "";
  for (const id of ["text", "fields", "duplicates", "reason", "guess", "remarks"]) fill(id);
  $("text").dataset.shown = item ? item.id : "";
  $("early").textContent = earlyNote(item);
  if (item) renderItem(item);
  else showEmpty();
  drawClasses();
  drawCommands();
}
function withWord(text, word) { // marks a word as rules find it: whole, in any case
  const escaped = word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return text.split(new RegExp(`(?<![\\p{L}\\p{N}_])(${escaped})(?![\\p{L}\\p{N}_])`, "giu"))
    .map((piece, n) => (n % 2 ? make("mark", piece) : document.createTextNode(piece)));
}
function renderWord(item) {
  const list = make("ul", null, { class: "examples" });
  for (const example of item.examples) { const line = make("li"); line.append(...withWord(example, item.word)); list.append(line); }
  fill("text", ...withWord(item.text, item.word));
  fill("duplicates", make("div", "For example:"), list);
  fill("reason", make("span", `Why this word: ${item.reason}`));
}
function renderGroup(item) {
  const list = make("ul", null, { class: "examples" });
  list.append(...item.examples.map((text) => make("li", text)));
  fill("text", document.createTextNode(`Are all of these ${item.ask}?`));
  fill("duplicates", list);
  fill("reason", make("span", `Why these texts: ${item.reason}`));
}
function keyButton(key, name, label) { // an answer with a key of its own
  const button = make("button", null, { type: "button", "aria-keyshortcuts": key });
  button.append(make("kbd", key), document.createTextNode(name));
  button.addEventListener("click", () => { decide("answer", label); button.blur(); });
  return button;
}
function yesButton(item) {
  const line = make("div", `Is this ${item.ask}? `, { class: "ask" });
  line.append(keyButton("Enter", "Yes", item.ask));
  return line;
}
function renderItem(item) {
  const showsGuess = state.showsGuess && !item.blind, isText = !item.word && !item.group;
  fill("text", ...highlighted(item.text || "(no text)", showsGuess ? item.highlights : []));
  const fields = Object.entries(item.fields);
  if (fields.length > 1) fill("fields", ...fields.flatMap(([name, value]) => [make("dt", name), make("dd", value)]));
  if (item.word) renderWord(item);
  else if (item.group) renderGroup(item);
  else if (item.duplicates.length) {
    const list = make("ul");
    list.append(...item.duplicates.map((duplicate) => make("li", duplicate.text)));
    fill("duplicates", make("div", state.together ? "Decided together with:" : "Nearly the same, but decided separately:"), list);
  }
  if (item.recheck) fill("reason", make("span", "You have answered this text before; your earlier answer is hidden."));
  else if (item.reason && isText) fill("reason", make("span", `Why this text: ${item.reason}`));
  const ask = item.ask && isText && !state.settling ? yesButton(item) : null;
  fill("guess", ask);
  if (showsGuess && isText) {
    const votes = item.votes.map(([rule, label]) => `${rule}: ${label}`).join("; ") || "none";
    fill("guess", ask, make("div", item.guess ? `Guess: ${item.guess} (${item.confidence.toFixed(2)})` : "Guess: none"), make("div", `Votes: ${votes}`));
  } else if (state.showsGuess && isText) fill("guess", make("span", "Guess and votes are hidden for this text."));
  const answers = (item.answers || []).map(([name, label]) => `${name}: ${label}`);
  fill("remarks", ...[...answers, ...(item.remarks || [])].map((line) => make("li", line)));
}
function disagreement() {
  return state.ties === 1 ? "People disagree on 1 text: press a to settle it."
    : `People disagree on ${state.ties} texts: press a to settle them.`;
}
function earlyNote(item) { // why a text is asked now that no round has asked
  if (!item?.early || state.settling) return "";
  const counts = `your answers count for round ${item.round}.`;
  if (state.phase === "round" && item.round === state.round) return `Round ${state.round} begins with the next text.`;
  if (state.phase === "early") return `Round ${state.round - 1} is training; ${counts}`;
  return state.ties ? `${disagreement()} Until then, ${counts}` : `Others are finishing round ${state.round}; ${counts}`;
}
function emptyMessage() {
  if (state.phase === "over") return state.over;
  if (["training", "early"].includes(state.phase)) {
    const trained = state.phase === "early" ? state.round - 1 : state.round;
    const work = trained ? `wsal is learning from round ${trained}` : "wsal is preparing the first round";
    return `${work}. The next texts will appear here.`;
  }
  if (state.phase === "round") {
    if (state.settling) return "Nothing to settle. Press a to go back.";
    if (state.ties) return disagreement();
    if (state.exhausted) return "There are no more texts for you in this round; others may still be answering.";
  }
  return "Loading…";
}
function showEmpty() { fill("text", document.createTextNode(emptyMessage())); }

function matchingLabels() {
  const wanted = $("search").value.trim().toLowerCase();
  if (!wanted) return state.labels;
  const words = wanted.split(/\s+/);
  const matches = state.labels.filter((label) => words.every((word) => label.toLowerCase().includes(word)));
  return matches.sort((a, b) => Number(b.toLowerCase().startsWith(wanted)) - Number(a.toLowerCase().startsWith(wanted)));
}
function classButton(label, isFirst) {
  const button = make("button", null, { type: "button" }), key = KEYS[state.labels.indexOf(label)];
  if (key) { button.append(make("kbd", key)); button.setAttribute("aria-keyshortcuts", key); }
  button.append(document.createTextNode(label));
  if (isFirst) button.className = "first";
  if (state.showsGuidelines && state.guidelines[label]) button.append(make("small", state.guidelines[label]));
  button.addEventListener("click", () => { decide("answer", label); button.blur(); });
  return button;
}
function drawClasses() {
  const group = state.current?.group ? state.current : null;
  $("find").hidden = Boolean(group);
  if (group) { fill("classes", keyButton("Enter", "Yes, all of them", group.ask), keyButton("0", "No, not all", group.no)); return; }
  const searching = $("search").value.trim() !== "", labels = matchingLabels();
  const separator = SEPARATORS.find((sep) => state.labels.filter((label) => label.includes(sep)).length > state.labels.length / 2);
  if (separator && !searching && state.labels.length > FOLDED_FROM) { drawFolded(labels, separator); return; }
  fill("classes", ...labels.map((label, n) => classButton(label, searching && n === 0)), dependsButton(),
    labels.length ? null : make("p", "no class matches"));
}
function dependsButton() { // an answer to a word only
  if (!state.current?.word) return null;
  return keyButton("0", "It depends", state.current.depends);
}
function drawFolded(labels, separator) {
  const groups = new Map();
  for (const label of labels) {
    const head = label.includes(separator) ? label.split(separator)[0] : "other";
    groups.set(head, [...(groups.get(head) || []), label]);
  }
  fill("classes", ...[...groups].map(([head, members]) => {
    const fold = make("details"), inside = make("div");
    inside.append(...members.map((label) => classButton(label, false)));
    fold.append(make("summary", `${head} (${members.length})`), inside);
    return fold;
  }), dependsButton());
}
function drawCommands() {
  const pressed = { v: state.showsGuess, d: state.together, g: state.showsGuidelines, a: state.settling };
  const useless = { d: !state.current?.duplicates?.length, g: !Object.keys(state.guidelines).length, e: state.phase === "early" };
  fill("commands", ...COMMANDS.filter(([key]) => !useless[key]).map(([key, name, run]) => {
    const button = make("button", null, { type: "button", "aria-keyshortcuts": key });
    if (key in pressed) button.setAttribute("aria-pressed", String(pressed[key]));
    button.append(make("kbd", key), document.createTextNode(name));
    button.addEventListener("click", () => { run(); button.blur(); });
    return button;
  }));
}
function showCount(progress) {
  if (progress.round === undefined || progress.ties === undefined) return;
  state.ties = progress.ties;
  $("round").textContent = `round ${progress.round}`;
  $("bar").hidden = progress.n === undefined;
  if (progress.n === undefined) { $("count").textContent = `${progress.early} answered`; return; }
  $("bar").max = progress.n; $("bar").value = progress.n - progress.open;
  $("count").textContent = `${progress.n - progress.open} of ${progress.n}`;
}

// ---- keys, polling ----------------------------------------------------------------------------
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape") {
    $("search").value = ""; $("note").hidden = true; document.activeElement.blur(); drawClasses();
    return;
  }
  if (event.target === $("search") && event.key === "Enter") {
    const first = matchingLabels()[0];
    if ($("search").value.trim() && first) { $("search").blur(); decide("answer", first); }
    event.preventDefault();
    return;
  }
  if (event.target instanceof HTMLInputElement) return;
  if (event.target instanceof HTMLButtonElement && (event.key === "Enter" || event.key === " ")) return;
  if (event.key === "/" && !state.current?.group) { event.preventDefault(); $("search").focus(); return; }
  const command = COMMANDS.find(([key]) => key === event.key), label = state.labels[KEYS.indexOf(event.key)];
  const item = state.current;
  if (command) { event.preventDefault(); command[2](); }
  else if (event.key === "0" && item?.word && !event.repeat) decide("answer", item.depends);
  else if (item?.group) { // a class key could mean the class of one of its texts, or of all
    if (event.key === "Enter" && !event.repeat) decide("answer", item.ask);
    if (event.key === "0" && !event.repeat) decide("answer", item.no);
  } else if (event.key === "Enter" && item?.ask && !state.settling && !event.repeat) decide("answer", item.ask);
  else if (label !== undefined && !event.repeat) { event.preventDefault(); decide("answer", label); }
});
$("search").addEventListener("input", drawClasses);
$("note").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("note-text").value.trim()) remark("note", $("note-text").value.trim());
  closeNote();
});

function stillShown({ phase, round }) { // whoever reads an early text when the phase changes may answer it
  if (state.settling || !["round", "early"].includes(phase)) return { queue: [], current: null };
  const next = phase === "early" ? round : round + 1;
  return { current: state.current?.early ? state.current : null,
    queue: state.queue.filter((item) => item.early && item.round === next) };
}
async function poll() {
  let news;
  try {
    const response = await fetch("/api/state");
    if (!response.ok) { status("open the address that wsal printed"); return; }
    news = await response.json();
  } catch {
    if (state.phase !== "over") status(SERVER_SILENT);
    return;
  }
  if (!unsent().length && $("status").textContent === SERVER_SILENT) status("");
  const isNew = news.phase !== state.phase || news.round !== state.round;
  const labels = news.labels || state.labels;
  const relabelled = labels.join("\n") !== state.labels.join("\n");
  if (isNew) Object.assign(state, { ...stillShown(news), settling: false, exhausted: false });
  Object.assign(state, { phase: news.phase, round: news.round, over: news.over, labels, guidelines: news.guidelines || state.guidelines });
  showCount(news);
  drawPanel(news);
  if (isNew || relabelled) render();
  $("early").textContent = earlyNote(state.current);
  if (unsent().length) flush();
  if (!state.current || state.queue.length < QUEUED - 1) refill();
}
poll();
setInterval(poll, 1500);
