// The board: asks /board.json every few seconds and shows it. Whatever comes from the database is
// put in as text, never as HTML.
"use strict";

const EVERY = 3000; // milliseconds between two questions
const PATIENCE = 12000; // after which the board's server counts as gone
const MOST = { tables: 60, intents: 100, conflicts: 50, objects: 6, all: 200 };
const STATUS = {
  registered: "registered",
  in_progress: "in progress",
  conflicted: "in conflict",
  completed: "completed",
};
const COUNTED = { registered: "Registered", in_progress: "In progress", completed: "Completed" };

const byId = (id) => document.getElementById(id);
const shown = {}; // section -> what it shows, as JSON
let board = null;
let skew = 0; // the server's clock minus ours
let lost = false;

// An element. Values of attributes and children are text; null leaves one out.
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

const tag = (word, kind) => el("span", { class: `tag ${kind || ""}` }, word);
const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
const anchor = (id) => `intent-${id}`;
const link = (id) => el("a", { class: "name", href: `#${encodeURIComponent(anchor(id))}` }, id);

function ago(milliseconds) {
  const seconds = Math.round(Math.abs(milliseconds) / 1000);
  if (seconds < 5) return "now";
  const [size, unit] =
    seconds < 60 ? [1, "s"] : seconds < 5400 ? [60, "min"] : seconds < 129600 ? [3600, "h"] : [86400, "d"];
  const text = `${Math.round(seconds / size)} ${unit}`;
  return milliseconds > 0 ? `${text} ago` : `in ${text}`;
}

function when(at, attributes) {
  const node = el("time", { datetime: at, title: new Date(at).toLocaleString(), ...attributes });
  node.textContent = ago(Date.now() + skew - Date.parse(at));
  return node;
}

function tellTimes() {
  for (const node of document.querySelectorAll("time")) {
    const text = ago(Date.now() + skew - Date.parse(node.dateTime));
    if (node.textContent !== text) node.textContent = text;
  }
}

// Puts a section's content in place when it has changed: what the reader has selected, focused or
// opened stays as long as it can.
function show(id, data, render) {
  const key = JSON.stringify(data);
  if (shown[id] === key) return;
  shown[id] = key;
  const body = byId(id).querySelector(".body") || byId(id);
  const open = new Set([...body.querySelectorAll("details[open]")].map((node) => node.dataset.key));
  body.replaceChildren(...[render(data)].flat());
  for (const node of body.querySelectorAll("details")) node.open = open.has(node.dataset.key);
}

function heading(id, title, note) {
  byId(id).replaceChildren(title, note ? el("span", { class: "quiet" }, note) : "");
}

function statusTags(intent) {
  const conflicted = intent.status === "conflicted";
  return el(
    "span",
    { class: "tags" },
    intent.queued ? tag("queued", "queued") : null,
    intent.queued && conflicted ? null : tag(STATUS[intent.status] || intent.status, intent.status),
    intent.conflicts && !conflicted ? tag(count(intent.conflicts, "conflict"), "conflicted") : null,
  );
}

// What is worth showing of an intent: not the table of a column that is named itself, nor the
// schema in which something lies; what is only affected comes last.
function worthShowing(objects) {
  const names = objects.map((object) => object.display);
  const implied = (object) =>
    object.action === "touch" && names.some((name) => name.startsWith(`${object.display}.`));
  const kept = objects.filter((object) => object.action !== "reference" || object.kind !== "schema");
  const shownOnes = kept.filter((object) => !implied(object));
  return [
    ...shownOnes.filter((object) => object.source !== "affected"),
    ...shownOnes.filter((object) => object.source === "affected"),
  ];
}

const action = (word) => el("span", { class: `action ${word === "drop" ? "drop" : ""}` }, word);

function listed(items, key) {
  const first = items.slice(0, MOST.objects);
  const rest = items.slice(MOST.objects);
  const each = (item) => el("li", null, action(item.action), " ", el("span", { class: "name" }, item.display));
  return [
    el("ul", { class: "objects" }, first.map(each)),
    rest.length
      ? el(
          "details",
          { "data-key": key },
          el("summary", null, `and ${rest.length.toLocaleString("en")} more`),
          el("ul", { class: "objects" }, rest.slice(0, MOST.all).map(each)),
        )
      : null,
  ];
}

function more(number, most) {
  return number > most
    ? el("p", { class: "more" }, `and ${(number - most).toLocaleString("en")} more: filter to see them`)
    : null;
}

