// The page of an order: the time that is left by the server's clock, and changes of its state.
const page = document.querySelector("[data-order]");

if (page) {
  const state = page.dataset.state;
  const clock = page.querySelector("[data-clock]");
  const announce = page.querySelector("[data-announce]");
  const offline = page.querySelector("[data-offline]");
  // How long to wait between two questions, by state: at first, and at most.
  const PAUSES = {
    processing: [1200, 10000],
    reserved: [15000, 30000],
    confirming: [5000, 20000],
    paid: [2000, 20000],
  };
  let pause = PAUSES[state]?.[0];
  let timer;
  let end = null;
  let ended = false;

  // The clock of this device may be wrong, so only the time that has passed since is taken of it.
  const setEnd = (milliseconds) => {
    end = performance.now() + milliseconds;
  };
  const countdown = page.querySelector("[data-milliseconds]");
  if (countdown) setEnd(Number(countdown.dataset.milliseconds));

  const ask = async () => {
    clearTimeout(timer);
    try {
      const answer = await fetch(page.dataset.status);
      // Only a network that fails is "offline". A page that is gone is shown as it is.
      if (answer.status >= 500 || answer.status === 429) throw new Error(String(answer.status));
      const now = answer.ok ? await answer.json() : {};
      if (now.state !== state || String(now.ready) !== page.dataset.ready) {
        location.replace(location.pathname);
        return;
      }
      if (end !== null) setEnd(now.left);
      if (ended && now.left > 0) tick();
      if (offline) offline.hidden = true;
    } catch {
      if (offline) offline.hidden = false;
    }
    pause = Math.min(PAUSES[state][1], pause * 1.3);
    timer = setTimeout(ask, pause);
  };

  const said = new Set();
  const say = (minutes, text) => {
    if (said.has(minutes)) return;
    said.add(minutes);
    announce.textContent = text;
  };
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    const minutes = Math.floor(seconds / 60);
    clock.textContent = `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
    clock.hidden = false;
    ended = seconds === 0;
    if (seconds > 60 && seconds <= 300) {
      say(5, announce.dataset.minutes.replace("{n}", Math.ceil(seconds / 60)));
    }
    if (seconds > 0 && seconds <= 60) say(1, announce.dataset.minute);
    // At the end the server decides. Its page offers to start again.
    setTimeout(ended ? ask : tick, 500);
  };
  if (end !== null) tick();
  const waits = state in PAUSES && !(state === "paid" && page.dataset.ready === "true");
  if (waits) {
    timer = setTimeout(ask, pause);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) ask();
    });
    addEventListener("pageshow", (event) => {
      if (event.persisted) ask();
    });
  }
  // Only a double click is dropped. Later a form may be sent again, as its key makes that safe: the
  // connection may be lost, and a page from the browser's memory too is sent again.
  for (const form of page.querySelectorAll("form")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
      setTimeout(() => delete form.dataset.sent, 5000);
    });
  }
}
