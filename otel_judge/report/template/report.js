"use strict";
// Everything that a trace or a judge says becomes a text node: nothing here parses HTML.

const data = JSON.parse(document.getElementById("data").textContent);
const PAGE = 100; // rows of the table that are added at a time
const MEANINGS = { pass: "passed", fail: "failed", graded: "graded", not_judgeable: "not judgeable", failed: "judge failed" };

const byId = (id) => document.getElementById(id);

function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Figures

const percent = (share) => `${Math.round(share * 1000) / 10}\u00a0%`;
const whole = (number) => number.toLocaleString("en");
const score = (number) => String(Math.round(number * 1000) / 1000);
const plural = (number, word) => `${whole(number)} ${word}${number === 1 ? "" : "s"}`;

function usd(dollars) {
  if (dollars === null || dollars === undefined) return "";
  return `$${dollars >= 1 ? dollars.toFixed(2) : dollars.toFixed(4)}`;
}

function time(microseconds) {
  if (microseconds === null || microseconds === undefined) return "";
  if (microseconds >= 60e6) return `${(microseconds / 60e6).toFixed(1)} min`;
  if (microseconds >= 1e6) return `${(microseconds / 1e6).toFixed(2)} s`;
  return microseconds >= 100 ? `${(microseconds / 1e3).toFixed(1)} ms` : `${microseconds} µs`;
}

const moment = (ms) => new Date(ms).toISOString().replace("T", " ").slice(0, 19) + " UTC";

function meaning(feedback) {
  if (feedback.outcome !== "judged") return feedback.outcome;
  if (feedback.passed === undefined) return "graded";
  return feedback.passed ? "pass" : "fail";
}

// Scores that say no more than their labels are not shown.
const scoring = new Set(data.scorers.filter((each) => each.scores).map((each) => each.name));
const scoreOf = (feedback) => (scoring.has(feedback.name) && typeof feedback.score === "number" ? score(feedback.score) : "");

function chip(label, meant) {
  return el("span", { class: `chip ${meant}`, title: MEANINGS[meant] }, label);
}

function fact(name, value) {
  return value === "" || value === null || value === undefined ? null : el("span", {}, `${name} `, el("b", {}, value));
}

// Head and scorers

function showHead() {
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const costs = data.scorers.filter((each) => each.cost_usd !== null);
  byId("head").append(
    el("h1", {}, "otel-judge report"),
    el("p", { class: "facts" },
      fact("traces", whole(data.traces.length)),
      fact("spans", whole(sum(data.traces.map((trace) => trace.spans)))),
      fact("cost", costs.length ? usd(sum(costs.map((each) => each.cost_usd))) : ""),
      fact("tokens", whole(sum(data.scorers.map((each) => each.tokens)))),
      fact("judged", data.judged_at_ms ? moment(data.judged_at_ms) : ""),
      fact("from", data.sources.join(", ")),
      fact("otel-judge", data.version)),
  );
}

function interval([rate, low, high]) {
  const x = (share) => 4 + share * 292;
  return el("div", {},
    svg("svg", { class: "plot", viewBox: "0 0 300 14", "aria-hidden": "true" },
      svg("line", { class: "base", x1: 4, x2: 296, y1: 7, y2: 7 }),
      svg("line", { class: "range", x1: x(low), x2: x(high), y1: 7, y2: 7 }),
      svg("circle", { class: "dot", cx: x(rate), cy: 7, r: 4 })),
    el("div", { class: "axis" }, el("span", {}, "0"), el("span", {}, `${percent(low)} to ${percent(high)}, 95\u00a0% interval`), el("span", {}, "100\u00a0%")));
}

function histogram({ low, high, bins, mean, p50, p95, n }) {
  const most = Math.max(...bins);
  const bars = bins.map((count, at) => {
    const height = count ? Math.max(1, (count / most) * 40) : 0;
    return svg("rect", { class: "bin", x: at * 30 + 1, width: 28, y: 42 - height, height },
      svg("title", {}, `${score(low + ((high - low) * at) / bins.length)} to ${score(low + ((high - low) * (at + 1)) / bins.length)}: ${count}`));
  });
  return el("div", {},
    svg("svg", { class: "plot", viewBox: "0 0 300 43", role: "img", "aria-label": `scores, mean ${score(mean)}, median ${score(p50)}` },
      ...bars, svg("line", { class: "base", x1: 0, x2: 300, y1: 42.5, y2: 42.5 })),
    el("div", { class: "axis" }, el("span", {}, score(low)), el("span", {}, score(high))),
    el("p", { class: "facts" }, fact("mean", score(mean)), fact("median", score(p50)), fact("p95", score(p95)), fact("scores", whole(n))));
}

