// Small helpers for the page's elements.

/** Return the element with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Make an element with properties, and with children that are elements or texts. */
export function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Show a text in an element, and hide the element if there is none. */
export function showText(element, text) {
  element.textContent = text ?? "";
  element.hidden = !text;
}

/** Show one of the page's screens instead of the others. */
export function showScreen(id) {
  for (const screen of document.querySelectorAll("main")) {
    screen.hidden = screen.id !== id;
  }
  document.body.dataset.screen = id;
}
