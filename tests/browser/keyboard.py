"""Somebody who uses a page by the keys alone, and notices what hides the focus or misorders it."""

from dataclasses import dataclass

import pytest
from playwright.sync_api import Frame, Locator, Page

_MOST_STOPS = 60
# Says what is wrong with the element that has the focus, or nothing. The window keeps the last one.
_LOOK = """() => {
  const now = document.activeElement;
  const last = window.lastStop;
  window.lastStop = now === document.body ? undefined : now;
  if (now === document.body || now.tagName === "IFRAME") return "";
  const hasOutline = (element) => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  };
  let outlined = now;
  while (outlined && !hasOutline(outlined)) outlined = outlined.parentElement;
  if (!outlined) return "has a focus that nobody sees";
  const box = now.getBoundingClientRect();
  const isSeen = [0.1, 0.5, 0.9].some((share) => {
    const found = document.elementFromPoint(box.x + box.width / 2, box.y + box.height * share);
    return found && (found === now || now.contains(found) || found.contains(now));
  });
  if (!isSeen) return "is hidden";
  if (!last?.isConnected) return "";
  if (!(last.compareDocumentPosition(now) & Node.DOCUMENT_POSITION_FOLLOWING)) {
    return "comes before the one that had the focus before";
  }
  return last.getBoundingClientRect().top > box.bottom ? "is above the one before" : "";
}"""


@dataclass(frozen=True, slots=True)
class Keyboard:
    """The keys of a page. `within` is the frame in which the focus is."""

    page: Page
    within: Frame | None = None

    def reach(self, wanted: Locator) -> None:
        """Press Tab until `wanted` has the focus. Fail at the first stop that has a fault."""
        frame = self.within or self.page.main_frame
        wanted.wait_for()
        for _ in range(_MOST_STOPS):
            self.page.keyboard.press("Tab")
            if fault := frame.evaluate(_LOOK):
                html = frame.evaluate("document.activeElement.outerHTML")
                pytest.fail(f"{self.page.url}: {html[:160]} {fault}")
            if wanted.evaluate("element => element === document.activeElement"):
                return
        pytest.fail(f"The keyboard does not reach {wanted}")

    def press(self, wanted: Locator, key: str = "Enter") -> None:
        """Go to an element, and press a key there."""
        self.reach(wanted)
        self.page.keyboard.press(key)

    def type(self, wanted: Locator, text: str) -> None:
        """Go to a field, and write over what is in it."""
        self.reach(wanted)
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.type(text)