function card(scorer, several) {
  const total = scorer.judged + scorer.not_judgeable + scorer.failures;
  const bars = scorer.labels.map(([label, meant, count]) => {
    const fill = el("i", { class: meant });
    fill.style.width = `${(100 * count) / total}%`;
    const name = `${label}: ${plural(count, "trace")}; show them`;
    return el("li", {}, el("button", { type: "button", "aria-label": name, onclick: () => showOnly(scorer.name, label) },
      chip(label, meant), el("span", { class: "track" }, fill), el("span", { class: "number" }, whole(count))));
  });
  const [kappa, low, high, labels] = scorer.kappa || [];
  const of = [
    scorer.kind, scorer.model, scorer.version && `version ${scorer.version}`, scorer.rung === "prompt" ? "asked once, without tools" : "",
    scorer.shadow_of ? `shadow of ${scorer.shadow_of}` : "",
  ];
  return el("article", { class: "card" },
    el("h3", {}, scorer.name),
    el("p", { class: "of" }, of.filter(Boolean).join(" · ")),
    scorer.rate && el("p", { class: "rate" }, el("strong", {}, percent(scorer.rate[0])),
      el("span", { class: "soft small" }, `pass, of ${whole(scorer.passed + scorer.failed)} that passed or failed`)),
    scorer.rate && interval(scorer.rate),
    el("ul", { class: "bars" }, bars),
    scorer.more_labels ? el("p", { class: "soft small" }, `and ${plural(scorer.more_labels, "other label")}`) : null,
    scorer.scores && histogram(scorer.scores),
    el("p", { class: "facts" },
      fact("judged", whole(scorer.judged)),
      fact("not judgeable", whole(scorer.not_judgeable)),
      fact("failures", whole(scorer.failures)),
      fact("cost", usd(scorer.cost_usd)),
      fact("tokens", scorer.tokens ? whole(scorer.tokens) : ""),
      fact("median time", scorer.kind === "judge" ? time(scorer.seconds * 1e6) : ""),
      fact("read whole", scorer.whole ? whole(scorer.whole) : ""),
      fact("explored", scorer.explored ? whole(scorer.explored) : ""),
      fact("forced at a limit", scorer.forced ? whole(scorer.forced) : ""),
      fact("quotes not verified", scorer.unverified ? whole(scorer.unverified) : ""),
      scorer.calibration === "calibrated" && typeof kappa === "number"
        ? fact("kappa with people", `${score(kappa)} (${score(low)} to ${score(high)}, ${plural(labels, "label")})`) : fact("", scorer.calibration)),
    several ? el("p", { class: "note" }, "One of several versions or models of this scorer: their numbers are not added.") : null);
}

function showScorers() {
  const count = (name) => data.scorers.filter((each) => each.name === name).length;
  byId("scorers").append(...data.scorers.map((scorer) => card(scorer, count(scorer.name) > 1)));
  if (!data.scorers.length) byId("scorers").append(el("p", { class: "soft" }, "No scorer gave a verdict."));
}

// Table

const given = (trace, name) => trace.feedback.filter((each) => each.name === name);
const COLUMNS = [
  { name: "trace", class: "id", key: (trace) => trace.id },
  { name: "root", class: "root", key: (trace) => trace.root },
  { name: "service", class: "service", key: (trace) => trace.service },
  ...data.columns.map((name) => ({ name, class: "verdict", scorer: true, key: (trace) => verdictKey(given(trace, name)) })),
  { name: "spans", class: "num", number: true, key: (trace) => trace.spans },
  { name: "duration", class: "num", number: true, key: (trace) => trace.duration_us },
  { name: "cost", class: "num", number: true, key: (trace) => trace.cost_usd },
];
const RANK = { failed: "0", fail: "1", graded: "2", not_judgeable: "3", pass: "4" }; // what needs a look first

