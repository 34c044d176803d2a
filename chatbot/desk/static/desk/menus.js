// One menu at a time, beside what opened it: entries with marks and groups, a field to narrow them, all by keyboard.

import { $, icon, make } from "./dom.js";
import { t } from "./words.js";

let shutting = null;

// items: {label, run, hint, shape, group, checked, face, keeps (the menu stays open), disabled (a reason)}.
// `more(text)` gives entries for what was typed and is not there; `items` may be a function of nothing.
export const openMenu = (anchor, { label, items, search = false, empty = "", more = () => [], body = null }) => {
  const menu = $("menu");
  closeMenu();
  const field = search ? make("input", { type: "text", className: "menu-field", placeholder: t("narrow"), "aria-label": label, autocomplete: "off" }) : null;
  const list = make("ul", { role: "menu", "aria-label": label });
  const all = typeof items === "function" ? items : () => items;
  const paint = () => {
    const wanted = (field?.value || "").trim().toLowerCase();
    const found = all().filter((item) => item.label.toLowerCase().includes(wanted));
    const made = wanted ? more(field.value.trim()) : [];
    fill(list, [...found, ...made], empty, paint);
  };
  paint();
  field?.addEventListener("input", paint);
  menu.replaceChildren(...[field, list, body].filter(Boolean));
  menu.onkeydown = (event) => keys(event, list, field);
  menu.showPopover();
  place(menu, anchor);
  (field || list.querySelector("button") || menu.querySelector("input, button"))?.focus();
  menu.ontoggle = (event) => event.newState === "closed" && shut(menu, anchor);
  shutting = anchor;
  anchor.setAttribute("aria-expanded", "true");
};

// The focus goes back at once: the next key may come before the browser has noticed that the field is gone.
export const closeMenu = () => {
  const menu = $("menu");
  if (!menu.matches(":popover-open")) return;
  if (menu.contains(document.activeElement)) {
    if (shutting?.isConnected) shutting.focus();
    else document.activeElement.blur();
  }
  menu.hidePopover();
};

const shut = (menu, anchor) => {
  anchor.setAttribute("aria-expanded", "false");
  if (shutting !== anchor) return;
  shutting = null;
  if (document.activeElement === document.body || menu.contains(document.activeElement)) anchor.focus();
};

const fill = (list, items, empty, paint) => {
  let group;
  const entries = [];
  for (const item of items) {
    if (item.group && item.group !== group) entries.push(make("li", { className: "group", role: "presentation" }, item.group));
    group = item.group;
    entries.push(make("li", { role: "none" }, entry(item, paint)));
  }
  list.replaceChildren(...(entries.length ? entries : [make("li", { className: "group" }, empty || t("nothingFound"))]));
};

const entry = (item, paint) => {
  const run = () => {
    if (item.disabled) return;
    if (!item.keeps) closeMenu();
    item.run();
    if (item.keeps) paint();
  };
  const checkable = item.checked !== undefined;
  return make(
    "button",
    { type: "button", role: checkable ? "menuitemcheckbox" : "menuitem", "aria-checked": checkable ? String(!!item.checked) : null, "aria-disabled": item.disabled ? "true" : null, title: item.disabled || "", tabIndex: -1, onclick: run },
    item.face || (item.shape ? icon(item.shape) : null),
    make("span", { className: "label", dir: "auto" }, item.label),
    item.hint ? make("span", { className: "hint" }, item.hint) : null,
    item.checked ? icon("done") : null,
  );
};

const keys = (event, list, field) => {
  const entries = [...list.querySelectorAll("button")];
  const at = entries.indexOf(document.activeElement);
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    entries.at((at + (event.key === "ArrowDown" ? 1 : at < 0 ? 0 : -1)) % entries.length)?.focus();
  } else if (event.key === "Enter" && event.target === field && !event.isComposing) {
    event.preventDefault();
    entries[0]?.click();
  } else if (event.key === "Escape") {
    event.preventDefault();
    event.stopPropagation();
    closeMenu();
  } else if (field && at >= 0 && event.key.length === 1 && !event.ctrlKey && !event.metaKey) field.focus();
};

const place = (menu, anchor) => {
  const from = anchor.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  const gap = 6;
  const under = from.bottom + gap + size.height <= innerHeight || from.top < size.height + gap;
  const top = under ? Math.min(from.bottom + gap, innerHeight - size.height - gap) : from.top - gap - size.height;
  const rtl = document.dir === "rtl";
  const wanted = rtl || from.left + size.width > innerWidth - gap ? from.right - size.width : from.left;
  menu.style.setProperty("top", `${Math.max(gap, top)}px`);
  menu.style.setProperty("left", `${Math.min(Math.max(gap, wanted), innerWidth - size.width - gap)}px`);
};
