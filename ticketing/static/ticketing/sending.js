// A form that cannot be sent for lack of a network stays on the page with all that was typed, and
// says so. The server is asked first, because a form whose response was lost may have acted.
const note = document.querySelector("[data-not-sent]");

// Older browsers send forms as they are.
if (note && "requestSubmit" in HTMLFormElement.prototype) {
  // A server that has not answered within this time is out of reach.
  const PATIENCE = 10000;
  // Only a double click is dropped. Later a form may be sent again, as its key makes that safe: the
  // connection may be lost, and a page from the browser's memory too is sent again.
  const PAUSE = 5000;
  const waiting = new Set();
  let passing = null;

  const isReached = async () => {
    try {
      const signal = AbortSignal.timeout?.(PATIENCE);
      await fetch(note.dataset.notSent, { cache: "no-store", signal });
      // Whatever it answered: then it also answers the form.
      return true;
    } catch {
      return false;
    }
  };
  // Another script may stop the form, to send it by itself later.
  const send = (form, button) => {
    passing = { form };
    form.requestSubmit(button);
    const { event } = passing;
    passing = null;
    return Boolean(event) && !event.defaultPrevented;
  };
  const check = async (form, button) => {
    waiting.add(form);
    button?.setAttribute("aria-busy", "true");
    const reached = await isReached();
    button?.removeAttribute("aria-busy");
    if (!reached) (button?.closest("p") ?? button ?? form).before(note);
    note.hidden = reached;
    if (reached && send(form, button)) setTimeout(() => waiting.delete(form), PAUSE);
    else waiting.delete(form);
  };
  const onSubmit = (event) => {
    const form = event.target;
    // A field of the form may be named like a property of it.
    if (form.getAttribute("method") !== "post") return;
    if (passing?.form === form) {
      passing.event = event;
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!waiting.has(form)) check(form, event.submitter);
  };
  // Before the other scripts of the page.
  addEventListener("submit", onSubmit, { capture: true });
  addEventListener("online", () => {
    note.hidden = true;
  });
}