function verdictKey(feedback) {
  if (!feedback.length) return null;
  const [first] = feedback;
  const at = typeof first.score === "number" ? (first.score + 1e6).toFixed(6).padStart(16, "0") : "";
  return `${RANK[meaning(first)]} ${first.label} ${at}`;
}

const state = { search: "", scorer: "", outcome: "", label: "", sort: null, descending: false, shown: PAGE };
let visible = data.traces;

function said(trace) {
  const pieces = [trace.id, trace.root, trace.service];
  for (const each of trace.feedback) {
    pieces.push(each.name, each.label, each.rationale, each.model, each.error && each.error.type);
    for (const evidence of each.evidence) pieces.push(evidence.quote);
  }
  for (const step of trace.steps.shown) {
    for (const piece of step.text) pieces.push(plain(piece));
  }
  return pieces.filter(Boolean).join("\n").toLowerCase();
}

const plain = (piece) => (typeof piece === "number" ? data.strings[piece] : typeof piece === "string" ? piece : piece[0]);

const texts = new Map();
function matches(trace, words) {
  if (words.length) {
    if (!texts.has(trace)) texts.set(trace, said(trace));
    const text = texts.get(trace);
    if (!words.every((word) => text.includes(word))) return false;
  }
  if (!state.scorer && !state.outcome && !state.label) return true;
  return trace.feedback.some((each) =>
    (!state.scorer || each.name === state.scorer) && (!state.outcome || meaning(each) === state.outcome) && (!state.label || each.label === state.label));
}

function refresh() {
  const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
  visible = data.traces.filter((trace) => matches(trace, words));
  const column = COLUMNS[state.sort];
  if (column) {
    const direction = state.descending ? -1 : 1;
    const keyed = visible.map((trace, at) => [column.key(trace), at, trace]);
    keyed.sort(([a, i], [b, j]) => {
      if (a === null || b === null) return a === b ? i - j : a === null ? 1 : -1; // what is not there comes last
      return (a < b ? -1 : a > b ? 1 : 0) * direction || i - j;
    });
    visible = keyed.map(([, , trace]) => trace);
  }
  showRows();
}

function cell(trace, column) {
  const attributes = { class: column.class, role: "cell", "data-label": column.name };
  if (column.scorer) {
    const marks = given(trace, column.name).map((each) => el("div", { class: each.shadow_of ? "shadow" : null },
      chip(each.label, meaning(each)), scoreOf(each) && el("span", { class: "score" }, scoreOf(each))));
    return el("td", attributes, marks);
  }
  if (column.name === "trace") return el("td", { ...attributes, title: trace.id }, el("code", {}, trace.id.slice(0, 8)));
  if (column.name === "duration") return el("td", attributes, time(trace.duration_us));
  if (column.name === "cost") return el("td", attributes, usd(trace.cost_usd));
  return el("td", attributes, column.number ? whole(column.key(trace)) : column.key(trace));
}

function row(trace, at) {
  return el("tr", { role: "row", tabindex: at ? -1 : 0, "data-id": trace.id }, COLUMNS.map((column) => cell(trace, column)));
}

function showRows() {
  const body = byId("rows");
  body.replaceChildren(...visible.slice(0, state.shown).map(row));
  const left = Math.max(0, visible.length - state.shown);
  byId("more").hidden = !left;
  byId("more").textContent = `Show ${Math.min(PAGE, left)} more of ${whole(left)}`;
  const all = data.traces.length;
  byId("count").textContent = visible.length === all ? `${plural(all, "trace")}` : `${whole(visible.length)} of ${plural(all, "trace")}`;
  COLUMNS.forEach((_, at) => {
    const sorted = at !== state.sort ? "none" : state.descending ? "descending" : "ascending";
    byId(`column-${at}`).setAttribute("aria-sort", sorted);
  });
  byId("sort").value = state.sort === null ? "" : `${state.sort} ${state.descending ? "down" : "up"}`;
}

function sortBy(at) {
  const numbers = COLUMNS[at].number; // the largest are asked for first
  state.descending = state.sort === at ? !state.descending : Boolean(numbers);
  state.sort = at;
  refresh();
}

