// The pages of an order: the time that is left by the server's clock, and changes of its state.
const page = document.querySelector("[data-order]");

if (page) {
  const { state, status } = page.dataset;
  const clock = page.querySelector("[data-clock]");
  const announce = page.querySelector("[data-announce]");
  const offline = page.querySelector("[data-offline]");
  const keeps = offline?.textContent;
  const over = page.querySelector("[data-over]");
  // How long to wait between two questions, by state: at first, and at most.
  const PAUSES = {
    processing: [1200, 10000],
    reserved: [15000, 30000],
    confirming: [5000, 20000],
    paid: [2000, 20000],
    // Of a Pix: no code yet, a code to pay, and afterwards.
    new: [15000, 30000],
    waiting: [4000, 4000],
    closing: [4000, 4000],
    seen: [1200, 10000],
  };
  // Of an order whose tickets are not kept any more.
  const ENDED = ["expired", "cancelled", "payment_failed"];
  let pause = PAUSES[state]?.[0];
  let timer;
  let ticking;
  let end = null;
  let ended = false;
  let stopped = false;

  // The clock of this device may be wrong, so only the time that has passed since is taken of it.
  const setEnd = (since, milliseconds) => {
    end = since + milliseconds;
  };
  const countdown = page.querySelector("[data-milliseconds]");
  if (countdown) {
    const [loading] = performance.getEntriesByType("navigation");
    // The server counted when it answered, and the page was read and drawn since.
    const since = loading?.responseStart ?? performance.now();
    setEnd(since, Number(countdown.dataset.milliseconds));
  }

  const say = (text) => {
    announce.textContent = text;
  };
  // What was typed must stay, so the page is not loaded again: it says what has become of the order.
  const stop = (now) => {
    stopped = true;
    clearTimeout(ticking);
    countdown.hidden = true;
    offline.hidden = true;
    if (!ENDED.includes(now.state)) return;
    over.hidden = false;
    say(over.textContent);
    for (const button of page.querySelectorAll("[data-while-kept]")) button.hidden = true;
  };
  const follow = (now) => {
    const isReady = !("ready" in page.dataset) || String(now.ready) === page.dataset.ready;
    if (now.state === state && isReady) return false;
    if (!over) location.replace(location.pathname + location.search);
    else if (now.state !== "confirming") stop(now);
    return now.state !== "confirming";
  };
  const ask = async () => {
    clearTimeout(timer);
    if (stopped) return;
    try {
      const since = performance.now();
      const answer = await fetch(status);
      // Only a network that fails is "offline". A page that is gone is shown as it is.
      if (answer.status >= 500 || answer.status === 429) throw new Error(String(answer.status));
      const now = answer.ok ? await answer.json() : {};
      if (follow(now)) return;
      if (end !== null) setEnd(since, now.left);
      if (ended && now.left > 0) tick();
      if (offline) offline.hidden = true;
    } catch {
      if (offline) {
        offline.hidden = false;
        offline.textContent = ended ? offline.dataset.ended : keeps;
      }
    }
    pause = Math.min(PAUSES[state][1], pause * 1.3);
    timer = setTimeout(() => (document.hidden ? null : ask()), pause);
  };

  const said = new Set();
  const sayOnce = (minutes, text) => {
    if (said.has(minutes)) return;
    said.add(minutes);
    say(text);
  };
  const tick = () => {
    clearTimeout(ticking);
    const seconds = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    const minutes = Math.floor(seconds / 60);
    clock.textContent = `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
    clock.hidden = false;
    ended = seconds === 0;
    if (seconds > 60 && seconds <= 300) {
      sayOnce(5, announce.dataset.minutes.replace("{n}", Math.ceil(seconds / 60)));
    }
    if (seconds > 0 && seconds <= 60) sayOnce(1, announce.dataset.minute);
    // At the end the server decides, and this page shows what it says.
    ticking = setTimeout(ended ? ask : tick, 500);
  };
  const waits = state in PAUSES && page.dataset.ready !== "true";
  if (waits) {
    if (end !== null) tick();
    timer = setTimeout(ask, pause);
    // This device may have slept.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) ask();
    });
    addEventListener("online", ask);
    addEventListener("pageshow", (event) => {
      if (event.persisted) ask();
    });
  }
  // By Enter a browser presses the first button of a form, which may be that of another way to pay.
  page.querySelector("#ways")?.form?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input")) return;
    const way = page.querySelector("#ways > .way > :checked");
    if (!way) return;
    event.preventDefault();
    event.currentTarget.requestSubmit(way.parentElement.querySelector(".way-body button"));
  });
}
