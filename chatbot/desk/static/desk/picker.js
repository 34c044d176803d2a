// The list that opens under a word being written: canned replies after `/`, colleagues after `@` in a note.
// Arrow keys choose, Enter or Tab takes, Escape closes; the focus never leaves the text.

import { $, face, make } from "./dom.js";
import { desk } from "./state.js";
import { t } from "./words.js";

const SLASH = /(?:^|\s)\/([^\s/]{0,60})$/u;
const AT = /(?:^|[^\w@])@([\w.+-]{0,60})$/u;
const MOST = 8;
let open = null; // {kind, from, entries, at}
let asked = 0;
let shut = ""; // the word for which it was closed with Escape

const field = () => $("text");
const before = () => field().value.slice(0, field().selectionStart);

export const isOpen = () => open !== null;

export const close = () => {
  asked += 1;
  open = null;
  $("picker").hidden = true;
  field().removeAttribute("aria-activedescendant");
  field().setAttribute("aria-expanded", "false");
};

// What stands before the cursor, if it asks for a list.
const word = (tab) => {
  const found = (tab === "note" ? AT : SLASH).exec(before());
  return found && { query: found[1], from: field().selectionStart - found[1].length - 1 };
};

export const update = async (tab, insert) => {
  const wanted = word(tab);
  if (!wanted || shut === `${wanted.from}`) {
    if (!wanted) shut = "";
    return close();
  }
  const mine = ++asked;
  const entries = tab === "note" ? colleagues(wanted.query) : await canned(wanted.query);
  if (mine !== asked || entries === null) return;
  open = { ...wanted, entries, at: 0, insert };
  paint();
};

const colleagues = (query) => {
  const text = query.toLowerCase();
  const members = new Set(desk.inboxes.get(desk.open.row.inbox)?.agents || []);
  return [...desk.people.values()]
    .filter((person) => person.id !== desk.me.id && person.username && `${person.username} ${person.name}`.toLowerCase().includes(text))
    .sort((one, other) => members.has(other.id) - members.has(one.id) || one.name.localeCompare(other.name))
    .slice(0, MOST)
    .map((person) => ({ name: person.name, hint: `@${person.username}`, face: face(person.name, person.id, { online: person.online }), text: `@${person.username} ` }));
};

const canned = async (query) => {
  try {
    const { replies } = await desk.line.ask("canned", { conversation: desk.open.id, query });
    return replies.slice(0, MOST).map((reply) => ({ name: reply.title, hint: `/${reply.shortcut}`, detail: reply.text, text: reply.text, canned: reply.id }));
  } catch {
    return null;
  }
};

const paint = () => {
  const box = $("picker");
  const rows = open.entries.map((entry, i) => {
    const row = make(
      "li",
      { role: "option", id: `pick-${i}`, "aria-selected": String(i === open.at) },
      entry.face || null,
      make("span", { className: "label" }, make("bdi", { className: "name" }, entry.name), entry.detail ? make("span", { className: "detail", dir: "auto" }, entry.detail) : null),
      make("span", { className: "hint" }, entry.hint),
    );
    row.onmousedown = (event) => {
      event.preventDefault();
      choose(i);
    };
    return row;
  });
  box.replaceChildren(...(rows.length ? rows : [make("li", { className: "none" }, t("nothingFound"))]));
  box.hidden = false;
  field().setAttribute("aria-expanded", "true");
  if (rows.length) field().setAttribute("aria-activedescendant", `pick-${open.at}`);
  rows[open.at]?.scrollIntoView({ block: "nearest" });
};

const choose = (i) => {
  const entry = open.entries[i];
  const { from, insert } = open;
  close();
  if (entry) insert(entry, from);
};

// true: the key belonged to the list.
export const key = (event) => {
  if (!open) return false;
  const count = open.entries.length;
  if (event.key === "Escape") {
    shut = `${open.from}`;
    close();
  } else if (!count) return false;
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    open.at = (open.at + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
    paint();
  } else if (event.key === "Enter" || event.key === "Tab") choose(open.at);
  else return false;
  event.preventDefault();
  event.stopPropagation();
  return true;
};
