"""Pictures of the door's page for the documents: three answers on a phone, beside each other."""

import io
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Browser, ViewportSize

from tests.browser.door import Organizer, Phone
from tests.browser.shop import Shop
from ticketing.stack.running import RunningStack

_QUALITY: Final = 80
_GAP, _BETWEEN = 12, "#d9d4ca"
_PHONE: Final[ViewportSize] = {"width": 330, "height": 620}
_GATES: Final = {"pt": "Portão Norte", "en": "North gate"}


def take_scanner_picture(
    stack: RunningStack, browser: Browser, language: str, locale: str, folder: Path
) -> None:
    """Scan a ticket, the same again, and one of another event."""
    shop, organizer = Shop(stack), Organizer(stack)
    event, other = shop.publish_event()["id"], shop.publish_event()["id"]
    ticket, of_other = shop.sell(event).ticket_codes[0], shop.sell(other).ticket_codes[0]
    device = organizer.make_device([event], gate=_GATES[language])
    width, height = _PHONE["width"], _PHONE["height"]
    picture = Image.new("RGB", (3 * width + 4 * _GAP, height + 2 * _GAP), _BETWEEN)
    with browser.new_context(base_url=stack.url, locale=locale, viewport=_PHONE) as context:
        phone = Phone.with_camera(context)
        phone.pair(organizer.pairing_code(device))
        for place, code in enumerate([ticket, ticket, of_other]):
            phone.show(code)
            phone.answer()
            with Image.open(io.BytesIO(phone.page.screenshot())) as shot:
                picture.paste(shot, (_GAP + place * (width + _GAP), _GAP))
            phone.hide()
            # The same code counts again after it was away for a while.
            phone.page.reload()
            phone.start()
    picture.save(folder / f"scanner-{language}.webp", quality=_QUALITY, method=6)
