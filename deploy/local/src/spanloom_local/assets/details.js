// --- details of one span ----------------------------------------------------------------------------------
const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function pairs(label, entries) {
  return h("table", { "aria-label": label }, h("tbody", {}, ...entries.map(([key, value]) =>
    h("tr", {}, h("th", { scope: "row" }, bdi(key)), h("td", {}, bdi(text(value)))))));
}

function part(title, entries) {
  if (!entries.length) return [];
  return [h("h3", {}, title), pairs(title, entries)];
}

function folded(title, entries) {
  if (!entries.length) return [];
  return [h("details", {}, h("summary", {}, title), pairs(title, entries))];
}

function showDetails(span, lines) {
  const event = ({ name, ...fields }) => [name, Object.keys(fields).length ? fields : ""];
  $("details").replaceChildren(
    h("h3", {}, bdi(span.name || "(no name)")),
    h("p", { class: "facts" }, h("span", {}, bdi(span.service)), h("span", {}, span.kind),
      h("span", {}, `starts at ${length(span.offset_us)}`), h("span", {}, `lasts ${length(span.duration_us)}`),
      h("span", {}, `status ${span.status}`)),
    ...(span.status === "ERROR" ? [h("p", { class: "failure" }, h("strong", {}, "⚠ Error"), " ",
      bdi(span.message || span.attributes["error.type"] || ""))] : []),
    ...part("Log lines", lines.map((line) => [`${length(line.offset_us)} ${line.severity}`, line.text])),
    ...part("Attributes", Object.entries(span.attributes)),
    ...part("Events", span.events.map(event)),
    ...part("Links", span.links.map((link) => ["trace", link])),
    ...folded("Ids and resource", [["span id", span.span_id], ["parent id", span.parent_id ?? "none"], ["scope", span.scope],
      ...Object.entries(span.resource)]));
}
