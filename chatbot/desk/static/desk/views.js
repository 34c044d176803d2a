// The views with their counts, and the filters by inbox and tag. Counts are the server's: asked for, never guessed.

import { $, icon, make, tagChip } from "./dom.js";
import { VIEWS } from "./lists.js";
import { openMenu } from "./menus.js";
import { desk, emit, on } from "./state.js";
import { t } from "./words.js";

const SHAPES = { waiting: "clock", mine: "hand", team: "team", bot: "bot", resolved: "done", snoozed: "moon", mentions: "at", all: "all" };
const RHYTHM = 1000;
let timer = null;

export const showView = (view) => {
  desk.view = view;
  emit("view");
};

const paint = () => {
  for (const link of $("view-list").querySelectorAll("button")) {
    const view = link.dataset.view;
    const count = desk.counts[view] ?? 0;
    link.querySelector(".count").textContent = count ? String(count) : "";
    link.classList.toggle("hot", (view === "waiting" && count > 0) || (view === "mentions" && desk.unreadMentions > 0));
    if (view === desk.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  $("view-name").textContent = t(`view_${desk.view}`);
  $("view-count").textContent = desk.counts[desk.view] || "";
  paintFilters();
};

const paintFilters = () => {
  const inbox = desk.inboxes.get(desk.inbox);
  const chosen = [
    inbox ? make("span", { className: "chosen", dir: "auto" }, inbox.name) : null,
    desk.tag ? tagChip(desk.tag, desk) : null,
  ].filter(Boolean);
  $("filters").replaceChildren(...chosen, ...(chosen.length ? [make("button", { type: "button", className: "linklike", onclick: () => filterBy({ inbox: null, tag: "" }) }, t("clearFilter"))] : []));
  $("filters").hidden = !chosen.length;
  $("filter").classList.toggle("on", chosen.length > 0);
};

export const filterBy = ({ inbox = desk.inbox, tag = desk.tag }) => {
  Object.assign(desk, { inbox, tag });
  emit("view");
};

export const filterMenu = (anchor) => {
  const inboxes = [...desk.inboxes.values()].map((inbox) => ({ group: t("inbox"), label: inbox.name, checked: desk.inbox === inbox.id, run: () => filterBy({ inbox: desk.inbox === inbox.id ? null : inbox.id }) }));
  const tags = [...desk.tags.keys()].sort((a, b) => a.localeCompare(b)).map((tag) => ({ group: t("tag"), label: tag, checked: desk.tag === tag, run: () => filterBy({ tag: desk.tag === tag ? "" : tag }) }));
  openMenu(anchor, { label: t("filter"), search: true, items: [...inboxes, ...tags], empty: t("nothingToFilter") });
};

// Soon, and not more often than the rhythm allows.
export const askCounts = () => {
  timer ||= setTimeout(async () => {
    timer = null;
    try {
      counted(await desk.line.ask("counts"));
    } catch {
      // Asked again after the next welcome.
    }
  }, RHYTHM);
};

export const counted = (event) => {
  desk.counts = event.views;
  desk.unreadMentions = event.unread_mentions;
  paint();
  emit("counts");
};

export const start = () => {
  $("view-list").replaceChildren(
    ...VIEWS.map((view) => {
      const link = make("button", { type: "button", onclick: () => showView(view) }, icon(SHAPES[view]), make("span", { className: "label" }, t(`view_${view}`)), make("span", { className: "count number" }));
      link.dataset.view = view;
      return make("li", {}, link);
    }),
  );
  $("filter").onclick = () => filterMenu($("filter"));
  $("view-switch").onclick = () => openMenu($("view-switch"), { label: t("views"), items: VIEWS.map((view) => ({ label: t(`view_${view}`), hint: String(desk.counts[view] || ""), shape: SHAPES[view], checked: view === desk.view, run: () => showView(view) })) });
  on("view", () => {
    paint();
    if (desk.view === "mentions" && desk.unreadMentions) desk.line.ask("mentions.seen").then(askCounts, () => {});
  });
  on("welcome", async () => {
    paint();
    desk.line.ask("counts").then(counted, () => {});
  });
  on("row mentioned", askCounts);
  on("filter.clear", () => filterBy({ inbox: null, tag: "" }));
  paint();
};
