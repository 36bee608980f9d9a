// --- fetching ---------------------------------------------------------------------------------------------
async function get(path) {
  const response = await fetch(path, { cache: "no-cache" });
  if (!response.ok) throw new Error(response.status);
  return response.json();
}

async function choose(id) {
  chosen = id;
  history.replaceState(null, "", `#${id}`);
  mark();
  await refresh();
}

async function refresh() {
  const row = rows.get(chosen);
  if (!row || (shown && shown.trace.trace_id === chosen && shown.signature === row.signature)) return;
  const { signature } = row;
  const wanted = chosen;
  const trace = await get(`/api/traces/${wanted}`);
  if (wanted !== chosen) return;
  showTrace(trace);
  shown.signature = signature;
}

async function poll() {
  try {
    const { traces } = await get("/api/traces");
    showList(traces);
    if (!rows.has(chosen) && !shown && traces.length) chosen = traces[0].trace_id;
    mark();
    await refresh();
    showStatus(`Live · ${plural(traces.length, "trace")}`, false);
  } catch {
    showStatus("⚠ Not connected. Is the demo still running? Trying again…", true);
  }
  setTimeout(poll, POLL_MS);
}

function showStatus(message, lost) {
  if ($("state").textContent !== message) $("state").textContent = message;
  $("state").classList.toggle("lost", lost);
}

const linked = () => { if (/^#[0-9a-f]{32}$/.test(location.hash)) chosen = location.hash.slice(1); };
addEventListener("hashchange", () => { linked(); mark(); refresh().catch(() => {}); });
$("endpoint").textContent = `OTEL_EXPORTER_OTLP_ENDPOINT=${location.origin} OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`;
linked();
poll();
