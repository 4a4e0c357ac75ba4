// One key, one decision. What was pressed is kept in localStorage until the server has it on its disk.
import { clearCard, drawCard } from "./card.js";
import { KEYS, areOpen, drawAbout, drawClasses, hasGuidelines, matching, setClasses, setExamples, toggleGuidelines } from "./classes.js";
import { $, fill, keyButton, make } from "./dom.js";
import { NONE, anyChosen, startChoice, toggle, written } from "./multilabel.js";
import { drawPanel } from "./panel.js";
import { LETTERS, addRecent, drawRecent, forget, inWords, recentItem, setRecent } from "./recent.js";
import { choose, goToParentOf, hasTree, moveMark, pressed, setTree, stopsAt } from "./tree.js";

const COMMANDS = [
  ["u", "Undo", undo], ["s", "Skip", () => decide("skip")], ["?", "Unsure", () => decide("unsure")],
  ["f", "Flag", () => remark("flag", "")], ["n", "Note", openNote], ["v", "Guess and votes", toggleGuess],
  ["d", "Decide together", toggleTogether], ["g", "Guidelines and examples", openGuidelines],
  ["a", "Settle", toggleSettling], ["e", "End the round", endRound],
];
const UNSENT = "wsal unsent"; // a key of localStorage
const QUEUED = 5; // texts that are fetched ahead
const LARGE = "wsal large type"; // a key of localStorage
const TOO_SOON = 400; // ms that nothing can be answered after the page itself has replaced a text
const SERVER_SILENT = "wsal is not responding; your answers are kept in this browser";

const state = {
  queue: [], current: null, since: 0, labels: [], guidelines: {}, examples: "", tree: "", round: 0, phase: "", settling: false,
  showsGuess: false, together: true, ending: false, fetching: false, exhausted: false, ties: 0, over: "",
  replaced: false, readFrom: 0, sent: 0, multilabel: false,
};
const status = (text) => { $("status").textContent = text; };
const redraw = () => drawClasses(state.current, $("search").value, answer, state.showsGuess, several());

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// ---- sending: nothing is forgotten before the server has acknowledged it ----------------------
const unsent = () => JSON.parse(localStorage.getItem(UNSENT) || "[]");
const keepUnsent = (actions) => localStorage.setItem(UNSENT, JSON.stringify(actions));
let sending = null;

function send(action) {
  state.sent += 1;
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
    state.sent += 1; // what the server said meanwhile may lack this
    status(response.ok ? (answer.late ? `too late to change this answer: ${answer.late}` : "") : `not accepted: ${answer.detail || response.status}`);
    if (!response.ok) continue;
    showCount(answer);
    if (answer.taken_back) status(`taken back: ${answer.taken_back} label${answer.taken_back === 1 ? "" : "s"} given in the workspace or in an earlier round`);
    if (answer.undone) { forget(answer.undone.id); bringBack(answer.undone); }
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
  goToParentOf(null);
  if (state.current && state.replaced) Object.assign(state, { replaced: false, readFrom: state.since + TOO_SOON });
  state.together = true;
  startChoice(state.current, state.showsGuess);
  render();
  if (matchMedia("(max-width: 831px)").matches && scrollY > 0) scrollTo(0, 0);
  if (state.queue.length < QUEUED - 1) refill();
}
function bringBack(item) {
  if (state.current && !state.current.answered) state.queue.unshift(state.current);
  state.queue = state.queue.filter((queued) => queued.id !== item.id);
  Object.assign(state, { current: item, since: performance.now(), together: true });
  goToParentOf(item.answered?.label);
  startChoice(item, state.showsGuess);
  render();
}
function change(letter) { // an earlier answer, back on the screen
  const item = recentItem(letter);
  if (item) { bringBack(item); scrollTo(0, 0); }
}
function keep() { if (state.current?.answered) next(); }

