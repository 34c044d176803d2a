// What the customer is asked: where to write, and how it was. Each card keeps what was typed until the server has it;
// whether it is shown, asked or answered is told by `paint`. Sends nothing itself.

import { make } from "../shared/markdown.js";

const MOUTHS = ["M8 16.4c1-1.9 2.4-2.9 4-2.9s3 1 4 2.9", "M8.5 15.9c1-.9 2.2-1.4 3.5-1.4s2.5.5 3.5 1.4", "M8.5 15.2h7", "M8.5 14.4c1 1 2.2 1.5 3.5 1.5s2.5-.5 3.5-1.5", "M7.6 13.4c.9 2.3 2.5 3.5 4.4 3.5s3.5-1.2 4.4-3.5z"];
const FACE = "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9 9.4v.8M15 9.4v.8";

const picture = (path) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.appendChild(document.createElementNS(svg.namespaceURI, "path")).setAttribute("d", path);
  return svg;
};
const tick = () => picture("M5 12.5l4.5 4.5L19 7.5");

// A template with one {gap}, as nodes: what fills the gap keeps its own direction.
const filled = (text, gap, node) => {
  const [before, after = ""] = text.split(gap);
  return [before, node, after];
};

class Card {
  #shown = null; // what is painted now
  #sent = false; // an answer is awaited
  #anew = false; // what was answered is being changed
  field = null; // gets the focus when something is wrong

  constructor(element, texts) {
    this.element = element;
    this.t = texts;
    element.hidden = true;
    element.replaceChildren();
    this.wrong = make("p", { className: "wrong", role: "alert" });
    this.wrong.id = `${element.id || "email"}-wrong`;
  }

  // Shows `state` (null: nothing) by the subclass's `build`; what is there already stays, with what was typed in it.
  paint(state) {
    this.#busy(false);
    if (state === this.#shown && !(this.#anew && this.#sent)) return;
    const answered = this.#sent;
    this.#shown = state;
    this.#sent = this.#anew = false;
    this.element.hidden = state === null;
    this.element.replaceChildren(...(state === null ? [] : this.build(state)));
    if (answered) this.element.querySelector("[tabindex='-1']")?.focus();
  }

  // Build anew, for a change of what was answered; the focus goes to the first field.
  again(nodes) {
    this.#anew = true;
    this.element.replaceChildren(...nodes);
    this.element.querySelector("input:checked, input")?.focus();
  }

  // `went`: it is on its way. The answer is the next `paint`, or `fail`.
  sending(went) {
    this.fail("");
    this.#sent = went;
    this.#busy(went);
  }

  // What the server (or the browser) says against it. False when nothing was asked of this card.
  fail(text) {
    const mine = this.#sent;
    this.#sent = false;
    this.#busy(false);
    this.wrong.textContent = text;
    if (this.field) this.field.ariaInvalid = text ? "true" : null;
    if (text) {
      this.field?.focus();
      this.wrong.scrollIntoView({ block: "nearest" });
    }
    return mine;
  }

  #busy(busy) {
    const button = this.element.querySelector("form button.solid");
    if (button) button.disabled = busy;
  }
}

export class EmailCard extends Card {
  #send;
  #typed = "";

  constructor(texts, send) {
    super(make("div", { className: "card email" }), texts);
    this.#send = send;
  }

  // `known`: the address, as far as it is shown; "" asks for one.
  build(known) {
    const { t } = this;
    if (!known) return [this.#form()];
    const change = make("button", { type: "button", className: "plain", onclick: () => this.again([this.#form()]) }, t.change);
    return [make("p", { className: "done", tabIndex: -1 }, tick(), make("span", {}, ...filled(t.emailKnown, "{email}", make("bdi", {}, known))), change)];
  }

  #form() {
    const { t, wrong } = this;
    const input = make("input", { type: "email", id: "email", autocomplete: "email", inputMode: "email", maxLength: 254, dir: "ltr", value: this.#typed, placeholder: "name@example.com", "aria-describedby": wrong.id });
    this.field = input;
    wrong.textContent = "";
    const form = make("form", { noValidate: true }, make("label", { htmlFor: "email" }, t.emailLabel), make("div", { className: "row" }, input, make("button", { className: "solid" }, t.save)), wrong);
    input.oninput = () => (this.#typed = input.value);
    form.onsubmit = (event) => {
      event.preventDefault();
      const address = input.value.trim();
      if (!address || !input.validity.valid) this.fail(t.emailBad);
      else this.sending(!!this.#send(address));
    };
    return form;
  }
}

export class RatingCard extends Card {
  #on;

  // `on`: rate(value, comment) and unasked().
  constructor(element, texts, on) {
    super(element, texts);
    this.#on = on;
  }

  // `value` 0 asks, 1 to 5 was answered.
  build(value) {
    return value ? [this.#thanks(value)] : [this.#form(0)];
  }

  get #words() {
    const { t } = this;
    return [t.veryBad, t.bad, t.okay, t.good, t.veryGood];
  }

  #thanks(value) {
    const change = make("button", { type: "button", className: "plain", onclick: () => this.again([this.#form(value)]) }, this.t.change);
    const said = make("span", {}, `${this.t.ratingThanks} `, make("b", {}, `${this.#words[value - 1]} (${value}/5)`));
    return make("p", { className: "done", tabIndex: -1 }, picture(FACE + MOUTHS[value - 1]), said, change);
  }

  #form(value) {
    const { t, wrong } = this;
    wrong.textContent = "";
    const choices = this.#words.map((word, i) => {
      const radio = make("input", { type: "radio", name: "rating", value: String(i + 1), checked: value === i + 1, onchange: () => (more.hidden = false) });
      if (!i) this.field = radio;
      return make("label", {}, radio, picture(FACE + MOUTHS[i]), make("span", {}, word));
    });
    const comment = make("textarea", { rows: 2, maxLength: 2000, id: "rating-comment", dir: "auto" });
    const more = make("div", { className: "more", hidden: !value }, make("label", { htmlFor: "rating-comment" }, t.ratingComment), comment, make("button", { className: "solid" }, t.sendRating));
    const close = make("button", { type: "button", className: "close", "aria-label": t.dismiss, title: t.dismiss, onclick: () => this.#on.unasked() }, picture("M6 6l12 12M18 6L6 18"));
    const form = make("form", {}, make("fieldset", { "aria-describedby": wrong.id }, make("legend", {}, t.ratingAsk), make("div", { className: "faces" }, ...choices)), more, wrong, close);
    form.onsubmit = (event) => {
      event.preventDefault();
      const chosen = Number(new FormData(form).get("rating"));
      if (chosen) this.sending(!!this.#on.rate(chosen, comment.value.trim()));
    };
    return form;
  }
}
