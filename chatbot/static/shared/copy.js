// Copies the text of the element that a button names.
for (const button of document.querySelectorAll("[data-copy]")) {
  const usual = button.textContent;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      getSelection().selectAllChildren(source); // no clipboard without HTTPS: select it, so that Ctrl-C works
      return;
    }
    button.textContent = button.dataset.copied;
    setTimeout(() => (button.textContent = usual), 2000);
  });
}
