const SLOTS = 1024;

/**
 * Destination addresses as the text that `raw-socket` wants, remembered in a direct-mapped table so
 * that a conversation does not make a new string for each packet.
 */
export class AddressTexts {
  private readonly keys = new Int32Array(SLOTS * 5);
  private readonly texts: string[] = new Array<string>(SLOTS).fill('');

  text(family: number, w0: number, w1: number, w2: number, w3: number): string {
    const mixed = Math.imul(
      w0 ^ Math.imul(w1, 0x85ebca6b) ^ Math.imul(w2, 0x27d4eb2f) ^ w3,
      0x9e3779b1,
    );
    const slot = (mixed >>> 22) & (SLOTS - 1);
    const { keys } = this;
    const at = slot * 5;
    if (
      keys[at] === family &&
      keys[at + 1] === w0 &&
      keys[at + 2] === w1 &&
      keys[at + 3] === w2 &&
      keys[at + 4] === w3
    ) {
      return this.texts[slot]!;
    }
    keys[at] = family;
    keys[at + 1] = w0;
    keys[at + 2] = w1;
    keys[at + 3] = w2;
    keys[at + 4] = w3;
    const text = family === 4 ? quad(w0) : groups(w0, w1, w2, w3);
    this.texts[slot] = text;
    return text;
  }
}

function quad(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** All eight groups: inet_pton needs no short form. */
function groups(...words: readonly number[]): string {
  return words.map((w) => `${(w >>> 16).toString(16)}:${(w & 0xffff).toString(16)}`).join(':');
}
