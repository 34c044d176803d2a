// One thing of a conversation as nodes: a message, a note, an activity. What people and models wrote becomes text
// nodes, Markdown elements and safe links; nothing is loaded and nothing runs.

import { markdown, plain, safeAddress } from "../shared/markdown.js";
import { $, face, icon, make, stars } from "./dom.js";
import { desk } from "./state.js";
import { clock, full, moment } from "./times.js";
import { config, sentence, t } from "./words.js";

const time = (iso) => make("time", { dateTime: iso, title: full(iso) }, clock(iso));

// --- Sources ---------------------------------------------------------------------------------------------------------
const passage = ({ number, title, heading, text, url }) => {
  const panel = $("passage");
  const address = url && safeAddress(new URL(url, location.origin).href);
  panel.querySelector(".kind").textContent = t("sourceNumber", { number });
  panel.querySelector("h2").textContent = title;
  panel.querySelector(".heading").textContent = heading === title ? "" : heading;
  panel.querySelector("blockquote").replaceChildren(markdown(text));
  const link = panel.querySelector("a");
  link.hidden = !address;
  if (address) link.href = address;
  panel.showModal();
  panel.scrollTop = 0;
};

const safely = (open) => {
  try {
    open();
  } catch {
    // An address that is none.
  }
};

const mark = (citation) =>
  make("button", { type: "button", className: "mark", "aria-label": `${t("sourceNumber", { number: citation.number })}: ${citation.title}`, onclick: () => safely(() => passage(citation)) }, String(citation.number));

export const withSources = (text, citations) => {
  const known = new Map(citations.map((citation) => [citation.number, citation]));
  return markdown(text, (number) => known.has(number) && mark(known.get(number)));
};

export const sources = (citations) =>
  citations.length
    ? make(
        "ol",
        { className: "sources", "aria-label": t("sources") },
        ...citations.map((citation) =>
          make("li", {}, make("button", { type: "button", onclick: () => safely(() => passage(citation)) }, make("b", {}, String(citation.number)), make("span", { dir: "auto" }, citation.title))),
        ),
      )
    : null;

export const confidence = (value) => {
  const level = value >= 0.75 ? "high" : value >= 0.45 ? "middling" : "low";
  return make("span", { className: `confidence ${level}`, title: t("confidenceHint") }, make("i", { "aria-hidden": "true" }), t(`confidence_${level}`, { percent: Math.round(value * 100) }));
};

// --- Messages ----------------------------------------------------------------------------------------------------------
const author = ({ role, author: name }, conversation) => {
  if (role === "bot") return t("bot");
  if (role === "customer") return conversation.row.contact || t("customer");
  return name || t("team");
};

const body = (message) => (message.role === "bot" ? withSources(message.text, message.citations) : plain(message.text));

const rating = (value) =>
  value ? make("span", { className: `thumb ${value > 0 ? "good" : "bad"}`, role: "img", "aria-label": t(value > 0 ? "thumbUp" : "thumbDown"), title: t(value > 0 ? "thumbUp" : "thumbDown") }, icon(value > 0 ? "up" : "down")) : null;

const KINDS = { abstain: "warn", clarify: "busy", handoff: "warn", away: "warn" };
const kind = (message) => (message.role === "bot" && KINDS[message.kind] ? make("span", { className: `chip bare ${KINDS[message.kind]}` }, t(`kind_${message.kind}`)) : null);

// Which adapter wrote: only models have one.
export const adapterOf = ({ engine, adapter }) => adapter || (["transformers", "openai"].includes(engine) ? t("baseModel") : "");

// Why the bot said this, in a few lines; asked for when it is not known yet.
const why = (message, conversation, askWhy) => {
  const details = make("details", { className: "why" }, make("summary", {}, t("why")));
  details.ontoggle = async () => {
    if (!details.open) return;
    if (!conversation.answers.has(message.seq)) await askWhy(message.seq);
    const card = conversation.answers.get(message.seq);
    const rows = card
      ? [[t("decision"), config.texts[`decision_${card.decision}`] || card.decision], [t("confidence"), `${Math.round(card.confidence * 100)} %`], [t("engine"), card.engine], [t("adapter"), adapterOf(card)], [t("indexVersion"), card.index_version]]
      : [[t("why"), t("noCard")]];
    const list = make("dl", {}, ...rows.filter(([, value]) => value).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, make("bdi", {}, String(value)))]));
    details.querySelector("dl")?.remove();
    details.append(list);
  };
  return details;
};

