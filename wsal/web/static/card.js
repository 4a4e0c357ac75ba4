// The text that is asked about, with what is known of it.
import { $, fill, make } from "./dom.js";

const LONG = 220; // characters of a field's value that are shown unfolded

function highlighted(text, words) {
  const longestFirst = words.filter(Boolean).sort((a, b) => b.length - a.length);
  if (!longestFirst.length) return [document.createTextNode(text)];
  const escaped = longestFirst.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return text.split(new RegExp(`(${escaped.join("|")})`, "g"))
    .map((piece) => (words.includes(piece) ? make("mark", piece) : document.createTextNode(piece)));
}
function withWord(text, word) { // marks a word as rules find it: whole, in any case
  const escaped = word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return text.split(new RegExp(`(?<![\\p{L}\\p{N}_])(${escaped})(?![\\p{L}\\p{N}_])`, "giu"))
    .map((piece, n) => (n % 2 ? make("mark", piece) : document.createTextNode(piece)));
}
const line = (text) => make("li", text, { dir: "auto" });

function drawWord(item) {
  const list = make("ul", null, { class: "examples" });
  for (const example of item.examples) { const each = line(); each.append(...withWord(example, item.word)); list.append(each); }
  fill("text", ...withWord(item.text, item.word));
  fill("duplicates", make("div", "For example:"), list);
  fill("reason", make("span", `Why this word: ${item.reason}`));
}
function drawGroup(item) {
  const list = make("ul", null, { class: "examples" });
  list.append(...item.examples.map(line));
  fill("text", document.createTextNode(`Are all of these ${item.ask}?`));
  fill("duplicates", list);
  fill("reason", make("span", `Why these texts: ${item.reason}`));
}
function drawFields(item) { // a single field that is the text itself would say nothing new
  const fields = Object.entries(item.fields).filter(([, value], _, all) => all.length > 1 || value !== item.text);
  fill("fields", ...fields.map(([name, value]) => {
    const row = make("tr"), cell = make("td", null, { dir: "auto" });
    if (value.length > LONG) {
      const fold = make("details");
      fold.append(make("summary", `${value.slice(0, LONG)}…`), make("div", value));
      cell.append(fold);
    } else cell.textContent = value;
    row.append(make("th", name, { scope: "row" }), cell);
    return row;
  }));
}
export function clearCard() {
  for (const id of ["text", "fields", "duplicates", "reason", "guess", "remarks"]) fill(id);
}
export function drawCard(item, { showsGuess, together, yes }) { // `yes`: the button that confirms the class asked about
  const isText = !item.word && !item.group, sees = showsGuess && !item.blind;
  fill("text", ...highlighted(item.text || "(no text)", sees ? item.highlights : []));
  drawFields(item);
  if (item.word) drawWord(item);
  else if (item.group) drawGroup(item);
  else if (item.duplicates.length) {
    const list = make("ul");
    list.append(...item.duplicates.map((duplicate) => line(duplicate.text)));
    fill("duplicates", make("div", together ? "Decided together with:" : "Nearly the same, but decided separately:"), list);
  }
  if (item.recheck) fill("reason", make("span", "You have answered this text before; your earlier answer is hidden."));
  else if (item.reason && isText) fill("reason", make("span", `Why this text: ${item.reason}`));
  fill("guess", yes);
  if (sees && isText) {
    const votes = item.votes.map(([rule, label]) => `${rule}: ${label}`).join("; ") || "none";
    fill("guess", yes, make("div", item.guess ? `Guess: ${item.guess}${item.guess.includes(" | ") ? "" : ` (${item.confidence.toFixed(2)})`}` : "Guess: none"), make("div", `Votes: ${votes}`));
  } else if (showsGuess && isText) fill("guess", make("span", "Guess and votes are hidden for this text."));
  const answers = (item.answers || []).map(([name, label]) => `${name}: ${label}`);
  fill("remarks", ...[...answers, ...(item.remarks || [])].map(line));
}
