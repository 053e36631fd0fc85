// Elements from values. Text is always text: nothing here parses HTML.
export const $ = (id) => document.getElementById(id);

const make = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return element;
};

export const h = (tag, attributes = {}, ...children) => make(document.createElement(tag), attributes, children);

export const s = (tag, attributes = {}, ...children) =>
  make(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

export const show = (element, ...children) => element.replaceChildren(...children.flat().filter(Boolean));

// Only what changed is written: screen readers and selections stay calm.
export const say = (element, text) => { if (element.textContent !== text) element.textContent = text; };

export const data = () => JSON.parse($("data").textContent);
