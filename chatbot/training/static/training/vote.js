// The blind vote by keyboard: 1 left, 2 right, 0 equally good. Without it the page works by its buttons.

const form = document.getElementById("vote");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest("input, textarea, select")) return;
  const button = form?.querySelector(`button[data-key="${CSS.escape(event.key)}"]`);
  if (!button) return;
  event.preventDefault();
  form.requestSubmit(button);
});
