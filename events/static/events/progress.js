// Renew the content of an element with data-progress-url every few seconds, until it is finished.
"use strict";

const PAUSE = 3000;

document.addEventListener("DOMContentLoaded", () => {
  const shown = document.querySelector("[data-progress-url]");
  if (!shown) {
    return;
  }
  const renew = async () => {
    const response = await fetch(shown.dataset.progressUrl, { credentials: "same-origin" });
    if (response.ok && !response.redirected) {
      shown.innerHTML = await response.text();
    }
    wait();
  };
  const wait = () => {
    if (!shown.querySelector("[data-finished=yes]")) {
      setTimeout(renew, PAUSE);
    }
  };
  wait();
});
