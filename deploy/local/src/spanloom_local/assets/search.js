// --- search -----------------------------------------------------------------------------------------------
const form = $("search").querySelector("form");
let applied = ""; // the query string of the last search that was understood

function query() {
  const given = [...new FormData(form)].filter(([, value]) => value.trim());
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

async function search() {
  const asked = query();
  try {
    const found = await get(`/api/traces${asked}`);
    applied = asked;
    history.replaceState(null, "", `${location.pathname}${asked}${location.hash}`);
    refuse("");
    showFound(found, false);
  } catch (error) {
    if (error.status === 400) refuse(error.message);
    else showStatus(LOST, true);
  }
}

function refuse(message) {
  fill($("refusal"), message ? `⚠ ${message}` : "");
  $("refusal").hidden = !message;
}

function searchFor(conditions) {
  form.reset();
  for (const [name, value] of Object.entries(conditions)) enter(name, value);
  $("search").open = true;
  search();
}

// A value that a list does not have is added to it.
function enter(name, value) {
  const field = form.elements[name];
  if (field.options && ![...field.options].some((option) => option.value === value)) field.add(new Option(visible(value), value));
  field.value = value;
}

function offer(name, values) {
  const field = form.elements[name];
  const before = field.value;
  const offered = ["", ...new Set([...values, ...(before ? [before] : [])])];
  if (field.offered === offered.join("\n")) return;
  field.offered = offered.join("\n");
  field.replaceChildren(...offered.map((value) => h("option", { value }, visible(value) || "any")));
  field.value = before;
}

function showFound({ traces, found, stored, services: names, routes }, announce = true) {
  offer("service", names);
  offer("route", routes);
  showList(traces, announce && !applied);
  $("empty").hidden = stored > 0;
  $("none").hidden = !(stored && !traces.length);
  fill($("conditions"), applied ? `${found} of ${plural(stored, "trace")}` : "");
  showStatus(`Live · ${applied ? `${found} of ` : ""}${plural(stored, "trace")}`, false);
  if (applied) announceFound(found, stored);
}

function announceFound(count, stored) {
  const message = `${count} of ${plural(stored, "trace")} found`;
  if ($("news").textContent !== message) $("news").textContent = message;
}

function readSearch() {
  const given = [...new URLSearchParams(location.search)].filter(([name]) => form.elements[name]);
  for (const [name, value] of given) enter(name, value);
  $("search").open = given.length > 0;
  return given.length ? search() : null;
}

form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
form.addEventListener("reset", () => setTimeout(search));
