// The last answers of this person, each of which one key brings back to be changed.
import { $, fill, make } from "./dom.js";

export const LETTERS = [..."ABCDEFGHIJ"];
const NAMES = { skip: "skipped", unsure: "unsure" };
const HOW = "To change an answer, choose it or press Shift and its letter; then choose its new class.";
const KEPT = "Answers of a round that the classifier was trained on stay as they are: a change would come too late to count.";
let answers = [], drawn = "";

export const inWords = ({ kind, label }) => NAMES[kind] || (label || kind).trim();
export const recentItem = (letter) => answers[LETTERS.indexOf(letter)]?.item || null;

export function addRecent(item, ids, kind, label) { // before the server has it
  const duplicates = item.duplicates.filter((duplicate) => ids.includes(duplicate.id));
  const answered = { kind: kind === "settle" || item.answered?.kind === "settle" ? "settle" : kind, label };
  const others = answers.filter((answer) => !ids.includes(answer.item?.id));
  answers = [{ kind, label, text: item.text, item: { ...item, duplicates, answered } }, ...others].slice(0, LETTERS.length);
}
export function forget(id) { answers = answers.filter((answer) => answer.item?.id !== id); }
export function setRecent(list) { answers = list; }

export function drawRecent(open) {
  const now = JSON.stringify(answers.map((answer) => [answer.text, inWords(answer), answer.why]));
  if (now === drawn) return;
  drawn = now;
  fill("recent", ...answers.map((answer, n) => {
    const row = make("li"), text = make("span", answer.text, { class: "what", dir: "auto" });
    const label = make("bdi", inWords(answer), { class: "label" });
    if (!answer.item) { row.append(text, label, make("small", `kept: ${answer.why}`)); return row; }
    const button = make("button", null, { type: "button", "aria-keyshortcuts": `Shift+${LETTERS[n]}` });
    button.append(make("kbd", LETTERS[n]), text, label);
    button.addEventListener("click", () => { open(LETTERS[n]); button.blur(); });
    row.append(button);
    return row;
  }));
  const kept = answers.some((answer) => !answer.item), some = answers.some((answer) => answer.item);
  $("recent-note").textContent = [some ? HOW : "", kept ? KEPT : ""].join(" ").trim() || (answers.length ? "" : "none yet");
}
