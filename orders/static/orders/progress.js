// Loads the page again while work goes on in the background, and not while the reader is elsewhere.
if (document.querySelector("[data-in-progress]")) {
  setInterval(() => {
    if (!document.hidden) location.reload();
  }, 3000);
}
