// The page of an event: buttons for quantities, the sum, what is left, and the proof of work.
// Without it the form works as it is.
const form = document.querySelector("[data-choice]");

if (form) {
  const card = form.closest("section");
  const language = document.documentElement.lang;
  const currency = card.querySelector("[data-sum]")?.dataset.currency;
  const rows = [...form.querySelectorAll("[data-kind]")];
  const fieldOf = (row) => row.querySelector('input[type="number"]');

  // --- Quantities and their sum ---------------------------------------------------------------
  const showSum = () => {
    const line = card.querySelector("[data-sum]");
    if (!line) return;
    let cents = 0;
    let count = 0;
    for (const row of rows) {
      const quantity = Math.max(0, parseInt(fieldOf(row)?.value, 10) || 0);
      count += quantity;
      cents += quantity * Math.round(parseFloat(row.dataset.amount) * 100);
    }
    const number = (cents / 100).toLocaleString(language, { minimumFractionDigits: 2 });
    const symbols = { BRL: "R$", USD: "US$", EUR: "€" };
    const name = language.startsWith("pt") ? symbols[currency] ?? currency : currency;
    const total = line.querySelector("[data-total]");
    total.textContent = cents ? `${name}\u00a0${number}` : total.dataset.free;
    line.hidden = !count;
  };
  const step = (field, by) => {
    const most = field.max === "" ? Infinity : Number(field.max);
    field.value = Math.min(most, Math.max(0, (parseInt(field.value, 10) || 0) + by));
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  for (const stepper of form.querySelectorAll(".stepper")) {
    const field = stepper.querySelector("input");
    const button = (text, label, by) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      made.setAttribute("aria-label", `${label}: ${field.labels[0]?.textContent ?? ""}`);
      made.addEventListener("click", () => step(field, by));
      return made;
    };
    stepper.classList.add("with-buttons");
    stepper.prepend(button("−", stepper.dataset.less, -1));
    stepper.append(button("+", stepper.dataset.more, 1));
  }
  form.addEventListener("input", showSum);
  showSum();

  // --- What is left, every few seconds while somebody looks -----------------------------------
  const time = new Intl.DateTimeFormat(language, {
    hour: "numeric",
    minute: "2-digit",
    timeZone: form.dataset.zone,
  });
  // As the server writes it in Portuguese: 9h17.
  const say = (moment) =>
    language.startsWith("pt")
      ? time.format(moment).replace(/^0?(\d+):/, "$1h")
      : time.format(moment);
  const show = (live) => {
    card.querySelector("[data-changed]").hidden = String(live.revision) === form.dataset.revision;
    for (const row of rows) {
      const left = live.left[row.dataset.kind];
      const words = row.querySelector("[data-left]");
      if (left === undefined || words.dataset.now === String(left)) continue;
      const first = words.dataset.now === undefined;
      words.dataset.now = left;
      const field = fieldOf(row);
      if (field) field.max = Math.min(left, Number(row.dataset.limit));
      const number = words.querySelector("[data-number]");
      if (first && number && Number(number.dataset.number) === left) continue;
      if (left > 0 && number) {
        const { one, many } = row.parentElement.dataset;
        number.textContent = (left === 1 ? one : many).replace("{n}", left.toLocaleString(language));
      } else if (left > 0 && "gone" in words.dataset) {
        // Tickets have come back: the page has no field for them yet.
        card.querySelector("[data-back]").hidden = false;
      } else if (number) {
        const until = live.returns[row.dataset.kind];
        const more = until ? ` ${words.dataset.return.replace("{time}", say(until))}` : "";
        words.textContent = `${words.dataset.soldOut}.${more}`;
        words.dataset.gone = "";
        card.querySelector("[data-announce]").textContent =
          `${row.querySelector("label").textContent}: ${words.textContent}`;
      }
    }
  };
  const USUAL = 4000;
  const SLOWEST = 60000;
  let pause = USUAL;
  const poll = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(form.dataset.live, { credentials: "omit" });
        if (!answer.ok) throw new Error(String(answer.status));
        show(await answer.json());
        pause = USUAL;
        card.querySelector("[data-offline]").hidden = true;
      } catch {
        pause = Math.min(SLOWEST, pause * 2);
        card.querySelector("[data-offline]").hidden = false;
      }
    }
    // Not all readers at the same moment.
    setTimeout(poll, pause * (0.8 + 0.4 * Math.random()));
  };
  setTimeout(poll, USUAL * Math.random());
  document.addEventListener("visibilitychange", () => {
    pause = USUAL;
  });

  // --- Sending after the proof of work ---------------------------------------------------------
  const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const hex = (buffer) =>
    [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const solve = async () => {
    const answer = await fetch(form.dataset.challenge, { credentials: "omit" });
    if (!answer.ok) throw new Error(String(answer.status));
    const challenge = await answer.json();
    const { nonce, salt, cost, keyLength, keyPrefix } = challenge.parameters;
    const password = new Uint8Array([...bytes(nonce), 0, 0, 0, 0]);
    const counterBytes = new DataView(password.buffer, password.length - 4);
    const task = { name: "PBKDF2", hash: "SHA-256", salt: bytes(salt), iterations: cost };
    for (let counter = 0; ; counter += 1) {
      counterBytes.setUint32(0, counter);
      const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
      const derived = hex(await crypto.subtle.deriveBits(task, key, keyLength * 8));
      if (derived.startsWith(keyPrefix)) {
        const solution = { counter, derivedKey: derived };
        return btoa(JSON.stringify({ challenge, solution }));
      }
    }
  };
  const proof = form.querySelector('[name="proof"]');
  const words = form.querySelector("[data-proof]");
  let solving = null;
  const prove = () => {
    if (!form.dataset.challenge || proof.value) return Promise.resolve();
    words.textContent = words.dataset.working;
    solving ??= solve().then(
      (solved) => {
        proof.value = solved;
        words.textContent = words.dataset.done;
      },
      () => {
        solving = null;
        words.textContent = words.dataset.failed;
        throw new Error("no proof");
      },
    );
    return solving;
  };
  form.addEventListener("focusin", () => prove().catch(() => {}), { once: true });
  form.addEventListener("submit", async (event) => {
    if (form.dataset.challenge && !proof.value) {
      event.preventDefault();
      try {
        await prove();
      } catch {
        return;
      }
      form.requestSubmit();
    }
  });
}
