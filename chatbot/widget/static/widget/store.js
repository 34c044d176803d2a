// What this browser keeps for one inbox: the visitor token, the conversation shown, what was read, and every message
// written but not yet acknowledged. In memory where the browser forbids storage.

export class Store {
  #prefix;
  #memory = new Map();

  constructor(inbox) {
    this.#prefix = `parley:${inbox}:`;
  }

  get(name) {
    const key = this.#prefix + name;
    try {
      return localStorage.getItem(key) ?? this.#memory.get(key) ?? null;
    } catch {
      return this.#memory.get(key) ?? null;
    }
  }

  set(name, value) {
    const key = this.#prefix + name;
    if (value == null) this.#memory.delete(key);
    else this.#memory.set(key, String(value));
    try {
      if (value == null) localStorage.removeItem(key);
      else localStorage.setItem(key, value);
      this.#memory.delete(key);
    } catch {
      // Kept in memory until the page goes.
    }
  }

  // Everything this person left here: another one may sit down now.
  wipe() {
    for (const name of ["token", "conversation", "seen", "who", "draft", "unasked"]) this.set(name, null);
    for (const { id } of this.unsent()) this.set(`out:${id}`, null);
  }

  // One key per message, so that two tabs never overwrite each other. Oldest first.
  unsent() {
    const stem = `${this.#prefix}out:`;
    const keys = [...this.#memory.keys()];
    try {
      keys.push(...Object.keys(localStorage));
    } catch {
      // Only what is in memory.
    }
    const found = [...new Set(keys)].filter((key) => key.startsWith(stem));
    return found
      .flatMap((key) => {
        try {
          const message = JSON.parse(this.get(key.slice(this.#prefix.length)));
          return typeof message?.text === "string" && typeof message.id === "string" ? [message] : [];
        } catch {
          return [];
        }
      })
      .sort((one, other) => one.at - other.at);
  }

  keep(message) {
    this.set(`out:${message.id}`, JSON.stringify(message));
  }

  sent(id) {
    this.set(`out:${id}`, null);
  }
}
