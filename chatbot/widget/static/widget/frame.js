// The chat in its frame: joins socket, store and view, and talks to the one origin the frame was made for.
// The record is the server's. This script keeps what was not yet acknowledged, and asks again after every gap.

import { LiveSocket } from "../shared/socket.js";
import { pageOf, Writing } from "./hints.js";
import { Store } from "./store.js";
import { View } from "./view.js";

const config = JSON.parse(document.getElementById("config").textContent);
const t = config.texts;
const $ = (id) => document.getElementById(id);
const store = new Store(config.inbox);
const alone = parent === window;

const now = { conversation: store.get("conversation"), lastSeq: 0, state: "bot", busy: false, stream: null, heard: 0 };
Object.assign(now, { queue: null, rate: null, email: "", wished: false });
let open = alone;
let page = pageOf();
let context = {};
let identity = null; // an identity token that the server has not judged yet
let offeredWith = null; // the one that went with the last hello
let signedIn = !!store.get("who");
let caught = false; // a welcome has come on this connection
let inFlight = null;
let timers = {};

const tell = (type, detail = {}) => alone || parent.postMessage({ parley: config.inbox, type, detail }, config.origin);

// --- Socket -----------------------------------------------------------------------------------------------
const socket = new LiveSocket(config.socket, {
  hello: () => {
    const token = store.get("token");
    return {
      type: "hello",
      inbox: config.inbox,
      token,
      conversation: now.conversation,
      last_seq: now.lastSeq,
      page,
      language: config.language,
      // Without a token the identity waits for the welcome: were the answer lost, it could not be used again.
      identity: token ? (offeredWith = identity) : null,
    };
  },
  heartbeat: () => {
    const stale = now.busy && Date.now() - now.heard > 10_000;
    return [now.busy ? 3000 : 25_000, { type: stale ? "sync" : "ping", last_seq: now.lastSeq }];
  },
});

socket.addEventListener("status", ({ detail: status }) => {
  caught = status === "ready" && caught;
  inFlight = null;
  clearTimeout(timers.banner);
  if (status === "offline") view.banner(t.offline);
  else if (status === "ready" || status === "stopped") view.banner("");
  else timers.banner = setTimeout(() => view.banner(t.reconnecting), now.greeted ? 600 : 4000);
  paintState();
  paintPending();
  tell("state", { state: now.state, connection: status });
});

socket.addEventListener("event", ({ detail: event }) => {
  if (event.type === "welcome" || event.type === "error" || caught) handlers[event.type]?.(event);
});