// Conflicts.

function side(agent, feature, id, word, status) {
  return [
    el("dt", null, agent),
    el("dd", { class: "words" }, action(word), ` for "${feature}" `, link(id), status),
  ];
}

// The objects of a conflict; of very many the last one only says how many more there are.
const named = (conflict) => conflict.objects.filter((object) => object.object);

function conflictCard(conflict) {
  const objects = named(conflict);
  const names = [...new Set(objects.map((object) => object.object))];
  const many = names.length - 3 + (conflict.objects.find((object) => object.more) || { more: 0 }).more;
  const words = (name) => [...new Set(objects.map((object) => object[name]))].join(", ");
  return el(
    "article",
    { class: `clashing ${conflict.severity} ${conflict.state}` },
    el(
      "h3",
      null,
      tag(conflict.severity, conflict.severity),
      names.slice(0, 3).map((name) => el("span", { class: "name" }, name)),
      many > 0 ? el("span", null, `and ${many} more`) : null,
      el("span", { class: "quiet sub" }, conflict.type.replace("_", "-")),
      conflict.state === "acknowledged" ? tag("acknowledged", "completed") : null,
      when(conflict.detected_at, { class: "quiet" }),
    ),
    el(
      "dl",
      { class: "sides" },
      side(conflict.intent_agent, conflict.intent_feature, conflict.intent, words("action"), " came second"),
      side(conflict.agent, conflict.feature, conflict.other, words("other_action"), " was there first"),
    ),
    el("p", { class: "words" }, conflict.suggestion),
    conflict.note ? el("p", { class: "words" }, `Note: ${conflict.note}`) : null,
  );
}

function conflictList(conflicts) {
  const serious = conflicts.filter((conflict) => conflict.severity !== "info");
  const infos = conflicts.filter((conflict) => conflict.severity === "info");
  return [
    serious.length ? null : el("p", { class: "panel none" }, "None: nobody is in anybody's way."),
    ...serious.slice(0, MOST.conflicts).map(conflictCard),
    more(serious.length, MOST.conflicts),
    infos.length
      ? el(
          "details",
          { class: "infos", "data-key": "infos" },
          el("summary", null, `${count(infos.length, "note")}: close to each other, but no harm expected`),
          infos.slice(0, MOST.conflicts).map(conflictCard),
        )
      : null,
  ].filter(Boolean);
}

// Objects and who is at them.

// On which objects each intent is in conflict, but for mere notes.
function clashing(conflicts) {
  const found = {};
  for (const conflict of conflicts) {
    if (conflict.severity === "info") continue;
    for (const { object } of named(conflict)) {
      for (const id of [conflict.intent, conflict.other]) (found[id] ||= []).push(object);
    }
  }
  return found;
}

// What an intent does to an object: to its parts, where it names them, else to the whole.
function doings(name, claims, intent) {
  const parts = ((intent && intent.objects) || []).filter((object) => object.display.startsWith(`${name}.`));
  const whole = [...new Set(claims.map((claim) => claim.action))].filter((word) => word !== "touch" || !parts.length);
  const few = parts.slice(0, 4).map((object) => [
    el("li", null, action(object.action), " ", el("span", { class: "name" }, object.display.slice(name.length + 1))),
  ]);
  const rest = parts.length - few.length;
  return el(
    "ul",
    null,
    whole.map((word) => el("li", null, action(word))),
    few.flat(),
    rest > 0 ? el("li", { class: "sub" }, `and ${rest} more`) : null,
  );
}

function tableRows({ tables, clashing }) {
  const known = new Map(board.intents.map((intent) => [intent.id, intent]));
  const within = (object, table) => object === table.object || object.startsWith(`${table.object}.`);
  const inConflict = (table) =>
    table.intents.some(({ id }) => (clashing[id] || []).some((object) => within(object, table)));
  const clashes = new Set(tables.filter(inConflict));
  const ordered = [...clashes, ...tables.filter((table) => !clashes.has(table))];
  const body = (table) => {
    const intents = [...Map.groupBy(table.intents, (intent) => intent.id).values()];
    const rows = intents.map((claims, at) =>
      el(
        "tr",
        null,
        at === 0
          ? el(
              "th",
              { scope: "rowgroup", rowspan: intents.length },
              el("span", { class: "name" }, table.object),
              table.kind === "table" ? null : el("small", null, table.kind),
            )
          : null,
        el("td", { class: "words" }, doings(table.object, claims, known.get(claims[0].id))),
        el("td", { class: "words" }, el("strong", null, claims[0].agent)),
        el("td", { class: "words" }, claims[0].feature, el("span", { class: "sub" }, " ", link(claims[0].id))),
        el("td", null, statusTags({ ...(known.get(claims[0].id) || claims[0]), conflicts: 0 })),
      ),
    );
    return el("tbody", { class: clashes.has(table) ? "clash" : null }, rows);
  };
  return el(
    "div",
    { class: "panel" },
    el(
      "table",
      null,
      el("caption", { class: "hidden" }, "Objects, and the intents that touch them"),
      el(
        "thead",
        null,
        el("tr", null, ["Object", "Change", "Agent", "Feature", "Status"].map((title) => el("th", { scope: "col" }, title))),
      ),
      ordered.slice(0, MOST.tables).map(body),
    ),
    more(tables.length, MOST.tables),
  );
}

