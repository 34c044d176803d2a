// Draws the launcher, opens the chat in an isolated frame. Sees no message and no token. See docs/widget.md.
(() => {
  const doc = document;
  const script = doc.currentScript || doc.querySelector("script[data-inbox]");
  const queue = window.Parley;
  if (!script || queue?.open) return;
  const { inbox, language, position, color } = script.dataset;
  const base = new URL("../", script.src);
  const path = (name) => `${base}widget/${name}/${inbox}/?language=${language || doc.documentElement.lang}`;
  const listeners = {};
  let look = { color: color || "#1f6feb", ink: "#fff", title: "Chat", open: "Open chat", close: "Close chat", unread: "unread" };
  let frame, ready, shown, identity, unread = 0, context = {};

  const recall = (store, value) => {
    try {
      const box = window[store];
      if (value === undefined) return box.getItem(`parley:${inbox}`);
      value ? box.setItem(`parley:${inbox}`, value) : box.removeItem(`parley:${inbox}`);
    } catch {} // comfort
  };

  // Keeps the page's styles out; CSSOM passes a strict policy.
  const host = doc.createElement("parley-widget");
  host.style.cssText = "all:initial;position:fixed;z-index:2147483647;".replaceAll(";", "!important;");
  host.popover = "manual"; // top layer
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  root.adoptedStyleSheets = [sheet];
  const make = (into, tag) => into.appendChild(doc.createElement(tag));
  const draws = (into, tag) => into.appendChild(doc.createElementNS("http://www.w3.org/2000/svg", tag));
  const button = make(root, "button");
  const shape = draws(draws(button, "svg"), "path");
  const badge = make(root, "b");
  badge.role = "status";

  const draw = () => {
    const side = (position || look.position) === "left" ? "left" : "right";
    const low = (up) => `bottom:calc(${up}px + env(safe-area-inset-bottom))`;
    sheet.replaceSync(`button,b,iframe{position:fixed;border:0;${side}:20px;box-sizing:border-box;transition:.18s}
button{${low(20)};width:56px;height:56px;padding:16px;border-radius:50%;color:${look.ink};background:${look.color};cursor:pointer;box-shadow:0 1px 6px #0003,0 8px 24px #0003}
button:hover{transform:scale(1.06)}button:focus-visible{outline:3px solid ${look.color};outline-offset:3px}
svg{width:24px;height:24px;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
b{${side}:16px;${low(58)};min-width:22px;padding:0 6px;border-radius:11px;font:600 12px/22px system-ui;text-align:center;background:#d92d20;color:#fff;pointer-events:none}b:empty{display:none}
iframe{${low(92)};width:400px;height:min(700px,100dvh - 112px);border-radius:20px;box-shadow:0 0 0 1px #0001,0 12px 48px #0004}
iframe:not(.open){opacity:0;visibility:hidden;transform:translateY(14px)}
@media(max-width:520px),(max-height:420px){iframe{inset:0;width:100%;height:100%;border-radius:0}.open~*{display:none}}
@media(prefers-reduced-motion){*{transition:none}}`);
    shape.setAttribute("d", shown ? "M6 9l6 6 6-6" : "M21 11.5a8.4 8.4 0 0 1-12 7.6L3.5 20.5 5 15.4a8.4 8.4 0 1 1 16-3.9z");
    button.ariaLabel = shown ? look.close : look.open + (unread ? ` (${unread} ${look.unread})` : "");
    button.ariaExpanded = !!shown;
    badge.textContent = unread && !shown ? (unread > 9 ? "9+" : unread) : "";
  };

  const emit = (type, detail) => listeners[type]?.forEach((listener) => listener(detail));
  const post = (type, detail) => ready && frame.contentWindow.postMessage({ parley: inbox, type, detail }, base.origin);
  const failed = (problem) => emit("error", { code: "identity_failed", message: `${problem}` });
  const token = async () => (identity?.call ? identity() : identity);

  const page = () => ({ url: location.href, title: doc.title });
  // Single-page sites: a moment later the title is new too.
  const moved = () => setTimeout(() => post("page", page()), 500);
  for (const name of ["pushState", "replaceState"]) {
    const before = history[name];
    history[name] = (...args) => void moved(before.apply(history, args));
  }
  addEventListener("popstate", moved);

  const load = () => {
    if (frame) return;
    frame = doc.createElement("iframe");
    frame.title = look.title;
    frame.referrerPolicy = "origin";
    frame.src = `${path("frame")}&origin=${encodeURIComponent(location.origin)}`;
    root.prepend(frame);
  };
  const show = (open) => {
    if (!!shown === open) return;
    const inside = doc.activeElement === host;
    shown = open;
    load();
    frame.offsetWidth; // a new frame moves too
    frame.className = open ? "open" : "";
    recall("sessionStorage", open ? "1" : "");
    draw();
    if (open) frame.focus();
    else if (inside) button.focus();
    post(open ? "open" : "close");
    emit(open ? "open" : "close");
  };

  addEventListener("message", async ({ data, origin, source }) => {
    if (!frame || source !== frame.contentWindow || origin !== base.origin || data?.parley !== inbox) return;
    const { type, detail } = data;
    if (type === "boot") {
      const who = await token().catch(failed);
      ready = true;
      post(type, { open: !!shown, identity: who, context, page: page() });
    } else if (type === "hide") show(false);
    else if (type === "keep") recall("localStorage", detail);
    else {
      if (type === "unread") {
        unread = detail.count;
        draw();
      }
      emit(type, detail);
    }
  });

  const api = {
    open: () => show(true),
    close: () => show(false),
    toggle: () => show(!shown),
    async identify(who) {
      identity = who;
      if (!who) return api.logout();
      if (!who.call) load(); // it expires soon
      if (ready) post("identify", { token: await token().catch(failed) });
    },
    logout() {
      identity = null;
      context = {};
      load();
      post("logout");
    },
    setContext(more) {
      Object.assign(context, more);
      post("context", more);
    },
    on(type, listener) {
      (listeners[type] ||= []).push(listener);
      return () => (listeners[type] = listeners[type].filter((other) => other !== listener));
    },
    push: ([name, ...args]) => api[name]?.(...args),
  };
  window.Parley = api;

  const start = () => {
    draw();
    button.onclick = api.toggle;
    button.onpointerenter = load;
    doc.documentElement.append(host);
    host.showPopover?.();
    if (Array.isArray(queue)) queue.forEach(api.push);
    if (recall("sessionStorage") && innerWidth > 520) show(true);
    else if (recall("localStorage")) load();
  };
  fetch(path("launcher"), { credentials: "omit" }).then(
    async (answer) => {
      const found = await answer.json();
      if (!answer.ok) throw found.error;
      look = { ...look, ...found };
      start();
    }
  ).catch((problem) => {
    if (problem.stack) return start(); // unreachable or forbidden
    console.warn("Parley:", problem);
    emit("error", { code: "refused", message: problem });
  });
})();
