// The list on show: pages from the server, then every change in its place. Neither scroll nor selection jump.

import { $, button, make } from "./dom.js";
import { hasDraft } from "./keep.js";
import { belongs, order } from "./lists.js";
import { fill, tick } from "./rows.js";
import { desk, emit, learn, on } from "./state.js";
import { t } from "./words.js";

const list = { ids: new Set(), next: "", loading: false, asked: 0, failed: "", heard: new Set() };
const nodes = new Map(); // conversation -> {element, made}
let cursor = 0; // where the selection is, or was before its row left
let painting = 0;

const filter = () => ({ view: desk.view, inbox: desk.inbox, tag: desk.tag });
const me = () => ({ id: desk.me?.id, teams: [...desk.teams.values()].filter((team) => team.members.includes(desk.me?.id)).map((team) => team.id) });

export const shown = () => [...list.ids].map((id) => desk.rows.get(id)).filter(Boolean).sort(order(desk.view)).map((row) => row.conversation);

// --- From the server ---------------------------------------------------------------------------------------------
// A page's row is older than one that was heard of while the page was on its way; what this agent has read is only in it.
const learnPaged = (row) => {
  const now = list.heard.has(row.conversation) ? desk.rows.get(row.conversation) : row;
  if (now) learn({ ...now, read_seq: row.read_seq });
  return row.conversation;
};

// The first page anew, and as much more as was on show. `keep`: what is shown stays until the answer has come.
export const load = async ({ keep = false } = {}) => {
  const mine = ++list.asked;
  const wanted = keep ? list.ids.size : 0;
  if (!keep) Object.assign(list, { ids: new Set(), next: "" });
  Object.assign(list, { loading: true, failed: "", heard: new Set() });
  paint();
  const found = new Set();
  let after = "";
  try {
    do {
      const page = await desk.line.ask("list", { ...filter(), after });
      if (mine !== list.asked) return;
      for (const row of page.rows) found.add(learnPaged(row));
      after = page.next;
    } while (after && found.size < wanted);
    Object.assign(list, { ids: found, next: after, loading: false });
    list.heard.forEach(place);
  } catch (refused) {
    if (mine !== list.asked) return;
    Object.assign(list, { loading: false, failed: refused.message });
  }
  paint();
};

const more = async () => {
  if (!list.next || list.loading) return;
  const mine = list.asked;
  Object.assign(list, { loading: true, heard: new Set() });
  try {
    const page = await desk.line.ask("list", { ...filter(), after: list.next });
    if (mine !== list.asked) return;
    for (const row of page.rows) list.ids.add(learnPaged(row));
    list.next = page.next;
    list.heard.forEach(place);
  } catch {
    // The next welcome loads the list anew.
  }
  list.loading = false;
  paint();
};

// A row has changed: in, out, or to another place.
const changed = (conversation) => {
  if (list.loading) list.heard.add(conversation);
  place(conversation);
  paint();
};

const place = (conversation) => {
  const row = desk.rows.get(conversation);
  const here = row && belongs(row, filter(), me());
  if (!row || here === false) list.ids.delete(conversation);
  else if (here && !list.ids.has(conversation) && !beyond(row)) list.ids.add(conversation);
};

// Further down than what is loaded: it comes with its page.
const beyond = (row) => {
  if (!list.next) return false;
  const last = desk.rows.get(shown().at(-1));
  return last !== undefined && order(desk.view)(row, last) > 0;
};

// --- On the page ---------------------------------------------------------------------------------------------------
const element = (conversation) => {
  const row = desk.rows.get(conversation);
  let node = nodes.get(conversation);
  if (!node) {
    const line = make("button", { type: "button", className: "row", tabIndex: -1, onclick: () => emit("choose", conversation) });
    line.dataset.conversation = conversation;
    node = { element: make("li", {}, line), line, row: null };
    nodes.set(conversation, node);
  }
  const draft = hasDraft(conversation);
  if (node.row !== row || node.draft !== draft) {
    fill(node.line, row);
    Object.assign(node, { row, draft });
  }
  return node;
};

const paint = () => {
  painting ||= requestAnimationFrame(() => {
    painting = 0;
    paintNow();
  });
};

