// Which conversation belongs in which list, and in which order. Pure: rows and the agent in, answers out.

export const VIEWS = ["waiting", "mine", "team", "bot", "resolved", "snoozed", "mentions", "all"];

const snoozed = (row, now) => row.snoozed_until !== null && Date.parse(row.snoozed_until) > now && row.state !== "resolved";

const RULES = {
  waiting: (row, me, now) => row.state === "waiting" && !snoozed(row, now),
  mine: (row, me, now) => row.assignee?.id === me.id && ["agent", "waiting"].includes(row.state) && !snoozed(row, now),
  team: (row, me, now) => me.teams.includes(row.team) && ["agent", "waiting"].includes(row.state) && !snoozed(row, now),
  bot: (row, me, now) => row.state === "bot" && !snoozed(row, now),
  resolved: (row) => row.state === "resolved",
  snoozed: (row, me, now) => snoozed(row, now),
  mentions: () => null, // only the server knows
  all: () => true,
};

// true, false, or null where only the server can tell.
export const belongs = (row, { view, inbox, tag }, me, now = Date.now()) => {
  if (inbox !== null && row.inbox !== inbox) return false;
  if (tag && !row.tags.some((one) => one.toLowerCase() === tag.toLowerCase())) return false;
  return RULES[view](row, me, now);
};

const time = (iso) => (iso ? Date.parse(iso) : 0);
const newestFirst = (one, other) => time(other.last_message_at) - time(one.last_message_at);
const ORDERS = {
  waiting: (one, other) => other.priority - one.priority || time(one.waiting_since) - time(other.waiting_since),
  snoozed: (one, other) => time(one.snoozed_until) - time(other.snoozed_until),
};

export const order = (view) => (one, other) =>
  (ORDERS[view] || newestFirst)(one, other) || newestFirst(one, other) || (one.conversation < other.conversation ? -1 : 1);

// Something new that this agent has not read, and that no colleague has dealt with.
export const unread = (row) => row.last_seq > (row.read_seq ?? 0) && row.preview_role !== "agent";
