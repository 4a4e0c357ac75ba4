"use strict";
// The map of the pool: points on a canvas, with hover, lasso and keyboard.
(() => {
  const figures = JSON.parse(document.getElementById("figures-map").textContent);
  const bytes = (name) => Uint8Array.from(atob(figures.data[name]), (c) => c.charCodeAt(0));
  const { names, texts, groups, colours: categories } = figures;
  const n = texts.length;
  const points = new Int16Array(bytes("points").buffer);
  const label = new Uint16Array(bytes("label").buffer);
  const [byPeople, confidence, votes, round, judged, group] = ["by_people", "confidence", "votes", "round", "judged", "group"].map(bytes);
  const get = (id) => document.getElementById(id);
  const [canvas, tip, list, legend, picker, lassoButton] = ["map-canvas", "map-tip", "map-list", "map-legend", "map-colour", "map-lasso"].map(get);
  const place = canvas.parentElement;
  const context = canvas.getContext("2d");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const LISTED = 200; // texts in the list; the button copies all
  const FAINT = "#9b9da355"; // in the legend; the map has no transparent colours
  const SCALE = ["#e8603c", "#d98a00", "#5f93d8", "#3454b4"];

  const element = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const count = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
  const perClass = new Array(names.length).fill(0);
  for (const c of label) perClass[c] += 1;
  const order = names.map((_, c) => c).sort((a, b) => perClass[b] - perClass[a]);
  const rankOf = new Map(order.map((c, rank) => [c, rank]));
  const rounds = [...new Set(round)].filter(Boolean).sort((a, b) => a - b);
  // Each colouring: labels and colours of its values, and the value of text i.
  const colourings = {
    class: { labels: order.map((c) => names[c]), colours: order.map((_, rank) => categories[rank] ?? FAINT), of: (i) => rankOf.get(label[i]) },
    coverage: { labels: ["no vote", "1 vote", "2 votes", "3 or more votes"], colours: SCALE, of: (i) => Math.min(votes[i], 3) },
    confidence: { labels: ["below 50%", "50% to 80%", "80% to 95%", "95% and more"], colours: SCALE, of: (i) => [0.5, 0.8, 0.95].filter((end) => confidence[i] / 255 >= end).length },
    error: { labels: ["not measured", "right", "wrong"], colours: [FAINT, "#4269d0", "#e8603c"], of: (i) => judged[i], large: true },
    round: { labels: ["not labelled by people", ...rounds.map((r) => `round ${r}`)], colours: [FAINT, ...rounds.map((_, k) => categories[k % categories.length])], of: (i) => (round[i] ? rounds.indexOf(round[i]) + 1 : 0), large: true },
  };
  let colouring, valueOf, members, highlighted = null;
  let view = { x: 0, y: 0, zoom: 1 }; // the point in the middle, in [-1, 1]
  let selected = [], outline = null, lassoing = false, dragging = null, pending = false;
  let width = 1, height = 1, ratio = 1, colours = {}, image, pixels;

  const unit = () => 0.48 * Math.min(width, height) * view.zoom;
  const screenX = (i) => width / 2 + (points[2 * i] / 32767 - view.x) * unit();
  const screenY = (i) => height / 2 - (points[2 * i + 1] / 32767 - view.y) * unit();
  const redraw = () => {
    if (!pending && members) requestAnimationFrame(draw);
    pending = Boolean(members);
  };

  // Discs are written into an image: some ten times faster than to draw each on the canvas.
  const disc = (radius) => {
    const [places, reach] = [[], Math.ceil(radius)];
    for (let y = -reach; y <= reach; y += 1) {
      for (let x = -reach; x <= reach; x += 1) if (x * x + y * y <= radius * (radius + 0.8)) places.push(y * image.width + x);
    }
    return Int32Array.from(places);
  };
  const packed = (colour) => { // as the bytes red, green, blue, alpha
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
  };
  const drawPoints = (rows, colour, radius) => {
    const [places, value, margin] = [disc(radius * ratio), packed(colour === FAINT ? colours.faint : colour), Math.ceil(radius * ratio)];
    const scale = (unit() / 32767) * ratio;
    const [left, top] = [(width / 2 - view.x * unit()) * ratio, (height / 2 + view.y * unit()) * ratio];
    for (const i of rows) {
      const x = Math.round(left + points[2 * i] * scale);
      const y = Math.round(top - points[2 * i + 1] * scale);
      if (x < margin || y < margin || x >= image.width - margin || y >= image.height - margin) continue;
      const middle = y * image.width + x;
      for (let k = 0; k < places.length; k += 1) pixels[middle + places[k]] = value;
    }
  };
  const drawNames = () => {
    context.font = `600 ${12.5 * ratio}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.lineJoin = "round";
    const taken = [];
    for (const { name, x, y } of groups) {
      const half = context.measureText(name).width / 2 + 4;
      const at = [(width / 2 + (x - view.x) * unit()) * ratio, (height / 2 - (y - view.y) * unit()) * ratio];
      at[0] = view.zoom === 1 ? Math.min(Math.max(at[0], half), canvas.width - half) : at[0];
      if (taken.some(([a, b, w]) => Math.abs(a - at[0]) < w + half && Math.abs(b - at[1]) < 17 * ratio)) continue;
      taken.push([...at, half]);
      Object.assign(context, { strokeStyle: colours.card, fillStyle: colours.ink, lineWidth: 4 * ratio });
      context.strokeText(name, ...at);
      context.fillText(name, ...at);
    }
  };
  const draw = () => {
    pending = false;
    pixels.fill(0);
    const radius = Math.min(2 + (n < 3000) + Math.log2(view.zoom) / 1.5, 6);
    members.forEach((rows, k) => {
      const off = highlighted !== null && highlighted !== k;
      const special = colouring.large && k > 0 ? 1.8 : 1;
      if (k !== highlighted) drawPoints(rows, off ? FAINT : colouring.colours[k], radius * special);
    });
    if (highlighted !== null) drawPoints(members[highlighted], colouring.colours[highlighted] === FAINT ? colours.accent : colouring.colours[highlighted], radius * 1.3);
    if (selected.length < n) drawPoints(selected, colours.ink, radius);
    context.putImageData(image, 0, 0);
    if (get("map-names").checked) drawNames();
    if (!outline) return;
    context.beginPath();
    for (const [x, y] of outline) context.lineTo(x * ratio, y * ratio);
    context.closePath();
    Object.assign(context, { strokeStyle: colours.accent, lineWidth: 2 * ratio, fillStyle: `${colours.accent}22` });
    context.fill();
    context.stroke();
  };

  const recolour = () => {
    colouring = colourings[picker.value];
    members = colouring.labels.map(() => []);
    for (let i = 0; i < n; i += 1) members[colouring.of(i)].push(i);
    highlighted = null;
    legend.replaceChildren(...colouring.labels.map((text, k) => {
      const swatch = element("span", { className: "swatch" });
      swatch.style.background = colouring.colours[k];
      const button = element("button", { type: "button" }, element("span", { className: "n" }, members[k].length.toLocaleString("en")), swatch, text);
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        highlighted = highlighted === k ? null : k;
        [...legend.querySelectorAll("button")].forEach((other, j) => other.setAttribute("aria-pressed", String(j === highlighted)));
        redraw();
      });
      return element("li", {}, button);
    }));
    redraw();
  };
  const words = (i) => `${names[label[i]]} (${byPeople[i] ? "by people" : `${Math.round((confidence[i] / 255) * 100)}% confident`}), ${count(votes[i], "vote")}${["", ", right", ", wrong"][judged[i]]}`;
  const select = (rows, title) => {
    selected = rows;
    const items = rows.slice(0, LISTED).map((i) => element("li", {}, texts[i], element("small", {}, words(i))));
    const copy = element("button", { type: "button", id: "map-copy" }, "Copy all");
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(rows.map((i) => `${texts[i]}\t${names[label[i]]}`).join("\n"));
      copy.textContent = "Copied";
    });
    const some = rows.length > LISTED ? `; the first ${LISTED} are shown` : "";
    list.replaceChildren(element("h3", {}, title), element("p", { className: "note" }, `${count(rows.length, "text")}${some} `, ...(rows.length ? [copy] : [])), element("ul", { className: "texts" }, ...items));
    redraw();
  };
  const chosenBy = (test) => Array.from({ length: n }, (_, i) => i).filter((i) => test(screenX(i), screenY(i)));
  const inside = (path) => (x, y) => {
    let odd = false;
    for (let i = 0, j = path.length - 1; i < path.length; j = i, i += 1) {
      const [[ax, ay], [bx, by]] = [path[i], path[j]];
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
    }
    return odd;
  };

  const zoomBy = (factor, x = width / 2, y = height / 2) => {
    const before = unit();
    view.zoom = Math.min(Math.max(view.zoom * factor, 0.8), 200);
    view.x += (x - width / 2) * (1 / before - 1 / unit());
    view.y -= (y - height / 2) * (1 / before - 1 / unit());
    redraw();
  };
  const showAll = () => redraw((view = { x: 0, y: 0, zoom: 1 }));
  const hover = ([x, y]) => {
    let best = -1, least = 100;
    for (let i = 0; i < n; i += 1) {
      const distance = (screenX(i) - x) ** 2 + (screenY(i) - y) ** 2;
      if (distance < least) [best, least] = [i, distance];
    }
    tip.hidden = best < 0;
    if (best < 0) return;
    tip.replaceChildren(texts[best], element("small", {}, words(best)));
    tip.style.left = `${Math.max(Math.min(x + 14, width - tip.offsetWidth - 4), 4)}px`;
    tip.style.top = `${y > height / 2 ? y - tip.offsetHeight - 12 : y + 14}px`;
  };
  const at = ({ offsetX, offsetY }) => [offsetX, offsetY];
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    dragging = { from: at(event), box: event.shiftKey, last: at(event) };
    if (lassoing || event.shiftKey) outline = [at(event)];
    tip.hidden = true;
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (!dragging) return hover([x, y]);
    if (dragging.box) outline = [dragging.from, [x, dragging.from[1]], [x, y], [dragging.from[0], y]];
    else if (outline) outline.push([x, y]);
    else {
      view.x -= (x - dragging.last[0]) / unit();
      view.y += (y - dragging.last[1]) / unit();
    }
    dragging.last = [x, y];
    redraw();
  });
  canvas.addEventListener("pointerup", () => {
    if (outline) select(chosenBy(inside(outline)), "Chosen texts");
    [dragging, outline] = [null, null];
    redraw();
  });
  canvas.addEventListener("pointercancel", () => ([dragging, outline] = [null, null]));
  canvas.addEventListener("pointerleave", () => (tip.hidden = true));
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    zoomBy(Math.exp(-Math.min(Math.max(event.deltaY, -100), 100) / 250), ...at(event));
  }, { passive: false });
  const inView = () => select(chosenBy((x, y) => x >= 0 && y >= 0 && x <= width && y <= height), "Texts in view");
  const move = (x, y) => () => {
    [view.x, view.y] = [view.x + (x * 60) / unit(), view.y + (y * 60) / unit()];
    redraw();
  };
  const keys = { ArrowLeft: move(-1, 0), ArrowRight: move(1, 0), ArrowUp: move(0, 1), ArrowDown: move(0, -1), "+": () => zoomBy(1.4), "=": () => zoomBy(1.4), "-": () => zoomBy(1 / 1.4), 0: showAll, Enter: inView };
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  const actions = { in: () => zoomBy(1.4), out: () => zoomBy(1 / 1.4), all: showAll };
  document.addEventListener("click", ({ target }) => {
    const { map, group: number } = target.closest?.("[data-map], [data-group]")?.dataset ?? {};
    if (map) actions[map]();
    if (number) select([...group.keys()].filter((i) => group[i] === Number(number)), groups[number].name);
  });
  lassoButton.addEventListener("click", () => {
    lassoing = !lassoing;
    lassoButton.setAttribute("aria-pressed", String(lassoing));
    place.classList.toggle("lasso", lassoing);
  });
  const fit = () => {
    ratio = Math.min(devicePixelRatio || 1, 2);
    [width, height] = [canvas.clientWidth, canvas.clientHeight];
    Object.assign(canvas, { width: Math.max(width * ratio, 1), height: Math.max(height * ratio, 1) });
    image = context.createImageData(canvas.width, canvas.height);
    pixels = new Uint32Array(image.data.buffer);
    const style = getComputedStyle(document.documentElement);
    colours = Object.fromEntries(["card", "ink", "accent"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    colours.faint = dark.matches ? "#4b4f57" : "#cfccc5";
    redraw();
  };
  picker.append(...Object.keys(colourings).map((name) => element("option", { value: name }, name)));
  picker.addEventListener("change", recolour);
  get("map-names").addEventListener("change", redraw);
  dark.addEventListener("change", fit);
  new ResizeObserver(fit).observe(canvas);
  fit();
  recolour();
})();
