"use strict";
// Draws the charts, in light or dark as the reader's system is, and sorts tables.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const specs = read("charts");
  const themes = read("themes");
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const draw = async (element) => {
    const name = dark.matches ? "dark" : "light";
    const { view } = await vegaEmbed(element, specs[element.dataset.chart], {
      actions: false,
      ast: true, // expressions are interpreted: the page's policy forbids to compile them
      config: themes[name],
      defaultStyle: false,
      renderer: "svg",
      tooltip: { disableDefaultStyle: true, theme: "custom" },
    });
    element.dataset.theme = name;
    element.dispatchEvent(new CustomEvent("wsal-chart", { bubbles: true, detail: view }));
  };
  const drawAll = () => document.querySelectorAll(".chart").forEach(draw);

  const valueOf = (row, column) => {
    const { dataset, textContent } = row.cells[column];
    const text = dataset.value ?? textContent.trim();
    const number = Number(text);
    return text === "" || Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a.localeCompare(b);
  };
  const sortBy = (button) => {
    const head = button.closest("th");
    const body = head.closest("table").tBodies[0];
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = [...body.rows].sort((a, b) => compare(valueOf(a, head.cellIndex), valueOf(b, head.cellIndex)));
    body.append(...(up ? rows : rows.reverse()));
  };
  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("table.sortable th button");
    if (button) sortBy(button);
  });

  const links = new Map(
    [...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]),
  );
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        for (const link of links.values()) link.removeAttribute("aria-current");
        links.get(target.id)?.setAttribute("aria-current", "true");
      }
    },
    { rootMargin: "-10% 0px -75% 0px" },
  );
  document.querySelectorAll("main > section").forEach((section) => seen.observe(section));

  dark.addEventListener("change", drawAll);
  // After all scripts of the page have run, so that those of sections hear of every chart.
  document.addEventListener("DOMContentLoaded", drawAll);
  addEventListener("beforeprint", () => document.querySelectorAll("details.print").forEach((d) => (d.open = true)));
})();
