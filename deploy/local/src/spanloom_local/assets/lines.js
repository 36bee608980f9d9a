// --- log lines --------------------------------------------------------------------------------------------
const SEVERE = /^(ERROR|FATAL)/;
const WARNING = /^WARN/;

function severity(line) {
  const sign = SEVERE.test(line.severity) ? "⚠ " : WARNING.test(line.severity) ? "△ " : "";
  return h("td", { class: `severity ${sign ? "failing" : ""}` }, sign, bdi(line.severity || "none"));
}

function message(line, open) {
  const fields = Object.entries(line.attributes).map(([key, value]) => `${key}=${text(value)}`).join("  ");
  const label = open ? h("button", { type: "button", onclick: open }, bdi(line.text)) : bdi(line.text);
  return h("td", { class: "message" }, label, fields ? h("span", { class: "fields" }, " ", bdi(fields)) : null);
}

// `open` goes to a line's span; null for a line without one.
function lineRow(line, time, open) {
  return h("tr", {}, h("td", { class: "number when" }, time), severity(line), h("td", { class: "by" }, serviceName(line.service)),
    message(line, open));
}

function linesTable(label, rowsOfLines) {
  const column = (name, title) => h("th", { scope: "col", class: name }, title);
  return h("table", { class: "lines", "aria-label": label },
    h("thead", {}, h("tr", {}, column("number when", "Time"), column("severity", "Severity"), column("by", "Service"), column("message", "Message"))),
    h("tbody", {}, ...rowsOfLines));
}

function linesOfTrace(trace) {
  const stored = new Set(trace.members.map((span) => span.span_id));
  return trace.lines.map((line) => {
    const open = stored.has(line.span_id) ? () => selectSpan(line.span_id, true) : null;
    return { line, row: lineRow(line, length(line.offset_us), open) };
  });
}

// The lines of the selected span have a sign and a name for screen readers, not only a colour.
function markLines(lines, span) {
  for (const { line, row } of lines) {
    if (line.span_id === span) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

function showLines({ lines }) {
  $("no-lines").hidden = lines.length > 0;
  const signature = JSON.stringify(lines);
  if (showLines.signature === signature) return;
  showLines.signature = signature;
  const focused = [...$("lines").querySelectorAll("button")].find((button) => button === document.activeElement)?.key;
  const rowsOfLines = lines.map((line) => newestRow(line));
  $("lines").replaceChildren(...(lines.length ? [linesTable("Newest log lines", rowsOfLines)] : []));
  [...$("lines").querySelectorAll("button")].find((button) => button.key === focused && focused)?.focus();
}

function newestRow(line) {
  const row = lineRow(line, clock(line.time_ms), line.is_stored ? () => choose(line.trace_id, line.span_id || null) : null);
  const button = row.querySelector("button");
  if (button) button.key = `${line.time_ms} ${line.span_id} ${line.text}`;
  return row;
}