const handlers = {
  welcome(event) {
    const news = now.greeted && !event.reset;
    caught = now.greeted = true;
    store.set("token", event.token);
    if (event.reset) forget(event.conversation);
    adopt(event.conversation);
    for (const message of event.messages) show(message, now.restored && !event.reset);
    now.restored = true;
    now.lastSeq = event.last_seq;
    now.stream = event.stream && { ...event.stream, length: [...event.stream.text].length };
    setBusy(event.busy);
    Object.assign(now, { queue: event.queue ?? null, rate: event.rate?.value ?? null, email: event.email || "" });
    setState(event.state, news);
    if (store.get("seen") === null) store.set("seen", now.lastSeq);
    if (identity === offeredWith) identity = null;
    identify();
    if (Object.keys(context).length) socket.send({ type: "context", data: context });
    read();
    for (const message of store.unsent()) if (mine(message)) view.pending(message, note(message));
    flush();
  },

  message(event) {
    if (event.seq <= now.lastSeq) return;
    if (event.seq > now.lastSeq + 1) return socket.send({ type: "sync", last_seq: now.lastSeq });
    now.lastSeq = event.seq;
    show(event, true);
    read();
    if (event.role !== "customer") tell("message", { role: event.role, seq: event.seq });
  },

  ack(event) {
    store.sent(event.client_id);
    if (event.client_id === inFlight) inFlight = null;
    adopt(event.conversation);
    if (event.seq >= now.lastSeq && (now.state === "bot" || now.state === "resolved")) setBusy(true);
    flush();
  },

  "stream.status"({ job, attempt, stage }) {
    const stream = now.stream;
    if (stream && (job < stream.job || (job === stream.job && attempt < stream.attempt))) return;
    if (stage === "dropped") {
      now.stream = null;
      return setBusy(false);
    }
    const same = stream?.job === job && stream.attempt === attempt;
    now.stream = same ? { ...stream, stage } : { job, attempt, stage, text: "", length: 0 };
    setBusy(true);
  },

  "stream.delta"({ job, attempt, offset, text }) {
    let stream = now.stream;
    if (stream && (job < stream.job || (job === stream.job && attempt < stream.attempt))) return;
    if (stream?.job !== job || stream.attempt !== attempt) stream = now.stream = { job, attempt, text: "", length: 0 };
    const added = [...text].length;
    if (offset > stream.length) return socket.send({ type: "sync", last_seq: now.lastSeq });
    if (offset + added <= stream.length) return;
    stream.text = (offset === stream.length ? stream.text : [...stream.text].slice(0, offset).join("")) + text;
    stream.length = offset + added;
    stream.stage = "writing";
    setBusy(true);
  },

  state: (event) => setState(event.state, true),

  queue(event) {
    now.queue = event; // comes before the state it belongs to
    if (now.state === "waiting") view.queue(event);
  },

  "rate.ask"({ value }) {
    if (value && now.rate === 0) tell("rated", { value });
    now.rate = value;
    paintAsked();
  },

  typing({ name, on }) {
    clearTimeout(timers.typing);
    view.typing(on ? name : null);
    if (on) timers.typing = setTimeout(() => view.typing(null), 6000);
  },

  rating: (event) => view.rated(event.seq, event.value),
  token: (event) => store.set("token", event.token),

  // The company has erased this customer: nothing of them stays here, and the server ends the socket.
  gone() {
    leave();
    view.problem(t.gone);
  },

  error({ code, message, retry_after: wait, client_id: id, fatal }) {
    tell("error", { code, message });
    if (fatal) {
      socket.stop();
      view.problem(code === "unknown_inbox" ? message : t.stopped);
    } else if (code.startsWith("identity_") && !id) {
      identity = null;
      if (!caught || config.identity) view.problem(message);
      paintState();
    } else if (id) refused(id, message, wait);
    else if (view.refused(message)) return;
    else if (wait) {
      socket.hold(wait * 1000);
      pause(wait);
      if (code !== "too_fast") view.problem(message);
    } else if (code !== "signed_out" && code !== "gone") view.problem(message);
  },
};

// --- The conversation ------------------------------------------------------------------------------------
function adopt(conversation) {
  const before = now.conversation;
  now.conversation = conversation;
  store.set("conversation", conversation);
  if (!conversation || before === conversation) return;
  tell("keep", "1");
  for (const message of store.unsent()) if (!message.conversation) store.keep({ ...message, conversation });
}

// The server shows another conversation than this page did. What was not sent yet goes there.
function forget(conversation) {
  const before = now.conversation;
  for (const message of store.unsent()) if (message.conversation === before) store.keep({ ...message, conversation });
  blank();
}

function blank() {
  Object.assign(now, { conversation: null, lastSeq: 0, stream: null, state: "bot", restored: false });
  Object.assign(now, { queue: null, rate: null, email: "", wished: false });
  setBusy(false);
  view.clear();
  store.set("seen", null);
  view.problem("");
}

function show(message, fresh) {
  if (message.client_id) store.sent(message.client_id);
  if (message.client_id === inFlight) inFlight = null;
  if (message.role === "bot") {
    if (!message.job || !now.stream || now.stream.job <= message.job) now.stream = null;
    setBusy(!!now.stream);
  }
  view.message(message, fresh);
}

function setBusy(busy) {
  const changed = busy !== now.busy;
  now.busy = busy;
  now.heard = Date.now();
  if (!busy) now.stream = null;
  view.stream(busy ? now.stream || { text: "", stage: "searching" } : null);
  if (changed) socket.beat();
}

