// Calls to the server.

/** The server did not answer in time, or something else answered in its place. */
export class NoAnswer extends Error {}

/** The server does not know this phone any more. */
export class Unknown extends Error {}

/** The server refused a request. `code` says why, `body` is its problem document. */
export class Refused extends Error {
  constructor(status, body) {
    super(body.code);
    this.status = status;
    this.code = body.code;
    this.body = body;
  }
}

const BUSY = 429;
const BROKEN = 500;

/**
 * Call the server, and return the body of its response.
 *
 * Throws NoAnswer, Unknown or Refused.
 */
export async function call(path, { token, body, key, seconds }) {
  const headers = { Accept: "application/json" };
  if (token) {
    headers.Authorization = `Bearer ${token}`;
  }
  if (key) {
    headers["Idempotency-Key"] = key;
  }
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
  }
  const { status, document } = await exchange(path, {
    method: body === undefined ? "GET" : "POST",
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
    credentials: "omit",
    signal: AbortSignal.timeout(seconds * 1000),
  });
  if (status < 300) {
    return document;
  }
  // A hotel's or an airport's network answers every request with a page of its own. Only our
  // problem documents have a code.
  if (typeof document?.code !== "string" || status === BUSY || status >= BROKEN) {
    throw new NoAnswer(`${path}: ${status}`);
  }
  if (document.code === "invalid_token") {
    throw new Unknown(path);
  }
  throw new Refused(status, document);
}

async function exchange(path, options) {
  try {
    const response = await fetch(path, options);
    return { status: response.status, document: await response.json() };
  } catch (error) {
    // No network, too late, or a body that is no JSON.
    throw new NoAnswer(path, { cause: error });
  }
}
