// One line of the list: who, what, since when, and who handles it. Built anew only when something of it changed.

import { contactName, face, handler, icon, make, priorityMark, tagChip } from "./dom.js";
import { hasDraft } from "./keep.js";
import { unread } from "./lists.js";
import { desk } from "./state.js";
import { full, short, urgency, waited } from "./times.js";
import { t } from "./words.js";

const WHO = { customer: "", bot: "botSays", agent: "teamSays", notice: "" };

// How long the customer waits, ticking; else when something was last said.
const since = (row) => {
  if (row.waiting_since && row.state !== "resolved" && row.state !== "bot")
    return make("time", { className: "wait", dateTime: row.waiting_since, "data-since": row.waiting_since, title: t("waitsSince", { time: full(row.waiting_since) }) });
  return row.last_message_at ? make("time", { dateTime: row.last_message_at, title: full(row.last_message_at) }, short(row.last_message_at)) : null;
};

const preview = (row) => {
  const who = WHO[row.preview_role] ? make("span", { className: "who" }, t(WHO[row.preview_role]), " ") : null;
  const draft = hasDraft(row.conversation) ? make("span", { className: "draft" }, t("draftHere"), " ") : null;
  return make("span", { className: "preview", dir: "auto" }, draft, who, row.preview || t("noText"));
};

const facts = (row) => {
  const inbox = desk.inboxes.size > 1 ? desk.inboxes.get(row.inbox)?.name : "";
  return make(
    "span",
    { className: "facts-line" },
    handler(row, desk),
    row.snoozed_until && row.state !== "resolved" ? make("span", { className: "mini", title: t("snoozedUntil", { time: full(row.snoozed_until) }) }, icon("moon")) : null,
    row.via === "email" ? make("span", { className: "mini", title: t("viaEmail") }, icon("mail")) : null,
    row.rating ? make("span", { className: "mini rated", title: t("ratedOf", { value: row.rating }) }, icon("star"), String(row.rating)) : null,
    ...row.tags.slice(0, 2).map((tag) => tagChip(tag, desk)),
    row.tags.length > 2 ? make("span", { className: "mini", title: row.tags.slice(2).join(", ") }, `+${row.tags.length - 2}`) : null,
    inbox ? make("span", { className: "inbox", dir: "auto" }, inbox) : null,
  );
};

export const fill = (element, row) => {
  const isNew = unread(row);
  element.classList.toggle("unread", isNew);
  element.replaceChildren(
    face(contactName(row), row.contact_id),
    make(
      "span",
      { className: "lines" },
      make(
        "span",
        { className: "top" },
        make("bdi", { className: "contact" }, contactName(row)),
        isNew ? make("span", { className: "dot", role: "img", "aria-label": t("unread") }) : null,
        priorityMark(row.priority),
        since(row),
      ),
      preview(row),
      facts(row),
    ),
  );
  tick(element);
};

export const tick = (root, now = Date.now()) => {
  for (const time of root.querySelectorAll("[data-since]")) {
    const text = waited(time.dataset.since, now);
    if (time.textContent !== text) time.textContent = text;
    const level = urgency(time.dataset.since, now);
    if (time.dataset.level !== level) time.dataset.level = level;
  }
};
