// The side panel: what remains, quality, labels of the round, people.
import { $, fill, make, makeSvg } from "./dom.js";

const MOST_CLASSES = 12; // with a bar of their own
const LEAST_AGREED = 3; // classes that are named

export function drawPanel(state) {
  const quality = state.quality || {};
  drawQuality(quality);
  drawCurve(quality.curve);
  drawRemaining(state.remaining);
  const sentences = [...(quality.forecast || []), ...(quality.bill || [])];
  fill("forecast", ...sentences.map((sentence) => make("p", sentence)));
  drawDistribution(state.distribution || []);
  drawPeople(state.people);
}

function drawRemaining(remaining) { // minutes to the end of the round, and the way to the target
  const minutes = remaining?.minutes;
  $("left").textContent = minutes ? `about ${minutes < 1 ? "a minute" : `${Math.round(minutes)} min`} left` : "";
  if (!remaining) return; // while nothing is asked, the last figures stay
  $("goal").hidden = !remaining.sentences.length;
  const [now, end] = remaining.labels || [0, 0];
  const bar = end ? make("progress", null, { value: now, max: end, "aria-label": "labels on the way to the target" }) : null;
  fill("remaining", bar, end ? make("p", `${now} of about ${end} labels`) : null,
    ...remaining.sentences.map((sentence) => make("p", sentence)));
}

function drawQuality(quality) {
  const reasons = quality.stop || [];
  $("stop").hidden = !reasons.length;
  $("stop-why").textContent = `${reasons.join("; ")}. Press e twice to end this round.`;
  const now = quality.curve?.at(-1);
  if (!now) {
    fill("quality", make("p", quality.note || "known after the first round"));
    return;
  }
  const metric = quality.metric === "macro_f1" ? "macro-F1" : "accuracy";
  const [value, low, high] = [now.value, now.low, now.high].map((number) => number.toFixed(3));
  fill("quality", make("p", `${metric} ${value} (90% interval ${low} to ${high})`));
}

function drawCurve(points) {
  if (!points || points.length < 2) { fill("curve"); return; }
  const width = 240, height = 96, left = 30;
  const most = points.at(-1).n_gold || 1;
  const bottom = Math.min(...points.map((point) => point.low));
  const top = Math.max(...points.map((point) => point.high));
  const x = (n) => left + (width - left - 6) * n / most;
  const y = (value) => 6 + (height - 24) * (top - value) / Math.max(top - bottom, 1e-6);
  const line = (name) => points.map((point) => `${x(point.n_gold)},${y(point[name])}`);
  const label = (text, attributes) => makeSvg("text", { "font-size": "9", fill: "var(--soft)", ...attributes }, text);
  const picture = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "learning curve" });
  picture.append(
    makeSvg("polygon", { points: [...line("high"), ...line("low").reverse()].join(" "), fill: "var(--accent)", opacity: "0.18" }),
    makeSvg("polyline", { points: line("value").join(" "), fill: "none", stroke: "var(--accent)", "stroke-width": "2" }),
    label(top.toFixed(2), { x: 0, y: 12 }),
    label(bottom.toFixed(2), { x: 0, y: height - 14 }),
    label("0", { x: left, y: height - 2 }),
    label(`${most} labels`, { x: width - 6, y: height - 2, "text-anchor": "end" }));
  fill("curve", picture);
}

function drawDistribution(counts) {
  const most = counts[0]?.[1] || 1;
  const bars = counts.slice(0, MOST_CLASSES).map(([label, n]) => {
    const row = make("div", null, { class: "bar" }), bar = make("i");
    bar.style.width = `${100 * n / most}%`;
    row.append(make("bdi", label), make("span", n), bar);
    return row;
  });
  const others = counts.length - MOST_CLASSES;
  if (others > 0) bars.push(make("p", `and ${others} more ${others === 1 ? "class" : "classes"}`));
  fill("distribution", ...(bars.length ? bars : [make("p", "none yet")]));
}

function drawPeople(agreement) {
  const people = agreement?.people || [];
  if (!people.length) { fill("people", make("p", "nobody yet")); return; }
  const rechecked = people.some((person) => person.same_answer[1]);
  const table = make("table"), head = make("tr");
  const titles = ["name", "answers", "seconds", ...(rechecked ? ["same answer"] : [])];
  head.append(...titles.map((title, n) => make("th", title, { scope: "col", ...(n ? { class: "n" } : {}) })));
  table.append(head, ...people.map((person) => personRow(person, rechecked)));
  const { alpha, classes, pairs } = agreement;
  const worst = Object.entries(classes || {}).filter(([, value]) => value !== null)
    .sort((a, b) => a[1] - b[1]).slice(0, LEAST_AGREED);
  fill("people", table,
    alpha === null ? null : make("p", `Krippendorff's alpha ${alpha.toFixed(2)}`),
    ...pairs.map(([name, other, n, kappa]) =>
      make("p", `${name} and ${other}: Cohen's kappa ${kappa.toFixed(2)} on ${n} ${n === 1 ? "text" : "texts"}`)),
    worst.length && alpha < 1
      ? make("p", `least agreement on ${worst.map(([label, value]) => `${label} (${value.toFixed(2)})`).join(", ")}`) : null);
}

function personRow(person, rechecked) {
  const row = make("tr"), [same, n] = person.same_answer;
  row.append(make("td", person.name), make("td", person.answers, { class: "n" }),
    make("td", person.seconds === null ? "" : person.seconds.toFixed(1), { class: "n" }));
  if (rechecked) row.append(make("td", n ? `${same} of ${n}` : "", { class: "n" }));
  return row;
}