// Intents.

function intentRow(intent) {
  const soon = Date.parse(intent.expires_at) - Date.now() - skew < 3600000;
  return el(
    "tr",
    { id: anchor(intent.id), class: intent.conflicts || intent.status === "conflicted" ? "clash" : null },
    el("th", { scope: "row", class: "words" }, intent.agent, el("small", { class: "name" }, intent.id)),
    el(
      "td",
      { class: "words" },
      intent.feature,
      intent.branch ? el("div", { class: "sub name" }, intent.branch) : null,
      intent.description
        ? el("div", { class: "sub description", title: intent.description }, intent.description)
        : null,
    ),
    el("td", null, listed(worthShowing(intent.objects), intent.id)),
    el("td", null, statusTags(intent)),
    el(
      "td",
      { class: "sub times" },
      el("div", null, "since ", when(intent.registered_at)),
      el("div", { class: soon ? "soon" : null }, "ends ", when(intent.expires_at)),
    ),
  );
}

function intentTable(intents) {
  return el(
    "div",
    { class: "panel" },
    el(
      "table",
      null,
      el("caption", { class: "hidden" }, "Active intents, newest first"),
      el(
        "thead",
        null,
        el("tr", null, ["Agent", "Feature", "Objects", "Status", "Time"].map((title) => el("th", { scope: "col" }, title))),
      ),
      el("tbody", null, intents.slice(0, MOST.intents).map(intentRow)),
    ),
    more(intents.length, MOST.intents),
  );
}

// History.

const SAID = {
  registered: ({ feature, queued }) => `for "${feature}"${queued ? ", queued" : ""}`,
  conflict: (detail) => `${detail.severity}, with ${detail.with}`,
  conflict_closed: (detail) => detail.because,
};

function inWords(event) {
  const detail = event.detail || {};
  if (SAID[event.event]) return SAID[event.event](detail);
  return Object.entries(detail)
    .filter(([, value]) => value !== null && value !== "" && typeof value !== "object")
    .map(([name, value]) => `${name.replaceAll("_", " ")}: ${value}`)
    .join(", ");
}

function historyList({ events, ids }) {
  const here = new Set(ids);
  if (!events.length) return el("p", { class: "panel none" }, "Nothing has happened yet.");
  return el(
    "ol",
    { class: "panel" },
    events.map((event) =>
      el(
        "li",
        { class: "words" },
        when(event.at),
        el("span", { class: `event ${event.event}` }, event.event.replaceAll("_", " ")),
        " by ",
        el("strong", null, event.agent),
        el(
          "div",
          { class: "sub" },
          here.has(event.intent) ? link(event.intent) : el("span", { class: "name" }, event.intent || ""),
          " ",
          inWords(event),
        ),
      ),
    ),
  );
}

// The whole.

function figures(counts) {
  const status = counts.by_status || {};
  const figure = (name, value, kind) =>
    el("div", { class: kind || null }, el("dt", null, name), el("dd", null, value.toLocaleString("en")));
  return [
    figure("Active", counts.active),
    figure("In conflict", counts.in_conflict, counts.in_conflict ? "alert" : ""),
    figure("Queued", counts.queued),
    ...Object.entries(COUNTED).map(([name, title]) => figure(title, status[name] || 0)),
  ];
}