// `news`: it has changed under the customer's eyes, and the host page may want to know.
function setState(state, news) {
  const before = now.state;
  now.state = state;
  if (state !== "bot") setBusy(false);
  if (state !== "waiting") now.queue = null;
  if (state !== "resolved") now.rate = null;
  if (state === "waiting" || state === "agent") now.wished = false;
  if (state !== "agent") view.typing(null);
  view.queue(now.queue);
  paintState();
  paintAsked();
  if (news && state !== before) {
    if (state === "resolved") tell("resolved");
    else if (state === "waiting" || before === "bot") tell("handoff", { state });
  }
  tell("state", { state, connection: socket.status });
}

function paintState() {
  const shut = config.identity && !signedIn && !identity;
  view.state(now.state, socket.status);
  $("text").disabled = shut;
  $("text").placeholder = shut ? t.signIn : t.placeholder;
  $("person").disabled = shut || now.wished;
  measure();
}

// What the customer is asked now: an address while nobody is there, an opinion when it is over.
function paintAsked() {
  const put = now.conversation && store.get("unasked") === now.conversation;
  view.ask({ email: now.state === "waiting" ? now.email : null, rate: put && !now.rate ? null : now.rate });
}

// Everything up to the newest message has been seen, if this frame is in sight.
function read() {
  const before = Number(store.get("seen"));
  if (open && !document.hidden && now.lastSeq > before) {
    store.set("seen", now.lastSeq);
    socket.send({ type: "seen", seq: now.lastSeq });
  }
  const count = open && !document.hidden ? 0 : view.unread(before);
  if (count !== now.unread) tell("unread", { count });
  now.unread = count;
}

// --- Writing -----------------------------------------------------------------------------------------------
const mine = (message) => !message.conversation || message.conversation === now.conversation;

function note(message) {
  if (message.failed) return `${t.failed}${message.why ? `: ${message.why}` : ""}`;
  return message.why || (socket.status === "ready" ? t.pending : t.waitingToSend);
}

function write(text) {
  const random = crypto.getRandomValues(new Uint32Array(4));
  const id = Array.from(random, (part) => part.toString(36)).join("-");
  const message = { id, text, at: Date.now(), conversation: now.conversation };
  store.keep(message);
  view.problem("");
  view.pending(message, note(message));
  flush();
}

// One message at a time, so that they arrive in the order they were written.
function flush() {
  if (!caught || inFlight || timers.pause) return;
  const next = store.unsent().find((message) => mine(message) && !message.failed);
  if (!next) return wish();
  if (!socket.send({ type: "message.send", client_id: next.id, text: next.text })) return;
  inFlight = next.id;
  clearTimeout(timers.ack);
  timers.ack = setTimeout(() => {
    inFlight = null; // sending it again is sending it once
    flush();
  }, 10_000);
}

// A person can wait for the line, and for what was written before: the customer asks once.
function wish() {
  if (!now.wished || !socket.send({ type: "person.ask" })) return;
  now.wished = false;
  paintState();
}

function askPerson() {
  now.wished = true;
  flush();
  paintState();
}

function refused(id, why, wait) {
  const message = store.unsent().find((one) => one.id === id);
  if (inFlight === id) inFlight = null;
  if (!message) return flush();
  const next = { ...message, why, failed: !wait };
  store.keep(next);
  view.pending(next, note(next));
  if (wait) pause(wait);
  else flush();
}

function pause(seconds) {
  clearTimeout(timers.pause);
  timers.pause = setTimeout(() => {
    timers.pause = null;
    flush();
  }, seconds * 1000);
}

function paintPending() {
  for (const message of store.unsent()) if (mine(message)) view.pending(message, note(message));
}

// What cannot wait for a better line is not kept: say so.
const act = (event) => (caught && socket.send(event)) || (view.problem(t.notNow), false);

// Where people answer, they see that the customer is writing.
const writing = new Writing((on) => caught && socket.send({ type: "typing", on }));
const watched = () => now.state === "waiting" || now.state === "agent";

