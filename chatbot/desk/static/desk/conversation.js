// What is known of one conversation: messages in order, notes, activities, the running answer, the draft, who looks on.
// Applies events and says what changed; holds no DOM. The record is the server's: after a gap everything is asked again.

const FRESH = 1500; // milliseconds until something that came has been read

export class Conversation {
  messages = new Map(); // seq -> message
  notes = new Map();
  activities = new Map();
  answers = new Map(); // seq -> answer card in brief
  arrived = new Map(); // seq -> when it came while the conversation was open
  lastSeq = 0;
  stream = null;
  suggestion = null;
  viewers = [];
  summary = "";
  customerOnline = false;
  customerTyping = false;
  customerSeen = 0;
  emailed = 0;
  pageUrl = "";
  readBefore = null; // up to where this agent had read when the conversation was opened
  loaded = false;
  contact = null;

  constructor(id, row) {
    this.id = id;
    this.row = row;
  }

  // The server's answer to `open`: everything, of the messages what was missing.
  opened(event, row) {
    const first = event.messages[0]?.seq;
    if (first > this.lastSeq + 1) this.messages.clear(); // more was missing than the server sends at once
    for (const message of event.messages) this.#add(message, this.loaded);
    for (const answer of event.answers) this.answers.set(answer.seq, answer);
    this.notes = new Map(event.notes.map((note) => [note.id, note]));
    this.activities = new Map(event.activities.map((activity) => [activity.id, activity]));
    this.stream = event.stream && { ...event.stream, length: [...event.stream.text].length };
    Object.assign(this, {
      row,
      suggestion: event.suggestion,
      viewers: event.viewers,
      summary: event.summary,
      customerOnline: event.customer_online,
      customerSeen: event.customer_seen_seq,
      emailed: event.emailed_seq,
      pageUrl: event.page_url,
      loaded: true,
    });
    this.readBefore ??= row.read_seq ?? 0;
  }

  #add(message, fresh) {
    this.messages.set(message.seq, message);
    this.lastSeq = Math.max(this.lastSeq, message.seq);
    if (fresh) this.arrived.set(message.seq, Date.now());
    if (message.role === "bot" && (!message.job || !this.stream || this.stream.job <= message.job)) this.stream = null;
    if (message.role === "customer") this.customerTyping = false;
  }

  // false: known already; null: something is missing before it.
  message(message) {
    if (message.seq <= this.lastSeq) return false;
    if (message.seq > this.lastSeq + 1) return null;
    this.#add(message, true);
    return true;
  }

  // Up to where the agent can have read: what came a moment ago does not count.
  seenSeq(now = Date.now()) {
    let seq = this.lastSeq;
    while (seq > 0 && now - (this.arrived.get(seq) ?? 0) < FRESH) seq -= 1;
    return seq;
  }

  // The colleague's answer that a reply collided with. Messages carry the name that customers read: the first one.
  answerSince(seq, me) {
    const own = (author) => author === me.username || me.name.startsWith(author);
    const later = [...this.messages.values()].filter((one) => one.role === "agent" && one.seq > seq && !own(one.author));
    return later.sort((one, other) => other.seq - one.seq)[0];
  }

  get newestCustomerSeq() {
    return Math.max(0, ...[...this.messages.values()].filter((one) => one.role === "customer").map((one) => one.seq));
  }

  // --- The running answer. null: nothing to show changed; "gap": something of it is missing ------------------------
  streamStatus({ job, attempt, stage }) {
    const now = this.stream;
    if (now && (job < now.job || (job === now.job && attempt < now.attempt))) return;
    if (stage === "dropped") this.stream = null;
    else if (now?.job === job && now.attempt === attempt) this.stream = { ...now, stage };
    else this.stream = { job, attempt, stage, text: "", length: 0 };
  }

  streamDelta({ job, attempt, offset, text }) {
    let now = this.stream;
    if (now && (job < now.job || (job === now.job && attempt < now.attempt))) return null;
    if (now?.job !== job || now.attempt !== attempt) now = this.stream = { job, attempt, text: "", length: 0 };
    const added = [...text].length;
    if (offset > now.length) return "gap";
    if (offset + added <= now.length) return null;
    now.text = (offset === now.length ? now.text : [...now.text].slice(0, offset).join("")) + text;
    now.length = offset + added;
    now.stage = "writing";
    return "more";
  }

  // Everything that stands in the timeline, in order, each with a key that never changes.
  timeline() {
    const items = [
      ...[...this.messages.values()].map((message) => ({ key: `m${message.seq}`, place: message.seq * 2, at: message.created_at, kind: "message", thing: message })),
      ...[...this.notes.values()].map((note) => ({ key: `n${note.id}`, place: note.after_seq * 2 + 1, at: note.created_at, kind: "note", thing: note })),
      ...[...this.activities.values()].map((activity) => ({ key: `a${activity.id}`, place: activity.after_seq * 2 + 1, at: activity.created_at, kind: "activity", thing: activity })),
    ];
    return items.sort((one, other) => one.place - other.place || Date.parse(one.at) - Date.parse(other.at) || (one.key < other.key ? -1 : 1));
  }
}
