"use strict";
// Everything shown is untrusted: text enters the page through textContent only.
const POLL_MS = 1000;
const HUES = 6;
const SVG = "http://www.w3.org/2000/svg";
const $ = (id) => document.getElementById(id);

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key.startsWith("--")) element.style.setProperty(key, value);
    else if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// One colour for each service on the whole page, in the order of their appearance.
const services = new Map();
function hue(service) {
  if (!services.has(service)) services.set(service, `var(--s${services.size % HUES})`);
  return services.get(service);
}
const serviceName = (service) => h("span", { class: "service", "--hue": hue(service) }, bdi(service || "(no service)"));

// Characters that hide or reorder the others are shown by their numbers.
const HIDING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const number = (char) => `⟨U+${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
const visible = (text) => String(text).replace(HIDING, number);
const bdi = (text, name = null) => h("bdi", { class: name }, visible(text));
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const percent = (share) => `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
const fill = (element, ...children) => {
  const parts = children.map((child) => (child instanceof Node ? child.textContent : child)).join("\n");
  if (element.filled !== parts) element.replaceChildren(...children);
  element.filled = parts;
};
const clock = (ms) => new Date(ms).toLocaleTimeString();

function length(us) {
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 2 : 1)} ms`;
  return `${(us / 1e6).toFixed(2)} s`;
}
