// Asks every few seconds what became of the Pix, and loads the page again when that has changed.
const shown = document.querySelector("[data-pix]");
if (shown) {
  shown.querySelector("[data-changes]")?.removeAttribute("hidden");
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const response = await fetch(shown.dataset.ask, { headers: { Accept: "application/json" } });
      if (response.ok && (await response.json()).state !== shown.dataset.pix) location.reload();
    } catch {
      // The connection is gone for now. The next question may reach us.
    }
  }, 4000);
}
