// Small pieces of the page: icons, faces, chips. Everything is built from nodes and text, never from HTML.

import { make } from "../shared/markdown.js";
import { t } from "./words.js";

export { make };
export const $ = (id) => document.getElementById(id);

const SHAPES = {
  bot: "M6 9.5A2.5 2.5 0 0 1 8.5 7h7A2.5 2.5 0 0 1 18 9.5v6a2.5 2.5 0 0 1-2.5 2.5h-7A2.5 2.5 0 0 1 6 15.5zM12 7V4M3 12v2M21 12v2M9.7 12v1M14.3 12v1",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3 2",
  hand: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5a7.5 7.5 0 0 1 15 0",
  team: "M9 12a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 5.2a3.5 3.5 0 0 1 0 6.6M18 14.2a6.5 6.5 0 0 1 3.5 5.8",
  done: "M4 12.5l5 5L20 6.5",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  at: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM16 8v5.5a2.5 2.5 0 0 0 5 0V12a9 9 0 1 0-3.5 7.1",
  all: "M4 6h16M4 12h16M4 18h16",
  tag: "M3 12V4h8l10 10-8 8zM7.5 8.5v.01",
  flag: "M5 21V4M5 4h12l-2 4 2 4H5",
  back: "M19 12H5M11 6l-6 6 6 6",
  up: "M7 11v9H4v-9zM7 11l4-8a2.4 2.4 0 0 1 2.3 3L12.6 9H18a2 2 0 0 1 2 2.4l-1.3 7A2 2 0 0 1 16.7 20H7",
  down: "M7 13V4H4v9zM7 13l4 8a2.4 2.4 0 0 0 2.3-3L12.6 15H18a2 2 0 0 0 2-2.4l-1.3-7A2 2 0 0 0 16.7 4H7",
  star: "M12 4l2.5 5.2 5.7.8-4.1 4 1 5.6-5.1-2.7-5.1 2.7 1-5.6-4.1-4 5.7-.8z",
  mail: "M4 6h16v12H4zM4 7l8 6 8-6",
  spark: "M12 4l1.8 5.2L19 11l-5.2 1.8L12 18l-1.8-5.2L5 11l5.2-1.8zM19 4v3M20.5 5.5h-3",
  note: "M5 4h14v11l-5 5H5zM14 20v-5h5",
  reply: "M9 7l-5 5 5 5M4 12h10a6 6 0 0 1 6 6",
  return: "M4 12a8 8 0 1 0 2.5-5.8M4 4v5h5",
  panel: "M4 5h16v14H4zM14.5 5v14",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  cross: "M6 6l12 12M18 6L6 18",
  more: "M6 12v.01M12 12v.01M18 12v.01",
  send: "M12 19V5M5.5 11.5L12 5l6.5 6.5",
  link: "M7 17L17 7M9 7h8v8",
  search: "M11 17.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM16 16l4.5 4.5",
  filter: "M4 6h16M7 12h10M10 18h4",
  bolt: "M13 3L5 14h6l-1 7 8-11h-6z",
};

export const icon = (shape) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = svg.appendChild(document.createElementNS(svg.namespaceURI, "path"));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  path.setAttribute("d", SHAPES[shape]);
  return svg;
};

export const button = (label, run, { shape, className = "button plain slim", title = "", ...props } = {}) =>
  make("button", { type: "button", className, title, onclick: run, ...props }, shape ? icon(shape) : null, label);

export const iconButton = (label, shape, run, props = {}) =>
  make("button", { type: "button", className: "tool", title: label, "aria-label": label, onclick: run, ...props }, icon(shape));

// One or two letters; one character for scripts without capitals.
export const initials = (name) => {
  const words = name.trim().split(/[\s@._-]+/u).filter((word) => /^[\p{L}\p{N}]/u.test(word));
  if (!words.length) return "?";
  const first = [...words[0]][0].toUpperCase();
  const second = /^[A-Za-z]$/.test(first) && words[1] ? [...words[1]][0].toUpperCase() : "";
  return first + second;
};

// A face: initials on one of eight colours, always the same for the same person.
export const face = (name, id, { online, className = "" } = {}) =>
  make("span", { className: `face hue-${Math.abs(Number(id) || 0) % 8} ${online ? "online" : ""} ${className}`, "aria-hidden": "true" }, initials(name));

export const contactName = (row) => row.contact || t("visitor", { number: row.contact_id });

// Who handles a conversation: the bot, nobody yet, or a name.
export const handler = (row, desk) => {
  if (row.state === "bot") return make("span", { className: "handler bot" }, icon("bot"), t("bot"));
  if (row.state === "resolved") return make("span", { className: "handler resolved" }, icon("done"), t("resolved"));
  const person = row.assignee;
  if (person) {
    const mine = person.id === desk.me?.id;
    const name = mine ? t("you") : person.name;
    return make("span", { className: `handler person ${mine ? "mine" : ""}`, title: person.name }, icon("hand"), make("bdi", {}, name));
  }
  const team = desk.teams.get(row.team)?.name;
  return make("span", { className: "handler waiting" }, icon("clock"), make("bdi", {}, team ? t("waitingFor", { team }) : t("waiting")));
};

export const tagChip = (name, desk) => {
  const chip = make("span", { className: "tag", dir: "auto" }, name);
  const color = desk.tags.get(name)?.color;
  if (/^#[0-9a-f]{6}$/i.test(color || "")) chip.style.setProperty("--tag", color);
  return chip;
};

export const priorityMark = (priority) =>
  priority
    ? make("span", { className: `priority p${priority}`, title: t(`priority${priority}`), "aria-label": t(`priority${priority}`), role: "img" }, icon("flag"))
    : null;

export const stars = (value) =>
  make("span", { className: "stars", role: "img", "aria-label": t("ratedOf", { value }) }, ...[1, 2, 3, 4, 5].map((n) => make("i", { className: n <= value ? "on" : "" }, icon("star"))));

// Text with the searched words marked.
export const marked = (text, query) => {
  const words = query.split(/\s+/).filter(Boolean).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const out = document.createDocumentFragment();
  if (!words.length) return out.append(text), out;
  text.split(new RegExp(`(${words.join("|")})`, "giu")).forEach((part, i) => out.append(i % 2 ? make("mark", {}, part) : part));
  return out;
};