// ---- what people do ---------------------------------------------------------------------------
function decide(kind, label = null) {
  const item = state.current;
  $("search").value = "";
  if (!item) { redraw(); return; }
  if (performance.now() < state.readFrom) { status("this text has just come: look at it first"); render(); return; }
  const old = item.answered;
  if (old) kind = old.kind !== "settle" ? kind : kind === "answer" ? "settle" : null;
  else if (state.settling) kind = kind === "answer" ? "settle" : null;
  else if (item.recheck) kind = kind === "answer" ? "recheck" : null;
  if (!kind) return;
  if (old && old.kind === kind && old.label === label) { keep(); return; }
  const others = state.together ? item.duplicates.map((duplicate) => duplicate.id) : [];
  const seconds = (performance.now() - state.since) / 1000;
  const shown = state.showsGuess && !item.blind ? "guess,votes" : item.ask ? "guess" : "";
  const ids = [item.id, ...others];
  send({ kind, label, round: item.round, ids, seconds, shown, ...(old ? { change: true } : {}) });
  if (kind !== "recheck") addRecent(item, ids, kind, label);
  state.queue = state.queue.filter((queued) => !others.includes(queued.id));
  next();
}
const answer = (label) => (state.multilabel ? toggleClass(label) : decide("answer", label));
const several = () => (state.multilabel ? { accept, none: () => decide("answer", NONE) } : null);
function toggleClass(label) { $("search").value = ""; if (state.current) toggle(label); status(""); render(); }
function accept() {
  if (anyChosen()) decide("answer", written(state.labels));
  else status("choose the classes that apply, or press 0 for none of these");
}
function undo() { send({ kind: "undo" }); }
function remark(kind, note) {
  if (!state.current) return;
  send({ kind, round: state.current.round, ids: [state.current.id], note });
  status(kind === "flag" ? "flagged" : "note saved");
}
function openNote() { if (state.current) { $("note").hidden = false; $("note-text").focus(); } }
function closeNote() { $("note-text").value = ""; $("note").hidden = true; $("note-text").blur(); }
function toggleGuess() {
  state.showsGuess = !state.showsGuess;
  if (state.multilabel && !anyChosen()) startChoice(state.current, state.showsGuess);
  render();
}
function toggleTogether() { state.together = !state.together; render(); }
function openGuidelines() { toggleGuidelines(); render(); }
function setLarge(large) {
  document.documentElement.classList.toggle("large", large);
  $("large").setAttribute("aria-pressed", String(large));
  localStorage.setItem(LARGE, large ? "1" : "");
}
const toggleLarge = () => setLarge(!localStorage.getItem(LARGE));
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
function render() {
  const item = state.current;
  fill("message", ...message(item));
  $("card").classList.toggle("changing", Boolean(item?.answered));
  clearCard();
  $("text").dataset.shown = item ? item.id : "";
  $("early").textContent = earlyNote(item);
  if (item) drawCard(item, { ...state, yes: yesButton(item) });
  else showEmpty();
  redraw();
  drawCommands();
  drawRecent(change);
}
function message(item) {
  if (item?.answered) {
    return [make("span", `You answered: ${inWords(item.answered)}. ${state.multilabel ? "Choose other classes" : "Choose another class"} to change it. `),
      keyButton("Esc", "Keep it", keep)];
  }
  return state.settling ? [document.createTextNode("Settle: people disagree on this text, or somebody flagged it or left a note.")] : [];
}
function yesButton(item) { // for a text whose class is likely known
  if (!item.ask || item.word || item.group || state.settling) return null;
  const line = make("div", `Is this ${item.ask}? `, { class: "ask" });
  line.append(keyButton("Enter", "Yes", () => answer(item.ask)));
  return line;
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

function drawCommands() {
  const pressed = { v: state.showsGuess, d: state.together, g: areOpen(), a: state.settling };
  const useless = { d: !state.current?.duplicates?.length, g: !hasGuidelines(), e: state.phase === "early" };
  const [first, ...others] = COMMANDS.filter(([key]) => !useless[key]).map(([key, name, run]) => {
    const button = keyButton(key, name, run);
    if (key in pressed) button.setAttribute("aria-pressed", String(pressed[key]));
    return button;
  });
  fill("commands", first, make("a", "Last answers", { href: "#answers", class: "to-answers" }), ...others);
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
    const typing = event.target instanceof HTMLInputElement;
    $("search").value = ""; $("note").hidden = true; document.activeElement.blur(); drawAbout(null);
    redraw();
    if (!typing) keep();
    return;
  }
  if (event.target === $("search") && hasTree() && ["ArrowDown", "ArrowUp", "Enter"].includes(event.key)) {
    event.preventDefault();
    if (event.key !== "Enter") moveMark(event.key === "ArrowDown" ? 1 : -1);
    else if (!event.repeat) choose(null);
    return;
  }
  if (event.target === $("search") && event.key === "Enter") {
    const first = matching($("search").value)[0];
    if ($("search").value.trim() && first) { $("search").blur(); answer(first); }
    event.preventDefault();
    return;
  }
  if (event.target instanceof HTMLInputElement) return;
  if (event.target instanceof HTMLButtonElement && (event.key === "Enter" || event.key === " ")) return;
  if (event.key === "+") { toggleLarge(); return; }
  if (LETTERS.includes(event.key)) { if (!event.repeat) change(event.key); return; }
  if (event.key === "/" && !state.current?.group) { event.preventDefault(); $("search").focus(); return; }
  const command = COMMANDS.find(([key]) => key === event.key), label = state.labels[KEYS.indexOf(event.key)];
  const item = state.current;
  if (hasTree() && item && !item.group && !event.repeat && (pressed(event.key) || !command && stopsAt(event))) { event.preventDefault(); return; }
  if (command) { event.preventDefault(); command[2](); }
  else if (state.multilabel && item && (event.key === "Enter" || event.key === "0")) {
    if (!event.repeat) (event.key === "0" ? several().none : accept)();
  } else if (event.key === "0" && item?.word && !event.repeat) decide("answer", item.depends);
  else if (event.key === "0" && item?.none && !event.repeat) decide("answer", item.none);
  else if (item?.group) { // a class key could mean the class of one of its texts, or of all
    if (event.key === "Enter" && !event.repeat) decide("answer", item.ask);
    if (event.key === "0" && !event.repeat) decide("answer", item.no);
  } else if (event.key === "Enter" && item?.ask && !state.settling && !event.repeat) decide("answer", item.ask);
  else if (label !== undefined && !event.repeat) { event.preventDefault(); answer(label); }
});
$("search").addEventListener("input", redraw);
$("large").addEventListener("click", () => { toggleLarge(); $("large").blur(); });
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
async function getExamples(version) {
  state.examples = version;
  const response = await fetch("/api/examples").catch(() => null);
  if (!response?.ok) { state.examples = ""; return; } // the next poll tries again
  setExamples((await response.json()).classes);
  drawAbout(null);
  render();
}
async function getTree(version) {
  state.tree = version;
  const response = await fetch("/api/tree").catch(() => null);
  const tree = response?.ok ? await response.json() : {};
  if (tree.version !== version) { state.tree = ""; return; } // the next poll tries again
  Object.assign(state, { labels: [], guidelines: tree.guidelines });
  setTree(tree.nodes);
  setClasses(state);
  drawAbout(null);
  goToParentOf(state.current?.answered?.label);
  render();
}
async function poll() {
  const { sent } = state;
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
  const relabelled = labels.join("\n") !== state.labels.join("\n"), before = state.current;
  if (isNew) Object.assign(state, { ...stillShown(news), settling: false, exhausted: false });
  if (before && !state.current) { state.replaced = true; $("search").value = ""; } // whoever was about to answer it must not answer the next
  Object.assign(state, { phase: news.phase, round: news.round, over: news.over, labels, multilabel: news.multilabel ?? state.multilabel, guidelines: news.guidelines || state.guidelines });
  if (news.labels && hasTree()) { setTree([]); state.tree = ""; } // the classes are no tree any more
  if (relabelled) { setClasses(state); drawAbout(null); }
  if (news.tree && news.tree !== state.tree) getTree(news.tree);
  if (news.examples && news.examples !== state.examples) getExamples(news.examples);
  if (news.recent && sent === state.sent && !unsent().length) setRecent(news.recent);
  showCount(news);
  drawPanel(news);
  if (isNew || relabelled) render();
  else drawRecent(change);
  $("early").textContent = earlyNote(state.current);
  if (unsent().length) flush();
  if (!state.current || state.queue.length < QUEUED - 1) refill();
}
setLarge(Boolean(localStorage.getItem(LARGE)));
poll();
setInterval(poll, 1500);
