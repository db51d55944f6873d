// What the phone keeps, in IndexedDB: its token, the event data, and the scans that wait.
// No name or address of a guest is ever stored here. The state has the codes of tickets in conflict.

const NAME = "door";
const VERSION = 1;

/**
 * Open the phone's store.
 *
 * - `about`: single values by name: `device`, `state`, `bundle`, `cursor`, `clock`, `choices`
 * - `tickets`: by ticket id, what the server knows: `{id, status, inside, at, gate}`
 * - `waiting`: scans that the server does not have yet, by their id
 */
export async function openStore() {
  const opening = indexedDB.open(NAME, VERSION);
  opening.onupgradeneeded = () => {
    const database = opening.result;
    database.createObjectStore("about");
    database.createObjectStore("tickets", { keyPath: "id" });
    const waiting = database.createObjectStore("waiting", { keyPath: "scan_id" });
    waiting.createIndex("by_time", "scanned_at");
    waiting.createIndex("by_ticket", "ticket");
  };
  return new Store(await settle(opening));
}

class Store {
  constructor(database) {
    this.database = database;
  }

  async read(name) {
    return (await settle(this.#table("about").get(name))) ?? null;
  }

  write(name, value) {
    return this.#change("about", (table) => table.put(value, name));
  }

  async ticket(id) {
    return (await settle(this.#table("tickets").get(id))) ?? null;
  }

  noteTickets(tickets) {
    return this.#change("tickets", (table) => tickets.forEach((ticket) => table.put(ticket)));
  }

  /**
   * Take a part of the event data: tickets that are used or revoked, and ids of those valid again.
   * `isWhole` says that it replaces all that was known before.
   */
  takeBundle({ bundle, cursor, tickets, freed, isWhole }) {
    const change = this.database.transaction(["about", "tickets"], "readwrite");
    const [about, known] = [change.objectStore("about"), change.objectStore("tickets")];
    if (isWhole) {
      known.clear();
    }
    freed.forEach((id) => known.delete(id));
    tickets.forEach((ticket) => known.put(ticket));
    about.put(bundle, "bundle");
    about.put(cursor, "cursor");
    return finish(change);
  }

  keepScan(scan) {
    return this.#change("waiting", (table) => table.put(scan));
  }

  countWaiting() {
    return settle(this.#table("waiting").count());
  }

  /** Return the oldest scans that wait. */
  oldestWaiting(most) {
    return settle(this.#table("waiting").index("by_time").getAll(null, most));
  }

  /** Return the scans of a ticket that wait, oldest first. */
  async waitingOf(ticket) {
    const scans = await settle(this.#table("waiting").index("by_ticket").getAll(ticket));
    return scans.sort((one, other) => one.scanned_at.localeCompare(other.scanned_at));
  }

  dropScans(ids) {
    return this.#change("waiting", (table) => ids.forEach((id) => table.delete(id)));
  }

  /** Forget everything: the phone is no door device any more. */
  forget() {
    const names = [...this.database.objectStoreNames];
    const change = this.database.transaction(names, "readwrite");
    names.forEach((name) => change.objectStore(name).clear());
    return finish(change);
  }

  #table(name) {
    return this.database.transaction(name).objectStore(name);
  }

  #change(name, act) {
    const change = this.database.transaction(name, "readwrite");
    act(change.objectStore(name));
    return finish(change);
  }
}

function settle(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function finish(change) {
  return new Promise((resolve, reject) => {
    change.oncomplete = () => resolve();
    change.onerror = change.onabort = () => reject(change.error);
  });
}
