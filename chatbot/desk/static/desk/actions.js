// Everything that can be done, in one table: its key, whether it makes sense now and why not, and what it does.
// Buttons, menus, shortcuts, the palette and the `?` overlay are all drawn from it.

import * as composer from "./composer.js";
import * as draft from "./draft.js";
import { $, face, make } from "./dom.js";
import { focusList, goBack, step, togglePanel } from "./moves.js";
import { openMenu, closeMenu } from "./menus.js";
import { desk, emit } from "./state.js";
import { moment, snoozes } from "./times.js";
import { t } from "./words.js";
import { filterMenu, showView } from "./views.js";

const row = () => desk.open.row;

// Ask the server; what it refuses is said.
export const ask = async (type, fields = {}) => {
  try {
    await desk.line.ask(type, { conversation: desk.open.id, ...fields });
    return true;
  } catch (refused) {
    emit("refused", refused);
    return false;
  }
};

// --- Menus ---------------------------------------------------------------------------------------------------------------
const assignMenu = (anchor) => {
  const members = new Set(desk.inboxes.get(row().inbox)?.agents || []);
  const people = [...desk.people.values()]
    .filter((person) => !members.size || members.has(person.id))
    .sort((one, other) => (other.id === desk.me.id) - (one.id === desk.me.id) || other.online - one.online || one.name.localeCompare(other.name));
  const items = [
    ...people.map((person) => ({ group: t("people"), label: person.id === desk.me.id ? t("meNamed", { name: person.name }) : person.name, hint: t(person.online ? "online" : "away"), face: face(person.name, person.id, { online: person.online }), checked: row().assignee?.id === person.id, run: () => ask("assign", { agent: person.id, team: row().team }) })),
    ...[...desk.teams.values()].map((team) => ({ group: t("teams"), label: team.name, shape: "team", checked: row().team === team.id && !row().assignee, run: () => ask("assign", { agent: null, team: team.id }) })),
    { group: t("nobody"), label: t("nobodyQueue"), shape: "clock", run: () => ask("assign", { agent: null, team: null }) },
  ];
  openMenu(anchor, { label: t("do_assign"), search: true, items });
};

const snoozeMenu = (anchor) => {
  const when = snoozes();
  const until = (time) => ask("snooze", { until: time?.toISOString() ?? null });
  const field = make("input", { type: "datetime-local", className: "menu-field", "aria-label": t("pickTime") });
  const form = make("form", { className: "menu-form" }, field, make("button", { className: "button slim" }, t("do_snooze")));
  form.onsubmit = (event) => {
    event.preventDefault();
    if (!field.value) return;
    closeMenu();
    until(new Date(field.value));
  };
  const items = Object.entries(when).map(([name, time]) => ({ label: t(`snooze_${name}`), hint: moment(time), run: () => until(time) }));
  if (row().snoozed_until) items.push({ label: t("unsnooze"), shape: "clock", run: () => until(null) });
  openMenu(anchor, { label: t("do_snooze"), items, body: form });
};

const tagsMenu = (anchor) => {
  const chosen = new Set(row().tags);
  const toggle = (name) => {
    if (!chosen.delete(name)) chosen.add(name);
    if (!desk.tags.has(name)) desk.tags.set(name, { name, color: "" });
    ask("tags", { tags: [...chosen] });
  };
  openMenu(anchor, {
    label: t("do_tags"),
    search: true,
    empty: t("noTags"),
    items: () => [...desk.tags.keys()].sort((a, b) => chosen.has(b) - chosen.has(a) || a.localeCompare(b)).map((name) => ({ label: name, checked: chosen.has(name), keeps: true, run: () => toggle(name) })),
    more: (text) => ([...desk.tags.keys()].some((name) => name.toLowerCase() === text.toLowerCase()) ? [] : [{ label: t("newTag", { name: text.slice(0, 40) }), shape: "tag", keeps: true, run: () => toggle(text.slice(0, 40)) }]),
  });
};

const priorityMenu = (anchor) =>
  openMenu(anchor, { label: t("do_priority"), items: [2, 1, 0, -1].map((priority) => ({ label: t(`priority${priority}`), checked: row().priority === priority, run: () => ask("priority", { priority }) })) });

