// Keeps a copy of this order's tickets on the device, for a gate without a network.
"use strict";

(() => {
  const page = document.querySelector("[data-offline]");
  const scope = page.dataset.offline;
  const store = `tickets:${new URL(scope, location.href).href}`;
  const isKept = page.querySelector("[data-kept]");
  const isOffline = page.querySelector("[data-is-offline]");

  const keep = async () => {
    const parts = [...document.querySelectorAll("link[rel=stylesheet], link[rel=icon], script[src]")];
    const copies = await caches.open(store);
    try {
      await copies.addAll([location.pathname, ...parts.map((part) => part.href || part.src)]);
      isOffline.hidden = true;
      isKept.hidden = false;
    } catch {
      // Without a network the reader sees the copy of before.
      isOffline.hidden = !(await copies.match(location.pathname, { ignoreVary: true }));
    }
  };

  // A private window may refuse both. The page is then as useful as before, with a network.
  if ("serviceWorker" in navigator && "caches" in window) {
    navigator.serviceWorker.register(`${scope}offline.js`, { scope }).then(keep, () => {});
    window.addEventListener("online", keep);
    window.addEventListener("offline", keep);
  }
})();
