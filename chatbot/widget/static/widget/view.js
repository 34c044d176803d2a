// What the customer sees: messages, the running answer, sources, states. Builds nodes, keeps no conversation state;
// what people do is handed to the `on` functions that frame.js gives.

import { make, markdown, plain, safeAddress } from "../shared/markdown.js";
import { EmailCard, RatingCard } from "./cards.js";

const $ = (id) => document.getElementById(id);
const SHAPES = {
  up: "M7 11v9H4v-9zM7 11l4-8a2.4 2.4 0 0 1 2.3 3L12.6 9H18a2 2 0 0 1 2 2.4l-1.3 7A2 2 0 0 1 16.7 20H7",
  down: "M7 13V4H4v9zM7 13l4 8a2.4 2.4 0 0 0 2.3-3L12.6 15H18a2 2 0 0 0 2-2.4l-1.3-7A2 2 0 0 0 16.7 4H7",
  bot: "M6 9.5A2.5 2.5 0 0 1 8.5 7h7A2.5 2.5 0 0 1 18 9.5v6a2.5 2.5 0 0 1-2.5 2.5h-7A2.5 2.5 0 0 1 6 15.5zM12 7V4M3 12v2M21 12v2M9.7 12v1M14.3 12v1",
};

const icon = (shape) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = svg.appendChild(document.createElementNS(svg.namespaceURI, "path"));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", SHAPES[shape]);
  return svg;
};

// Two letters of a name, one where a script has no capitals.
const initials = (name) => {
  const [first = "?", second = ""] = name.split(/\s+/).filter((word) => /^[\p{L}\p{N}]/u.test(word));
  const letters = [...first][0] + (/^[\x20-\x7e\u00c0-\u024f]/.test(first) ? [...second][0] || "" : "");
  return letters.toUpperCase();
};

export class View {
  #config;
  #t;
  #on;
  #shown = new Map(); // seq -> element
  #pending = new Map(); // client id -> element
  #stream = null;
  #typing = null;
  #email;
  #rating;
  #away = null; // the newest notice that nobody is there
  #place = 0; // the place in the queue that was read out
  #painting = 0;
  #sticks = true;
  #days;
  #clock;