const paintNow = () => {
  const box = $("rows");
  const scroll = $("list-scroll");
  const ids = shown();
  const focused = document.activeElement?.dataset?.conversation;
  const anchor = scroll.scrollTop > 8 ? [...box.children].find((one) => one.offsetTop + one.offsetHeight > scroll.scrollTop) : null;
  const before = anchor?.offsetTop;
  const keep = new Set(ids);
  for (const [id, node] of nodes) {
    if (keep.has(id)) continue;
    node.element.remove();
    nodes.delete(id);
  }
  let place = box.firstElementChild;
  for (const id of ids) {
    const node = element(id).element;
    if (node === place) place = place.nextElementSibling;
    else box.insertBefore(node, place);
  }
  if (anchor?.isConnected) scroll.scrollTop += anchor.offsetTop - before;
  select(ids);
  if (focused && !keep.has(focused) && document.activeElement === document.body) nodes.get(ids[Math.min(cursor, ids.length - 1)])?.line.focus();
  notes(ids);
  emit("list");
};

// One row can be reached with Tab; the arrow keys lead to the others.
const select = (ids) => {
  const at = ids.indexOf(desk.open?.id);
  if (at >= 0) cursor = at;
  const reachable = ids[Math.min(Math.max(cursor, 0), ids.length - 1)];
  for (const [id, { line }] of nodes) {
    if (id === desk.open?.id) line.setAttribute("aria-current", "true");
    else line.removeAttribute("aria-current");
    line.tabIndex = id === reachable ? 0 : -1;
  }
};

const notes = (ids) => {
  $("rows-more").hidden = !list.next;
  $("rows").setAttribute("aria-busy", String(list.loading));
  const empty = $("rows-empty");
  empty.hidden = ids.length > 0;
  if (ids.length) return;
  if (list.failed) empty.replaceChildren(make("p", {}, list.failed), button(t("again"), () => load()));
  else if (list.loading) empty.replaceChildren(make("p", { className: "quiet" }, t("loading")));
  else if (desk.inbox !== null || desk.tag) empty.replaceChildren(make("p", {}, t("emptyFilter")), button(t("clearFilter"), () => emit("filter.clear")));
  else empty.replaceChildren(make("strong", {}, t(`empty_${desk.view}`)), make("p", { className: "quiet" }, t(`emptyHint_${desk.view}`)));
};

// --- By keyboard ---------------------------------------------------------------------------------------------------
// Open the next (1) or the one before (-1). Where the open row has left the list, the one that took its place is next.
export const step = (by) => {
  const ids = shown();
  if (!ids.length) return;
  const at = ids.indexOf(desk.open?.id);
  const to = at >= 0 ? at + by : desk.open && by > 0 ? cursor : cursor + (desk.open ? by : 0);
  const id = ids[Math.min(Math.max(to, 0), ids.length - 1)];
  cursor = ids.indexOf(id);
  emit("choose", id);
  nodes.get(id)?.line.scrollIntoView({ block: "nearest" });
};

export const focusList = () => {
  const line = $("rows").querySelector("[tabindex='0']");
  line?.focus();
  return !!line;
};

const arrows = (event) => {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const now = event.target.closest("[data-conversation]");
  if (!by || !now) return;
  event.preventDefault();
  const ids = shown();
  const id = ids[Math.min(Math.max(ids.indexOf(now.dataset.conversation) + by, 0), ids.length - 1)];
  cursor = ids.indexOf(id);
  for (const [other, { line }] of nodes) line.tabIndex = other === id ? 0 : -1;
  nodes.get(id).line.focus();
};

export const start = () => {
  $("rows").addEventListener("keydown", arrows);
  new IntersectionObserver(([entry]) => entry.isIntersecting && more(), { root: $("list-scroll"), rootMargin: "400px" }).observe($("rows-more"));
  setInterval(() => document.hidden || tick(document), 1000);
  on("row", changed);
  on("open draft", paint);
  on("welcome", () => load({ keep: true }));
  on("view", () => {
    cursor = 0;
    $("list-scroll").scrollTop = 0;
    load();
  });
  on("mentioned", () => desk.view === "mentions" && load({ keep: true }));
};
