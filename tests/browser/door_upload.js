// Uploads many waiting scans, with the scripts and the store of the page. The server is replaced by a
// function that fails once and finds one conflict. Returns what it got, and what the phone told of
// its progress.
async ({ waiting, failsAt }) => {
  const load = (name) => import(`/static/tickets/door/${name}.js`);
  const [{ openStore }, { uploadScans }] = [await load("store"), await load("uploading")];
  const store = await openStore();
  const start = Date.parse("2027-01-10T20:00:00Z");
  // Kept in another order than that of their time.
  const places = Array.from({ length: waiting }, (_, index) => (index * 7919) % waiting);
  const filling = store.database.transaction("waiting", "readwrite");
  for (const place of places) {
    filling.objectStore("waiting").put({
      scan_id: `scan ${place}`,
      code: "T1:…",
      scanned_at: new Date(start + place * 1000).toISOString(),
      decision: "admitted",
      result: "admitted",
      direction: "entry",
      ticket: `ticket ${place}`,
    });
  }
  await new Promise((resolve) => (filling.oncomplete = resolve));

  const [batches, told] = [[], []];
  let requests = 0;
  window.fetch = async (path, { body }) => {
    requests += 1;
    if (requests === failsAt) {
      throw new TypeError("no network");
    }
    const { scans } = JSON.parse(body);
    batches.push({ path, ids: scans.map((scan) => scan.scan_id), names: Object.keys(scans[0]) });
    const results = scans.map((scan) => ({ ...scan, conflict: scan.scan_id === "scan 9000" }));
    return new Response(JSON.stringify({ results }));
  };
  const upload = () => uploadScans({ store, token: "dev_x", progress: (left) => told.push(left) });
  const error = await upload().then(
    () => null,
    (each) => each.constructor.name,
  );
  const leftAfterError = await store.countWaiting();
  const conflicts = await upload();
  const left = await store.countWaiting();
  const last = await store.ticket(`ticket ${waiting - 1}`);
  return { batches, told, error, leftAfterError, conflicts, left, last };
}
