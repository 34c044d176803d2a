// Sends chosen or dropped files one by one, with progress. Without this script the form sends them all at once.
const form = document.querySelector("#upload");
const input = form.querySelector('input[type="file"]');
const drop = form.querySelector(".drop");
const list = form.querySelector("#uploads");
const button = form.querySelector("button");
const limit = Number(form.dataset.limit);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  sendAll([...input.files]);
});

for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.remove("over");
  });
}
drop.addEventListener("drop", (event) => {
  const files = [...event.dataTransfer.files];
  if (files.length && !button.disabled) sendAll(files);
});

async function sendAll(files) {
  if (!files.length) return;
  button.disabled = true;
  list.hidden = false;
  list.replaceChildren();
  const rows = files.map((file) => addRow(file));
  for (const [place, file] of files.entries()) await sendOne(file, rows[place]);
  button.disabled = false;
  input.value = "";
  const link = document.createElement("a");
  link.href = form.dataset.list;
  link.className = "button plain";
  link.textContent = form.dataset.done;
  const last = document.createElement("li");
  last.append(link);
  list.append(last);
  link.focus();
}

function addRow(file) {
  const row = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = file.name;
  const state = document.createElement("span");
  state.className = "chip";
  state.textContent = form.dataset.sending;
  const progress = document.createElement("progress");
  progress.max = 1;
  progress.value = 0;
  progress.setAttribute("aria-label", file.name);
  row.append(name, state, progress);
  list.append(row);
  return { state, progress };
}

function finish({ state, progress }, tone, text) {
  progress.remove();
  state.className = `chip ${tone}`;
  state.textContent = text;
}

function sendOne(file, row) {
  if (file.size > limit) {
    finish(row, "bad", form.dataset.tooLarge);
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const data = new FormData();
    data.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    data.append("collection", form.elements.collection.value);
    data.append("files", file);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) row.progress.value = event.loaded / event.total;
    });
    request.addEventListener("loadend", () => {
      const answer = request.response;
      const taken = answer?.files?.[0];
      if (taken) finish(row, taken.ok ? "good" : "bad", taken.message);
      else finish(row, "bad", answer?.error || form.dataset.failed);
      resolve();
    });
    request.send(data);
  });
}
