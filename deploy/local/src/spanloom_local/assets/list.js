// --- the list ---------------------------------------------------------------------------------------------
const rows = new Map();
let chosen = null;
let shown = null; // the trace in the waterfall, with the rows' state
let wantedSpan = null; // the span to select when its trace is shown
let missing = null; // a chosen trace that is not stored

function listRow(trace) {
  const button = h("button", { type: "button", onclick: () => choose(trace.trace_id) });
  const cells = ["", "number"].map((name) => h("td", { class: name || null }));
  return { element: h("tr", { class: "new" }, ...cells), button, cells };
}

function result(trace) {
  const code = trace.status_code === null ? "" : `${trace.status_code} `;
  if (trace.errors) return h("span", { class: "status error" }, `${code}⚠ ${plural(trace.errors, "error")}`);
  return h("span", { class: "status" }, `${code}ok`);
}

function fillRow(row, trace) {
  row.button.replaceChildren(bdi(trace.name || "(no name)"));
  row.cells[0].replaceChildren(row.button,
    h("div", { class: "under" }, result(trace), " · ", bdi(trace.service), ` · ${plural(trace.spans, "span")}`));
  row.cells[1].replaceChildren(length(trace.duration_us), h("div", { class: "under" }, clock(trace.start_ms)));
}

function showList(traces, announce) {
  const body = $("list").tBodies[0];
  const present = new Set(traces.map((trace) => trace.trace_id));
  for (const [id, row] of rows) if (!present.has(id)) { row.element.remove(); rows.delete(id); }
  let fresh = 0;
  let above = null;
  for (const trace of traces) {
    let row = rows.get(trace.trace_id);
    if (!row) { row = listRow(trace); rows.set(trace.trace_id, row); fresh += 1; }
    fillRowWhenChanged(row, trace);
    const place = above ? above.nextSibling : body.firstChild;
    if (place !== row.element) body.insertBefore(row.element, place);
    above = row.element;
  }
  $("list").hidden = !traces.length;
  if (fresh && announce) $("news").textContent = `${plural(fresh, "new trace")}, ${traces.length} in the list`;
}

function fillRowWhenChanged(row, trace) {
  const signature = JSON.stringify(trace);
  if (row.signature !== signature) fillRow(row, trace);
  row.signature = signature;
}

function mark() {
  for (const [id, row] of rows) {
    if (id === chosen) row.button.setAttribute("aria-current", "true");
    else row.button.removeAttribute("aria-current");
  }
}

$("list").addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const buttons = [...$("list").querySelectorAll("button")];
  const next = buttons[buttons.indexOf(document.activeElement) + step];
  if (next) { event.preventDefault(); next.focus(); }
});