function showTable() {
  byId("table").append(el("table", { role: "table", "aria-label": "Traces" },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, COLUMNS.map((column, at) =>
      el("th", { id: `column-${at}`, role: "columnheader", scope: "col", class: column.number ? "num" : null, "aria-sort": "none" },
        el("button", { type: "button", onclick: () => sortBy(at) }, column.name))))),
    el("tbody", { id: "rows", role: "rowgroup" })));
  const body = byId("rows");
  body.addEventListener("click", (event) => {
    if (!String(getSelection())) openRow(event.target.closest("tr"));
  });
  body.addEventListener("keydown", (event) => {
    const here = event.target.closest("tr");
    const to = { ArrowDown: here.nextElementSibling, ArrowUp: here.previousElementSibling, Home: body.firstElementChild, End: body.lastElementChild }[event.key];
    if (event.key === "Enter" || event.key === " ") openRow(here);
    else if (to) focusRow(to);
    else return;
    event.preventDefault();
  });
  byId("more").addEventListener("click", () => {
    const first = state.shown;
    state.shown += PAGE;
    showRows();
    focusRow(body.children[first]);
  });
}

function openRow(tr) {
  if (!tr) return;
  focusRow(tr);
  location.hash = `trace=${tr.dataset.id}`;
}

function focusRow(tr) {
  byId("rows").querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
  tr.setAttribute("tabindex", "0");
  tr.focus();
}

// Filters

function select(id, title, options, change) {
  return el("label", {}, el("span", {}, title), el("select", { id, onchange: (event) => change(event.target.value) },
    options.map(([value, text]) => el("option", { value }, text))));
}

function showFilters() {
  const changed = (name) => (value) => {
    state[name] = value;
    state.shown = PAGE;
    refresh();
  };
  const search = el("input", { id: "search", type: "search", placeholder: "Search traces, rationales and steps", "aria-keyshortcuts": "/", autocomplete: "off",
    oninput: (event) => changed("search")(event.target.value) });
  search.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" || !byId("rows").firstElementChild) return;
    event.preventDefault();
    focusRow(byId("rows").firstElementChild);
  });
  byId("filters").append(
    el("label", {}, el("span", {}, "Search"), search),
    select("scorer", "Scorer", [["", "Any scorer"], ...data.columns.map((name) => [name, name])], (value) => {
      state.label = "";
      changed("scorer")(value);
      showLabels();
    }),
    select("outcome", "Outcome", [["", "Any outcome"], ...Object.entries(MEANINGS)], changed("outcome")),
    select("label", "Label", [], changed("label")),
    select("sort", "Sort", [["", "As read"], ...COLUMNS.flatMap(({ name }, at) => [[`${at} up`, `${name} ↑`], [`${at} down`, `${name} ↓`]])], (value) => {
      const [at, way] = value.split(" ");
      state.sort = at ? Number(at) : null;
      state.descending = way === "down";
      refresh();
    }),
    el("button", { type: "reset" }, "Clear"));
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", () => {
    Object.assign(state, { search: "", scorer: "", outcome: "", label: "", shown: PAGE, sort: null, descending: false });
    showLabels();
    refresh();
  });
  showLabels();
}

function showLabels() {
  const labels = new Set();
  for (const scorer of data.scorers) {
    if (!state.scorer || scorer.name === state.scorer) scorer.labels.forEach(([label]) => labels.add(label));
  }
  byId("label").replaceChildren(...[["", "Any label"], ...[...labels].sort().map((label) => [label, label])].map(([value, text]) => el("option", { value }, text)));
  byId("label").value = state.label;
}

function showOnly(scorer, label) {
  Object.assign(state, { scorer, label, outcome: "", shown: PAGE });
  byId("scorer").value = scorer;
  byId("outcome").value = "";
  showLabels();
  refresh();
  byId("traces-title").scrollIntoView();
}

// One trace

