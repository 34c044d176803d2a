// What was written goes out once, in order, and survives reconnects and reloads: it stays in this browser until the
// server has it. A reply that collided with a colleague's waits for a decision; its text is never dropped.

import { button } from "./dom.js";
import * as keep from "./keep.js";
import { desk, emit, on } from "./state.js";
import { t } from "./words.js";

const ANSWER_WITHIN = 10_000;
let inFlight = null;
let pause = null;

export const sending = (conversation) => keep.unsent().filter((one) => one.conversation === conversation);
export const collided = (conversation) => sending(conversation).find((one) => one.held === "collision");

export const write = (one) => {
  keep.keep({ id: keep.newId(), at: Date.now(), user: desk.me.id, ...one });
  emit("outbox");
  flush();
};

export const drop = (id) => {
  keep.sent(id);
  emit("outbox");
};

const change = (one, more) => {
  keep.keep({ ...one, ...more });
  emit("outbox");
};

// Send it although a colleague has answered, or once more after a failure.
export const again = (id, more = {}) => {
  const one = keep.unsent().find((other) => other.id === id);
  if (!one) return;
  change(one, { held: "", why: "", ...more });
  flush();
};

// One at a time, so that they arrive in the order in which they were written. Sending twice is sending once.
export const flush = async () => {
  if (inFlight || pause || !desk.line.ready) return;
  const one = keep.unsent().find((other) => !other.held);
  if (!one) return;
  inFlight = one.id;
  const slow = setTimeout(() => (inFlight = null) || flush(), ANSWER_WITHIN);
  try {
    await desk.line.ask(one.kind, request(one));
    keep.sent(one.id);
    emit("outbox");
  } catch (refused) {
    if (refused.code !== "offline") held(one, refused);
  }
  clearTimeout(slow);
  if (inFlight === one.id) inFlight = null;
  if (desk.line.ready) flush();
};

const request = ({ kind, id, conversation, text, seen, suggestion, canned, resolve, force }) => {
  const base = { conversation, client_id: id, text };
  if (kind === "note") return base;
  return { ...base, seen_seq: seen, suggestion: suggestion ?? null, canned: canned ?? null, resolve: !!resolve, force: !!force };
};

const held = (one, { code, message, event }) => {
  if (!keep.unsent().some((other) => other.id === one.id)) return; // it arrived after all
  if (event.retry_after) {
    pause = setTimeout(() => ((pause = null), flush()), event.retry_after * 1000);
    return change(one, { why: message });
  }
  change(one, { held: code === "collision" ? "collision" : "failed", why: message });
  emit("say", message);
};

// The record has it: a message or a note with its client id has come.
export const recorded = (clientId) => {
  if (!clientId) return;
  if (keep.unsent().some((one) => one.id === clientId)) drop(clientId);
};

// What stands under a text that is not in the record, and what can be done about it.
export const states = (one) => {
  if (one.held === "collision") return [t("heldBack"), []];
  if (one.held) {
    const actions = [button(t("tryAgain"), () => again(one.id), { className: "linklike" }), button(t("discard"), () => drop(one.id), { className: "linklike" })];
    return [`${t("notSent")}: ${one.why}`, actions];
  }
  return [one.why || (desk.line.ready ? t("sending") : t("waitingToSend")), []];
};

export const start = () => {
  on("welcome", () => {
    inFlight = null;
    flush();
  });
  on("status", () => emit("outbox"));
};
