// Helpers to build and replace elements.

export const $ = (id) => document.getElementById(id);

export function make(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  if (text !== undefined && text !== null) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export function makeSvg(tag, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

export const fill = (id, ...nodes) => $(id).replaceChildren(...nodes.filter(Boolean));

export function keyButton(key, name, run) { // a button with a key of its own
  const button = make("button", null, { type: "button", "aria-keyshortcuts": key === "Esc" ? "Escape" : key });
  button.append(make("kbd", key), make("span", name));
  button.addEventListener("click", () => { run(); button.blur(); });
  return button;
}