function evidenceItem(evidence, trace) {
  const shown = evidence.step !== null && trace.steps.shown.some((step) => step.n === evidence.step);
  const where = `span ${evidence.span_id}${evidence.path ? ` · ${evidence.path}` : ""}`;
  const go = () => goTo(evidence.mark !== null && byId(`mark-${evidence.mark}`) ? `mark-${evidence.mark}` : `step-${evidence.step}`);
  return el("li", { class: evidence.verified ? "verified" : "unverified" },
    el("q", {}, evidence.quote),
    el("span", { class: "from" },
      evidence.verified ? el("span", {}, "✓ stands in ") : el("span", { class: "warn" }, "! not found in "),
      where,
      shown ? [" · ", el("a", { href: `#trace=${trace.id}`, onclick: (event) => { event.preventDefault(); go(); } }, `step ${evidence.step}`)] : null));
}

const AGREES = { true: ", which says the same", false: ", which says otherwise" };
const place = (feedback) => data.columns.indexOf(feedback.name);
const inOrder = (feedback) => [...feedback].sort((a, b) => place(a) - place(b));

function verdict(feedback, trace) {
  const meant = meaning(feedback);
  const { coverage, usage, error } = feedback;
  return el("section", { class: `verdict-card ${meant}`, "aria-label": feedback.name },
    el("header", {}, el("h3", {}, feedback.name), chip(feedback.label, meant),
      scoreOf(feedback) && el("span", { class: "soft" }, `score ${scoreOf(feedback)}`),
      feedback.shadow_of ? el("span", { class: "soft" }, `shadow of ${feedback.shadow_of}${AGREES[feedback.agrees] ?? ""}`) : null),
    feedback.rationale ? el("p", { class: "prose" }, feedback.rationale) : null,
    error ? el("p", { class: "note" }, `The judge failed: ${error.type}${error.message && error.message !== feedback.rationale ? `: ${error.message}` : ""}`) : null,
    feedback.forced ? el("p", { class: "note" }, `Given at its limit of ${feedback.forced}, on what it had read.`) : null,
    feedback.evidence.length ? el("ul", { class: "evidence" }, feedback.evidence.map((each) => evidenceItem(each, trace))) : null,
    feedback.more_evidence ? el("p", { class: "soft small" }, `and ${plural(feedback.more_evidence, "more quote")}`) : null,
    el("p", { class: "facts" },
      fact("read", coverage ? `${percent(coverage.spans)} of spans, ${percent(coverage.bytes)} of text` : ""),
      fact("as", feedback.reading),
      fact("tokens", usage ? `${whole(usage.input_tokens)} in${usage.cached_tokens ? ` (${whole(usage.cached_tokens)} cached)` : ""}, ${whole(usage.output_tokens)} out` : ""),
      fact("cost", usd(feedback.cost_usd)),
      fact("took", feedback.kind === "judge" ? time(feedback.duration_s * 1e6) : ""),
      fact("model", feedback.model),
      fact("version", feedback.kind === "judge" ? feedback.version : ""),
      fact("owner", feedback.owner),
      fact("", feedback.calibration)));
}

function timeline(trace) {
  const { total, bars } = trace.timeline;
  const length = Math.max(1, trace.duration_us);
  const shown = new Set(trace.steps.shown.map((step) => step.n));
  const lines = bars.map(([depth, name, role, start, took, failed, step]) => {
    const bar = el("i", { class: failed ? "error" : role });
    bar.style.left = `${Math.min(99.5, (100 * start) / length)}%`;
    bar.style.width = `${Math.min(100 - Math.min(99.5, (100 * start) / length), (100 * took) / length)}%`;
    const label = el("span", { class: "name" }, failed ? el("span", { class: "bad" }, "error ") : null, name);
    label.style.paddingLeft = `${depth * 0.8}rem`;
    const inside = [label, el("span", { class: "lane", "aria-hidden": "true" }, bar), el("span", { class: "took" }, time(took))];
    const title = `${name} · ${role} · starts at ${time(start)}`;
    if (!shown.has(step)) return el("div", { class: "span", title }, inside);
    return el("a", { class: "span", title, href: `#trace=${trace.id}`, onclick: (event) => { event.preventDefault(); goTo(`step-${step}`); } }, inside);
  });
  const legend = ["agent", "model", "tool", "other", "error"].map((role) => el("span", {}, el("i", { class: role }), role));
  return [
    el("h4", {}, "Timeline"),
    el("div", { class: "legend" }, legend),
    el("div", { class: "timeline" }, lines),
    bars.length < total ? el("p", { class: "cut" }, `${whole(bars.length)} of ${plural(total, "span")}: those that are cited or failed, and the longest.`) : null,
  ];
}

