// The questions on the shop's pages open the chat; everything else on the page works without a script.
document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-open-chat]")) window.Parley?.open?.();
});
