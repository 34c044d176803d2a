// Which conversation belongs in which list, and in which order: as `desk_selectors.page` on the server does it, else
// pages and live rows would not fit together. Pure: rows and the agent in, answers out.

export const VIEWS = ["waiting", "mine", "team", "bot", "resolved", "snoozed", "mentions", "all"];

const snoozed = (row, now) => row.snoozed_until !== null && Date.parse(row.snoozed_until) > now && row.state !== "resolved";

const RULES = {
  waiting: (row, me, now) => row.state === "waiting" && !snoozed(row, now),
  mine: (row, me, now) => row.assignee?.id === me.id && ["agent", "waiting"].includes(row.state) && !snoozed(row, now),
  team: (row, me, now) => me.teams.includes(row.team) && ["agent", "waiting"].includes(row.state) && !snoozed(row, now),
  bot: (row) => row.state === "bot" && row.last_seq > 0,
  resolved: (row) => row.state === "resolved",
  snoozed: (row, me, now) => snoozed(row, now),
  mentions: () => null, // only the server knows
  all: (row) => row.last_seq > 0,
};

// true, false, or null where only the server can tell.
export const belongs = (row, { view, inbox, tag }, me, now = Date.now()) => {
  if (inbox !== null && row.inbox !== inbox) return false;
  if (tag && !row.tags.some((one) => one.toLowerCase() === tag.toLowerCase())) return false;
  return RULES[view](row, me, now);
};

const time = (iso) => (iso ? Date.parse(iso) : 0);
const newestFirst = (one, other) => time(other.last_message_at) - time(one.last_message_at);
const since = (row) => time(row.waiting_since ?? row.last_message_at);
const ORDERS = { waiting: (one, other) => other.priority - one.priority || since(one) - since(other) };

export const order = (view) => (one, other) =>
  (ORDERS[view] || newestFirst)(one, other) || newestFirst(one, other) || (one.conversation < other.conversation ? -1 : 1);

// Something new that this agent has not read, and that no colleague has dealt with.
export const unread = (row) => row.last_seq > (row.read_seq ?? 0) && row.preview_role !== "agent";
