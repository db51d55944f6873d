"""Drawing on a page of a PDF, in millimeters from its upper left corner."""

from dataclasses import dataclass, replace
from io import BytesIO
from typing import Final

from reportlab.lib.colors import HexColor
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

from tickets.documents.fonts import BOLD, REGULAR, shorten, tidy, width_of, wrap
from tickets.pictures import squares_of

MM: Final = 72 / 25.4
INK: Final = HexColor("#17191d")
SOFT: Final = HexColor("#5b616b")
LINE: Final = HexColor("#d8d2c6")
ACCENT: Final = "#c2412d"
# From one line of a text to the next, in its size.
_LEADING: Final = 1.28
# In points: a line that would be longer is cut.
_SMALLEST: Final = 8.0
_STEP: Final = 0.5


@dataclass(frozen=True, slots=True)
class Face:
    """How a text looks. `size` is in points."""

    size: float
    bold: bool = False
    color: HexColor = INK

    @property
    def font(self) -> str:
        return BOLD if self.bold else REGULAR

    @property
    def leading(self) -> float:
        """Return the height of a line, in millimeters."""
        return self.size * _LEADING / MM


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of a PDF with a place on it: `left`, `top` and `height` are in millimeters."""

    canvas: Canvas
    height: float
    left: float = 0
    top: float = 0

    def write(self, text: str, x: float, y: float, width: float, face: Face) -> float:
        """Write one line whose upper edge is `y`. Return the lower edge."""
        return self.write_lines(text, x, y, width, face, lines=1)

    def write_fitted(self, text: str, x: float, y: float, width: float, face: Face) -> float:
        """Write one line in smaller letters if it is too long. Return the lower edge."""
        size = face.size
        while size > _SMALLEST and width_of(tidy(text), face.font, size) > width * MM:
            size -= _STEP
        return self.write(text, x, y, width, replace(face, size=size))

    def write_lines(  # noqa: PLR0913 - a place has many numbers
        self, text: str, x: float, y: float, width: float, face: Face, *, lines: int
    ) -> float:
        """Write a text in at most so many lines. Return the lower edge."""
        for line in wrap(tidy(text), face.font, face.size, width * MM, lines):
            self._put(line, x, y, face)
            y += face.leading
        return y

    def write_centered(self, text: str, x: float, y: float, width: float, face: Face) -> float:
        """Write one line in the middle of a width. Return the lower edge."""
        line = shorten(tidy(text), face.font, face.size, width * MM)
        space = width - width_of(line, face.font, face.size) / MM
        self._put(line, x + space / 2, y, face)
        return y + face.leading

    def draw_card(self, width: float, height: float, band: float, color: str) -> None:
        """Draw a card with round corners, and a band of color along its upper edge."""
        corner = 4 * MM
        at = (self._x(0), self._y(height), width * MM, height * MM, corner)
        self.canvas.saveState()
        outline = self.canvas.beginPath()
        outline.roundRect(*at)
        self.canvas.clipPath(outline, stroke=0, fill=0)
        self.canvas.setFillColor(HexColor(color))
        self.canvas.rect(self._x(0), self._y(band), width * MM, band * MM, stroke=0, fill=1)
        self.canvas.restoreState()
        self.canvas.setStrokeColor(LINE)
        self.canvas.setLineWidth(0.8)
        self.canvas.roundRect(*at, stroke=1, fill=0)

    def draw_picture(self, png: bytes, x: float, y: float, height: float) -> float:
        """Draw a picture without transparency, in that height. Return the lower edge."""
        picture = ImageReader(BytesIO(png))
        wide, high = picture.getSize()
        width = height * wide / high
        at = (self._x(x), self._y(y + height), width * MM, height * MM)
        self.canvas.saveState()
        outline = self.canvas.beginPath()
        outline.roundRect(*at, 0.9 * MM)
        self.canvas.clipPath(outline, stroke=0, fill=0)
        self.canvas.drawImage(picture, *at)
        self.canvas.restoreState()
        return y + height

    def draw_line(self, x: float, y: float, to_x: float, to_y: float, *, dashed: bool) -> None:
        """Draw a thin line."""
        self.canvas.setStrokeColor(LINE)
        self.canvas.setLineWidth(0.8)
        self.canvas.setDash([3, 3] if dashed else [])
        self.canvas.line(self._x(x), self._y(y), self._x(to_x), self._y(to_y))
        self.canvas.setDash([])

    def draw_code(self, code: str, x: float, y: float, side: float) -> None:
        """Draw a QR code without its quiet zone, in black: squares and no picture."""
        modules, squares = squares_of(code)
        self.canvas.saveState()
        self.canvas.translate(self._x(x), self._y(y))
        self.canvas.scale(side * MM / modules, -side * MM / modules)
        self.canvas.setFillGray(0)
        # One text for all squares: `PDFPathObject.rect` takes ten times longer to format numbers.
        path = PDFPathObject(["n", *(f"{sx} {sy} {wide} 1 re" for sx, sy, wide in squares)])
        self.canvas.drawPath(path, stroke=0, fill=1)
        self.canvas.restoreState()

    def _put(self, line: str, x: float, y: float, face: Face) -> None:
        self.canvas.setFillColor(face.color)
        self.canvas.setFont(face.font, face.size)
        self.canvas.drawString(self._x(x), self._y(y) - face.size, line)

    def _x(self, x: float) -> float:
        return (self.left + x) * MM

    def _y(self, y: float) -> float:
        return (self.height - self.top - y) * MM
