// Search in conversations and contacts: results take the list's place until the field is empty.

import { $, face, icon, make, marked } from "./dom.js";
import { fill } from "./rows.js";
import { desk, emit, learn, on } from "./state.js";
import { t } from "./words.js";

const PAUSE = 220;
let timer = null;
let asked = 0;

const field = () => $("search");
const query = () => field().value.trim();

const result = (row, excerpt) => {
  const line = make("button", { type: "button", className: "row", onclick: () => emit("choose", row.conversation) });
  fill(line, row);
  if (excerpt) line.querySelector(".preview").replaceChildren(marked(excerpt, query()));
  return make("li", {}, line);
};

// A contact leads to the newest of its conversations.
const person = (contact) => {
  const name = contact.name || contact.email || t("visitor", { number: contact.id });
  const open = () => (contact.conversation ? emit("choose", contact.conversation) : null);
  return make("li", {}, make("button", { type: "button", className: "row", onclick: open }, face(name, contact.id), make("span", { className: "lines" }, make("span", { className: "top" }, make("bdi", { className: "contact" }, marked(name, query()))), make("span", { className: "preview", dir: "auto" }, marked(contact.email || "", query())))));
};

const heading = (text, count) => make("li", { className: "group" }, text, make("span", { className: "number" }, String(count)));

const show = ({ rows, excerpts, contacts }) => {
  const found = rows.map(learn);
  $("found").replaceChildren(
    ...(contacts.length ? [heading(t("contacts"), contacts.length), ...contacts.map(person)] : []),
    ...(found.length ? [heading(t("conversations"), found.length), ...found.map((row) => result(row, excerpts[row.conversation]))] : []),
    ...(contacts.length + found.length ? [] : [make("li", { className: "empty small" }, icon("search"), make("p", {}, t("nothingFoundFor", { query: query() })))]),
  );
};

export const search = async (text) => desk.line.ask("search", { query: text.slice(0, 200) });

const look = async () => {
  const mine = ++asked;
  const on = query().length > 0;
  $("found-box").hidden = !on;
  $("list-scroll").hidden = on;
  $("search-clear").hidden = !on;
  if (!on) return;
  try {
    const event = await search(query());
    if (mine === asked) show(event);
  } catch (refused) {
    if (mine === asked) $("found").replaceChildren(make("li", { className: "empty small" }, make("p", {}, refused.message || t("notNow"))));
  }
};

export const clear = () => {
  field().value = "";
  look();
};

export const start = () => {
  field().addEventListener("input", () => {
    clearTimeout(timer);
    if (!query()) return look();
    timer = setTimeout(look, PAUSE);
  });
  field().addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      if (!query()) field().blur();
      clear();
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      $("found").querySelector("button")?.focus();
    }
  });
  $("found").addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const all = [...$("found").querySelectorAll("button")];
    const next = all[all.indexOf(document.activeElement) + by];
    (next || field()).focus();
  });
  $("search-clear").onclick = () => {
    clear();
    field().focus();
  };
  on("view", clear);
};