const view = new View(config, {
  ask: write,
  rate: (seq, value, comment) => act({ type: "rating.set", seq, value, comment }),
  person: askPerson,
  rateAll: (value, comment) => act({ type: "conversation.rate", value, comment }),
  email: (email) => act({ type: "email.set", email }),
  unasked() {
    store.set("unasked", now.conversation);
    paintAsked();
    field.focus();
  },
  retry(id) {
    const message = store.unsent().find((one) => one.id === id);
    if (!message) return;
    const next = { ...message, failed: false, why: "" };
    store.keep(next);
    view.pending(next, note(next));
    flush();
  },
  discard(id) {
    store.sent(id);
    view.discarded(id);
  },
});

// --- The composer ------------------------------------------------------------------------------------------
const field = $("text");

function measure() {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, 140)}px`;
  const left = config.limit - [...field.value.trim()].length;
  $("count").hidden = left > 200;
  $("count").textContent = left < 0 ? `${t.tooLong} ${-left}` : left;
  $("count").classList.toggle("over", left < 0);
  $("send").disabled = field.disabled || !field.value.trim() || left < 0;
}

function submit() {
  measure();
  if ($("send").disabled) return;
  write(field.value.trim());
  field.value = "";
  store.set("draft", null);
  writing.still();
  measure();
}

field.addEventListener("input", () => {
  measure();
  store.set("draft", field.value || null);
  if (field.value.trim() && watched()) writing.goesOn();
  else writing.still();
});
field.addEventListener("keydown", (event) => {
  // While an input method composes (Chinese, Japanese, …) Enter belongs to it; Safari says so with 229 only.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  submit();
});
$("composer").onsubmit = (event) => {
  event.preventDefault();
  submit();
  field.focus();
};
$("person").onclick = askPerson;
$("goback").onclick = () => act({ type: "person.cancel" });
$("anew").onclick = () => {
  act({ type: "conversation.new" });
  field.focus();
};
$("hide").onclick = () => tell("hide");
$("hide").hidden = alone;
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$("passage").open && !event.isComposing) tell("hide");
});
document.addEventListener("visibilitychange", read);

// --- The host page -----------------------------------------------------------------------------------------
// Who the token speaks of, unverified: only to notice that another person sits here now.
function subject(token) {
  try {
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return String(JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0)))).sub);
  } catch {
    return null;
  }
}

// Leave nothing of the last person: neither on the screen nor in the store.
function leave() {
  if (caught) socket.send({ type: "logout" });
  caught = signedIn = false;
  identity = null;
  context = {};
  store.wipe();
  field.value = "";
  blank();
  if (socket.status !== "ready" && socket.status !== "stopped") socket.restart();
  tell("keep", "");
}

function identify() {
  if (!caught || !identity) return;
  socket.send({ type: "identify", token: identity });
  identity = null;
}

function offered(token) {
  const who = subject(token);
  if (store.get("who") && store.get("who") !== who) leave();
  identity = token;
  signedIn = true;
  store.set("who", who);
  identify();
  paintState();
}

const orders = {
  boot(detail) {
    page = pageOf(detail.page);
    context = detail.context || {};
    if (detail.identity) offered(detail.identity);
    if (detail.open) orders.open();
    socket.start();
    tell("ready");
  },
  open() {
    open = true;
    view.toEnd();
    measure();
    if (field.disabled) $("hide").focus();
    else field.focus();
    read();
  },
  close() {
    open = false;
    $("passage").close();
    read();
  },
  page(detail) {
    const before = page;
    page = pageOf(detail);
    if (caught && page.url !== before.url) socket.send({ type: "page", ...page });
  },
  identify: ({ token }) => token && offered(String(token)),
  logout: leave,
  context(more) {
    Object.assign(context, more);
    if (caught) socket.send({ type: "context", data: more });
  },
};

addEventListener("message", ({ data, origin, source }) => {
  if (source !== parent || origin !== config.origin || data?.parley !== config.inbox) return;
  if (Object.hasOwn(orders, data.type)) orders[data.type](data.detail);
});

field.maxLength = config.limit * 2;
field.value = store.get("draft") || "";
paintState();
paintPending();
if (alone) orders.boot({});
else tell("boot");
