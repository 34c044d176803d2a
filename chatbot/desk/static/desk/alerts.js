// What makes itself heard: the title with the number waiting, toasts, the live region, desktop notifications and a
// sound. The last two only after a click of this person in this browser.

import { $, button, icon, make } from "./dom.js";
import * as keep from "./keep.js";
import { openMenu } from "./menus.js";
import { desk, emit, on } from "./state.js";
import { config, t } from "./words.js";

const TOAST = 7000;
let audio = null;

// --- Title, toasts, live region --------------------------------------------------------------------------------------------
const title = () => {
  const waiting = desk.counts.waiting || 0;
  document.title = (waiting ? `(${waiting}) ` : "") + config.title;
};

const toast = ({ text, open = null }) => {
  const shown = make("li", { className: "toast" }, make("span", { dir: "auto" }, text), open ? button(t("show"), () => (emit("choose", open), shown.remove()), { className: "button ghost slim" }) : null, make("button", { type: "button", className: "tool", "aria-label": t("close"), onclick: () => shown.remove() }, icon("cross")));
  $("toasts").append(shown);
  while ($("toasts").children.length > 3) $("toasts").firstElementChild.remove();
  setTimeout(() => shown.remove(), TOAST);
};

const say = (text) => {
  const said = make("p", {}, text);
  $("say").append(said);
  setTimeout(() => said.remove(), 20_000);
};

const refused = ({ code, message }) => toast({ text: code === "offline" ? t("notNow") : message || t("notNow") });

// --- Sound and notifications -------------------------------------------------------------------------------------------------
// Two soft tones, made here: nothing is loaded.
const chime = () => {
  if (keep.get("sound") !== "1") return;
  audio ||= new AudioContext();
  const start = audio.currentTime;
  for (const [i, frequency] of [660, 880].entries()) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0, start + i * 0.13);
    volume.gain.linearRampToValueAtTime(0.08, start + i * 0.13 + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + i * 0.13 + 0.35);
    tone.connect(volume).connect(audio.destination);
    tone.start(start + i * 0.13);
    tone.stop(start + i * 0.13 + 0.4);
  }
};

const mayNotify = () => "Notification" in window && Notification.permission === "granted" && keep.get("notify") === "1";

const notify = (heading, body, conversation) => {
  if (!mayNotify() || (!document.hidden && document.hasFocus())) return;
  const shown = new Notification(heading, { body: body.slice(0, 200), tag: `${config.user}:${conversation}` });
  shown.onclick = () => {
    window.focus();
    emit("choose", conversation);
    shown.close();
  };
};

const alerted = ({ kind, conversation, contact, text }) => {
  const watching = desk.open?.id === conversation && !document.hidden;
  const heading = t(`alert_${kind}`, { contact: contact || t("customer") });
  if (!watching) toast({ text: heading, open: conversation });
  say(heading);
  chime();
  notify(heading, text, conversation);
};

const mentioned = ({ conversation, by, text }) => {
  const heading = t("mentionedBy", { name: by });
  toast({ text: `${heading}: ${text}`, open: conversation });
  say(heading);
  chime();
  notify(heading, text, conversation);
};

const switchNotify = async () => {
  if (mayNotify()) return keep.set("notify", null);
  if (!("Notification" in window)) return toast({ text: t("noNotifications") });
  const answer = await Notification.requestPermission();
  if (answer === "granted") keep.set("notify", "1");
  else toast({ text: t("notificationsDenied") });
};

const switchSound = () => {
  keep.set("sound", keep.get("sound") === "1" ? null : "1");
  chime();
};

// --- Being there -------------------------------------------------------------------------------------------------------------
const paintMe = () => {
  const away = desk.availability === "away";
  $("me").dataset.availability = desk.availability;
  $("me-state").textContent = t(away ? "away" : "online");
};

const setPresence = async (availability) => {
  try {
    await desk.line.ask("presence", { availability });
    desk.availability = availability;
    paintMe();
  } catch (error) {
    refused(error);
  }
};

const meMenu = (anchor) =>
  openMenu(anchor, {
    label: t("meMenu"),
    items: [
      ...(desk.mayReply ? ["online", "away"].map((one) => ({ group: t("presence"), label: t(`presence_${one}`), checked: desk.availability === one, run: () => setPresence(one) })) : []),
      { group: t("thisBrowser"), label: t("notifications"), checked: mayNotify(), run: switchNotify },
      { group: t("thisBrowser"), label: t("sound"), checked: keep.get("sound") === "1", run: switchSound },
    ],
  });

export const start = () => {
  on("counts", title);
  on("toast", toast);
  on("say", say);
  on("refused", refused);
  on("alert", alerted);
  on("mentioned", mentioned);
  on("welcome", paintMe);
  $("me").onclick = () => meMenu($("me"));
  title();
};
