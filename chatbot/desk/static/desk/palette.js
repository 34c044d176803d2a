// Ctrl+K: every action, every view, and conversations and contacts by what is in them, from one field.

import { ACTIONS, VIEW_KEYS, goTo, reasonFor, run } from "./actions.js";
import { $, contactName, face, icon, make } from "./dom.js";
import { search } from "./search.js";
import { desk, emit, learn, on } from "./state.js";
import { t } from "./words.js";

const PAUSE = 200;
const MOST = 8;
let entries = [];
let at = 0;
let timer = null;
let asked = 0;

const field = () => $("palette-field");

const actions = (wanted) =>
  Object.entries(ACTIONS)
    .filter(([id, action]) => id !== "palette" && (desk.mayReply || !action.writes))
    .map(([id, action]) => ({ group: t("actions"), label: t(`do_${id}`), shape: action.shape, hint: action.shown || action.key, reason: reasonFor(id), run: () => run(id) }))
    .filter(({ label, reason }) => label.toLowerCase().includes(wanted) && (wanted || !reason));

const views = (wanted) =>
  Object.entries(VIEW_KEYS)
    .map(([key, view]) => ({ group: t("views"), label: t("goTo", { view: t(`view_${view}`) }), shape: "all", hint: `g ${key}`, run: () => goTo(view) }))
    .filter(({ label }) => label.toLowerCase().includes(wanted));

const conversations = (rows, excerpts) =>
  rows.map((row) => ({ group: t("conversations"), label: contactName(row), detail: excerpts[row.conversation] || row.preview, face: face(contactName(row), row.contact_id), run: () => emit("choose", row.conversation) }));

const look = () => {
  const wanted = field().value.trim().toLowerCase();
  entries = [...actions(wanted), ...views(wanted)];
  at = 0;
  paint();
  clearTimeout(timer);
  const mine = ++asked;
  if (wanted) timer = setTimeout(() => find(wanted, mine), PAUSE);
};

const find = async (wanted, mine) => {
  try {
    const { rows, excerpts } = await search(wanted);
    if (mine !== asked || !$("palette").open) return;
    entries = [...entries, ...conversations(rows.slice(0, MOST).map(learn), excerpts)];
    paint();
  } catch {
    // The actions are there all the same.
  }
};

const choose = (i) => {
  const entry = entries[i];
  if (!entry) return;
  $("palette").close();
  entry.run();
};

const paint = () => {
  let group;
  const rows = [];
  entries.forEach((entry, i) => {
    if (entry.group !== group) rows.push(make("li", { className: "group", role: "presentation" }, entry.group));
    group = entry.group;
    const row = make(
      "li",
      { role: "option", id: `palette-${i}`, "aria-selected": String(i === at), "aria-disabled": entry.reason ? "true" : null, onclick: () => choose(i) },
      entry.face || icon(entry.shape),
      make("span", { className: "label", dir: "auto" }, entry.label, entry.detail ? make("span", { className: "detail" }, entry.detail) : null, entry.reason ? make("span", { className: "detail" }, entry.reason) : null),
      entry.hint ? make("span", { className: "keys" }, ...entry.hint.split(" ").map((key) => make("kbd", {}, key === "Escape" ? "Esc" : key))) : null,
    );
    rows.push(row);
  });
  $("palette-list").replaceChildren(...(rows.length ? rows : [make("li", { className: "group" }, t("nothingFound"))]));
  if (entries.length) field().setAttribute("aria-activedescendant", `palette-${at}`);
  $(`palette-${at}`)?.scrollIntoView({ block: "nearest" });
};

const keys = (event) => {
  if (event.isComposing) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (!entries.length) return;
    at = (at + (event.key === "ArrowDown" ? 1 : entries.length - 1)) % entries.length;
    paint();
  } else if (event.key === "Enter") {
    event.preventDefault();
    choose(at);
  }
};

export const start = () => {
  field().addEventListener("input", look);
  field().addEventListener("keydown", keys);
  $("palette").onclick = (event) => event.target === $("palette") && $("palette").close();
  $("palette-open").onclick = () => emit("palette");
  on("palette", () => {
    if ($("palette").open) return $("palette").close();
    if (document.querySelector("dialog[open]")) return;
    field().value = "";
    look();
    $("palette").showModal();
    field().focus();
  });
};
