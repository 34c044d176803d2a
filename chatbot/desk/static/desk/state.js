// What the desk knows at this moment, and who wants to hear of changes. Holds no DOM and asks nothing.

export const desk = {
  me: null,
  availability: "online",
  mayReply: false,
  mayCompose: false,
  inboxes: new Map(),
  teams: new Map(),
  people: new Map(),
  tags: new Map(),
  rows: new Map(), // conversation -> row, of everything seen since the page was loaded
  counts: {},
  unreadMentions: 0,
  view: "waiting",
  inbox: null,
  tag: "",
  open: null, // the Conversation on show
  line: null,
};

const listeners = new Map();

export const on = (topics, run) => {
  for (const topic of topics.split(" ")) listeners.set(topic, [...(listeners.get(topic) || []), run]);
};

export const emit = (topic, detail) => {
  for (const run of listeners.get(topic) || []) run(detail);
};

const byId = (things) => new Map(things.map((thing) => [thing.id, thing]));

export const welcomed = (event) => {
  Object.assign(desk, {
    me: event.me,
    availability: event.availability,
    mayReply: event.may_reply,
    mayCompose: event.may_compose && event.may_reply,
    inboxes: byId(event.inboxes),
    teams: byId(event.teams),
    people: byId(event.people),
    tags: new Map(event.tags.map((tag) => [tag.name, tag])),
  });
  emit("welcome");
};

// A row as the server knows it now. Rows that go to many do not say what this agent has read.
export const learn = (row) => {
  const before = desk.rows.get(row.conversation);
  const read = row.read_seq ?? before?.read_seq ?? 0;
  const now = { ...row, read_seq: Math.max(read, before?.read_seq ?? 0) };
  desk.rows.set(row.conversation, now);
  for (const tag of row.tags) if (!desk.tags.has(tag)) desk.tags.set(tag, { name: tag, color: "" });
  if (desk.open?.id === row.conversation) {
    desk.open.row = now;
    emit("open.row", before);
  }
  return now;
};

export const haveRead = (conversation, seq) => {
  const row = desk.rows.get(conversation);
  if (!row || row.read_seq >= seq) return;
  desk.rows.set(conversation, { ...row, read_seq: seq });
  emit("row", conversation);
};
