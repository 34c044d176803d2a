// What this browser keeps for one member of the team: settings, unfinished texts, and every reply or note written but
// not yet acknowledged. In memory where the browser forbids storage.

import { config } from "./words.js";

const PREFIX = `parley:desk:${config.user}:`;
const DRAFT_DAYS = 30;
const memory = new Map();

export const get = (name) => {
  try {
    return localStorage.getItem(PREFIX + name) ?? memory.get(name) ?? null;
  } catch {
    return memory.get(name) ?? null;
  }
};

export const set = (name, value) => {
  if (value == null) memory.delete(name);
  else memory.set(name, String(value));
  try {
    if (value == null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
    memory.delete(name);
  } catch {
    // Kept in memory until the page goes.
  }
};

const names = (stem) => {
  const found = new Set(memory.keys());
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) found.add(key.slice(PREFIX.length));
  } catch {
    // Only what is in memory.
  }
  return [...found].filter((name) => name.startsWith(stem));
};

const read = (name) => {
  try {
    const value = JSON.parse(get(name));
    return value && typeof value === "object" ? value : null;
  } catch {
    return null;
  }
};

// --- Unfinished texts: {reply, note, tab, suggestion, inserted, canned, at} per conversation ------------------
export const draft = (conversation) => read(`draft:${conversation}`) || {};

export const keepDraft = (conversation, draft) => {
  const empty = !draft.reply && !draft.note;
  set(`draft:${conversation}`, empty ? null : JSON.stringify({ ...draft, at: Date.now() }));
};

export const hasDraft = (conversation) => get(`draft:${conversation}`) !== null;

export const dropOldDrafts = () => {
  for (const name of names("draft:")) if (!(read(name)?.at > Date.now() - DRAFT_DAYS * 86_400_000)) set(name, null);
};

// --- The outbox: one key per text, so that two tabs never overwrite each other. Oldest first -----------------------
export const unsent = () =>
  names("out:")
    .map(read)
    .filter((one) => typeof one?.text === "string" && typeof one.id === "string")
    .sort((one, other) => one.at - other.at);

export const keep = (one) => set(`out:${one.id}`, JSON.stringify(one));
export const sent = (id) => set(`out:${id}`, null);

// The conversation was erased: nothing that was written for it stays in this browser.
export const forget = (conversation) => {
  set(`draft:${conversation}`, null);
  for (const one of unsent()) if (one.conversation === conversation) sent(one.id);
};

export const newId = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36).padStart(7, "0")).join("-");
