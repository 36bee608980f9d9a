// --- charts: one unit wide for each slot, one unit high; the style stretches them --------------------------
const GAP = 0.2;
const rectangle = (x, y, height) => `M${x + GAP / 2} ${y}h${1 - GAP}v${height}h${GAP - 1}z`;

function plot(name) {
  const path = svg("path");
  const picture = svg("svg", { preserveAspectRatio: "none", class: name, "aria-hidden": "true" }, path);
  return { element: h("div", { class: "plot", role: "img" }, picture), picture, path };
}

function draw(chart, slots, spans, label) {
  chart.picture.setAttribute("viewBox", `0 0 ${slots} 1`);
  chart.path.setAttribute("d", spans.map(({ at, from, to }) => rectangle(at, 1 - to, to - from)).join(""));
  if (chart.element.getAttribute("aria-label") !== label) chart.element.setAttribute("aria-label", label);
}

const highest = (values) => Math.max(0, ...values.filter((value) => value !== null));

// Each value as a bar from the bottom; a value above 0 is visible.
function bars(values, top) {
  return values.map((value, at) => ({ at, from: 0, to: value ? Math.max(value / top, 0.06) : 0 })).filter(({ to }) => to);
}

// Each slot as a bar from its median to its 95th percentile.
function ranges(slots, top) {
  return slots.map(({ p50_us: low, p95_us: high }, at) => ({ at, low, high })).filter(({ low }) => low !== null)
    .map(({ at, low, high }) => ({ at, from: Math.min(low / top, 0.94), to: Math.max(high / top, low / top + 0.06) }));
}
