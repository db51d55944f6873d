// Shows the kept copy of an order's tickets when there is no network. It answers for one order's
// addresses only, and each order has a store of its own: tickets.js fills it, and clears it.
"use strict";

const PAGE = new URL("tickets", self.registration.scope).pathname;
const STORE = `tickets:${self.registration.scope}`;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  const isPage = event.request.mode === "navigate" && pathname === PAGE;
  const isPart = origin === self.location.origin && /^\/(static|accent)\//.test(pathname);
  if (event.request.method === "GET" && (isPage || isPart)) {
    event.respondWith(answer(event.request, isPage));
  }
});

async function answer(request, isPage) {
  const store = await caches.open(STORE);
  try {
    const response = await fetch(request);
    if (isPage && response.ok && !response.redirected) {
      await store.put(PAGE, response.clone());
    } else if (isPage && response.status < 500) {
      // The order is no longer open to this browser, or has no tickets any more.
      await caches.delete(STORE);
    }
    return response;
  } catch (error) {
    const kept = await store.match(isPage ? PAGE : request, { ignoreSearch: true, ignoreVary: true });
    if (kept && isPage && Date.parse(kept.headers.get("Expires")) < Date.now()) {
      await caches.delete(STORE);
      throw error;
    }
    if (!kept) {
      throw error;
    }
    return kept;
  }
}