function filtered() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (...texts) => {
    const text = texts.join("\n").toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const { intents, tables, conflicts, history } = board;
  return {
    intents: intents.filter((intent) =>
      has(intent.id, intent.agent, intent.feature, intent.branch, intent.description, ...intent.objects.map((o) => o.display)),
    ),
    tables: tables.filter((table) =>
      has(table.object, table.kind, ...table.intents.flatMap((intent) => [intent.id, intent.agent, intent.feature])),
    ),
    conflicts: conflicts.filter((conflict) =>
      has(conflict.intent, conflict.other, conflict.agent, conflict.intent_agent, conflict.feature,
        conflict.intent_feature, ...named(conflict).map((object) => object.object)),
    ),
    history: history.filter((event) => has(event.intent, event.agent, event.event)),
  };
}

function render() {
  if (!board) return;
  const { intents, tables, conflicts, history } = filtered();
  const serious = board.conflicts.filter((conflict) => conflict.severity !== "info").length;
  const idle = !board.intents.length;
  const of = (some, all) => (some === all ? "" : `${some.toLocaleString("en")} of `) + all.toLocaleString("en");
  document.title = `${serious ? `(${serious}) ` : ""}Coordination board: ${board.database}`;
  byId("database").textContent = `database ${board.database}`;
  show("counts", board.counts, figures);
  byId("counts").hidden = idle;
  byId("welcome").hidden = !idle;
  byId("board").classList.toggle("idle", idle);
  for (const id of ["conflicts", "tables", "intents"]) byId(id).hidden = idle;
  heading("conflicts-title", "Conflicts", serious ? of(conflicts.filter((c) => c.severity !== "info").length, serious) : "");
  heading("tables-title", "By table", of(tables.length, board.tables.length));
  heading("intents-title", "Intents", of(intents.length, board.intents.length));
  show("conflicts", conflicts, conflictList);
  show("tables", { tables, clashing: clashing(board.conflicts) }, tableRows);
  show("intents", intents, intentTable);
  show("history", { events: history, ids: board.intents.map((intent) => intent.id) }, historyList);
  tellTimes();
  byId("board").hidden = false;
}

// Tells those who do not look what is new; nothing the first time.
function tell(before, now) {
  if (!before) return;
  const known = new Set(before.conflicts.map((conflict) => conflict.id));
  const news = now.conflicts
    .filter((conflict) => !known.has(conflict.id) && conflict.severity !== "info")
    .map((c) => `New conflict: ${c.intent_agent} and ${c.agent} on ${named(c).map((o) => o.object).join(", ")}.`);
  const ended = before.conflicts.length && !now.conflicts.length ? ["No conflict is left."] : [];
  const changed = now.counts.active - before.counts.active;
  const counted = changed ? [`${count(now.counts.active, "active intent")}.`] : [];
  const text = [...news.slice(0, 3), ...ended, ...counted].join(" ");
  if (text) byId("news").textContent = text;
}

function alarm(title, lines) {
  const text = [title, ...lines].join("\n");
  if (shown.alarm !== text) {
    shown.alarm = text;
    byId("alarm").replaceChildren(
      ...(title ? [el("div", { class: "alarm" }, el("strong", null, title), lines.map((line) => el("div", null, line)))] : []),
    );
  }
  lost = Boolean(title);
  byId("board").classList.toggle("stale", lost);
  byId("pulse").dataset.state = lost ? "lost" : "live";
  byId("pulse").textContent = lost ? "Not up to date" : `Live, ${new Date().toLocaleTimeString()}`;
}

async function ask() {
  let answer;
  try {
    answer = await fetch("board.json", { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
    const content = await answer.json();
    if (answer.ok) {
      skew = Date.parse(content.generated_at) - Date.now();
      tell(board, content);
      board = content;
      alarm("", []);
      render();
      return;
    }
    const { message, detail, hint } = content.error;
    alarm("The board cannot be read from the database", [message, detail, hint, since()].filter(Boolean));
  } catch {
    alarm("The board's own server does not answer", [
      "Has it ended? Start it again: confiture coordinate serve",
      ...[since()].filter(Boolean),
    ]);
  }
}

function since() {
  const time = board && new Date(Date.parse(board.generated_at)).toLocaleTimeString();
  return board ? `What you see is of ${time}. It is tried again every few seconds.` : "It is tried again every few seconds.";
}

async function keepAsking() {
  for (;;) {
    if (!document.hidden) await ask();
    await new Promise((resolve) => {
      setTimeout(resolve, EVERY);
      document.addEventListener("visibilitychange", resolve, { once: true });
    });
  }
}

byId("filter").addEventListener("input", render);
byId("search").addEventListener("submit", (event) => event.preventDefault());
keepAsking();
