// The page at `/`: asks the server about texts, and shows classes, thresholds and labelled texts.

const CLASSES = 5, NEAREST = 5, MOST = 50; // shown for each text; texts of one request
const $ = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(1)}%`;
let model = null, thresholds = new Map(), newest = 0;

function make(tag, text, name) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (name) element.className = name;
  return element;
}

function row(...cells) {
  const element = make("tr");
  element.append(...cells);
  return element;
}

function table(name, heads, rows) {
  const element = make("table", undefined, name), head = make("thead"), body = make("tbody");
  head.append(row(...heads.map(([text, side, span]) => {
    const cell = make("th", text, side);
    cell.scope = "col";
    if (span) cell.colSpan = span;
    return cell;
  })));
  body.append(...rows);
  element.append(head, body);
  return element;
}

async function ask(path, body) {
  const headers = { "content-type": "application/json" };
  const token = sessionStorage.getItem("wsal-token");
  if (token) headers.authorization = `Bearer ${token}`;
  const sent = body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers };
  const answer = await fetch(path, sent);
  if (answer.status === 401) {
    $("token").hidden = false;
    $("secret").focus();
    throw new Error(token ? "The token is wrong." : "Type the token first.");
  }
  const content = await answer.json();
  if (!answer.ok) {
    const detail = content.detail;
    throw new Error(typeof detail === "string" ? detail : JSON.stringify(detail));
  }
  return content;
}

async function start() {
  model = await ask("model");
  $("token").hidden = true;
  thresholds = new Map([...model.classes, ...model.parents || []].map((of) => [of.label, of]));
  $("model").textContent = `${model.classes.length} classes, model ${model.model}`;
  $("fields").textContent = model.fields.length > 1
    ? `The model was trained on the fields ${model.fields.join(", ")}, joined by “${model.separator}”.`
    : `The model was trained on the field ${model.fields[0]}.`;
  $("no-nearest").hidden = model.n_nearest > 0;
}

function verdict(made) {
  const element = make("p", undefined, "verdict");
  if (made.label === null) {
    element.append(make("strong", "No class"), " (the text is empty)");
    return element;
  }
  if (made.rejected) {
    element.append(make("strong", "None of these: "), `rejected, with a score of ${made.none_score.toFixed(3)} (above ${model.none_above.toFixed(3)}). The likeliest class would be ${made.label}`);
    return element;
  }
  if (made.abstain && made.trusted) { // a parent in the class tree
    element.classList.add("accepted");
    element.append(make("strong", "Accepted as a parent: "), made.trusted,
      `, ${percent(made.trusted_probability)} (the threshold is ${percent(thresholds.get(made.trusted).threshold)})`);
    return element;
  }
  const { threshold, never, shared } = thresholds.get(made.label);
  const accepted = !made.abstain && threshold !== null; // without a threshold, nothing was checked
  element.classList.toggle("accepted", accepted);
  element.append(make("strong", made.abstain ? "Not accepted: " : accepted ? "Accepted: " : "Likeliest class: "), made.label);
  if (never) element.append(", a class whose predictions are never precise enough");
  else if (threshold === null) element.append(", a class without a threshold");
  else element.append(`, ${percent(made.probability)} (the threshold is ${percent(threshold)}${shared ? ", shared with other classes" : ""})`);
  return element;
}

function wayRow({ label, probability }, above, isTrusted, depth) { // a node from the top to the class
  const made = classRow({ label, probability }), name = made.cells[0];
  name.textContent = above && label.startsWith(`${above} > `) ? label.slice(above.length + 3) : label;
  name.style.paddingLeft = `${depth * 1.1}rem`;
  if (isTrusted) name.append(make("span", "trusted", "trusted"));
  return made;
}
function wayTable(made) {
  const heads = [["node, from the top to the class"], ["probability", "n", 2], ["threshold", "n"]];
  return table("classes way", heads, made.path.map((node, depth) =>
    wayRow(node, made.path[depth - 1]?.label, node.label === made.trusted, depth)));
}

function classRow({ label, probability }) {
  const { threshold, never, shared } = thresholds.get(label), bar = make("div", undefined, "bar"), fill = make("i");
  fill.style.width = percent(probability);
  bar.append(fill);
  if (threshold !== null) {
    const mark = make("b");
    mark.style.left = percent(threshold);
    bar.append(mark);
  }
  const cell = make("td");
  cell.append(bar);
  const limit = make("td", never ? "never" : threshold === null ? "none" : percent(threshold), "n");
  if (shared) {
    limit.append(" (shared)");
    limit.title = "Too few texts to set it for this class alone: its precision may be lower";
  }
  return row(make("td", label, "name"), cell, make("td", percent(probability), "n"), limit);
}

function nearRow(near, label) {
  const differs = near.label !== label;
  return row(make("td", near.similarity.toFixed(2), "n"),
    make("td", differs ? `${near.label} (another class)` : near.label, differs ? "other" : ""), make("td", near.text));
}

function card(text, made) {
  const element = make("article");
  element.append(make("h2", text), verdict(made));
  if (made.label !== null) {
    const heads = [["class"], ["probability", "n", 2], ["threshold", "n"]];
    if (made.path) element.append(wayTable(made));
    element.append(table("classes", heads, made.top.map(classRow)));
  }
  return element;
}

async function classify() {
  const texts = $("texts").value.split("\n").map((text) => text.trim()).filter(Boolean);
  const number = ++newest;
  if (!texts.length) return;
  if (!model) await start();
  $("status").textContent = texts.length > MOST ? `Only the first ${MOST} of ${texts.length} texts are shown.` : "";
  const asked = texts.slice(0, MOST);
  const { predictions } = await ask("predict", { texts: asked, top: CLASSES });
  if (number !== newest) return;
  const cards = predictions.map((made, i) => card(asked[i], made));
  $("results").replaceChildren(...cards);
  if (!model.n_nearest) return;
  const waiting = cards.map((element) => element.appendChild(make("h3", "Looking for labelled texts like this one…")));
  const { nearest } = await ask("nearest", { texts: asked, top: NEAREST });
  nearest.forEach((ofText, i) => {
    waiting[i].textContent = `The labelled texts most like this one, of ${model.n_nearest.toLocaleString("en")}`;
    const heads = [["similarity", "n"], ["label"], ["text"]];
    cards[i].append(table("near", heads, ofText.map((near) => nearRow(near, predictions[i].label))));
  });
}

function shown(work) {
  work().catch((error) => { $("status").textContent = error.message; });
}

$("ask").addEventListener("submit", (event) => { event.preventDefault(); shown(classify); });
$("texts").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  shown(classify);
});
$("token").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("wsal-token", $("secret").value);
  $("status").textContent = "";
  shown(async () => { await start(); $("texts").focus(); });
});
shown(start);
