// The desk: joins the line to what is known and what is shown. Starting and reconnecting are the same: after each
// welcome the list, the counts and the open conversation are asked for anew, and what was not sent goes out.

import * as alerts from "./alerts.js";
import * as composer from "./composer.js";
import { Conversation } from "./conversation.js";
import { $ } from "./dom.js";
import * as draft from "./draft.js";
import * as header from "./header.js";
import * as keep from "./keep.js";
import * as keys from "./keys.js";
import { Line } from "./line.js";
import * as list from "./list.js";
import * as moves from "./moves.js";
import * as palette from "./palette.js";
import * as panel from "./panel.js";
import * as search from "./search.js";
import * as sending from "./sending.js";
import { desk, emit, learn, on, welcomed } from "./state.js";
import * as thread from "./thread.js";
import * as views from "./views.js";
import { config, t } from "./words.js";

const KEPT = 8; // conversations that stay in memory, so that going back to one is instant
const recent = new Map();
const wanted = moves.asked(); // before anything changes the address
let banner = null;
let greeted = false;

// --- The open conversation -------------------------------------------------------------------------------------------------
const conversationOf = (id) => {
  const known = recent.get(id) || new Conversation(id, desk.rows.get(id));
  recent.delete(id);
  recent.set(id, known);
  for (const old of recent.keys()) if (recent.size > KEPT) recent.delete(old);
  return known;
};

const choose = (id, how = {}) => {
  if (id === (desk.open?.id ?? null)) return emit("open", how);
  if (!id) {
    desk.open = null;
    desk.line.tell({ type: "close" });
    return emit("open", how);
  }
  const conversation = conversationOf(id);
  conversation.readBefore = desk.rows.get(id)?.read_seq ?? null;
  conversation.suggestion = null;
  conversation.viewers = [];
  if (!conversation.row) return fetch(conversation, how);
  desk.open = conversation;
  emit("open", how);
  fetch(conversation);
};

// What this desk lacks of a conversation. A conversation that is not one's own does not exist.
const fetch = async (conversation, how = {}) => {
  let event;
  try {
    event = await desk.line.ask("open", { conversation: conversation.id, last_seq: conversation.lastSeq });
  } catch (refused) {
    if (refused.code === "offline") return;
    recent.delete(conversation.id);
    emit("refused", refused);
    if (desk.open === conversation) choose(null);
    return;
  }
  const isNew = !conversation.row;
  conversation.opened(event, learn(event.row));
  for (const message of event.messages) sending.recorded(message.client_id);
  for (const note of event.notes) sending.recorded(note.client_id);
  if (isNew) {
    desk.open = conversation;
    emit("open", how);
  } else if (desk.open !== conversation) return;
  for (const topic of ["thread", "viewers", "opened"]) emit(topic);
  emit("suggestion", conversation.suggestion || { state: "none" });
};

const again = () => desk.open && fetch(desk.open);

// --- What comes unasked ------------------------------------------------------------------------------------------------------
const ofOpen = (run) => (event) => event.conversation === desk.open?.id && run(desk.open, event);

const handlers = {
  welcome(event) {
    welcomed(event);
    document.body.classList.toggle("readonly", !desk.mayReply);
    if (desk.open) again();
    else if (!greeted && wanted.conversation) choose(wanted.conversation);
    greeted = true;
  },
  row({ row }) {
    learn(row);
    emit("row", row.conversation);
  },
  gone({ conversation }) {
    const shown = desk.open?.id === conversation;
    if (shown) choose(null);
    desk.rows.delete(conversation);
    recent.delete(conversation);
    keep.forget(conversation);
    emit("row", conversation);
    if (shown) emit("toast", { text: t("gone") });
  },
  counts: views.counted,
  message: ofOpen((conversation, event) => {
    const isNew = conversation.message(event);
    if (isNew === null) return again();
    sending.recorded(event.client_id);
    if (isNew) emit("arrived", event);
    emit("thread");
  }),
  "stream.status": ofOpen((conversation, event) => {
    conversation.streamStatus(event);
    emit("stream");
  }),
  "stream.delta": ofOpen((conversation, event) => {
    const change = conversation.streamDelta(event);
    if (change === "gap") again();
    else if (change) emit("stream");
  }),
  state: ofOpen((conversation, { state }) => {
    if (state !== "bot") conversation.stream = null;
    learn({ ...conversation.row, state });
    emit("row", conversation.id);
    emit("stream");
  }),
  rating: ofOpen((conversation, { seq, value }) => {
    const message = conversation.messages.get(seq);
    if (message) conversation.messages.set(seq, { ...message, rating: value });
    emit("thread");
  }),
  note: ofOpen((conversation, event) => {
    conversation.notes.set(event.id, event);
    sending.recorded(event.client_id);
    emit("thread");
  }),
  activity: ofOpen((conversation, event) => {
    conversation.activities.set(event.id, event);
    emit("thread");
  }),
  suggestion: ofOpen((conversation, event) => {
    const stale = conversation.suggestion && event.id < conversation.suggestion.id && event.state !== "withdrawn";
    if (stale) return;
    if (!(event.state === "withdrawn" && conversation.suggestion && conversation.suggestion.id !== event.id)) conversation.suggestion = event;
    emit("suggestion", event);
  }),
  viewers: ofOpen((conversation, { viewers }) => {
    conversation.viewers = viewers;
    emit("viewers");
  }),
  "customer.typing": ofOpen((conversation, { on }) => {
    conversation.customerTyping = on;
    emit("stream");
  }),
  "customer.seen": ofOpen((conversation, { seq, online }) => {
    conversation.customerSeen = Math.max(conversation.customerSeen, seq);
    conversation.customerOnline = online;
    emit("thread");
  }),
  presence({ person }) {
    if (desk.people.has(person.id)) desk.people.set(person.id, { ...desk.people.get(person.id), ...person });
  },
  mentioned: (event) => emit("mentioned", event),
  alert: (event) => emit("alert", event),
  pong({ last_seq: last }) {
    if (desk.open?.loaded && last > desk.open.lastSeq) again();
  },
  error({ message, retry_after: wait, fatal }) {
    if (wait) desk.line.hold(wait);
    if (fatal) {
      desk.line.stop();
      show(message || t("stopped"), true);
    } else emit("toast", { text: message });
  },
};

// --- The line ----------------------------------------------------------------------------------------------------------------
const show = (text, reload = false) => {
  $("line").hidden = !text;
  $("line-text").textContent = text;
  $("line-reload").hidden = !reload;
};

const status = (name) => {
  clearTimeout(banner);
  document.body.dataset.line = name;
  if (name === "offline") show(t("offline"));
  else if (name === "ready") show("");
  else if (name !== "stopped") banner = setTimeout(() => show(t("reconnecting")), greeted ? 600 : 4000);
  emit("status", name);
};

desk.view = wanted.view;
desk.line = new Line(config.socket, { hear: (event) => Object.hasOwn(handlers, event.type) && handlers[event.type](event), status, lastSeq: () => desk.open?.lastSeq ?? 0 });
on("choose", (id) => choose(id));
on("choose.address", (id) => choose(id, { byAddress: true }));
on("leave", () => list.focusList());
for (const part of [moves, views, list, search, header, thread, draft, composer, panel, sending, keys, palette, alerts]) part.start();
keep.dropOldDrafts();
$("line-reload").onclick = () => location.reload();
emit("open");
desk.line.start();
