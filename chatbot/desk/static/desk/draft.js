// The draft that waits in the composer: its state, text, sources and confidence; insert, make again with a wish,
// dismiss with a reason. A draft that a newer message made stale leaves; what the agent has taken from it stays.

import { adapterOf, confidence, sources, withSources } from "./bubbles.js";
import { $, button, icon, make } from "./dom.js";
import { openMenu } from "./menus.js";
import { desk, emit, on } from "./state.js";
import { t } from "./words.js";

const REASONS = ["wrong", "incomplete", "tone", "not_needed", "other"];
const told = new Set(); // drafts that were before the agent's eyes
const dismissed = new Set();
const closed = new Set(); // drafts that were put away without judging them: they went into the composer

const now = () => {
  const draft = desk.open?.suggestion;
  return draft && !dismissed.has(draft.id) && !closed.has(draft.id) ? draft : null;
};

export const ready = () => {
  const draft = now();
  return desk.mayReply && draft?.state === "ready" && draft.text.trim() ? draft : null;
};

// Takes the draft off the card: it is in the composer now.
export const take = (draft) => {
  closed.add(draft.id);
  desk.line.tell({ type: "suggestion.seen", conversation: desk.open.id, suggestion: draft.id, inserted: true });
  paint();
};

export const remake = async (hint = "") => {
  if (!desk.open || !desk.mayReply) return;
  try {
    await desk.line.ask("suggestion.make", { conversation: desk.open.id, hint });
  } catch (refused) {
    emit("refused", refused);
  }
};

const dismiss = async (draft, reason, comment = "") => {
  dismissed.add(draft.id);
  paint();
  emit("composer.focus");
  try {
    await desk.line.ask("suggestion.dismiss", { conversation: draft.conversation, suggestion: draft.id, reason, comment });
  } catch (refused) {
    dismissed.delete(draft.id);
    paint();
    emit("refused", refused);
  }
};

export const dismissMenu = (anchor = $("draft-dismiss")) => {
  const draft = ready();
  if (!draft || !anchor) return;
  const field = make("input", { type: "text", maxLength: 500, placeholder: t("dismissComment"), "aria-label": t("dismissComment"), className: "menu-field" });
  openMenu(anchor, { label: t("dismissWhy"), body: field, items: REASONS.map((reason) => ({ label: t(`dismiss_${reason}`), group: t("dismissWhy"), run: () => dismiss(draft, reason, field.value.trim()) })) });
};

const wishForm = () => {
  const field = make("input", { type: "text", maxLength: 300, placeholder: t("wish"), "aria-label": t("wish"), className: "wish", dir: "auto" });
  const form = make("form", { className: "wish-form" }, field);
  form.onsubmit = (event) => {
    event.preventDefault();
    remake(field.value.trim());
  };
  return form;
};

const tools = (draft) =>
  make(
    "div",
    { className: "draft-tools" },
    button(t("insert"), () => emit("draft.insert", draft), { className: "button slim", title: t("insertHint") }),
    button(t("shorter"), () => remake(t("shorter"))),
    button(t("offerRefund"), () => remake(t("offerRefund"))),
    wishForm(),
    make("button", { type: "button", id: "draft-dismiss", className: "button ghost slim", onclick: () => dismissMenu() }, t("dismissDraft")),
  );

const head = (draft, ...more) => make("div", { className: "draft-head" }, icon("spark"), make("strong", {}, t("draft")), draft.hint ? make("bdi", { className: "quiet" }, `“${draft.hint}”`) : null, ...more);

const card = (draft) => {
  if (draft.state === "queued" || draft.state === "running")
    return [head(draft, make("span", { className: "dots-line" }, make("span", { className: "dots", "aria-hidden": "true" }, make("i"), make("i"), make("i")), t("draftMaking")))];
  if (draft.state === "failed")
    return [head(draft, make("span", { className: "quiet" }, draft.error ? t("draftFailedWhy", { why: draft.error }) : t("draftFailed")), button(t("tryAgain"), () => remake(draft.hint), { className: "linklike" }))];
  if (!draft.text.trim()) {
    const closest = draft.citations.length ? [make("span", { className: "quiet small" }, t("draftClosest")), sources(draft.citations)] : [];
    return [head(draft, make("span", { className: "quiet" }, t("draftNothing"))), ...closest, wishForm()];
  }
  return [
    head(draft, confidence(draft.confidence), draft.decision && !["answer", "canned"].includes(draft.decision) ? make("span", { className: "chip bare warn" }, t(draft.decision === "abstain" ? "kind_abstain" : "kind_other")) : null),
    make("div", { className: "draft-text prose-small", dir: "auto", tabIndex: 0, role: "group", "aria-label": t("draft") }, withSources(draft.text, draft.citations)),
    sources(draft.citations),
    adapterOf(draft) ? make("span", { className: "quiet small" }, `${t("adapter")}: `, make("bdi", { title: draft.adapter }, adapterOf(draft).slice(0, 24))) : null,
    draft.error ? make("span", { className: "quiet small" }, draft.error) : null,
    tools(draft),
  ];
};

export const paint = () => {
  const box = $("draft");
  const draft = now();
  const show = desk.mayReply && draft && draft.state !== "withdrawn";
  box.hidden = !show;
  if (!show) return box.replaceChildren();
  const typed = box.querySelector(".wish:focus")?.value;
  box.dataset.state = draft.state;
  box.replaceChildren(...card(draft).filter(Boolean));
  if (typed !== undefined) {
    const field = box.querySelector(".wish");
    if (field) field.value = typed;
    field?.focus();
  }
  if (draft.state === "ready" && draft.text && !told.has(draft.id) && !document.hidden) {
    told.add(draft.id);
    desk.line.tell({ type: "suggestion.seen", conversation: draft.conversation, suggestion: draft.id, inserted: false });
  }
};

export const start = () => {
  on("open suggestion welcome", paint);
  document.addEventListener("visibilitychange", paint);
};
