/** A line of a sysctl.conf(5) file that says something. */
export interface ConfLine {
  readonly line: number;
  readonly key: string;
  /** Null where the line is no setting: `garbage`. */
  readonly value: string | null;
  /** It begins with a dash: what fails of it is no failure. */
  readonly optional: boolean;
}

/**
 * Takes a file of sysctl.conf(5) apart: `key = value` lines, comments with `#` or `;`, a dash before
 * what may fail. A dash without a value only keeps a key from being matched by patterns: left out.
 */
export function parseConfFile(text: string): ConfLine[] {
  const lines: ConfLine[] = [];
  text.split('\n').forEach((whole, at) => {
    const said = whole.trim();
    if (said === '' || said.startsWith('#') || said.startsWith(';')) return;
    const optional = said.startsWith('-');
    const words = optional ? said.slice(1).trimStart() : said;
    const equals = words.indexOf('=');
    if (equals < 0) {
      if (!optional) lines.push({ line: at + 1, key: words, value: null, optional });
      return;
    }
    const key = words.slice(0, equals).trimEnd();
    lines.push({ line: at + 1, key, value: words.slice(equals + 1).trim(), optional });
  });
  return lines;
}
