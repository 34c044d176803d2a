// Markdown to DOM nodes, for text that nobody vouches for. Builds elements and text nodes only, never HTML from a
// string; links lead to http, https and mailto, in a new tab without a referrer; images become their description.
// Knows: paragraphs, headings, lists, quotes, code, tables, bold, italic, struck, links, and citation marks [1].

const DEPTH = 6;
const INLINE = new RegExp(
  [
    String.raw`\\([!-\/:-@[-\x60{-~])`, // 1 escaped
    "(`+)([^`][^]*?)\\2(?!`)", // 2, 3 code
    String.raw`!\[([^\]]{0,500})\]\([^)\s]{0,2000}[^)]{0,300}\)`, // 4 image
    String.raw`\[([^\[\]]{1,500})\]\(\s*<?([^\s<>()]{1,2000}(?:\([^\s<>()]{0,200}\))?[^\s<>()]{0,2000})>?(?:\s[^()]{0,300})?\)`, // 5, 6 link
    String.raw`\[(\d{1,2}(?:\s*,\s*\d{1,2})*)\]`, // 7 citations
    String.raw`<?(https?:\/\/[^\s<>"'）】」。，、]{1,2000})>?`, // 8 address
    String.raw`\*\*(?=\S)([^]*?\S)\*\*`, // 9 bold
    String.raw`(?<![\p{L}\p{N}_])__(?=\S)([^]*?\S)__(?![\p{L}\p{N}_])`, // 10 bold
    String.raw`\*(?=[^\s*])([^*]*[^\s*])\*`, // 11 italic
    String.raw`(?<![\p{L}\p{N}_])_(?=[^\s_])([^_]*[^\s_])_(?![\p{L}\p{N}_])`, // 12 italic
    String.raw`~~(?=\S)([^]*?\S)~~`, // 13 struck
  ].join("|"),
  "gu",
);
const ITEM = /^(\s*)(?:([-*+•])|(\d{1,4})[.)])\s+(.*)$/;
const RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

export const make = (tag, props = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name in element && !name.startsWith("aria")) element[name] = value;
    else if (value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
};

// The address if it is safe to follow, else null.
export const safeAddress = (text) => {
  try {
    const url = new URL(text);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
};

const link = (address, ...children) => make("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, ...children);

// `cite(number)` gives the node for a citation mark, or null where there is no such source.
const inline = (text, cite, depth = 0) => {
  const out = document.createDocumentFragment();
  if (depth > DEPTH) return out.append(text), out;
  const deeper = (tag, inner) => make(tag, {}, inline(inner, cite, depth + 1));
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, escaped, , code, image, label, target, numbers, address, bold, bold2, italic, italic2, struck] = match;
    let before = text.slice(at, match.index);
    let proven = "";
    // A citation mark stays on the line of the word before it (or the one character, in scripts without spaces).
    if (numbers !== undefined) [, before, proven] = before.trimEnd().match(/^([^]*?)([\w$€£.,%)-]{0,16}|.)$/su);
    out.append(before);
    at = match.index + whole.length;
    if (escaped !== undefined) out.append(escaped);
    else if (code !== undefined) out.append(make("code", {}, code.trim() || code));
    else if (image !== undefined) out.append(image);
    else if (label !== undefined) {
      const safe = safeAddress(target);
      const inner = inline(label, () => null, DEPTH);
      out.append(safe ? link(safe, inner) : inner);
    } else if (numbers !== undefined) {
      const marks = numbers.split(",").map((number) => cite(Number(number)) || `[${number.trim()}]`);
      out.append(make("span", { className: "kept" }, proven, ...marks));
    } else if (address !== undefined) {
      const [, shown, rest] = address.match(/^(.*?)([.,;:!?)\]*_]*)$/);
      const safe = safeAddress(shown);
      out.append(safe ? link(safe, shown) : shown, rest);
    } else if (bold ?? bold2) out.append(deeper("strong", bold ?? bold2));
    else if (italic ?? italic2) out.append(deeper("em", italic ?? italic2));
    else if (struck) out.append(deeper("s", struck));
  }
  out.append(text.slice(at));
  return out;
};

