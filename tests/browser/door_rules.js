// Decides one ticket of type 1 under many rules, with the script of the page. Returns the results.
async (cases) => {
  const { decide } = await import("/static/tickets/door/decide.js");
  const [hour, now] = [3_600_000, Date.parse("2027-01-10T23:30:00-03:00")];
  const at = (hours) => new Date(now + hours * hour).toISOString();
  const results = [];
  for (const { event = {}, known = null, direction = "entry", expires_in: expiresIn = 1, opens_in: opensIn, ended_for: endedFor } of cases) {
    const itsEvent = {
      number: 7,
      timezone: "America/Sao_Paulo",
      ends_at: at(endedFor === undefined ? 2 : -endedFor),
      checkin_starts_at: opensIn === undefined ? null : at(opensIn),
      types: [{ number: 1, name: "Pista" }],
      ...event,
    };
    const decision = await decide({
      code: { event: 7, type: 1, keyId: 3, ticket: "x", validFrom: 0, validUntil: now - 24 * hour },
      bundle: {
        expires_at: at(expiresIn),
        keys: [{ event: 7, key_id: 3, public_key: "" }],
        events: [itsEvent],
      },
      known: known && { ...known, enteredAt: now - (known.hours_ago ?? 0) * hour },
      verify: async () => true,
      chosenEvent: null,
      direction,
      now,
    });
    results.push(decision.result);
  }
  return results;
}
