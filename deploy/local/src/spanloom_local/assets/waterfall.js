// --- the waterfall ----------------------------------------------------------------------------------------
// Children by parent, without recursion: an untrusted trace may be deep, or its parents may form a cycle.
function arrange(spans) {
  const ids = new Set(spans.map((span) => span.span_id));
  const below = Map.groupBy(spans, (span) => span.parent_id);
  const order = [];
  const placed = new Set();
  const grow = (seed, level, note) => {
    const stack = [{ span: seed, level, note, place: 1, of: 1 }];
    while (stack.length) {
      const node = stack.pop();
      if (placed.has(node.span.span_id)) continue;
      placed.add(node.span.span_id);
      const children = below.get(node.span.span_id) ?? [];
      order.push({ ...node, parent: children.length > 0 });
      children.map((span, index) => ({ span, level: node.level + 1, note: null, place: index + 1, of: children.length }))
        .reverse().forEach((child) => stack.push(child));
    }
  };
  for (const span of spans) if (span.parent_id === null) grow(span, 1, null);
  for (const span of spans) if (span.parent_id !== null && !ids.has(span.parent_id)) grow(span, 1, "parent missing");
  for (const span of spans) if (!placed.has(span.span_id)) grow(span, 1, "parents go in a circle");
  return order;
}

function statusText(span) {
  const code = span.attributes["http.response.status_code"];
  return [code ?? null, span.status === "ERROR" ? "⚠ error" : null].filter((part) => part !== null).join(" ");
}

function spanRow(node, trace) {
  const { span } = node;
  const lines = trace.lines.filter((line) => line.span_id === span.span_id).length;
  const error = span.status === "ERROR";
  const whole = Math.max(trace.duration_us, 1);
  const from = Math.min(Math.max(span.offset_us / whole, 0), 1);
  const long = Math.min(Math.max(span.duration_us / whole, 0), 1 - from);
  const twig = h("span", { class: "twig", "aria-hidden": "true" }, node.parent ? "▾" : "");
  const row = h("tr", {
    role: "row", "aria-level": node.level, "aria-posinset": node.place, "aria-setsize": node.of,
    "aria-expanded": node.parent ? "true" : null, "aria-selected": "false", tabindex: "-1",
  },
  h("td", { role: "gridcell", class: "span" }, h("div", { class: "name", "--level": Math.min(node.level - 1, 12) }, twig,
    h("span", {}, bdi(span.name || "(no name)", "label"), " ",
      serviceName(span.service), " ",
      h("span", { class: error ? "badge" : "under" }, statusText(span)),
      lines ? h("span", { class: "under" }, ` · ${plural(lines, "log line")}`) : null,
      node.note ? h("span", { class: "badge" }, ` ⚠ ${node.note}`) : null))),
  h("td", { role: "gridcell", class: "kind" }, span.kind),
  h("td", { role: "gridcell", class: "number time" }, length(span.duration_us)),
  h("td", { role: "gridcell" }, h("div", {
    class: "line", role: "img", "aria-label": `starts at ${length(span.offset_us)}, lasts ${length(span.duration_us)}`,
  }, h("i", { class: error ? "error" : null, "--hue": hue(span.service), "--from": `${from * 100}%`, "--long": `${long * 100}%` }))));
  return { ...node, row, twig, open: true };
}

function head(trace) {
  const ticks = [0, 1, 2, 3].map((quarter) => h("span", {}, length((trace.duration_us * quarter) / 4)));
  return h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
    h("th", { role: "columnheader", scope: "col", class: "span" }, "Span"),
    h("th", { role: "columnheader", scope: "col", class: "kind" }, "Kind"),
    h("th", { role: "columnheader", scope: "col", class: "number time" }, "Duration"),
    h("th", { role: "columnheader", scope: "col" }, h("span", { class: "hidden" }, "Timeline"),
      h("div", { class: "ticks", "aria-hidden": "true" }, ...ticks))));
}

