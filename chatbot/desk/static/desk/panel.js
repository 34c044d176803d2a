// Beside the conversation: who the customer is, what the host page says, where they were, and what was before.
// All of it comes from outside and is shown as text; an address becomes a link only when it is safe.

import { safeAddress } from "../shared/markdown.js";
import { $, contactName, face, icon, make, stars } from "./dom.js";
import { desk, emit, on } from "./state.js";
import { full, short } from "./times.js";
import { t } from "./words.js";

const PAGES = 8;
const section = (title, ...content) => make("section", {}, make("h3", {}, title), ...content);
const quiet = (text) => make("p", { className: "quiet small" }, text);

const link = (url, text) => {
  const safe = safeAddress(url);
  return safe ? make("a", { href: safe, target: "_blank", rel: "noopener noreferrer", dir: "auto", title: safe }, text) : make("span", { dir: "auto" }, text);
};

// "shop.test/returns" of an address: what one recognises a page by.
const path = (url) => {
  try {
    const { host, pathname } = new URL(url);
    return host + (pathname === "/" ? "" : pathname);
  } catch {
    return url;
  }
};

const facts = (rows) =>
  make("dl", { className: "facts" }, ...rows.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([name, value]) => [make("dt", { dir: "auto" }, name), make("dd", { dir: "auto" }, value)]));

const mail = ({ email, email_verified: verified }) =>
  email ? make("span", {}, link(`mailto:${encodeURIComponent(email).replace("%40", "@")}`, email), " ", make("span", { className: `chip bare ${verified ? "good" : "warn"}` }, t(verified ? "verified" : "unverified"))) : null;

const profile = (contact, row) =>
  facts([
    [t("email"), mail(contact)],
    [t("customerId"), contact.external_id],
    [t("language"), row.language],
    [t("inbox"), desk.inboxes.get(row.inbox)?.name],
    [t("firstSeen"), make("time", { title: full(contact.first_seen_at) }, short(contact.first_seen_at))],
    [t("lastSeen"), contact.last_seen_at && make("time", { title: full(contact.last_seen_at) }, short(contact.last_seen_at))],
  ]);

const value = (thing) => (thing === true ? t("yes") : thing === false ? t("no") : thing === null ? "–" : typeof thing === "object" ? JSON.stringify(thing) : String(thing));

const pages = (views) =>
  make("ol", { className: "visits" }, ...views.slice(0, PAGES).map((view) => make("li", {}, link(view.url, view.title || path(view.url)), make("span", { className: "quiet small" }, make("bdi", {}, path(view.url)), " · ", make("time", { title: full(view.seen_at) }, short(view.seen_at))))));

const past = (rows) =>
  make(
    "ol",
    { className: "past" },
    ...rows.map((one) =>
      make(
        "li",
        {},
        make(
          "button",
          { type: "button", onclick: () => emit("choose", one.conversation) },
          make("span", { className: "preview", dir: "auto" }, one.preview || t("noText")),
          make("span", { className: "quiet small" }, t(`state_${one.state}`), one.last_message_at ? ` · ${short(one.last_message_at)}` : "", one.rating ? stars(one.rating) : null),
        ),
      ),
    ),
  );

const paint = () => {
  const conversation = desk.open;
  const box = $("panel-body");
  if (!conversation) return box.replaceChildren();
  const { row, contact } = conversation;
  const name = contact?.name || contactName(row);
  const head = make("div", { className: "panel-who" }, face(name, row.contact_id, { className: "large" }), make("strong", {}, make("bdi", {}, name)), row.rating ? stars(row.rating) : null);
  if (!contact) return box.replaceChildren(head, quiet(t("loading")));
  const context = Object.entries(contact.context).map(([key, one]) => [key, value(one)]);
  box.replaceChildren(
    head,
    profile(contact, row),
    conversation.pageUrl ? section(t("pageNow"), make("p", { className: "small here" }, icon("link"), link(conversation.pageUrl, path(conversation.pageUrl)))) : "",
    context.length ? section(t("context"), facts(context)) : "",
    section(t("pages"), contact.pages.length ? pages(contact.pages) : quiet(t("noPages"))),
    section(t("past"), contact.past.length ? past(contact.past) : quiet(t("noPast"))),
  );
};

const load = async () => {
  const conversation = desk.open;
  paint();
  if (!conversation) return;
  try {
    conversation.contact = await desk.line.ask("contact", { conversation: conversation.id });
  } catch {
    return; // asked again after the next welcome
  }
  if (desk.open === conversation) paint();
};

export const start = () => {
  on("opened", load);
  on("open", paint);
  on("open.row", (before) => {
    const now = desk.open.row;
    if (!before || before.rating !== now.rating || before.contact !== now.contact || before.language !== now.language) paint();
  });
};
