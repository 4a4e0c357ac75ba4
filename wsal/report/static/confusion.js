"use strict";
// Lists the texts of a cell of the confusion matrix.
(() => {
  const { cells, names } = JSON.parse(document.getElementById("figures-confusion").textContent);
  const byPlace = new Map(cells.map((cell) => [`${cell.gold},${cell.predicted}`, cell]));
  const panel = document.getElementById("confusion-texts");
  const buttons = [...document.querySelectorAll("#confusion [data-cell]")];

  const element = (tag, text, ...children) => {
    const made = document.createElement(tag);
    made.append(text, ...children);
    return made;
  };
  const show = (place) => {
    const cell = byPlace.get(place);
    if (!cell) return;
    const { gold, is_right: isRight, n, predicted, texts } = cell;
    const title = isRight ? `${names[gold]}, correctly predicted` : `${names[gold]} taken for ${names[predicted]}`;
    const some = texts.length < n ? `${texts.length} of ${n} texts, the most confident first` : `${n} text${n === 1 ? "" : "s"}, the most confident first`;
    const list = document.createElement("ul");
    list.className = "texts";
    for (const { probability, text } of texts) {
      list.append(element("li", text, element("small", `probability ${(100 * probability).toFixed(1)}%`)));
    }
    const note = element("p", some);
    note.className = "note";
    panel.replaceChildren(element("h3", title), note, list);
    panel.parentElement.scrollTop = 0;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.cell === place));
  };
  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("#confusion [data-cell]");
    if (button) show(button.dataset.cell);
  });
  document.addEventListener("wsal-chart", ({ detail: view, target }) => {
    if (target.dataset.chart !== "confusion-matrix") return;
    view.addEventListener("click", (_, item) => {
      if (item?.datum && "g" in item.datum) show(`${item.datum.g},${item.datum.p}`);
    });
  });
})();