const broken = (lines, cite) => {
  const out = document.createDocumentFragment();
  lines.forEach((line, i) => out.append(...(i ? [make("br")] : []), inline(line.trim(), cite)));
  return out;
};

const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim());

const table = (lines, cite) => {
  const [head, , ...rows] = lines.map(cells);
  const row = (tag, values) => make("tr", {}, ...head.map((_, i) => make(tag, {}, inline(values[i] ?? "", cite))));
  const body = make("table", {}, make("thead", {}, row("th", head)), make("tbody", {}, ...rows.map((values) => row("td", values))));
  return make("div", { className: "wide", tabIndex: 0 }, body);
};

const list = (lines, cite, depth) => {
  const [, indent, , first] = lines[0].match(ITEM);
  const out = first ? make("ol", { start: Number(first) }) : make("ul");
  let item;
  let inner = [];
  const close = () => item && inner.length && item.append(blocks(inner, cite, depth + 1));
  for (const line of lines) {
    const found = line.match(ITEM);
    if (found && found[1].length <= indent.length + 1) {
      close();
      inner = [];
      out.append((item = make("li", {}, inline(found[4], cite))));
    } else inner.push(line.replace(/^( {1,4}|\t)/, ""));
  }
  close();
  return out;
};

const blocks = (lines, cite, depth = 0) => {
  const out = document.createDocumentFragment();
  if (depth > DEPTH) return out.append(lines.join("\n")), out;
  for (let i = 0; i < lines.length; ) {
    const line = lines[i];
    const from = i;
    const until = (goesOn) => {
      while (++i < lines.length && goesOn(lines[i], i));
      return lines.slice(from, i);
    };
    const fence = line.match(/^\s*(```+|~~~+)/);
    if (!line.trim()) i++;
    else if (fence) {
      const body = until((next) => !next.trim().startsWith(fence[1])).slice(1);
      i++;
      out.append(make("pre", { tabIndex: 0 }, make("code", {}, body.join("\n"))));
    } else if (/^\s{0,3}#{1,6}\s/.test(line)) {
      out.append(make("p", { className: "title" }, inline(line.replace(/^\s*#+\s+|\s+#+\s*$/g, ""), cite)));
      i++;
    } else if (/^\s{0,3}([-*_])(\s*\1){2,}\s*$/.test(line)) {
      out.append(make("hr"));
      i++;
    } else if (/^\s*>/.test(line)) {
      const body = until((next) => /^\s*>/.test(next)).map((quoted) => quoted.replace(/^\s*> ?/, ""));
      out.append(make("blockquote", {}, blocks(body, cite, depth + 1)));
    } else if (line.includes("|") && RULE.test(lines[i + 1] ?? "") && lines[i + 1].includes("-")) {
      out.append(table(until((next) => next.includes("|")), cite));
    } else if (ITEM.test(line)) {
      const body = until((next, at) => ITEM.test(next) || /^\s+\S/.test(next) || (!next.trim() && ITEM.test(lines[at + 1] ?? "")));
      out.append(list(body.filter((next) => next.trim()), cite, depth));
    } else {
      const body = until((next) => next.trim() && !ITEM.test(next) && !/^\s*(```|~~~|>|#{1,6}\s)/.test(next));
      out.append(make("p", {}, broken(body, cite)));
    }
  }
  return out;
};

export const markdown = (text, cite = () => null) => blocks(text.replace(/\r\n?/g, "\n").split("\n"), cite);

// What a customer or an agent typed: shown as typed, only addresses become links.
export const plain = (text) => {
  const out = document.createDocumentFragment();
  for (const part of text.split(/(https?:\/\/[^\s<>"'）】」。，、]+[^\s<>"'）】」。，、.,;:!?)\]])/u)) {
    const safe = /^https?:/.test(part) && safeAddress(part);
    out.append(safe ? link(safe, part) : part);
  }
  return out;
};
