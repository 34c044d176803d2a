// Where the agent writes: reply or note, each kept per conversation in this browser until it is sent. Says what would
// be lost or doubled before it happens; a text is never thrown away without being asked to.

import { $, make } from "./dom.js";
import * as draft from "./draft.js";
import * as keep from "./keep.js";
import * as picker from "./picker.js";
import * as sending from "./sending.js";
import { desk, emit, on } from "./state.js";
import { config, t } from "./words.js";

const TYPING_AGAIN = 4000;
const TYPING_ENDS = 6000;
let text = {}; // the open conversation's unfinished texts
let typing = { sent: 0, timer: null, conversation: null };
let undo = null; // the text before the last help of the model

const field = () => $("text");
const tab = () => text.tab || "reply";
const entersSend = () => keep.get("enter") === "1";
const length = (value) => [...value.trim()].length;

// --- The texts -------------------------------------------------------------------------------------------------------
const remember = () => {
  if (!desk.open) return;
  text[tab()] = field().value;
  if (!text.reply?.trim()) Object.assign(text, { suggestion: null, inserted: "", canned: null, stale: false });
  const before = keep.hasDraft(desk.open.id);
  keep.keepDraft(desk.open.id, text);
  if (before !== keep.hasDraft(desk.open.id)) emit("draft");
};

const put = (value, at = value.length) => {
  field().value = value;
  field().setSelectionRange(at, at);
  remember();
  paint();
};

export const focus = () => {
  if (!desk.mayReply || !desk.open) return;
  field().focus({ preventScroll: true });
};

export const showTab = (name) => {
  if (!desk.open || !desk.mayReply) return;
  stopTyping();
  text.tab = name;
  field().value = text[name] || "";
  picker.close();
  keep.keepDraft(desk.open.id, text);
  paint();
  focus();
};

const measure = () => {
  const box = field();
  box.style.setProperty("height", "auto");
  box.style.setProperty("height", `${Math.min(box.scrollHeight + 2, Math.max(120, innerHeight * 0.35))}px`);
};

// --- Painting ---------------------------------------------------------------------------------------------------------
const placeholder = () => {
  if (tab() === "note") return t("notePlaceholder");
  if (draft.ready()) return t("replyOrInsert");
  return t({ bot: "replyTakesOver", resolved: "replyReopens" }[desk.open.row.state] || "replyPlaceholder");
};

export const paint = () => {
  if (!desk.open) return;
  const note = tab() === "note";
  $("composer").hidden = !desk.mayReply;
  $("read-only").hidden = desk.mayReply || !desk.me;
  $("composer").classList.toggle("noting", note);
  for (const name of ["reply", "note"]) $(`tab-${name}`).setAttribute("aria-selected", String(tab() === name));
  field().placeholder = placeholder();
  field().setAttribute("aria-label", t(note ? "note" : "reply"));
  const left = config.limit - length(field().value);
  $("count").hidden = left > 200;
  $("count").textContent = left < 0 ? t("tooLong", { count: -left }) : String(left);
  $("count").classList.toggle("over", left < 0);
  const nothing = !field().value.trim() || left < 0;
  $("send").disabled = nothing;
  $("send-label").textContent = t(note ? "addNote" : "send");
  $("send-resolve").hidden = note;
  $("send-resolve").disabled = nothing;
  $("enter").textContent = t(entersSend() ? "enterSends" : "ctrlEnterSends");
  $("help").hidden = note || !desk.mayCompose || !field().value.trim();
  $("undo").hidden = undo === null;
  $("stale").hidden = !(text.stale && text.reply?.trim() && !note);
  $("slash").hidden = note;
  measure();
  paintCollision();
};

const paintCollision = () => {
  const one = sending.collided(desk.open.id);
  const box = $("collision");
  box.hidden = !one;
  if (!one) return box.replaceChildren();
  const theirs = desk.open.answerSince(one.seen ?? 0, desk.me);
  const act = (label, run, className) => make("button", { type: "button", className: `button slim ${className}`, onclick: run }, label);
  box.replaceChildren(
    make("p", {}, one.why),
    theirs ? make("blockquote", { dir: "auto" }, make("bdi", { className: "name" }, theirs.author || t("team")), ": ", theirs.text) : null,
    make("p", { className: "label" }, t("yourText")),
    make("blockquote", { className: "yours", dir: "auto" }, one.text),
    make("div", { className: "draft-tools" }, act(t("sendAnyway"), () => sending.again(one.id, { force: true }), ""), act(t("editIt"), () => edit(one), "plain"), act(t("dropIt"), () => sending.drop(one.id), "ghost danger")),
  );
};

// A held text goes back into the composer, beside what stands there already.
const edit = (one) => {
  sending.drop(one.id);
  if (tab() !== "reply") showTab("reply");
  const now = field().value.trim();
  Object.assign(text, { suggestion: one.suggestion, canned: one.canned });
  put(now ? `${one.text}\n\n${field().value}` : one.text);
  focus();
};

// The numbers of sources are for the agent: a customer would read "[1]" and find nothing behind it.
const bare = ({ text: words, citations }) => (citations.length ? words.replace(/[ \t]*\[\d{1,2}(?:\s*,\s*\d{1,2})*\]/g, "") : words);