// A step comes as the judge read it: its title, labels after four blanks, what the trace says after six.
function stepItem(step, beside) {
  const lines = [[]];
  for (const piece of step.text) {
    const marked = Array.isArray(piece) ? piece[1] : null;
    plain(piece).split("\n").forEach((text, at) => {
      if (at) lines.push([]);
      if (text) lines[lines.length - 1].push([text, marked]);
    });
  }
  const seen = new Set();
  const runs = (parts, skip) => parts.map(([text, marked]) => {
    const rest = text.slice(skip);
    skip = Math.max(0, skip - text.length);
    if (marked === null || !rest) return rest;
    const id = seen.has(marked) ? null : `mark-${marked}`;
    seen.add(marked);
    return el("mark", { id, tabindex: id ? -1 : null }, rest);
  });
  const body = el("div", {}, title(lines.shift(), runs));
  let block = null;
  for (const line of lines) {
    const text = line.map(([each]) => each).join("");
    const isLabel = /^ {4}\S/.test(text);
    if (isLabel || !block) {
      block = null;
      if (isLabel) body.append(...label(line, text, runs));
      else if (text) body.append((block = el("div", { class: "text" }, runs(line, 6))));
      if (isLabel && text.endsWith(":")) body.append((block = el("div", { class: "text" })));
      continue;
    }
    if (block.hasChildNodes()) block.append("\n");
    block.append(...runs(line, 6));
  }
  for (const evidence of beside) {
    body.append(el("p", { class: "beside" }, el("span", { class: "soft" }, `Cited from ${evidence.path || "this span"}, not shown above: `), `“${evidence.quote}”`));
  }
  body.style.setProperty("--depth", String(Math.min(10, (/^\d+\.( *)/.exec(plain(step.text[0]))?.[1].length ?? 1) >> 1)));
  return el("li", { id: `step-${step.n}`, class: `step ${step.kind}`, tabindex: -1 }, el("span", { class: "no" }, String(step.n)), body);
}

// `who [span path] (how): what`: who in bold, what as text of its own.
function title(line, runs) {
  const text = line.map(([each]) => each).join("");
  const [, number, who, at, how, what] = /^(\d+\. *)([^[]*)(\[[0-9a-f]{16}[^\]]*\])?([^:]*)(:?.*)$/s.exec(text) || [null, "", text, "", "", ""];
  const head = el("div", { class: "title" }, el("b", {}, who), at ? el("span", { class: "at" }, at.slice(1, -1)) : null);
  for (const word of how.split(/(ERROR)/)) head.append(word === "ERROR" ? el("span", { class: "bad" }, word) : el("span", { class: "soft" }, word));
  if (!line.some(([, marked]) => marked !== null) && what.length < 2) return [head];
  const skip = number.length + who.length + (at || "").length + how.length;
  const rest = runs(line, skip + (what.startsWith(": ") ? 2 : 0)).filter(Boolean);
  return what.length > 1 || rest.length ? [head, el("div", { class: "text" }, rest)] : [head];
}

