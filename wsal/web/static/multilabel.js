// Several classes per text: the classes that are chosen, and the answer that they make.
import { keyButton, make } from "./dom.js";

export const NONE = "none of these";
const SEPARATOR = " | ";
const chosen = new Set();

export const namesIn = (text) => (text || "").split("|").map((name) => name.trim()).filter((name) => name && name !== NONE);
export const isChosen = (label) => chosen.has(label);
export const anyChosen = () => chosen.size > 0;
export const written = (labels) => labels.filter(isChosen).join(SEPARATOR);
export function choose(labels) { chosen.clear(); labels.forEach((label) => chosen.add(label)); }
export function toggle(label) { if (!chosen.delete(label)) chosen.add(label); }
export function startChoice(item, showsGuess) { // what is chosen before anybody has chosen
  if (item?.answered) choose(namesIn(item.answered.label));
  else choose(item && showsGuess && !item.blind && !item.recheck ? namesIn(item.guess) : []);
}
export function acceptLine(labels, { accept, none }) {
  const line = make("div", null, { class: "chosen" });
  const names = labels.filter(isChosen);
  line.append(make("p", names.length ? `Chosen: ${names.join(", ")}` : "Choose all classes that apply.", { role: "status", dir: "auto" }));
  const button = keyButton("Enter", "Accept", accept);
  button.disabled = !names.length;
  line.append(button, keyButton("0", "None of these", none));
  return line;
}
