// Above the conversation: who it is with, who handles it, who else looks on, and what can be done now.

import { ACTIONS, reasonFor, run } from "./actions.js";
import { $, contactName, face, handler, icon, make, priorityMark, tagChip } from "./dom.js";
import { openMenu } from "./menus.js";
import { tick } from "./rows.js";
import { desk, on } from "./state.js";
import { full } from "./times.js";
import { config, t } from "./words.js";

const BUTTONS = ["take", "assign", "snooze", "resolve", "reopen"];
const MORE = ["tags", "priority", "give_back", "note", "panel"];

const act = (id, main) => {
  const action = ACTIONS[id];
  const reason = reasonFor(id);
  const label = t(`do_${id}`);
  return make(
    "button",
    {
      type: "button",
      id: `do-${id}`,
      className: `button slim ${main ? "" : "plain"}`,
      title: reason || `${label} (${action.shown || action.key})`,
      "aria-disabled": reason ? "true" : null,
      "aria-haspopup": action.menu ? "menu" : null,
      onclick: (event) => run(id, event.currentTarget),
    },
    icon(action.shape),
    make("span", { className: "text" }, label),
  );
};

const more = (anchor) =>
  openMenu(anchor, {
    label: t("more"),
    items: MORE.filter((id) => desk.mayReply || !ACTIONS[id].writes).map((id) => ({ label: t(`do_${id}`), shape: ACTIONS[id].shape, hint: ACTIONS[id].shown || ACTIONS[id].key, disabled: reasonFor(id), run: () => run(id, anchor) })),
  });

const paintActions = ({ row }) => {
  const shown = row.state === "resolved" ? ["reopen"] : BUTTONS.filter((id) => id !== "reopen" && !(id === "take" && reasonFor("take")));
  const main = row.state === "resolved" ? "reopen" : reasonFor("take") ? "resolve" : "take";
  const focused = document.activeElement?.id;
  $("do").replaceChildren(...(desk.mayReply ? shown.map((id) => act(id, id === main)) : []), moreButton());
  if (focused?.startsWith("do-")) $(focused)?.focus();
};

const moreButton = () => make("button", { type: "button", id: "do-more", className: "tool", "aria-haspopup": "menu", "aria-label": t("more"), title: t("more"), onclick: (event) => more(event.currentTarget) }, icon("more"));

const paint = () => {
  const conversation = desk.open;
  if (!conversation) {
    for (const id of ["who", "talk-tags"]) $(id).replaceChildren();
    $("summary").querySelector("p").textContent = "";
    return;
  }
  const { row } = conversation;
  const presence = t(conversation.customerOnline ? "customerThere" : "customerGone");
  $("who").replaceChildren(
    face(contactName(row), row.contact_id, { online: conversation.customerOnline }),
    make("div", {}, make("h2", {}, make("bdi", {}, contactName(row)), priorityMark(row.priority)), make("p", { className: "quiet small" }, handler(row, desk), make("span", {}, presence), row.waiting_since && !["bot", "resolved"].includes(row.state) ? make("time", { className: "wait", "data-since": row.waiting_since, title: t("waitsSince", { time: full(row.waiting_since) }) }) : null)),
  );
  const tags = row.tags.map((tag) => tagChip(tag, desk));
  $("talk-tags").replaceChildren(...tags, row.topic ? make("span", { className: "chip bare", dir: "auto" }, row.topic) : "", row.snoozed_until && row.state !== "resolved" ? make("span", { className: "chip bare busy" }, t("snoozedUntil", { time: full(row.snoozed_until) })) : "");
  $("talk-tags").hidden = !$("talk-tags").textContent;
  paintActions(conversation);
  paintSummary(conversation);
  tick($("who"));
};

// Why it was handed over, and what was tried: for whoever takes it.
const paintSummary = ({ row, summary }) => {
  const reason = config.texts[`reason_${row.reason}`] || row.reason;
  const show = (summary || reason) && row.state !== "bot" && row.state !== "resolved";
  $("summary").hidden = !show;
  if (!show) return;
  $("summary").querySelector("summary").replaceChildren(icon("bolt"), make("span", {}, t("handedOver")), reason ? make("bdi", {}, reason) : "");
  $("summary").querySelector("p").textContent = summary || t("noSummary");
};

const paintViewers = () => {
  const others = (desk.open?.viewers || []).filter(({ person }) => person.id !== desk.me?.id);
  $("viewers").replaceChildren(...others.map(({ person, typing }) => make("li", { title: t(typing ? "typesHere" : "looksOn", { name: person.name }) }, face(person.name, person.id, { className: typing ? "busy" : "" }), make("span", { className: "unseen" }, t(typing ? "typesHere" : "looksOn", { name: person.name })))));
  const writing = others.filter(({ typing }) => typing).map(({ person }) => person.name);
  $("typing-here").hidden = !writing.length;
  const text = writing.length ? t("typesHere", { name: writing.join(", ") }) : "";
  if ($("typing-here").textContent !== text) $("typing-here").textContent = text;
};

export const start = () => {
  on("open open.row thread welcome", paint);
  on("open viewers", paintViewers);
};
