// The desk's line to the server: requests with answers, events that come unasked, and the state of the connection.
// Keeps nothing: a request that was on its way when the line broke is refused with `offline`.

import { LiveSocket } from "../shared/socket.js";

export class Refused extends Error {
  constructor(code, message, event = {}) {
    super(message);
    this.code = code;
    this.event = event;
  }
}

export class Line {
  #socket;
  #asked = new Map(); // ref -> [resolve, reject]
  #ref = 0;
  #hear;
  #status;
  ready = false; // a welcome has come on this connection

  // hear(event): what nobody asked for; status(name); lastSeq(): newest message of the open conversation.
  constructor(url, { hear, status, lastSeq }) {
    this.#hear = hear;
    this.#status = status;
    this.#socket = new LiveSocket(url, {
      hello: () => ({ type: "hello" }),
      heartbeat: () => [25_000, { type: "ping", last_seq: lastSeq() }],
    });
    this.#socket.addEventListener("status", ({ detail }) => this.#changed(detail));
    this.#socket.addEventListener("event", ({ detail }) => this.#heard(detail));
  }

  start() {
    this.#socket.start();
  }

  stop() {
    this.#socket.stop();
  }

  hold(seconds) {
    this.#socket.hold(seconds * 1000);
  }

  get status() {
    return this.#socket.status;
  }

  // Ask and wait for the answer. Rejects with Refused.
  ask(type, fields = {}) {
    const ref = ++this.#ref;
    return new Promise((resolve, reject) => {
      if (!this.ready || !this.#socket.send({ type, ref, ...fields })) return reject(new Refused("offline", ""));
      this.#asked.set(ref, [resolve, reject]);
    });
  }

  // Say something that has no answer.
  tell(event) {
    return this.ready && this.#socket.send(event);
  }

  #changed(status) {
    if (status !== "ready") {
      this.ready = false;
      const lost = [...this.#asked.values()];
      this.#asked.clear();
      for (const [, reject] of lost) reject(new Refused("offline", ""));
    }
    this.#status(status);
  }

  #heard(event) {
    if (event.type === "welcome") this.ready = true;
    const waiting = event.ref != null && this.#asked.get(event.ref);
    if (!waiting) return this.#hear(event);
    this.#asked.delete(event.ref);
    if (event.type === "error") waiting[1](new Refused(event.code, event.message, event));
    else waiting[0](event);
  }
}
