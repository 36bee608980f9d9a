// --- rate, errors and duration of each route --------------------------------------------------------------
const cards = new Map();
const HEADROOM = 1.15; // above the slowest request, for its exemplar
const rate = (value) => `${value.toFixed(value < 10 ? 1 : 0)}/s`;

function figure(name, caption) {
  const chart = plot(name);
  const value = h("div", { class: "value" });
  const under = h("div", { class: "under" });
  return { ...chart, value, under, box: h("div", { class: "chart" }, h("div", { class: "under" }, caption), chart.element, value, under) };
}

function newCard(route) {
  const name = `${route.method} ${route.route}`;
  const search = () => searchFor({ service: route.service, route: route.method ? name : route.route });
  const [rates, errors, durations] = [figure("rate", "Rate"), figure("errors", "Errors"), figure("durations", "Duration")];
  const button = h("button", { type: "button", onclick: search, "aria-label": `Search the traces of ${name}, ${route.service}` },
    bdi(name));
  const element = h("li", { class: "card", "--hue": hue(route.service) }, h("h3", {}, button), serviceName(route.service),
    h("div", { class: "charts" }, rates.box, errors.box, durations.box));
  return { element, rates, errors, durations, exemplars: new Map() };
}

function fillCard(card, route, frame) {
  const { slots, total } = route;
  const rates = slots.map((slot) => slot.rate);
  const most = highest(rates);
  const share = total.errors / total.requests;
  const slowest = highest([1, ...slots.map((slot) => slot.p95_us), ...route.exemplars.map((each) => each.duration_us)]);
  fill(card.rates.value, `max ${rate(most)}`);
  fill(card.rates.under, plural(total.requests, "request"));
  draw(card.rates, slots.length, bars(rates, most), `Rate: ${plural(total.requests, "request")}, up to ${rate(most)}`);
  card.errors.value.classList.toggle("failing", total.errors > 0);
  fill(card.errors.value, `${total.errors ? "⚠ " : ""}${percent(share)}`);
  fill(card.errors.under, plural(total.errors, "error"));
  draw(card.errors, slots.length, bars(slots.map((slot) => slot.error_share), 1), `Errors: ${percent(share)}`);
  fill(card.durations.value, `p95 ${length(total.p95_us)}`);
  fill(card.durations.under, `p50 ${length(total.p50_us)}`);
  draw(card.durations, slots.length, ranges(slots, slowest * HEADROOM), `Duration: p50 ${length(total.p50_us)}, p95 ${length(total.p95_us)}`);
  placeExemplars(card, route.exemplars, slowest * HEADROOM, frame);
}

function placeExemplars(card, exemplars, top, { start_ms: start, window_ms: window }) {
  const present = new Set(exemplars.map((each) => each.span_id));
  for (const [id, button] of card.exemplars) if (!present.has(id)) { button.remove(); card.exemplars.delete(id); }
  for (const each of exemplars) {
    const button = card.exemplars.get(each.span_id) ?? newExemplar(each);
    card.exemplars.set(each.span_id, button);
    button.style.setProperty("--at", `${(100 * (each.time_ms - start)) / window}%`);
    button.style.setProperty("--up", each.duration_us / top);
    if (!button.isConnected) card.durations.element.after(button);
  }
}

function newExemplar({ trace_id: trace, span_id: span, duration_us: duration, time_ms: time }) {
  const label = `Exemplar: ${length(duration)} at ${clock(time)}, opens its trace`;
  return h("button", { type: "button", class: "exemplar", title: label, "aria-label": label, onclick: () => choose(trace, span) });
}

function showMetrics({ routes, window_seconds: seconds, end_ms: end }) {
  const frame = { start_ms: end - 1000 * seconds, window_ms: 1000 * seconds };
  const key = (route) => JSON.stringify([route.service, route.method, route.route]);
  const present = new Set(routes.map(key));
  for (const [id, card] of cards) if (!present.has(id)) { card.element.remove(); cards.delete(id); }
  for (const [index, route] of routes.entries()) {
    const card = cards.get(key(route)) ?? newCard(route);
    cards.set(key(route), card);
    fillCard(card, route, frame);
    const place = $("routes").children[index];
    if (place !== card.element) $("routes").insertBefore(card.element, place ?? null);
  }
  fill($("window"), `in the last ${plural(seconds / 60, "minute")}`);
  $("no-metrics").hidden = routes.length > 0;
}
