// The timeline of the open conversation. Shows the newest part and grows upwards as one scrolls, so that thousands of
// messages cost nothing; nodes are made once and moved, never redrawn.

import { markdown } from "../shared/markdown.js";
import * as bubbles from "./bubbles.js";
import { $, icon, make } from "./dom.js";
import { sending, states } from "./sending.js";
import { desk, emit, haveRead, on } from "./state.js";
import { dayName, full } from "./times.js";
import { t } from "./words.js";

const CHUNK = 60;
const NEAR = 80; // pixels from the end that count as the end
let nodes = new Map(); // key -> {element, signature}
let limit = CHUNK;
let sticks = true;
let painting = 0;
let of = null;

const scroll = () => $("scroll");

export const paint = () => {
  painting ||= requestAnimationFrame(() => {
    painting = 0;
    paintNow();
  });
};

const askWhy = async (seq) => {
  const conversation = desk.open;
  try {
    const event = await desk.line.ask("open", { conversation: conversation.id, last_seq: seq - 1 });
    for (const answer of event.answers) conversation.answers.set(answer.seq, answer);
  } catch {
    // Then it says that there is no card.
  }
};

// --- What stands where -------------------------------------------------------------------------------------------------
const lastSeen = (conversation, items) =>
  items.findLast(({ kind, thing }) => kind === "message" && ["agent", "bot"].includes(thing.role) && thing.seq <= conversation.customerSeen)?.key;

const build = {
  message: (thing, conversation, seen) => bubbles.message(thing, conversation, { seen, askWhy }),
  note: (thing) => bubbles.note(thing),
  activity: (thing) => bubbles.activity(thing),
  day: (thing) => make("li", { className: "line day", title: full(thing) }, make("span", {}, dayName(thing))),
  unread: () => make("li", { className: "line unread-line" }, make("span", {}, t("newMessages"))),
};

const signature = ({ kind, thing, key }, conversation, seen) => {
  if (kind !== "message") return kind;
  const card = conversation.answers.has(thing.seq);
  const mailed = thing.role === "agent" && thing.seq <= conversation.emailed && thing.seq > conversation.customerSeen;
  return `${thing.rating} ${card} ${mailed} ${seen === key} ${thing.role === "customer" ? conversation.row.contact : ""}`;
};

// Items with a line for each new day and one above what is new to this agent.
const laidOut = (items, conversation) => {
  const out = [];
  let day = "";
  let marked = conversation.readBefore === 0 || conversation.readBefore >= conversation.lastSeq;
  for (const item of items) {
    const today = new Date(item.at).toDateString();
    if (today !== day) out.push({ key: `d${today}`, kind: "day", thing: item.at });
    day = today;
    if (!marked && item.kind === "message" && item.thing.seq > conversation.readBefore) {
      marked = true;
      if (out.length > 1) out.push({ key: "unread", kind: "unread" });
    }
    out.push(item);
  }
  return out;
};

const speaker = ({ kind, thing }) => (kind === "message" ? thing.role + thing.author : kind === "note" ? `note${thing.author?.id}` : null);

const paintNow = ({ growing = false } = {}) => {
  const conversation = desk.open;
  if (!conversation) return;
  if (of !== conversation) begin(conversation);
  const all = conversation.timeline();
  const items = laidOut(all.slice(-limit), conversation);
  const seen = lastSeen(conversation, all);
  const log = $("log");
  const keep = new Set(items.map(({ key }) => key));
  for (const [key, node] of nodes) {
    if (keep.has(key)) continue;
    node.element.remove();
    nodes.delete(key);
  }
  const height = scroll().scrollHeight;
  const top = scroll().scrollTop;
  let place = log.firstElementChild;
  let before = null;
  for (const item of items) {
    const element = node(item, conversation, seen);
    if (place && !place.isConnected) place = element; // it was made anew where it stood
    element.classList.toggle("follows", before !== null && speaker(item) !== null && before === speaker(item));
    before = speaker(item);
    if (element === place) place = place.nextElementSibling;
    else log.insertBefore(element, place);
  }
  $("earlier").hidden = all.length <= limit;
  $("cut").hidden = !(all.length && all.length <= limit && Math.min(...conversation.messages.keys()) > 1);
  if (sticks) toEnd();
  else if (growing) scroll().scrollTop = top + scroll().scrollHeight - height;
  paintLive();
  read();
};