// --- Drafts, canned replies, mentions ------------------------------------------------------------------------------------
export const insertDraft = (suggestion = draft.ready()) => {
  if (!suggestion || !desk.mayReply) return;
  if (tab() !== "reply") showTab("reply");
  const now = field().value;
  const untouched = text.inserted && now.trim() === text.inserted.trim();
  const words = bare(suggestion);
  Object.assign(text, { suggestion: suggestion.id, trigger: suggestion.trigger_seq, inserted: words, stale: false });
  put(!now.trim() || untouched ? words : `${now.trimEnd()}\n\n${words}`);
  draft.take(suggestion);
  paint();
  focus();
};

const pick = (entry, from) => {
  const value = field().value;
  const end = field().selectionStart;
  if (entry.canned) text.canned = entry.canned;
  put(value.slice(0, from) + entry.text + value.slice(end), from + entry.text.length);
  focus();
};

// The customer wrote again: what came from the draft answers an earlier message.
const drafted = (suggestion) => {
  if (suggestion.state === "withdrawn" && text.suggestion === suggestion.id && text.reply?.trim()) {
    text.stale = true;
    remember();
    emit("say", t("staleDraft"));
  }
  paint();
};

const help = async (style) => {
  const { open } = desk;
  const before = field().value;
  $("help").classList.add("busy");
  try {
    const { text: better } = await desk.line.ask("compose", { conversation: open.id, text: before, style });
    if (desk.open === open && field().value === before) {
      undo = before;
      put(better);
    }
  } catch (refused) {
    emit("refused", refused);
  }
  $("help").classList.remove("busy");
  paint();
};

// --- Sending -----------------------------------------------------------------------------------------------------------
export const send = ({ resolve = false } = {}) => {
  if (!desk.open || !desk.mayReply || $("send").disabled) return;
  const note = tab() === "note";
  const common = { kind: note ? "note" : "reply", conversation: desk.open.id, text: field().value.trim() };
  stopTyping();
  sending.write(note ? common : { ...common, seen: desk.open.seenSeq(), suggestion: text.suggestion ?? null, canned: text.canned ?? null, resolve });
  undo = null;
  put("");
  emit("sent");
};

// --- Typing --------------------------------------------------------------------------------------------------------------
const keepTyping = () => {
  if (tab() !== "reply" || !field().value.trim()) return stopTyping();
  clearTimeout(typing.timer);
  typing.timer = setTimeout(stopTyping, TYPING_ENDS);
  if (Date.now() - typing.sent < TYPING_AGAIN && typing.conversation === desk.open.id) return;
  if (desk.line.tell({ type: "typing", conversation: desk.open.id, on: true })) Object.assign(typing, { sent: Date.now(), conversation: desk.open.id });
};

const stopTyping = () => {
  clearTimeout(typing.timer);
  if (typing.conversation) desk.line.tell({ type: "typing", conversation: typing.conversation, on: false });
  typing = { sent: 0, timer: null, conversation: null };
};

// --- Keys ------------------------------------------------------------------------------------------------------------------
const keydown = (event) => {
  if (event.isComposing || event.keyCode === 229) return; // Enter belongs to the input method
  if (picker.key(event)) return;
  if (event.key === "Escape") {
    event.preventDefault();
    field().blur();
    return emit("leave");
  }
  if (event.key !== "Enter" || event.shiftKey && !(event.ctrlKey || event.metaKey) || event.altKey) return;
  const modified = event.ctrlKey || event.metaKey;
  if (!modified && !field().value.trim() && tab() === "reply" && draft.ready()) {
    event.preventDefault();
    if (!event.repeat) insertDraft();
  } else if (modified || entersSend()) {
    event.preventDefault();
    if (!event.repeat) send({ resolve: modified && event.shiftKey });
  }
};

const opened = () => {
  stopTyping();
  picker.close();
  undo = null;
  text = desk.open ? keep.draft(desk.open.id) : {};
  field().value = text[tab()] || "";
  // Written for an earlier message than the newest one of the customer: say so.
  if (text.suggestion && text.trigger && desk.open?.newestCustomerSeq > text.trigger) text.stale = true;
  paint();
};

export const start = () => {
  const box = field();
  box.maxLength = config.limit * 2;
  box.addEventListener("keydown", keydown);
  box.addEventListener("input", () => {
    remember();
    paint();
    keepTyping();
    picker.update(tab(), pick);
  });
  box.addEventListener("blur", () => {
    stopTyping();
    picker.close();
  });
  $("composer").onsubmit = (event) => {
    event.preventDefault();
    send();
    focus();
  };
  $("send-resolve").onclick = () => send({ resolve: true });
  $("tab-reply").onclick = () => showTab("reply");
  $("tab-note").onclick = () => showTab("note");
  $("slash").onclick = () => startCanned();
  $("undo").onclick = () => {
    const before = undo;
    undo = null;
    put(before);
  };
  $("enter").onclick = () => {
    keep.set("enter", entersSend() ? null : "1");
    paint();
    focus();
  };
  for (const one of $("help").querySelectorAll("[data-style]")) one.onclick = () => help(one.dataset.style);
  addEventListener("resize", measure);
  on("open", opened);
  on("welcome open.row outbox thread", paint);
  on("suggestion", drafted);
  on("draft.insert", insertDraft);
  on("composer.focus", focus);
};

// A slash at the cursor, as if it had been typed.
export const startCanned = () => {
  if (!desk.open || !desk.mayReply) return;
  if (tab() !== "reply") showTab("reply");
  focus();
  const at = field().selectionStart;
  const value = field().value;
  const gap = at && !/\s$/.test(value.slice(0, at)) ? " /" : "/";
  put(value.slice(0, at) + gap + value.slice(at), at + gap.length);
  picker.update("reply", pick);
};
