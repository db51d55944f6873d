// Judges the codes of `vectors.json` with the scripts of the page, once with each of their two ways
// to check a signature. Returns `{browser, library}`: a result for each code.
async (vectors) => {
  const load = (name) => import(`/static/tickets/door/${name}.js`);
  const [{ decide }, { readCode, shortId }] = [await load("decide"), await load("code")];
  const { chooseVerifier, isGenuine, loadLibrary } = await load("signature");
  const now = Date.parse(vectors.now);
  const event = {
    number: vectors.event.number,
    ends_at: new Date(now + 3_600_000).toISOString(),
    types: [],
  };
  const bundle = { expires_at: event.ends_at, keys: vectors.keys, events: [event] };
  const judgeAll = async (verifier) => {
    const known = new Map([[shortId(vectors.revoked.id), { status: "revoked" }]]);
    const results = [];
    for (const each of vectors.codes) {
      const code = readCode(each.code);
      const decision = await decide({
        code,
        bundle,
        known: known.get(code?.ticket) ?? null,
        verify: (read, key) => isGenuine(read, key, verifier),
        chosenEvent: null,
        direction: "entry",
        now,
      });
      if (decision.result === "admitted") {
        known.set(code.ticket, { status: "used", at: vectors.now });
      }
      results.push(decision.result);
    }
    return results;
  };
  return {
    browser: await judgeAll(await chooseVerifier()),
    library: await judgeAll(await loadLibrary()),
  };
}
