// Finds QR codes in frames of the camera, beside the page's own thread.

import { prepareZXingModule, readBarcodes } from "./vendor/zxing/reader/index.js";

// By default the library loads this file from another site.
const locateFile = (name) => new URL(`./vendor/zxing/reader/${name}`, import.meta.url).href;
const OPTIONS = {
  formats: ["QRCode"],
  tryHarder: true,
  // A dark theme may show the code light on dark.
  tryInvert: true,
  // A sheet of paper has several tickets.
  maxNumberOfSymbols: 4,
};

const ready = prepareZXingModule({ overrides: { locateFile }, fireImmediately: true });
ready.then(() => postMessage({ isReady: true }));

onmessage = async ({ data: { pixels, width, height } }) => {
  const frame = new ImageData(new Uint8ClampedArray(pixels), width, height);
  const found = await readBarcodes(frame, OPTIONS);
  postMessage({ text: nearestToCenter(found, width / 2, height / 2) });
};

function nearestToCenter(found, x, y) {
  const distance = ({ position: { topLeft, bottomRight } }) =>
    Math.hypot((topLeft.x + bottomRight.x) / 2 - x, (topLeft.y + bottomRight.y) / 2 - y);
  const sorted = found.filter((each) => each.isValid).sort((one, other) => distance(one) - distance(other));
  return sorted[0]?.text ?? null;
}
