"use strict";

// Shows new mails without a reload of the page, which would move the focus of a keyboard.
async function showNewMails() {
  const response = await fetch(window.location.href);
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const [old, fresh] = [document, page].map((each) => each.querySelector(".card"));
  if (old.innerHTML !== fresh.innerHTML) old.replaceWith(fresh);
}

setInterval(() => showNewMails().catch(() => {}), 5000);
