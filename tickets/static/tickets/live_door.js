// Keeps the live view of a door current, and tells of new alerts. Without it the page reloads itself.
const root = document.querySelector("[data-live-door]");
const SECONDS = 3;
const title = document.title;
let pass = root.dataset.pass;
let known = new Set(alerts().map((alert) => alert.dataset.alert));

function alerts() {
  return [...root.querySelectorAll("[data-alert]")];
}

// The same answer as the page's own part, by a pass that needs no session. It ends after a minute:
// then the whole page is loaded, which checks the session and brings a new pass.
async function load() {
  const part = await fetch(root.dataset.url, {
    credentials: "omit",
    cache: "no-store",
    headers: { "X-Live-Pass": pass },
  });
  if (part.ok) return parse(await part.text());
  if (part.status !== 403) throw new Error(part.status);
  const page = await fetch(location.href, { cache: "no-store" });
  if (page.status >= 500 || page.status === 429) throw new Error(page.status);
  const found = parse(await page.text()).querySelector("[data-live-door]");
  if (!found) return null;
  pass = found.dataset.pass;
  return found.querySelector("[data-live-part]");
}

function parse(text) {
  return new DOMParser().parseFromString(text, "text/html").body;
}

function show(fresh) {
  const place = root.querySelector("[data-live-part]");
  const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
  place.replaceChildren(...fresh.childNodes);
  if (focused) document.getElementById(focused)?.focus();
  const now = alerts();
  const news = now.filter((alert) => !known.has(alert.dataset.alert));
  known = new Set(now.map((alert) => alert.dataset.alert));
  if (news.length) {
    root.querySelector("[data-live-news]").textContent = news
      .map((alert) => alert.querySelector("p").textContent.trim())
      .join(" ");
  }
  countInTitle();
}

function countInTitle() {
  document.title = known.size ? `(${known.size}) ${title}` : title;
}

function complain(text) {
  const trouble = root.querySelector("[data-live-trouble]");
  if (trouble.textContent !== text) trouble.textContent = text;
}

async function refresh() {
  let stopped = false;
  try {
    const fresh = await load();
    stopped = !fresh;
    if (fresh) show(fresh);
    complain(stopped ? root.dataset.signedOut : "");
  } catch {
    complain(root.dataset.lost);
  }
  if (!stopped) wait();
}

// In the background too, because the title of the tab tells of alerts, but less often.
function wait() {
  setTimeout(refresh, (document.hidden ? 5 : 1) * SECONDS * 1000);
}

countInTitle();
wait();
