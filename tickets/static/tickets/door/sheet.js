// The sheet that comes up over the camera: menu, search, conflicts, typing.

import { byId } from "./dom.js";

/** Open the sheet with a title and elements. `closed` is called when it is closed. */
export function openSheet(title, elements, closed = () => undefined) {
  const sheet = byId("sheet");
  byId("sheet-title").textContent = title;
  byId("sheet-body").replaceChildren(...elements);
  sheet.onclose = closed;
  if (!sheet.open) {
    sheet.showModal();
  }
  sheet.scrollTop = 0;
}

export function closeSheet() {
  byId("sheet").close();
}

export function isSheetOpen() {
  return byId("sheet").open;
}

/** Let the button and a tap beside the sheet close it. Escape does so by itself. */
export function prepareSheet() {
  byId("sheet-close").onclick = closeSheet;
  byId("sheet").onclick = (event) => {
    if (event.target === byId("sheet")) {
      closeSheet();
    }
  };
}