function showTrace(trace) {
  const nodes = arrange(trace.members).map((node) => spanRow(node, trace));
  const lines = linesOfTrace(trace);
  const body = h("tbody", { role: "rowgroup" }, ...nodes.map((node) => node.row));
  const grid = h("table", { id: "tree", role: "treegrid", "aria-label": `Spans of ${trace.name}` }, head(trace), body);
  const before = shown && shown.trace.trace_id === trace.trace_id ? shown : null;
  const selected = before ? before.nodes[before.at].span.span_id : null;
  const focused = before && before.nodes[before.at].row === document.activeElement;
  $("title").replaceChildren(bdi(trace.name || "(no name)"));
  $("trace").replaceChildren(
    h("p", { class: "facts" }, result(trace), h("span", {}, length(trace.duration_us)),
      h("span", {}, `${plural(trace.spans, "span")}, ${plural(trace.services.length, "service")}`),
      h("span", {}, clock(trace.start_ms)), h("span", {}, "trace ", h("code", {}, trace.trace_id))),
    grid,
    h("p", { class: "keys" }, h("kbd", {}, "↑"), " ", h("kbd", {}, "↓"), " move, ",
      h("kbd", {}, "←"), " ", h("kbd", {}, "→"), " close and open, ", h("kbd", {}, "Home"), " ", h("kbd", {}, "End"), " first and last"),
    ...(lines.length ? [h("h3", { class: "above-lines" }, "Log lines of the trace"), linesTable("Log lines of the trace", lines.map(({ row }) => row))] : []),
    h("div", { id: "details", role: "region", "aria-label": "Details of the chosen span" }));
  shown = { trace, nodes, lines, at: 0 };
  nodes.forEach((node, index) => node.row.addEventListener("click", (event) => {
    if (node.twig.contains(event.target)) toggle(index, !node.open);
    select(index, true);
  }));
  grid.addEventListener("keydown", onTreeKey);
  select(Math.max(nodes.findIndex((node) => node.span.span_id === selected), 0), focused);
}

function select(index, focus) {
  shown.nodes.forEach((node, at) => {
    node.row.tabIndex = at === index ? 0 : -1;
    node.row.setAttribute("aria-selected", at === index ? "true" : "false");
  });
  shown.at = index;
  if (focus) shown.nodes[index].row.focus();
  const { span } = shown.nodes[index];
  markLines(shown.lines, span.span_id);
  showDetails(span, shown.trace.lines.filter((line) => line.span_id === span.span_id));
}

// Selects a span by its id and opens what it is in.
function selectSpan(id, focus) {
  const index = shown.nodes.findIndex((node) => node.span.span_id === id);
  if (index < 0) return;
  for (let above = parentOf(index); above >= 0; above = parentOf(above)) toggle(above, true);
  select(index, focus);
}

const parentOf = (index) => shown.nodes.findLastIndex((node, at) => at < index && node.level < shown.nodes[index].level);

function toggle(index, open) {
  const node = shown.nodes[index];
  if (!node.parent) return;
  node.open = open;
  node.row.setAttribute("aria-expanded", String(open));
  node.twig.textContent = open ? "▾" : "▸";
  let closedAt = Infinity;
  for (const other of shown.nodes) {
    if (other.level <= closedAt) closedAt = Infinity;
    other.row.hidden = other.level > closedAt;
    if (!other.open && closedAt === Infinity) closedAt = other.level;
  }
}

function onTreeKey(event) {
  const { nodes, at } = shown;
  const visible = nodes.map((node, index) => index).filter((index) => !nodes[index].row.hidden);
  const place = visible.indexOf(at);
  const up = () => parentOf(at);
  const moves = {
    ArrowDown: () => visible[place + 1],
    ArrowUp: () => visible[place - 1],
    Home: () => visible[0],
    End: () => visible.at(-1),
    ArrowRight: () => (nodes[at].parent && !nodes[at].open ? (toggle(at, true), at) : nodes[at].parent ? at + 1 : at),
    ArrowLeft: () => (nodes[at].parent && nodes[at].open ? (toggle(at, false), at) : up()),
    Enter: () => (toggle(at, !nodes[at].open), at),
  };
  if (!moves[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  const next = moves[event.key]();
  if (next !== undefined && next >= 0) select(next, true);
}
