// Damages the valid codes of `vectors.json` at random, and judges what comes out with the scripts of the page.
// Then applies random parts of event data to the phone's store, and compares it with what they say.
// Returns the codes that were not refused or that broke a script, how many were judged, and the tickets
// of which the store knows something else.
async ({ vectors, seed, rounds }) => {
  const load = (name) => import(`/static/tickets/door/${name}.js`);
  const [{ decide }, { readCode }, { findPairingCode }] = [await load("decide"), await load("code"), await load("pairing")];
  const [{ chooseVerifier, isGenuine, loadLibrary }, { decodeBase45 }] = [await load("signature"), await load("base45")];
  const [{ changedTickets }, { openStore }] = [await load("bundle"), await load("store")];
  const verifiers = [await chooseVerifier(), await loadLibrary()];
  const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
  const STRANGE = ["\0", "\n", "é", "😀", "\u202e", "\ud800", "ſ", "T1:", "１", "\ufeff", "К"];

  // Mulberry32: the same numbers for the same seed.
  const random = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const below = (limit) => Math.floor(random() * limit);
  const pick = (list) => list[below(list.length)];
  const encode = (bytes) => {
    const letters = (number, count) => Array.from({ length: count }, (_, place) => ALPHABET[Math.floor(number / 45 ** place) % 45]);
    const groups = Array.from({ length: bytes.length / 2 }, (_, group) => letters(bytes[2 * group] * 256 + bytes[2 * group + 1], 3));
    return `T1:${groups.flat().join("")}`;
  };
  const splice = (text, removed, added) => {
    const at = below(text.length);
    return text.slice(0, at) + added + text.slice(at + removed);
  };
  const damages = [
    (code) => code.slice(0, below(code.length)),
    (code) => code.slice(1 + below(code.length - 1)),
    (code) => {
      const bytes = decodeBase45(code.slice(3));
      for (let count = 1 + below(3); count > 0; count -= 1) {
        bytes[below(bytes.length)] ^= 1 << below(8);
      }
      return encode(bytes);
    },
    (code) => splice(code, 1, pick(ALPHABET)),
    (code) => splice(code, 0, pick(ALPHABET)),
    (code) => splice(code, below(2), pick(STRANGE)),
    (code) => splice(code, 1, code[below(code.length)].toLowerCase()),
    (code) => code + pick(["0", " ", "\r\n", code]),
    (code) => code + pick(ALPHABET).repeat(below(20_000)),
    () => `T1:${Array.from({ length: 144 }, () => pick(ALPHABET)).join("")}`,
    () => encode(Uint8Array.from({ length: 96 }, (_, place) => (place === 0 ? 1 : below(256)))),
    () => Array.from({ length: below(300) }, () => String.fromCharCode(below(0x10000))).join(""),
  ];

  const now = Date.parse(vectors.now);
  const event = { number: vectors.event.number, ends_at: new Date(now + 3_600_000).toISOString(), types: [] };
  const bundle = { expires_at: event.ends_at, keys: vectors.keys, events: [event] };
  const good = Object.values(vectors.tickets);
  const judge = async (text, verifier) => {
    const verify = (read, key) => isGenuine(read, key, verifier);
    const rest = { bundle, verify, known: null, chosenEvent: null, direction: "entry", now };
    return (await decide({ ...rest, code: readCode(text) })).result;
  };
  const [wrong, kinds] = [[], {}];
  for (let round = 0; round < rounds; round += 1) {
    const damage = round % damages.length;
    const text = damages[damage](pick(good));
    if (good.includes(text)) {
      continue;
    }
    try {
      const results = new Set([await judge(text, verifiers[0]), await judge(text, verifiers[1])]);
      const [result] = results;
      kinds[damage] = (kinds[damage] ?? 0) + 1;
      if (results.size > 1 || !["invalid_code", "wrong_event"].includes(result) || findPairingCode(text) !== null) {
        wrong.push([text, ...results]);
      }
    } catch (error) {
      wrong.push([text, String(error)]);
    }
  }
  const stillGood = [];
  for (const text of good) {
    stillGood.push(await judge(text, verifiers[0]), await judge(text, verifiers[1]));
  }

  const store = await openStore();
  const ids = Array.from({ length: 40 }, (_, number) => `ticket ${number}`);
  const some = () => ids.filter(() => random() < 0.15);
  let model = new Map();
  const differences = [];
  for (let round = 0; round < rounds / 4; round += 1) {
    const isWhole = random() < 0.1;
    const [used, rest] = [some(), some()];
    const revoked = rest.filter((id) => !used.includes(id));
    const freed = some().filter((id) => !used.includes(id) && !revoked.includes(id));
    const outside = used.filter(() => random() < 0.3);
    const part = { used, revoked, outside, ...(random() < 0.5 ? {} : { entered: Object.fromEntries(used.map((id) => [id, round])) }) };
    await store.takeBundle({ bundle, cursor: String(round), tickets: changedTickets(part), freed, isWhole });
    model = isWhole ? new Map() : model;
    freed.forEach((id) => model.delete(id));
    used.forEach((id) => model.set(id, outside.includes(id) ? "outside" : "inside"));
    revoked.forEach((id) => model.set(id, "revoked"));
    if (round % 10 === 0 || round > rounds / 4 - 2) {
      for (const id of ids) {
        const known = await store.ticket(id);
        const place = known?.status === "used" ? (known.inside ? "inside" : "outside") : known?.status;
        if (place !== model.get(id)) {
          differences.push([round, id, place ?? null, model.get(id) ?? null]);
        }
      }
    }
  }
  return { wrong: wrong.slice(0, 5), kinds: Object.keys(kinds).length, stillGood, differences: differences.slice(0, 5) };
}
