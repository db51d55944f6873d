// Answers for the door's page from a copy on the phone, with or without a network.
//
// The copy has the page and its files, each with the SHA-256 that the server has named in `FILES`:
// all of one release, or no copy. Nothing else is stored, and no other request is touched: tokens
// and responses of the API never come here.
"use strict";

const STORE = `door:${VERSION}`;

self.addEventListener("install", (event) => event.waitUntil(keepAll().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(dropOlder().then(() => self.clients.claim())));

self.addEventListener("fetch", (event) => {
  const { origin, pathname } = new URL(event.request.url);
  if (event.request.method === "GET" && origin === self.location.origin && pathname in FILES) {
    event.respondWith(answer(event.request, pathname));
  }
});

async function answer(request, pathname) {
  const store = await caches.open(STORE);
  return (await store.match(pathname)) ?? fetch(request);
}

async function keepAll() {
  const store = await caches.open(STORE);
  await Promise.all(Object.keys(FILES).map((pathname) => keep(store, pathname)));
}

async function keep(store, pathname) {
  const response = await fetch(pathname, { cache: "no-cache", credentials: "omit" });
  const content = await response.clone().arrayBuffer();
  // Another release answers for a while during an update. The browser tries again later.
  if (!response.ok || (await digest(content)) !== FILES[pathname]) {
    throw new Error(`${pathname} is of another release.`);
  }
  await store.put(pathname, response);
}

async function digest(content) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function dropOlder() {
  const names = await caches.keys();
  const older = names.filter((name) => name.startsWith("door:") && name !== STORE);
  await Promise.all(older.map((name) => caches.delete(name)));
}
