// Groups of errors, one of them open, and a rule for it. Everything shown is text, never markup.
import { $, fill, make } from "./dom.js";

const SECTIONS = [["errors", "Errors"], ["uncertain", "Uncertain"], ["doubtful", "Doubtful labels"], ["slices", "Slices"]];
const KEYWORD = "wsal.rules.patterns.Keyword", REGEX = "wsal.rules.patterns.Regex";
const CHANGES = { gained: "gains a vote", lost: "loses its vote", changed: "changes its class" };
const PAUSE = 350; // milliseconds after the last key before a preview is asked for
const LOOKED_AT = 250; // milliseconds on the screen after which a text counts as shown
const RETRY = 2000; // milliseconds until what was shown is sent to the server again, if that failed
const state = { section: "errors", groups: [], place: -1, group: null, run: null, draft: null, digest: "", seen: new Set(),
  opened: 0, labelled: "", asked: 0 };

const status = (text) => { $("status").textContent = text; };
const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`;
const count = (n) => Math.round(n).toLocaleString("en");
const texts = (n) => `${count(n)} ${Math.round(n) === 1 ? "text" : "texts"}`;
const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

async function ask(path, body) {
  const post = { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", "X-Wsal": "1" } };
  let response;
  try { response = await fetch(`/api/workspace${path}`, body ? post : {}); } catch { throw new Error("wsal is not responding"); }
  const answer = await response.json().catch(() => ({}));
  const { detail } = answer;
  if (response.ok) return answer;
  throw new Error(Array.isArray(detail) ? detail.map((d) => `${d.loc.at(-1)}: ${d.msg}`).join("\n") : detail || `error ${response.status}`);
}
const tried = (work) => work().catch((error) => status(error.message)); // what goes wrong is shown

// ---- the list of groups -----------------------------------------------------------------------
function drawSections() {
  fill("sections", ...SECTIONS.map(([key, name], n) => {
    const button = make("button", name, { type: "button", "aria-keyshortcuts": String(n + 1) });
    if (key === state.section) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => showSection(key));
    return button;
  }));
}
async function showSection(section) {
  Object.assign(state, { section, groups: [], place: -1, group: null });
  $("group").hidden = true; $("welcome").hidden = false;
  $("kinds").hidden = section === "slices"; $("kind").value = "";
  drawSections(); fill("groups"); $("summary").textContent = "Looking for groups…";
  await tried(async () => {
    const answer = await ask(section === "slices" ? "/slices" : `/groups?section=${section}`);
    if (state.section !== section) return;
    state.groups = answer.groups;
    $("summary").textContent = answer.why || summary(answer);
    drawGroups();
  });
}
function summary({ n, listed, rate }) {
  const quality = state.run?.quality;
  const chance = "Groups are chosen because they look bad, so part of what they show is chance.";
  if (state.section === "errors") return `${count(listed)} of ${texts(n)} of ${quality?.on} are wrong. Below, each text counts for all that it stands for, such as its duplicates; by that count, ${percent(rate)} are wrong. ${chance}`;
  if (state.section === "slices") return `Quality on ${quality?.on}, by value of each field. The intervals are corrected for the number of slices: all of them hold at once with 90% probability.`;
  if (state.section === "doubtful") return `${count(listed)} of ${count(n)} answers look doubtful: a model fitted to the other answers predicts another class.`;
  return `The tenth of the unanswered texts about which a linear stand-in for the classifier is least sure (${count(listed)} of them are grouped). ` +
    "Error rates are its estimates; they are not measured.";
}
const shownGroups = () => state.groups.filter((group) => !$("kind").value || group.kind === $("kind").value);
function drawGroups() {
  const most = Math.max(...state.groups.map((group) => group.n_wrong), 1e-9);
  fill("groups", ...shownGroups().map((group, n) => {
    const item = make("li"), button = make("button", null, { type: "button" }), bar = make("i");
    bar.style.width = `${100 * group.n_wrong / most}%`;
    if (n === state.place) button.setAttribute("aria-current", "true");
    button.append(make("strong", group.name), make("span", percent(group.rate), { class: "rate" }), bar, make("small", measured(group)));
    button.addEventListener("click", () => { state.place = n; openGroup(); });
    item.append(button);
    return item;
  }));
}
function measured(group) {
  const ofClass = group.kind === "cell" && state.section === "errors" ? "texts of the class" : null;
  const interval = group.low === null ? "" : `, interval ${percent(group.low)} to ${percent(group.high)}`;
  const what = { uncertain: "expected to be wrong", doubtful: "doubtful" }[state.section] || ofClass || "wrong";
  return `${count(group.n_wrong)} of ${count(group.n)} ${what}${interval}${group.note ? `; ${group.note}` : ""}`;
}
function move(step) {
  const last = shownGroups().length - 1;
  if (last < 0) return;
  state.place = Math.min(Math.max(state.place + step, 0), last);
  drawGroups();
  $("groups").children[state.place].scrollIntoView({ block: "nearest" });
}

// ---- an open group ----------------------------------------------------------------------------
async function openGroup() {
  const listed = shownGroups()[state.place];
  if (!listed) return;
  drawGroups(); status("Opening…");
  await tried(async () => {
    const { section } = state, group = await ask(`/group?${new URLSearchParams({ section, key: listed.key })}`);
    if (state.section !== section) return;
    Object.assign(state, { group, draft: null, digest: "", seen: new Set(), opened: performance.now(), labelled: "" });
    status("");
    drawGroup();
    if (section !== "doubtful") group.proposing = ask(`/proposals?${new URLSearchParams({ section, key: group.key })}`);
    group.proposing?.catch(() => {}); // what went wrong is shown when the rule is opened
  });
}
function drawGroup() {
  const { group } = state;
  $("welcome").hidden = true; $("group").hidden = false; $("rule").hidden = true; $("labelling").hidden = true;
  $("name").textContent = group.name;
  $("figures").textContent = `${measured(group)}. ${group.texts.length < group.listed ? `${texts(group.texts.length)} of ${count(group.listed)} are shown.` : ""}`;
  const actions = [["e", "Rule for this group", editRule, group.section !== "doubtful"], ["l", "Label all texts", openLabelling, group.section === "uncertain"],
    ["a", "Ask these again", askAgain, group.section === "doubtful"]];
  fill("actions", ...actions.filter((action) => action[3]).map(([key, name, run]) => {
    const button = make("button", null, { type: "button", "aria-keyshortcuts": key });
    button.append(make("kbd", key), document.createTextNode(` ${name}`));
    button.addEventListener("click", run);
    return button;
  }));
  fill("texts", ...group.texts.map(drawText));
  if (group.section === "uncertain") watch();
  $("work").scrollTop = 0;
}
function drawText(item) {
  const line = make("li", null, { "data-id": item.id }), box = make("input", null, { type: "checkbox", "aria-label": `include ${item.text}` });
  const choice = ["uncertain", "doubtful"].includes(state.group.section);
  box.checked = true; box.hidden = !choice; // errors measure: they are never labelled here
  box.addEventListener("change", drawLabelling);
  const text = make("p");
  text.append(...marked(item.text));
  const what = { errors: `gold class ${item.first}, predicted ${item.second}`, slices: `gold class ${item.first}, predicted ${item.second}`,
    doubtful: `labelled ${item.first}, looks like ${item.second}` }[state.group.section] || `${item.first} or ${item.second}?`;
  const votes = item.votes.map(([rule, label]) => `${rule}: ${label}`).join("; ");
  if (choice) { line.className = "choice"; line.append(box); }
  line.append(text, make("small", `${what} · ${votes ? `votes: ${votes}` : "no rule votes"}`));
  return line;
}
function marked(text) { // the words of the rule that is being edited
  const words = (state.draft?.is_pattern ? [] : state.draft?.words || []).filter(Boolean);
  if (!words.length) return [document.createTextNode(text)];
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pieces = text.split(new RegExp(`(?<![\\p{L}\\p{N}])(${escaped.join("|")})(?![\\p{L}\\p{N}])`, "giu"));
  return pieces.map((piece, n) => (n % 2 ? make("mark", piece) : document.createTextNode(piece)));
}

// ---- labels for the whole group ---------------------------------------------------------------
function watch() { // tells the server which texts were on the screen
  const { group } = state, timers = new Map();
  let waiting = [];
  const tell = () => tried(async () => {
    const ids = waiting; waiting = [];
    if (state.group !== group) return;
    try {
      await ask("/seen", { section: group.section, group: group.key, ids });
    } catch (error) {
      waiting.push(...ids); setTimeout(tell, RETRY);
      throw error;
    }
    if (state.group !== group) return;
    for (const id of ids) state.seen.add(id); // only now: labels are refused for texts that the server does not know as shown
    drawLabelling();
  });
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const { id } = target.dataset;
      if (!isIntersecting) { clearTimeout(timers.get(target)); continue; }
      timers.set(target, setTimeout(() => {
        observer.unobserve(target); target.classList.remove("unseen"); waiting.push(id);
        if (waiting.length === 1) setTimeout(tell, LOOKED_AT);
      }, LOOKED_AT));
    }
  }, { threshold: 0.6 });
  for (const line of $("texts").children) { line.classList.add("unseen"); observer.observe(line); }
}
const chosen = () => [...$("texts").children].filter((line) => line.querySelector("input").checked).map((line) => line.dataset.id);
function openLabelling() {
  if (state.group?.section !== "uncertain") return;
  fill("group-label", ...state.run.labels.map((label) => make("option", label)));
  $("group-label").value = state.group.label;
  $("labelling").hidden = false; $("group-label").focus();
  drawLabelling();
}
function drawLabelling() {
  const left = state.group.texts.length - state.seen.size, n = chosen().length;
  $("give").disabled = left > 0 || !n || Boolean(state.labelled);
  $("give").textContent = `Label ${texts(n)}`;
  if (!state.labelled) $("unseen").textContent = left > 0 ? `Scroll down: ${texts(left)} not shown yet` : "";
}
async function label(event) {
  event.preventDefault();
  const key = newKey(), { group } = state, seconds = (performance.now() - state.opened) / 1000;
  await tried(async () => {
    const answer = await ask("/label", { key, section: group.section, group: group.key, ids: chosen(), label: $("group-label").value, seconds });
    state.labelled = key; drawLabelling();
    const later = answer.early ? ` They count for round ${answer.round}${state.run.counts_answers ? "" : ", if it is annotated on the page (annotator=web)"}.` : "";
    const back = make("button", "Undo", { type: "button" });
    back.addEventListener("click", () => tried(async () => {
      await ask("/undo", { key: newKey(), of: key });
      state.labelled = ""; drawLabelling(); status("The labels are taken back.");
    }));
    fill("unseen", document.createTextNode(`${texts(answer.new)} labelled.${later} `), back);
  });
}
async function askAgain() {
  if (state.group?.section !== "doubtful") return;
  await tried(async () => {
    const answer = await ask("/again", { key: newKey(), section: "doubtful", group: state.group.key, ids: chosen() });
    const only = state.run.counts_answers ? "" : ", if it is annotated on the page (annotator=web)";
    status(`Round ${answer.round} will ask about ${texts(answer.new)} again${only}.`);
  });
}

// ---- a rule -----------------------------------------------------------------------------------
const isPattern = (node) => node?._target_ === REGEX;
function editRule() {
  return tried(async () => {
    const { group } = state;
    if (!group?.proposing) return;
    status("Looking for words…");
    Object.assign(group, await group.proposing);
    status("");
    if (state.group === group) drawRule(group);
  });
}
function drawRule(group) {
  fill("rule-label", ...state.run.labels.map((name) => make("option", name)));
  fill("rule-names", ...Object.keys(group.rules).map((name) => make("option", null, { value: name })));
  const blank = { name: "new_rule", node: { _target_: KEYWORD, label: group.label, words: [], unless: [] }, why: ["A new rule of your own"], evidence: {} };
  const choices = [...group.proposals, blank];
  fill("proposals", ...choices.map((proposal) => {
    const button = make("button", group.rules[proposal.name] ? `change ${proposal.name}` : proposal === blank ? "blank" : `new: ${proposal.name}`, { type: "button" });
    button.addEventListener("click", () => choose(proposal, button));
    return button;
  }));
  $("rule").hidden = false;
  choose(choices[0], $("proposals").firstChild);
  $("rule").scrollIntoView({ block: "nearest" });
}
function choose(proposal, button) {
  for (const other of $("proposals").children) other.setAttribute("aria-pressed", String(other === button));
  const evidence = Object.entries(proposal.evidence).map(([word, why]) => `${word}: ${why}`);
  $("why").textContent = [...proposal.why, ...evidence].join("\n");
  showNode(proposal.name, proposal.node);
}
function showNode(name, node) {
  const pattern = isPattern(node);
  $("rule-name").value = name; $("rule-label").value = node.label;
  $("rule-words").value = pattern ? node.pattern : node.words.join(", ");
  $("rule-unless").value = pattern ? node.unless || "" : (node.unless || []).join(", ");
  $("words-title").textContent = pattern ? "if this pattern is found (Rust's regex syntax)" : "if the text has one of these words (separated by commas)";
  $("unless-title").textContent = pattern ? "unless this pattern is found" : "unless it has one of these";
  $("rule").dataset.pattern = pattern ? "1" : "";
  readForm();
}
function readForm() {
  const pattern = $("rule").dataset.pattern === "1", list = (id) => $(id).value.split(/[,\n]/).map((word) => word.trim()).filter(Boolean);
  state.draft = { name: $("rule-name").value.trim(), is_pattern: pattern, label: $("rule-label").value,
    words: pattern ? [] : list("rule-words"), unless: pattern ? [] : list("rule-unless"),
    pattern: pattern ? $("rule-words").value : "", pattern_unless: pattern ? $("rule-unless").value : "" };
  state.digest = ""; $("write").disabled = true;
  for (const [n, line] of [...$("texts").children].entries()) line.querySelector("p").replaceChildren(...marked(state.group.texts[n].text));
  clearTimeout(readForm.timer);
  readForm.timer = setTimeout(askPreview, PAUSE);
}
async function askPreview() {
  const { draft } = state, number = ++state.asked;
  try {
    const effect = await ask("/preview", draft);
    if (number !== state.asked || state.draft !== draft) return; // it was edited meanwhile
    state.digest = effect.digest; $("write").disabled = false;
    drawPreview(effect);
  } catch (error) {
    if (number === state.asked) fill("preview", make("p", error.message, { class: "wrong" }));
  }
}
function tile(number, words, kind = "") {
  const box = make("div", null, { class: "tile" });
  box.append(make("b", number, { class: kind }), document.createTextNode(words));
  return box;
}
function share(value) {
  return value ? `${percent(value.share)} (${percent(value.low)} to ${percent(value.high)}) of ${texts(value.n)}` : "no vote";
}
function drawPreview(effect) {
  const tiles = make("div", null, { class: "tiles" }), table = make("table"), head = make("tr"), nodes = [];
  tiles.append(tile(`${count(effect.votes_before)} → ${count(effect.votes_now)}`, "texts the rule votes on"),
    ...Object.entries(CHANGES).map(([kind, words]) => tile(count(effect.rule[kind]), `${Math.round(effect.rule[kind]) === 1 ? "text" : "texts"} that it ${{ gained: "gains", lost: "loses", changed: "flips" }[kind]}`, kind)));
  const { together } = effect;
  const all = `By the majority of all rules' votes, ${texts(together.gained)} would gain a class, ${count(together.lost)} would lose it, and ${count(together.changed)} would change it.`;
  const without = effect.left_out.length ? `Rules whose votes on these texts are unknown are left out: ${effect.left_out.join(", ")}. ` : "";
  nodes.push(tiles, make("p", `${all} ${without}${effect.is_sample ? `Estimated from ${count(effect.texts)} texts of the pool; ` : ""}${effect.seconds.toFixed(1)} s.`, { class: "note" }));
  if (effect.precision.length) {
    head.append(...["share of right votes on", "before", "now"].map((title) => make("th", title, { scope: "col" })));
    table.append(head, ...effect.precision.map((line) => {
      const row = make("tr");
      row.append(make("td", line.source), make("td", share(line.before)), make("td", share(line.now)));
      return row;
    }));
    nodes.push(make("h3", "Precision, with 95% intervals"), table);
    if (["errors", "slices"].includes(state.group.section)) {
      nodes.push(make("p", `A rule made from errors on ${state.run.quality.on} looks more precise there than it is, and from now on, so does the quality that is measured there.`, { class: "note" }));
    }
  } else nodes.push(make("p", "The rule votes on no text whose class is known, so its precision is unknown.", { class: "note" }));
  for (const [kind, ofKind] of Object.entries(effect.examples)) {
    if (!ofKind.length) continue;
    const list = make("ul");
    list.append(...ofKind.map((example) => {
      const item = make("li", example.text);
      item.append(make("small", ` — ${kind === "changed" ? `${example.before} → ${example.now}` : example.now || example.before}`));
      return item;
    }));
    nodes.push(make("h3", `Texts that it ${{ gained: "gains", lost: "loses", changed: "flips" }[kind]}, for example`), list);
  }
  const lines = make("pre", null, { tabindex: "0", "aria-label": "the change to the file" });
  lines.append(...effect.diff.split("\n").slice(2).map((line) => make("span", line || " ", { class: { "+": "plus", "-": "minus" }[line[0]] || "" })));
  fill("preview", ...nodes, make("h3", "Change to the file"), make("p", effect.file, { class: "note" }), effect.diff ? lines : make("p", "The file would not change.", { class: "note" }));
  $("write").disabled = !effect.diff;
}
async function write(event) {
  event?.preventDefault();
  if ($("write").disabled || $("rule").hidden) return;
  $("write").disabled = true;
  await tried(async () => {
    const { file, override, is_used: isUsed } = await ask("/write", { draft: state.draft, digest: state.digest });
    const how = isUsed ? "To use it, run this run's command again." : "To use it, run this run's command again with these options in place of any --config-dir and rules= in it:";
    fill("preview", make("h2", "Written"), make("p", `${state.draft.name} is in ${file}. ${how}`), isUsed ? null : make("pre", override, { tabindex: "0" }),
      make("p", "The rules then vote again, and the stages that depend on their votes run again."));
    state.group.rules[state.draft.name] = {};
  });
}

