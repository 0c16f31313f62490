/** Longest line that holds text of strangers, in characters. */
const LINE_CHARS = 100;

/** What would move the cursor, turn the writing round, or cannot be seen. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Text of a stranger for a terminal: everything that is not plainly to be seen is escaped. */
export function plainText(text: string): string {
  return text.replace(UNSEEN, (char) => {
    const code = char.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** A line of such text, cut where it is too long to be read. */
export function cutLine(text: string): string {
  return text.length <= LINE_CHARS ? text : `${text.slice(0, LINE_CHARS - 3)}...`;
}
