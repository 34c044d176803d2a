// Times as people read them: how long somebody waits, the clock, the day. In the page's language.

import { config, t } from "./words.js";

const format = (options) => {
  try {
    return new Intl.DateTimeFormat(config.language, options);
  } catch {
    return new Intl.DateTimeFormat(undefined, options);
  }
};
const clockFormat = format({ hour: "numeric", minute: "2-digit" });
const dateFormat = format({ day: "numeric", month: "short" });
const yearFormat = format({ day: "numeric", month: "short", year: "numeric" });
const dayFormat = format({ weekday: "long", day: "numeric", month: "long" });
const fullFormat = format({ dateStyle: "full", timeStyle: "short" });
const UNITS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];
const numbers = Object.fromEntries(
  UNITS.map(([unit]) => [unit, new Intl.NumberFormat(config.language, { style: "unit", unit, unitDisplay: "narrow" })]),
);

// "42s", "4m", "3h", "2d": one unit, rounded down.
export const waited = (iso, now = Date.now()) => {
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1000);
  const [unit, size] = UNITS.find(([, one]) => seconds >= one) || UNITS.at(-1);
  return numbers[unit].format(Math.floor(seconds / size));
};

// How urgent a wait is, for its colour.
export const urgency = (iso, now = Date.now()) => {
  const minutes = (now - Date.parse(iso)) / 60_000;
  return minutes < 3 ? "calm" : minutes < 10 ? "soon" : "late";
};

export const clock = (iso) => clockFormat.format(new Date(iso));
export const full = (iso) => fullFormat.format(new Date(iso));

const sameDay = (one, other) => one.toDateString() === other.toDateString();

// Short enough for a row: the clock today, else the date.
export const short = (iso) => {
  const at = new Date(iso);
  const now = new Date();
  if (sameDay(at, now)) return clockFormat.format(at);
  return (at.getFullYear() === now.getFullYear() ? dateFormat : yearFormat).format(at);
};

export const dayName = (iso) => {
  const at = new Date(iso);
  const now = new Date();
  if (sameDay(at, now)) return t("today");
  if (sameDay(at, new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1))) return t("yesterday");
  return at.getFullYear() === now.getFullYear() ? dayFormat.format(at) : fullFormat.format(at);
};

export const moment = (iso) => `${dateFormat.format(new Date(iso))}, ${clock(iso)}`;

// Where snoozing leads: in an hour, tomorrow at nine, Monday at nine.
export const snoozes = (now = new Date()) => {
  const at = (days, hour) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour);
  return {
    hour: new Date(now.getTime() + 3_600_000),
    tomorrow: at(1, 9),
    week: at(((8 - now.getDay()) % 7) || 7, 9),
  };
};