function label(line, text, runs) {
  if (/^ {4}\[… /.test(text)) return [el("div", { class: "cut" }, text.trim())];
  const made = el("div", { class: "label" });
  const head = /^ {4}([^:]*)(: |:?$)/.exec(text);
  if (!head) {
    made.append(...runs(line, 4));
    return [made];
  }
  const isError = head[1].startsWith("ERROR");
  made.append(el("span", { class: isError ? "bad" : null }, head[1]));
  const rest = runs(line, head[0].length).filter(Boolean);
  return rest.length ? [made, el("div", { class: "text" }, rest)] : [made];
}

function trajectory(trace) {
  const { total, shown } = trace.steps;
  const unmarked = trace.feedback.flatMap((each) => each.evidence).filter((each) => each.verified && each.mark === null);
  const items = [];
  let next = 1;
  for (const step of shown) {
    if (step.n > next) items.push(el("li", { class: "gap" }, gap(next, step.n - 1)));
    const beside = unmarked.filter((each) => each.step === step.n);
    items.push(stepItem(step, beside.filter((each, at) => beside.findIndex((other) => other.quote === each.quote) === at)));
    next = step.n + 1;
  }
  if (next <= total) items.push(el("li", { class: "gap" }, shown.length ? gap(next, total) : `${plural(total, "step")}, which had no room in this report`));
  return [el("h4", {}, "What the agent did"), el("ol", { class: "steps" }, items)];
}

const gap = (first, last) => (first === last ? `Step ${first} is left out` : `Steps ${first} to ${last} are left out`);

function goTo(id) {
  const target = byId(id);
  if (!target) return;
  const step = target.closest(".step");
  document.querySelectorAll(".is-here").forEach((each) => each.classList.remove("is-here"));
  step.classList.add("is-here");
  target.scrollIntoView({ block: target === step ? "start" : "center" });
  target.focus({ preventScroll: true });
}

function showTrace(trace) {
  const dialog = byId("trace");
  const at = visible.indexOf(trace);
  const move = (by) => () => { location.replace(`#trace=${visible[at + by].id}`); };
  const step = (text, by) => el("button", { type: "button", disabled: at < 0 || !visible[at + by], onclick: move(by), "aria-keyshortcuts": by < 0 ? "k" : "j" }, text);
  const { decision } = trace;
  const key = document.activeElement?.getAttribute("aria-keyshortcuts"); // the button that brought us here keeps the focus
  dialog.replaceChildren(
    el("div", { class: "bar" },
      el("button", { type: "button", id: "close", onclick: close }, "Close"),
      el("span", { class: "spring soft small" }, at < 0 ? "" : `${whole(at + 1)} of ${whole(visible.length)}`),
      step("Previous", -1), step("Next", 1)),
    el("div", { class: "sheet" },
      el("h2", { id: "trace-title" }, trace.root),
      el("p", { class: "facts" },
        el("code", {}, trace.id),
        fact("service", trace.service),
        fact("spans", whole(trace.spans)),
        fact("took", time(trace.duration_us)),
        fact("began", trace.start_ms ? moment(trace.start_ms) : ""),
        fact("cost of judging", usd(trace.cost_usd))),
      decision && data.scorers.some((each) => each.kind === "judge")
        ? el("p", { class: "soft small" }, `${decision.sampled ? "Sampled for judging" : "Not sampled for judging"}: ${decision.reason}`) : null,
      el("div", { class: "verdicts" }, inOrder(trace.feedback).map((feedback) => verdict(feedback, trace))),
      trace.timeline ? timeline(trace) : el("p", { class: "soft" }, "The trace itself was not read."),
      trace.timeline ? trajectory(trace) : null));
  if (!dialog.open) dialog.showModal();
  (dialog.querySelector(`[aria-keyshortcuts="${key}"]:enabled`) || byId("close")).focus();
  dialog.scrollTop = 0;
  document.title = `${trace.root} · otel-judge report`;
}

function close() {
  history.pushState(null, "", location.pathname + location.search);
  follow();
}

function follow() {
  const wanted = /^#trace=([0-9a-f]+)$/.exec(location.hash);
  const trace = wanted && data.traces.find((each) => each.id === wanted[1]);
  if (trace) return showTrace(trace);
  document.title = "otel-judge report";
  const dialog = byId("trace");
  if (!dialog.open) return undefined;
  dialog.close();
  dialog.replaceChildren();
  return byId("rows").querySelector('[tabindex="0"]')?.focus();
}

byId("trace").addEventListener("cancel", (event) => {
  event.preventDefault();
  close();
});
byId("trace").addEventListener("close", () => {
  if (location.hash) close(); // a browser may close it by itself
});
byId("trace").addEventListener("click", (event) => {
  if (event.target === byId("trace")) close(); // beside the sheet
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
  const dialog = byId("trace");
  if (dialog.open && (event.key === "j" || event.key === "k")) dialog.querySelector(`[aria-keyshortcuts="${event.key}"]`).click();
  if (!dialog.open && event.key === "/") {
    event.preventDefault();
    byId("search").focus();
  }
});
window.addEventListener("hashchange", follow);

showHead();
showScorers();
showFilters();
showTable();
refresh();
follow();
