// Types on the page as scanners and people do. Returns what the page takes for codes, by the kind of typing.
async () => {
  const { listenToKeyboard } = await import("/static/tickets/door/keyboard.js");
  let found = [];
  listenToKeyboard((text) => found.push(text));
  const field = document.body.appendChild(document.createElement("input"));
  const press = (key, { at = document.body, ...others } = {}) =>
    at.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...others }));
  const type = (text, options) => [...text, "Enter"].forEach((key) => press(key, options));
  const results = {};
  const note = (name) => {
    results[name] = found;
    found = [];
  };
  type("T1:ABC $%*+-./:");
  type("https://example.com/a");
  note("scanner");
  type("t1:abc");
  note("short");
  type("t1:abcdef0");
  note("caps lock");
  ["Shift", "T", "Shift", "1", ":"].forEach((key) => press(key));
  type("ABCDEFG");
  note("with shift keys");
  type("   T1:ABCDEF");
  note("spaces before");
  type("T1:ABCDEFGH", { at: field });
  note("in a field");
  type("T1:ABCDEFGH", { ctrlKey: true });
  note("shortcuts");
  [..."T1:ABCDEFGH"].forEach((key) => press(key));
  await new Promise((resolve) => setTimeout(resolve, 1100));
  type("T1:12345678");
  note("after a pause");
  type("é日本語कखगघ");
  note("other letters");
  return results;
}
