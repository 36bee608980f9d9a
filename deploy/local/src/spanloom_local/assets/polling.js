// --- fetching ---------------------------------------------------------------------------------------------
const LOST = "⚠ Not connected. Is the demo still running? Trying again…";

async function get(path) {
  const response = await fetch(path, { cache: "no-cache" });
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  throw Object.assign(new Error(problem.title ?? String(response.status)), { status: response.status });
}

async function choose(id, span = null) {
  [chosen, wantedSpan] = [id, span];
  history.replaceState(null, "", span ? `#${id}/${span}` : `#${id}`);
  mark();
  await refresh().catch(() => showStatus(LOST, true));
}

// Fetches the chosen trace if it is not shown as it is now.
async function refresh() {
  const signature = rows.get(chosen)?.signature ?? null;
  if (!chosen || (chosen === missing && signature === null)) return;
  if (shown && shown.trace.trace_id === chosen && (signature === null || shown.signature === signature)) {
    selectWanted();
    return;
  }
  const asked = chosen;
  const trace = await get(`/api/traces/${asked}`).catch((error) => {
    if (error.status !== 404) throw error;
    return null;
  });
  if (asked !== chosen) return;
  if (!trace) { showMissing(asked); return; }
  showTrace(trace);
  shown.signature = signature;
  selectWanted();
}

function showMissing(id) {
  [missing, shown] = [id, null];
  $("title").textContent = "Trace not found";
  $("trace").replaceChildren(h("p", { class: "empty" }, "Only the most recent traces are stored. Not found: ", h("code", {}, id)));
}

function selectWanted() {
  if (wantedSpan) selectSpan(wantedSpan, true);
  wantedSpan = null;
}

async function poll() {
  try {
    const asked = applied;
    const [found, measured, lines] = await Promise.all([`/api/traces${asked}`, "/api/metrics", "/api/logs"].map(get));
    showMetrics(measured);
    showLines(lines);
    if (asked === applied) showFound(found);
    if (!chosen && found.traces.length) chosen = found.traces[0].trace_id;
    mark();
    await refresh();
  } catch {
    showStatus(LOST, true);
  }
  setTimeout(poll, POLL_MS);
}

function showStatus(text, lost) {
  if ($("state").textContent !== text) $("state").textContent = text;
  $("state").classList.toggle("lost", lost);
}

function linked() {
  const found = location.hash.match(/^#([0-9a-f]{32})(?:\/([0-9a-f]{16}))?$/);
  if (found) [chosen, wantedSpan] = [found[1], found[2] ?? null];
}

addEventListener("hashchange", () => { linked(); mark(); refresh().catch(() => {}); });
$("endpoint").textContent = `OTEL_EXPORTER_OTLP_ENDPOINT=${location.origin} OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`;
linked();
Promise.resolve(readSearch()).then(poll);
