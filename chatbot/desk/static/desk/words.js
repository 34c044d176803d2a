// The page's settings and sentences, as the server wrote them into the page. No sentence is written in the scripts.

export const config = JSON.parse(document.getElementById("config").textContent);

// A sentence with its {names} filled in.
export const t = (name, values = {}) => {
  const text = config.texts[name];
  if (text === undefined) throw new Error(`no text called ${name}`);
  return text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
};

// The same as nodes: each value stands apart, in its own direction, in bold.
export const sentence = (name, values = {}) => {
  const out = document.createDocumentFragment();
  for (const part of config.texts[name].split(/(\{\w+\})/)) {
    const key = /^\{(\w+)\}$/.exec(part)?.[1];
    if (key === undefined || !(key in values)) out.append(part);
    else {
      const value = document.createElement("bdi");
      value.textContent = String(values[key]);
      out.append(value);
    }
  }
  return out;
};