// ---- keys -------------------------------------------------------------------------------------
function closeForms() { $("rule").hidden = true; $("labelling").hidden = true; state.draft = null; document.activeElement.blur(); }
const KEYS = { j: () => move(1), k: () => move(-1), Enter: openGroup, e: editRule, w: write, l: openLabelling, a: askAgain };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape") { closeForms(); return; }
  if (event.target.matches("input:not([type=checkbox]), select, textarea")) return;
  if (event.key === "Enter" && event.target.matches("button, a, input")) return;
  const section = SECTIONS[Number(event.key) - 1];
  if (!KEYS[event.key] && !section) return;
  event.preventDefault();
  if (section) showSection(section[0]); else KEYS[event.key]();
});
$("kind").addEventListener("change", () => { state.place = -1; drawGroups(); });
for (const id of ["rule-label", "rule-words", "rule-unless"]) $(id).addEventListener("input", readForm);
$("rule-name").addEventListener("input", () => { // an existing rule is shown as it is
  const node = state.group.rules[$("rule-name").value.trim()];
  if (node?._target_) showNode($("rule-name").value.trim(), node); else readForm();
});
$("rule").addEventListener("submit", write);
$("close").addEventListener("click", closeForms);
$("labelling").addEventListener("submit", label);

function drawWelcome() {
  const { quality, file, is_new_file } = state.run;
  const measures = quality ? `Accuracy ${percent(quality.accuracy)} (90% interval ${percent(quality.low)} to ${percent(quality.high)}) on ${quality.on}.` : "The quality of this run is not measured.";
  fill("welcome", make("h1", "Find errors, and fix them with rules"), make("p", measures),
    make("p", "Open a group on the left (j, then Enter), read its texts, and press e to make a rule. A preview shows what the rule would do before anything is written."),
    make("p", is_new_file ? `Rules are written to a new file, ${file}, which begins as a copy of the run's rules.` : `Rules are written to ${file}.`));
}
drawSections();
tried(async () => { state.run = await ask(""); drawWelcome(); await showSection("errors"); });
