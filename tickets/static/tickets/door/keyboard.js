// Scanners that type: a handheld or Bluetooth scanner that acts as a keyboard.

// A scanner types without pause. A person who rests a hand on the keys does not.
const LONGEST_PAUSE_MS = 1000;
const SHORTEST_CODE = 8;

/** Call `found` with each line that is typed while no field has the focus. */
export function listenToKeyboard(found) {
  let [typed, lastAt] = ["", 0];
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey) {
      return;
    }
    if (event.timeStamp - lastAt > LONGEST_PAUSE_MS) {
      typed = "";
    }
    if (event.key === "Enter") {
      if (typed.length >= SHORTEST_CODE) {
        // Else Enter would press the button that has the focus.
        event.preventDefault();
        // With Caps Lock on, a scanner's capital letters arrive as small ones. Codes have none.
        found(typed.startsWith("t1:") ? typed.toUpperCase() : typed);
      }
      typed = "";
    } else if (event.key.length === 1) {
      lastAt = event.timeStamp;
      if (typed !== "" || event.key !== " ") {
        event.preventDefault();
        typed += event.key;
      }
    }
  });
}
