// Base45 (RFC 9285): text in the alphabet of a QR code's alphanumeric mode, as bytes.

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const LARGEST = { 3: 0xffff, 2: 0xff };

/** Return the bytes of a text, or null if it is not the encoding of any bytes. */
export function decodeBase45(text) {
  const bytes = [];
  for (let start = 0; start < text.length; start += 3) {
    const group = text.slice(start, start + 3);
    const values = [...group].map((character) => ALPHABET.indexOf(character));
    const number = values.reduceRight((sum, value) => sum * 45 + value, 0);
    if (values.includes(-1) || !(number <= LARGEST[group.length])) {
      return null;
    }
    if (group.length === 3) {
      bytes.push(number >> 8);
    }
    bytes.push(number & 0xff);
  }
  return Uint8Array.from(bytes);
}
