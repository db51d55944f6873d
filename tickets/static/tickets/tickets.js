// Keeps a copy of this order's tickets on the device, for a gate without a network; and replaces
// what is shown when a ticket has changed meanwhile, such as one that was handed on.
"use strict";

(() => {
  const page = document.querySelector("[data-offline]");
  const scope = page.dataset.offline;
  const store = `tickets:${new URL(scope, location.href).href}`;
  const isKept = page.querySelector("[data-kept]");
  const isOffline = page.querySelector("[data-is-offline]");
  // Opening the page again and again must not ask the server each time.
  const PAUSE = 20_000;
  let asked = 0;

  const age = () => {
    const minutes = Math.max(1, Math.round((Date.now() - Number(page.dataset.shownAt)) / 60_000));
    const [number, unit] =
      minutes < 90 ? [minutes, "minute"]
      : minutes < 36 * 60 ? [Math.round(minutes / 60), "hour"]
      : [Math.round(minutes / 1440), "day"];
    const when = new Intl.RelativeTimeFormat(document.documentElement.lang).format(-number, unit);
    isOffline.textContent = isOffline.dataset.words.replace("{when}", when);
  };

  const say = (offline) => {
    age();
    isOffline.hidden = !offline;
    for (const note of page.querySelectorAll("[data-when-offline]")) {
      note.hidden = !offline;
    }
  };

  const versionIn = (text) =>
    new DOMParser().parseFromString(text, "text/html").querySelector("[data-version]")?.dataset.version;

  const refresh = async () => {
    asked = Date.now();
    const copies = await caches.open(store);
    let fresh;
    try {
      fresh = await fetch(location.pathname);
    } catch {
      // Without a network the reader sees the copy of before.
      say(Boolean(await copies.match(location.pathname, { ignoreVary: true })));
      return;
    }
    say(false);
    if (!fresh.ok || fresh.redirected) {
      // A faulty server is no reason to lose the copy. Otherwise the order is closed to this browser.
      if (fresh.status < 500) {
        await caches.delete(store);
      }
      return;
    }
    await copies.put(location.pathname, fresh.clone());
    if (versionIn(await fresh.text()) !== page.dataset.version) {
      location.reload();
      return;
    }
    const parts = [...document.querySelectorAll("link[rel=stylesheet], link[rel=icon], script[src]")];
    await copies.addAll(parts.map((part) => part.href || part.src));
    // Before its worker runs, the copy would not be shown.
    await navigator.serviceWorker.ready;
    isKept.hidden = false;
  };

  const look = () => {
    if (document.visibilityState === "visible" && Date.now() - asked > PAUSE) {
      refresh();
    }
  };

  // A private window may refuse both. The page is then as useful as before, with a network.
  if ("serviceWorker" in navigator && "caches" in window) {
    navigator.serviceWorker.register(`${scope}offline.js`, { scope }).then(refresh, () => {});
    window.addEventListener("online", refresh);
    window.addEventListener("offline", refresh);
    // Also after the back button, which shows the page as it was.
    window.addEventListener("pageshow", look);
    document.addEventListener("visibilitychange", look);
    setInterval(() => isOffline.hidden || age(), 60_000);
  }
})();