// --- Reasons ---------------------------------------------------------------------------------------------------------------
const isResolved = () => (row().state === "resolved" ? t("why_resolved") : "");
const REASONS = {
  take: () => isResolved() || (row().assignee?.id === desk.me.id && row().state === "agent" ? t("why_yours") : ""),
  assign: isResolved,
  snooze: isResolved,
  resolve: isResolved,
  reopen: () => (row().state === "resolved" ? "" : t("why_open")),
  give_back: () => isResolved() || (row().state === "bot" ? t("why_bot") : desk.inboxes.get(row().inbox)?.mode !== "auto" ? t("why_noBot") : ""),
};

// key: as the browser names it; shown: as people read it; writes: not for those who only look; menu: opens one.
export const ACTIONS = {
  reply: { key: "r", shape: "reply", writes: true, of: true, run: () => composer.showTab("reply") },
  note: { key: "n", shape: "note", writes: true, of: true, run: () => composer.showTab("note") },
  canned: { key: "/", shape: "bolt", writes: true, of: true, run: () => composer.startCanned() },
  insert: { key: "d", shape: "spark", writes: true, of: true, run: () => composer.insertDraft() },
  remake: { key: ".", shape: "spark", writes: true, of: true, run: () => draft.remake() },
  dismiss: { key: "x", shape: "cross", writes: true, of: true, run: () => draft.dismissMenu() },
  take: { key: "t", shape: "hand", writes: true, of: true, run: () => ask("take") },
  assign: { key: "a", shape: "team", writes: true, of: true, menu: true, run: assignMenu },
  tags: { key: "#", shape: "tag", writes: true, of: true, menu: true, run: tagsMenu },
  priority: { key: "p", shape: "flag", writes: true, of: true, menu: true, run: priorityMenu },
  snooze: { key: "s", shape: "moon", writes: true, of: true, menu: true, run: snoozeMenu },
  resolve: { key: "e", shape: "done", writes: true, of: true, run: () => ask("resolve") },
  reopen: { key: "u", shape: "return", writes: true, of: true, run: () => ask("reopen") },
  give_back: { key: "b", shape: "bot", writes: true, of: true, run: () => ask("give_back") },
  send_resolve: { key: "", shown: "Ctrl ⇧ ↵", shape: "send", writes: true, of: true, run: () => composer.send({ resolve: true }) },
  next: { key: "j", shape: "all", run: () => step(1) },
  previous: { key: "k", shape: "all", run: () => step(-1) },
  open: { key: "o", shown: "o ↵", shape: "reply", run: () => document.activeElement?.closest?.("[data-conversation]")?.click() ?? focusList() },
  back: { key: "Escape", shown: "Esc", shape: "back", run: () => goBack() },
  panel: { key: "i", shape: "panel", of: true, run: () => togglePanel() },
  filter: { key: "l", shape: "filter", menu: true, run: () => filterMenu($("filter")) },
  search: { key: "f", shape: "search", run: () => $("search").focus() },
  palette: { key: "", shown: "Ctrl K", shape: "search", run: () => emit("palette") },
  shortcuts: { key: "?", shape: "all", run: () => emit("shortcuts") },
};

export const VIEW_KEYS = { w: "waiting", m: "mine", t: "team", b: "bot", r: "resolved", s: "snoozed", n: "mentions", a: "all" };
export const goTo = (view) => showView(view);

// Why it cannot be done now; empty where it can.
export const reasonFor = (id) => {
  const action = ACTIONS[id];
  if (action.writes && !desk.mayReply) return t("why_reader");
  if (action.of && !desk.open) return t("why_nothingOpen");
  return REASONS[id]?.() || "";
};

export const run = (id, anchor = null) => {
  const reason = reasonFor(id);
  if (reason) return emit("toast", { text: reason });
  const beside = anchor?.isConnected && anchor.getClientRects().length ? anchor : $(`do-${id}`)?.getClientRects().length ? $(`do-${id}`) : $("do-more");
  return ACTIONS[id].run(beside);
};
