// Shortcuts: one key, or `g` and a second one. Never while somebody types, and never over a dialog or a menu.

import { ACTIONS, VIEW_KEYS, goTo, run } from "./actions.js";
import { $, make } from "./dom.js";
import { desk, emit, on } from "./state.js";
import { t } from "./words.js";

const SECOND_KEY = 1500;
let going = null;

const BY_KEY = new Map(Object.entries(ACTIONS).filter(([, action]) => action.key).map(([id, { key }]) => [key, id]));

const types = (target) => target instanceof Element && (target.closest("input, textarea, select, [contenteditable]") !== null);
const covered = () => document.querySelector("dialog[open]") !== null || $("menu").matches(":popover-open");

const pressed = (event) => {
  if (event.isComposing || event.defaultPrevented) return;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    return emit("palette");
  }
  if (event.ctrlKey || event.metaKey || event.altKey || types(event.target) || covered()) return;
  if (going) return second(event);
  if (event.key === "g") {
    going = setTimeout(() => (going = null), SECOND_KEY);
    return;
  }
  const id = BY_KEY.get(event.key);
  if (!id || (event.key === "Escape" && event.repeat)) return;
  if (id === "open" && event.target.closest?.("button, a")) return; // the key belongs to what has the focus
  event.preventDefault();
  run(id);
};

const second = (event) => {
  clearTimeout(going);
  going = null;
  const view = VIEW_KEYS[event.key.toLowerCase()];
  if (!view) return;
  event.preventDefault();
  goTo(view);
};

const keyed = (text) => text.split(" ").map((key) => make("kbd", {}, key));

const overlay = () => {
  const row = (keys, label) => make("li", {}, make("span", {}, label), make("span", { className: "keys" }, ...keyed(keys)));
  const actions = Object.entries(ACTIONS).filter(([, action]) => desk.mayReply || !action.writes);
  const of = (wanted) => actions.filter(([, action]) => !!action.of === wanted).map(([id, action]) => row(action.shown || (action.key === "Escape" ? "Esc" : action.key), t(`do_${id}`)));
  const group = (title, rows) => make("section", {}, make("h3", {}, title), make("ul", {}, ...rows));
  $("shortcuts-body").replaceChildren(
    group(t("keysConversation"), of(true)),
    group(t("keysEverywhere"), of(false)),
    group(t("keysViews"), Object.entries(VIEW_KEYS).map(([key, view]) => row(`g ${key}`, t(`view_${view}`)))),
    ...(desk.mayReply ? [group(t("keysWriting"), [row("↵", t("insertHint")), row("Ctrl ↵", t("send")), row("/", t("do_canned")), row("@", t("mentionHint")), row("Esc", t("leaveField"))])] : []),
  );
  $("shortcuts").showModal();
};

export const start = () => {
  document.addEventListener("keydown", pressed);
  on("shortcuts", overlay);
  $("shortcuts-close").onclick = () => $("shortcuts").close();
  $("shortcuts").onclick = (event) => event.target === $("shortcuts") && $("shortcuts").close();
  $("shortcuts-open").onclick = overlay;
};