const node = (item, conversation, seen) => {
  const now = signature(item, conversation, seen);
  const known = nodes.get(item.key);
  if (known?.signature === now) return known.element;
  const element = build[item.kind](item.thing, conversation, seen === item.key);
  if (item.kind === "message") element.dataset.seq = item.thing.seq;
  known?.element.replaceWith(element);
  nodes.set(item.key, { element, signature: now });
  return element;
};

const begin = (conversation) => {
  of = conversation;
  nodes = new Map();
  limit = CHUNK;
  sticks = true;
  $("log").replaceChildren();
  $("live").replaceChildren();
};

const earlier = () => {
  if (!desk.open || $("earlier").hidden) return;
  limit += CHUNK;
  sticks = false;
  paintNow({ growing: true });
};

// --- Not yet in the record: what is on its way, the running answer, the customer's typing ---------------------------------
const paintLive = () => {
  const conversation = desk.open;
  if (!conversation) return;
  const waiting = sending(conversation.id).map((one) => bubbles.pending(one, ...states(one)));
  const typing = conversation.customerTyping ? make("li", { className: "item customer typing" }, dots(t("customerTyping"))) : null;
  $("live").replaceChildren(...waiting, ...[stream(conversation), typing].filter(Boolean));
  if (sticks) toEnd();
};

const dots = (label) => make("span", { className: "dots-line" }, make("span", { className: "dots", "aria-hidden": "true" }, make("i"), make("i"), make("i")), label);

const stream = ({ stream }) => {
  if (!stream) return null;
  const text = stream.text ? markdown(stream.text, (number) => make("span", { className: "mark" }, String(number))) : dots(t(stream.stage === "searching" ? "searching" : "writing"));
  return make("li", { className: "item bot stream", ariaHidden: "true" }, make("span", { className: "face bot" }, icon("bot")), make("div", { className: "column" }, make("div", { className: "bubble", dir: "auto" }, text)));
};

// --- Scrolling and reading -----------------------------------------------------------------------------------------------
const toEnd = () => {
  scroll().scrollTop = scroll().scrollHeight;
  $("latest").hidden = true;
};

export const goToEnd = () => {
  sticks = true;
  toEnd();
};

// Everything is in sight when the page is and the end of the timeline is.
const read = () => {
  const conversation = desk.open;
  if (!conversation?.loaded || document.hidden || !sticks || !conversation.lastSeq) return;
  if ((desk.rows.get(conversation.id)?.read_seq ?? 0) >= conversation.lastSeq) return;
  if (desk.line.tell({ type: "seen", conversation: conversation.id, seq: conversation.lastSeq })) haveRead(conversation.id, conversation.lastSeq);
};

const arrived = ({ role, text, author }) => {
  paint();
  if (!sticks && role !== "notice") $("latest").hidden = false;
  const name = role === "customer" ? desk.open.row.contact || t("customer") : role === "bot" ? t("bot") : author;
  emit("say", role === "notice" ? text : `${name}: ${role === "bot" ? markdown(text).textContent : text}`);
};

export const start = () => {
  const box = scroll();
  box.addEventListener("scroll", () => {
    sticks = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
    if (sticks) $("latest").hidden = true;
    if (sticks) read();
    if (box.scrollTop < 300) earlier();
  });
  new ResizeObserver(() => sticks && toEnd()).observe(box);
  $("earlier").onclick = earlier;
  $("latest").onclick = goToEnd;
  $("passage-back").onclick = () => $("passage").close();
  document.addEventListener("visibilitychange", read);
  on("open", () => {
    $("talk-empty").hidden = !!desk.open;
    $("talk-body").hidden = !desk.open;
    if (desk.open) paintNow();
    else begin(null); // it may have been erased: hidden is not gone
  });
  on("open.row thread outbox", paint);
  on("stream", () => (painting ||= requestAnimationFrame(() => ((painting = 0), paintLive()))));
  on("arrived", arrived);
};

