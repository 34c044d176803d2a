// Moving between the parts of the page: list, conversation, panel. On a phone one of them is in sight, and the
// browser's back button goes from one to the other.

import { $ } from "./dom.js";
import * as keep from "./keep.js";
import { focusList, step } from "./list.js";
import { desk, emit, on } from "./state.js";
import { VIEWS } from "./lists.js";

export { focusList, step };

const page = () => $("desk");
export const narrow = () => matchMedia("(max-width: 45rem)").matches;
const drawer = () => matchMedia("(max-width: 68.75rem)").matches;

const show = (name) => {
  page().dataset.step = name;
};

const address = () => {
  const query = new URLSearchParams();
  if (desk.view !== "waiting") query.set("view", desk.view);
  if (desk.open) query.set("conversation", desk.open.id);
  const text = query.toString();
  return location.pathname + (text ? `?${text}` : "");
};

// What the address asks for.
export const asked = () => {
  const query = new URLSearchParams(location.search);
  const view = query.get("view");
  const conversation = query.get("conversation");
  return { view: VIEWS.includes(view) ? view : "waiting", conversation: /^[0-9a-f-]{36}$/i.test(conversation || "") ? conversation.toLowerCase() : null };
};

export const togglePanel = (on = page().dataset.panel !== "on") => {
  page().dataset.panel = on ? "on" : "off";
  if (!drawer()) keep.set("panel", on ? null : "off");
  if (narrow()) show(on ? "panel" : "talk");
  $("panel-switch").setAttribute("aria-expanded", String(on));
  if (on && drawer()) $("panel-close").focus();
  else if (!on && $("panel").contains(document.activeElement)) $("panel-switch").focus();
};

// One step back: panel, then conversation, then list.
export const goBack = () => {
  if (page().dataset.panel === "on" && drawer()) return togglePanel(false);
  if (!desk.open) return;
  if (!narrow()) return focusList();
  if (history.state?.inside) history.back();
  else emit("choose", null);
};

export const start = () => {
  page().dataset.panel = drawer() || keep.get("panel") === "off" ? "off" : "on";
  on("open", ({ byAddress } = {}) => {
    show(desk.open ? "talk" : "list");
    if (drawer() && page().dataset.panel === "on") page().dataset.panel = "off";
    if (byAddress || address() === location.pathname + location.search) return;
    if (narrow() && desk.open && !history.state?.inside) history.pushState({ inside: true }, "", address());
    else history.replaceState(history.state, "", address());
    if (narrow() && desk.open) $("talk-back").focus({ preventScroll: true });
  });
  on("view", () => history.replaceState(history.state, "", address()));
  addEventListener("popstate", () => {
    const { view, conversation } = asked();
    if (view !== desk.view) {
      desk.view = view;
      emit("view");
    }
    if ((desk.open?.id ?? null) !== conversation) emit("choose.address", conversation);
  });
  matchMedia("(max-width: 68.75rem)").addEventListener("change", () => togglePanel(!drawer() && keep.get("panel") !== "off"));
  $("talk-back").onclick = goBack;
  $("panel-switch").onclick = () => togglePanel();
  $("panel-close").onclick = () => togglePanel(false);
};