  constructor(config, on) {
    this.#config = config;
    this.#t = config.texts;
    this.#on = on;
    const format = (options) => {
      try {
        return new Intl.DateTimeFormat(config.language, options);
      } catch {
        return new Intl.DateTimeFormat(undefined, options);
      }
    };
    this.#days = format({ weekday: "long", day: "numeric", month: "long" });
    this.#clock = format({ hour: "numeric", minute: "2-digit" });
    const scroll = $("scroll");
    scroll.addEventListener("scroll", () => {
      this.#sticks = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60;
      if (this.#sticks) $("latest").hidden = true;
    });
    new ResizeObserver(() => this.#sticks && this.toEnd()).observe(scroll);
    $("latest").onclick = () => this.toEnd();
    $("passage-back").onclick = () => $("passage").close();
    this.clear();
  }

  // --- Messages --------------------------------------------------------------------------------------
  clear() {
    this.#shown.clear();
    this.#pending.clear();
    this.#stream = this.#typing = this.#away = null;
    this.#place = 0;
    this.#email = new EmailCard(this.#t, this.#on.email);
    this.#rating = new RatingCard($("rating"), this.#t, { rate: this.#on.rateAll, unasked: this.#on.unasked });
    this.ask({});
    $("live").replaceChildren();
    $("log").replaceChildren(this.#bubble("bot", markdown(this.#config.greeting), { className: "greeting" }));
    this.#chips();
    this.#sticks = true;
  }

  // A message of the record. `fresh`: it arrived just now, so it moves and is read out.
  message(message, fresh) {
    if (this.#shown.has(message.seq)) return;
    const element = message.role === "notice" ? this.#notice(message) : this.#settled(message);
    if (message.role === "agent") this.typing(null);
    element.classList.toggle("fresh", !!fresh && message.role !== "customer");
    this.#insert(message, element);
    this.#shown.set(message.seq, element);
    if (message.client_id) this.acknowledged(message.client_id);
    if (fresh && message.role !== "customer") this.#say(message);
    this.#chips();
    this.follow(fresh && message.role !== "customer");
  }

  #notice({ seq, kind, text }) {
    const element = make("li", { className: "notice" }, make("p", { dir: "auto" }, text));
    if (kind === "away" && !(this.#away?.dataset.seq > seq)) {
      this.#away = element;
      element.append(this.#email.element);
    }
    return element;
  }

  #settled(message) {
    const { role, citations } = message;
    const marks = new Map(citations.map((citation) => [citation.number, citation]));
    const body = role === "bot" ? markdown(message.text, (n) => marks.has(n) && this.#mark(marks.get(n))) : plain(message.text);
    const element = this.#bubble(role, body, { author: message.author });
    const column = element.lastChild;
    const time = new Date(message.created_at);
    column.append(...(citations.length ? [this.#sources(citations)] : []));
    if (role === "bot") column.append(...this.#actions(message));
    column.append(make("time", { dateTime: message.created_at }, this.#clock.format(time)));
    return element;
  }

  #bubble(role, body, { className = "", author = "" } = {}) {
    const t = this.#t;
    const names = { customer: t.you, bot: t.assistant, agent: author || t.agent };
    const bubble = make("div", { className: "bubble", dir: "auto" }, make("bdi", { className: "hush" }, `${names[role]}: `), body);
    const face = make("span", { className: "face", "aria-hidden": "true" }, role === "bot" ? icon("bot") : initials(author || t.agent));
    const name = role === "agent" && author ? make("span", { className: "author", "aria-hidden": "true" }, author) : null;
    const column = make("div", { className: "column" }, name, bubble);
    return make("li", { className: `${role} ${className}` }, role === "customer" ? null : face, column);
  }

  #insert(message, element) {
    const log = $("log");
    const day = new Date(message.created_at).toDateString();
    element.dataset.seq = message.seq;
    element.dataset.day = day;
    let before = log.lastElementChild;
    while (before && Number(before.dataset.seq) > message.seq) before = before.previousElementSibling;
    before.after(element);
    if (before.dataset.day !== day) before.after(make("li", { className: "day" }, this.#dayName(day)));
    element.previousElementSibling.dataset.day ??= day;
    if (message.role !== "agent") return;
    element.dataset.author = message.author;
    const last = element.previousElementSibling;
    element.classList.toggle("goes-on", last.matches(".agent") && last.dataset.author === message.author);
  }

  #dayName(day) {
    const today = new Date();
    const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
    if (day === today.toDateString()) return this.#t.today;
    return day === yesterday.toDateString() ? this.#t.yesterday : this.#days.format(new Date(day));
  }

  #say({ role, text, author }) {
    const name = role === "notice" ? "" : `${role === "bot" ? this.#t.assistant : author || this.#t.agent}: `;
    this.announce(name + (role === "bot" ? markdown(text).textContent : text));
  }

  // For those who listen to the chat.
  announce(text) {
    const said = make("p", {}, text);
    $("say").append(said);
    setTimeout(() => said.remove(), 20_000);
  }

  #chips() {
    const none = this.#shown.size + this.#pending.size === 0;
    const chips = none ? this.#config.questions : [];
    $("chips").replaceChildren(
      ...chips.map((text) => make("li", {}, make("button", { type: "button", dir: "auto", onclick: () => this.#on.ask(text) }, text))),
    );
  }

  // --- Sources ---------------------------------------------------------------------------------------
  #mark(citation) {
    return make("button", { type: "button", className: "mark", "aria-label": `${this.#t.source} ${citation.number}: ${citation.title}`, onclick: () => this.#passage(citation) }, String(citation.number));
  }

  #sources(citations) {
    const rows = citations.map((citation) =>
      make("li", {}, make("button", { type: "button", onclick: () => this.#passage(citation) }, make("b", {}, String(citation.number)), make("span", { dir: "auto" }, citation.title))),
    );
    return make("ol", { className: "sources", "aria-label": this.#t.sources }, ...rows);
  }

  #passage({ number, title, heading, text, url }) {
    const panel = $("passage");
    const address = url && safeAddress(new URL(url, location.origin).href);
    panel.querySelector(".kind").textContent = `${this.#t.source} ${number}`;
    panel.querySelector("h2").textContent = title;
    panel.querySelector(".heading").textContent = heading === title ? "" : heading;
    panel.querySelector("blockquote").replaceChildren(markdown(text));
    const link = panel.querySelector("a");
    link.hidden = !address;
    if (address) link.href = address;
    panel.showModal();
    panel.scrollTop = 0;
  }

  // --- What one can do with an answer ------------------------------------------------------------------
  #actions(message) {
    const t = this.#t;
    const rate = (value, comment) => this.#on.rate(message.seq, value, comment);
    const thumb = (value, shape, label) => {
      const press = () => {
        const next = thumbs.dataset.value === String(value) ? 0 : value;
        rate(next, "");
        this.rated(message.seq, next);
        if (next) this.#comment(thumbs, (comment) => rate(next, comment));
      };
      return make("button", { type: "button", className: shape, "aria-label": label, title: label, onclick: press }, icon(shape));
    };
    const thumbs = make("div", { className: "thumbs" }, thumb(1, "up", t.helpful), thumb(-1, "down", t.notHelpful));
    this.#press(thumbs, message.rating);
    const person = make("button", { type: "button", className: "ghost offer", onclick: () => this.#on.person() }, t.askPerson);
    return message.offer_person ? [person, thumbs] : [thumbs];
  }

  #press(thumbs, value) {
    thumbs.dataset.value = value;
    thumbs.querySelector(".up").ariaPressed = String(value === 1);
    thumbs.querySelector(".down").ariaPressed = String(value === -1);
    if (!value) thumbs.nextElementSibling?.matches(".comment") && thumbs.nextElementSibling.remove();
  }

  rated(seq, value) {
    const thumbs = this.#shown.get(seq)?.querySelector(".thumbs");
    if (thumbs) this.#press(thumbs, value);
  }

  #comment(thumbs, send) {
    if (thumbs.nextElementSibling?.matches(".comment")) return;
    const text = make("textarea", { rows: 2, maxLength: 2000, "aria-label": this.#t.commentLabel, placeholder: this.#t.commentLabel, dir: "auto" });
    const form = make("form", { className: "comment" }, text, make("button", { className: "ghost" }, this.#t.sendComment));
    form.onsubmit = (event) => {
      event.preventDefault();
      if (text.value.trim()) send(text.value.trim());
      form.replaceWith(make("p", { className: "thanks comment", role: "status" }, this.#t.thanks));
    };
    thumbs.after(form);
    this.follow();
  }

  // --- Not yet in the record ---------------------------------------------------------------------------
  // A message on its way: `note` says why it waits; `failed` that it will not go by itself.
  pending({ id, text, failed }, note) {
    let element = this.#pending.get(id);
    if (!element) {
      element = this.#bubble("customer", plain(text));
      element.lastChild.append(make("p", { className: "note" }));
      this.#pending.set(id, element);
      $("live").insertBefore(element, this.#stream?.element || this.#typing);
      this.#chips();
      this.toEnd();
    }
    element.classList.toggle("failed", !!failed);
    const act = (label, run) => make("button", { type: "button", onclick: run }, label);
    element.querySelector(".note").replaceChildren(
      note,
      ...(failed ? [" ", act(this.#t.retry, () => this.#on.retry(id)), " ", act(this.#t.discard, () => this.#on.discard(id))] : []),
    );
  }

  acknowledged(id) {
    this.#pending.get(id)?.remove();
    this.#pending.delete(id);
  }

  discarded(id) {
    this.acknowledged(id);
    this.#chips();
  }

  // The running answer: null, or {text, stage}. Painted at most once per animation frame.
  stream(stream) {
    if (!stream) {
      this.#stream?.element.remove();
      this.#stream = null;
      return;
    }
    if (!this.#stream) {
      const element = this.#bubble("bot", "", { className: "stream" });
      element.ariaHidden = "true"; // read out once, when it is complete
      this.#stream = { element };
      $("live").append(element);
    }
    this.#stream.now = stream;
    this.#painting ||= requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    this.#painting = 0;
    if (!this.#stream) return;
    const { element, now } = this.#stream;
    const bubble = element.querySelector(".bubble");
    if (now.text) bubble.replaceChildren(markdown(now.text, (n) => make("span", { className: "mark" }, String(n))));
    else if (!bubble.querySelector(".dots") || bubble.dataset.stage !== now.stage) {
      const dots = make("span", { className: "dots" }, make("i"), make("i"), make("i"));
      bubble.replaceChildren(dots, make("span", {}, now.stage === "searching" ? this.#t.searching : this.#t.writing));
    }
    bubble.dataset.stage = now.stage;
    element.classList.toggle("typing", !!now.text);
    this.follow();
  }

  // Somebody of the team is writing: a name ("" is fine), or null.
  typing(name) {
    if (name === null || this.#typing?.dataset.author !== name) this.#typing?.remove();
    if (name === null) return (this.#typing = null);
    if (this.#typing?.isConnected) return;
    const says = this.#t.typing.replace("{name}", name || this.#t.agent);
    const dots = make("span", { className: "dots" }, make("i"), make("i"), make("i"));
    const line = document.createDocumentFragment();
    line.append(dots, make("span", {}, says));
    this.#typing = this.#bubble("agent", line, { className: "stream" });
    this.#typing.querySelector(".face").textContent = initials(name || this.#t.agent);
    this.#typing.dataset.author = name;
    this.#typing.ariaHidden = "true";
    $("live").append(this.#typing);
    this.announce(says);
    this.follow();
  }

  // --- What is asked -------------------------------------------------------------------------------------
  // `email` null: no address is needed now; `rate` null: no question.
  ask({ email = null, rate = null }) {
    this.#email.paint(email);
    this.#rating.paint(rate);
    this.follow();
  }

  // The server's words against what a card sent. False when no card waits for an answer.
  refused(text) {
    return this.#email.fail(text) || this.#rating.fail(text);
  }

  // --- Around the messages -------------------------------------------------------------------------------
  // Keep the end in sight, unless the customer reads further up: then offer the way down.
  follow(news) {
    if (this.#sticks) this.toEnd();
    else if (news) $("latest").hidden = false;
  }

  toEnd() {
    const scroll = $("scroll");
    scroll.scrollTop = scroll.scrollHeight;
    this.#sticks = true;
    $("latest").hidden = true;
  }

  state(state, line) {
    const t = this.#t;
    document.body.dataset.state = state;
    const waiting = state === "waiting";
    $("queue").hidden = !waiting;
    $("person").hidden = waiting || state === "agent";
    const says = { bot: t.assistantStatus, waiting: t.waiting, agent: t.agentStatus, resolved: t.resolved };
    $("status").textContent = line === "ready" ? says[state] : line === "offline" ? "" : t.connecting;
  }

  // Where a waiting customer stands: {position, wait_minutes}, or null where it is not known.
  queue(queue) {
    const t = this.#t;
    const { position = 0, wait_minutes: minutes } = queue || {};
    const place = position ? [t.queueNext, t.queueSecond, t.queueThird][position - 1] || t.queuePlace.replace("{n}", position) : t.waiting;
    const wait = !minutes ? "" : minutes === 1 ? t.queueMinute : t.queueMinutes.replace("{n}", minutes);
    $("queue").querySelector("strong").textContent = place;
    $("wait").textContent = ` · ${wait}`;
    $("wait").hidden = !wait;
    if (position && position !== this.#place) this.announce([place, wait].filter(Boolean).join(". "));
    this.#place = position;
  }

  banner(text) {
    $("banner").textContent = text;
    $("banner").hidden = !text;
  }

  problem(text) {
    const box = $("problem");
    box.hidden = !text;
    box.replaceChildren(text);
    if (text) box.append(make("button", { type: "button", "aria-label": this.#t.dismiss, onclick: () => this.problem("") }, "×"));
  }

  // How many answers of bot and people stand above `seq`.
  unread(seq) {
    let count = 0;
    for (const [number, element] of this.#shown) count += number > seq && element.matches(".bot, .agent");
    return count;
  }
}