const foot = (message, conversation, { seen }) => {
  const card = conversation.answers.get(message.seq);
  return make(
    "div",
    { className: "foot" },
    time(message.created_at),
    message.via === "email" ? make("span", { className: "mini" }, icon("mail"), t("viaEmail")) : null,
    message.role === "agent" && message.seq <= conversation.emailed && message.seq > conversation.customerSeen ? make("span", { className: "mini" }, icon("mail"), t("sentByEmail")) : null,
    kind(message),
    message.role === "bot" && card && card.confidence > 0 ? confidence(card.confidence) : null,
    rating(message.rating),
    seen ? make("span", { className: "mini seen" }, icon("eye"), t("seen")) : null,
  );
};

export const message = (message, conversation, { seen, askWhy }) => {
  if (message.role === "notice") return make("li", { className: "line notice" }, make("span", { dir: "auto" }, message.text), time(message.created_at));
  const name = author(message, conversation);
  const picture = message.role === "bot" ? make("span", { className: "face bot", "aria-hidden": "true" }, icon("bot")) : face(name, message.role === "customer" ? conversation.row.contact_id : [...name].length);
  const column = make(
    "div",
    { className: "column" },
    make("div", { className: "author" }, make("bdi", {}, name)),
    make("div", { className: "bubble", dir: "auto" }, body(message)),
    sources(message.citations),
    foot(message, conversation, { seen }),
    message.role === "bot" ? why(message, conversation, askWhy) : null,
    message.role === "bot" && config.fix ? make("a", { className: "fix", href: `${config.fix}?conversation=${conversation.id}&seq=${message.seq}` }, t("fix")) : null,
    message.role === "bot" && config.replay ? make("a", { className: "fix", href: `${config.replay}?conversation=${conversation.id}&seq=${message.seq}` }, t("replay")) : null,
  );
  return make("li", { className: `item ${message.role}` }, picture, column);
};

// --- Notes and activities ------------------------------------------------------------------------------------------------
const namesIn = (text) => {
  const out = document.createDocumentFragment();
  text.split(/((?<![\w@])@[\w.+-]+)/u).forEach((part, i) => out.append(i % 2 ? make("b", { className: "mention" }, part) : plain(part)));
  return out;
};

export const note = (note) => {
  const name = note.author?.name || t("team");
  const mine = note.author?.id === desk.me?.id;
  return make(
    "li",
    { className: "item note-item" },
    face(name, note.author?.id),
    make(
      "div",
      { className: "column" },
      make("div", { className: "author" }, icon("note"), make("bdi", {}, mine ? t("you") : name), " ", t("noteBy")),
      make("div", { className: "bubble", dir: "auto" }, namesIn(note.text)),
      make("div", { className: "foot" }, time(note.created_at)),
    ),
  );
};

const list = (values) => (Array.isArray(values) && values.length ? values.map(String).join(", ") : t("none"));
const plainValues = (detail) => Object.fromEntries(Object.entries(detail).map(([name, value]) => [name, Array.isArray(value) ? list(value) : typeof value === "object" ? "" : value]));

// Which sentence tells an activity, and with what in it.
const told = ({ kind, actor, detail }) => {
  const values = { ...plainValues(detail), actor: actor?.name || t("system") };
  if (kind === "snoozed") return ["act_snoozed", { ...values, until: detail.until ? moment(detail.until) : "" }];
  if (kind === "priority") return ["act_priority", { ...values, after: config.texts[`priority${detail.after}`] || "" }];
  if (kind === "unassigned") return [detail.team ? "act_unassignedTeam" : "act_unassigned", values];
  if (kind === "handoff") return ["act_handoff", { ...values, reason: config.texts[`reason_${detail.reason}`] || detail.reason || "" }];
  if (kind === "rated") return [detail.comment ? "act_ratedComment" : "act_rated", { ...values, value: detail.value ?? "" }];
  return [`act_${kind}`, values];
};

export const activity = (activity) => {
  const [name, values] = told(activity);
  const picture = activity.kind === "rated" && Number(activity.detail.value) > 0 ? stars(Number(activity.detail.value)) : null;
  return make("li", { className: `line activity ${activity.kind}` }, make("span", { dir: "auto" }, sentence(name, values)), picture, time(activity.created_at));
};

export const pending = ({ text, kind }, state, actions) =>
  make(
    "li",
    { className: `item pending ${kind === "note" ? "note-item" : "agent mine"} ${actions.length ? "failed" : ""}` },
    face(desk.me?.name || "", desk.me?.id),
    make("div", { className: "column" }, make("div", { className: "bubble", dir: "auto" }, kind === "note" ? namesIn(text) : plain(text)), make("div", { className: "foot", role: "status" }, state, ...actions)),
  );
