/** What echo and printf make of their words. */

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  e: '\x1b',
  '"': '"',
};

/** Backslash sequences as `echo -e` and the format of printf have them. */
export function unescapeText(text: string): string {
  return text.replace(/\\(0?[0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)/gs, (whole, code: string) => {
    const known = escapes[code];
    if (known !== undefined) return known;
    // A NUL would look like a mark of something unknown.
    const number = code.startsWith('x')
      ? Number.parseInt(code.slice(1), 16)
      : /^[0-7]/.test(code)
        ? Number.parseInt(code, 8)
        : Number.NaN;
    if (Number.isNaN(number)) return whole;
    return number === 0 ? '' : String.fromCharCode(number & 255);
  });
}

const MAX_WIDTH = 1000;
const MAX_ROUNDS = 10_000;

/** `printf FORMAT ARGUMENTS…`: the format is used again while arguments are left. */
export function printFormatted(words: readonly string[]): string {
  const [format = '', ...given] = words;
  const args = [...given].reverse();
  let made = '';
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const before = args.length;
    made += unescapeText(format).replace(
      /%([-0+ #]*)(\d+)?(?:\.(\d+))?([sdiuxXcbq%])/g,
      (
        _,
        flags: string,
        width: string | undefined,
        precision: string | undefined,
        kind: string,
      ) => {
        if (kind === '%') return '%';
        const text = directive(kind, args.pop() ?? '', precision);
        const wide = Math.min(Number(width ?? 0), MAX_WIDTH);
        if (flags.includes('-')) return text.padEnd(wide);
        return text.padStart(wide, flags.includes('0') && kind !== 's' ? '0' : ' ');
      },
    );
    if (args.length === 0 || args.length === before) return made;
  }
  return made;
}

function directive(kind: string, text: string, precision: string | undefined): string {
  if (text.includes('\0')) return text;
  switch (kind) {
    case 's':
    case 'q':
      return precision === undefined ? text : text.slice(0, Number(precision));
    case 'b':
      return unescapeText(text);
    case 'c':
      return text.slice(0, 1);
    default: {
      const number = Number(text.trim() === '' ? 0 : text);
      const whole = Number.isFinite(number) ? Math.trunc(number) : 0;
      if (kind === 'x') return (whole >>> 0).toString(16);
      if (kind === 'X') return (whole >>> 0).toString(16).toUpperCase();
      return String(whole);
    }
  }
}
