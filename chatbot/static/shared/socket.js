// A socket that comes back: says hello first, reconnects with growing, jittered pauses, notices a dead line.
// Events: "status" (detail: connecting | ready | waiting | offline | stopped) and "event" (detail: the parsed event).
// Nothing is queued here: what must not be lost is kept by the caller and sent again after the next welcome.

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;
const ANSWER_WITHIN = 10_000;

export class LiveSocket extends EventTarget {
  #url;
  #hello;
  #heartbeat;
  #socket = null;
  #tries = 0;
  #pause = 0;
  #timers = {};

  // hello() gives the first event of each connection; heartbeat() gives [milliseconds, event].
  constructor(url, { hello, heartbeat }) {
    super();
    this.#url = url;
    this.#hello = hello;
    this.#heartbeat = heartbeat;
    this.status = "stopped";
    addEventListener("online", () => this.#wake());
    addEventListener("offline", () => this.status !== "stopped" && this.#lost());
    addEventListener("pageshow", (event) => event.persisted && this.#wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake());
  }

  start() {
    if (this.status === "stopped") this.#connect();
  }

  stop() {
    this.#drop();
    this.#set("stopped");
  }

  // A new connection now, with a new hello.
  restart() {
    this.#drop();
    this.#connect();
  }

  // Do not come back before so many milliseconds have passed.
  hold(milliseconds) {
    this.#pause = Math.max(this.#pause, milliseconds);
  }

  send(event) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(event));
    return true;
  }

  // The heartbeat's rhythm has changed, or begins: then somewhere within the first beat (`phase` 0 to 1).
  beat(phase = 1) {
    clearTimeout(this.#timers.beat);
    if (this.status !== "ready") return;
    const [every, event] = this.#heartbeat();
    this.#timers.beat = setTimeout(() => {
      this.send(this.#heartbeat()[1] || event);
      this.#expectAnswer();
      this.beat();
    }, phase * every);
  }

  #connect() {
    this.#drop();
    if (navigator.onLine === false) return this.#set("offline");
    this.#set("connecting");
    let socket;
    try {
      socket = this.#socket = new WebSocket(this.#url);
    } catch {
      return this.#lost();
    }
    this.#expectAnswer();
    socket.onopen = () => this.send(this.#hello());
    socket.onmessage = ({ data }) => this.#heard(socket, data);
    socket.onclose = () => socket === this.#socket && this.#lost();
  }

  #heard(socket, data) {
    if (socket !== this.#socket) return;
    clearTimeout(this.#timers.answer);
    this.#timers.answer = null;
    let event;
    try {
      event = JSON.parse(data);
    } catch {
      return;
    }
    if (event.type === "welcome") {
      this.#tries = this.#pause = 0;
      this.#set("ready");
      this.beat(Math.random()); // browsers that a restart sent back together do not stay together
    }
    this.dispatchEvent(new CustomEvent("event", { detail: event }));
  }

  #expectAnswer() {
    this.#timers.answer ||= setTimeout(() => this.#lost(), ANSWER_WITHIN);
  }

  #lost() {
    this.#drop();
    if (navigator.onLine === false) return this.#set("offline");
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#tries++);
    const pause = Math.max(this.#pause, longest * (0.5 + Math.random() / 2));
    this.#pause = 0;
    this.#timers.retry = setTimeout(() => this.#connect(), pause);
    this.#set("waiting");
  }

  #wake() {
    if (this.status === "waiting" || this.status === "offline") this.#connect();
  }

  #drop() {
    for (const name of Object.keys(this.#timers)) clearTimeout(this.#timers[name]);
    this.#timers = {};
    const socket = this.#socket;
    this.#socket = null;
    if (socket) socket.onclose = socket.onmessage = socket.onopen = null;
    socket?.close();
  }

  #set(status) {
    if (status === this.status) return;
    this.status = status;
    this.dispatchEvent(new CustomEvent("status", { detail: status }));
  }
}
