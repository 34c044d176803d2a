// The review queue by keyboard: j and k move, x ticks, a approves, e edits, r rejects, m merges what is ticked.
// Without it the page works by its buttons.

const form = document.getElementById("queue");
const rows = form ? [...form.querySelectorAll("[data-example]")] : [];
let at = -1;

const tick = (row) => row.querySelector("input[name=example]");
const ticked = () => rows.filter((row) => tick(row)?.checked);

const go = (place) => {
  if (!rows.length) return;
  rows[at]?.classList.remove("here");
  at = Math.max(0, Math.min(rows.length - 1, place));
  rows[at].classList.add("here");
  rows[at].focus({ preventScroll: true });
  rows[at].scrollIntoView({ block: "nearest" });
};

const count = () => {
  const out = document.getElementById("ticked");
  if (out) out.textContent = String(ticked().length);
};

// What is ticked, or where one stands.
const decide = (action) => {
  const button = form.querySelector(`button[name=action][value=${action}]`);
  if (!button) return;
  if (!ticked().length && at >= 0 && tick(rows[at])) tick(rows[at]).checked = true;
  if (ticked().length) form.requestSubmit(button);
};

const KEYS = {
  j: () => go(at + 1),
  k: () => go(at - 1),
  x: () => {
    if (at < 0 || !tick(rows[at])) return;
    tick(rows[at]).checked = !tick(rows[at]).checked;
    count();
  },
  a: () => decide("approve"),
  r: () => decide("reject"),
  m: () => decide("merge"),
  e: () => rows[at]?.querySelector("[data-edit]")?.click(),
};

const typing = (target) => target instanceof Element && target.closest("textarea, select, [contenteditable], input:not([type=checkbox])") !== null;

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(event.target)) return;
  const act = KEYS[event.key];
  if (!act || !form) return;
  event.preventDefault();
  act();
});

form?.addEventListener("change", (event) => {
  if (event.target.id === "every") for (const row of rows) if (tick(row)) tick(row).checked = event.target.checked;
  count();
});
form?.addEventListener("focusin", (event) => {
  const row = event.target.closest("[data-example]");
  if (row && rows.indexOf(row) !== at) {
    rows[at]?.classList.remove("here");
    at = rows.indexOf(row);
    row.classList.add("here");
  }
});
count();
