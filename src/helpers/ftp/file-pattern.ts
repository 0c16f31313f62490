/**
 * Shell patterns over file names: `*`, `?`, `[a-z]`, `[!a]`, and a backslash before what is meant as
 * it is (POSIX, Shell Command Language 2.13). No expression engine: names come from strangers, and
 * the work for one is at most the pattern's length times the name's.
 */

/**
 * Whether a pattern is for this file: with a slash it is held against the whole path, else against
 * what stands behind the last slash. `name` has one character for each byte; what is UTF-8 (RFC
 * 2640) is held against the pattern as such, too.
 */
export function fileMatches(pattern: string, name: string): boolean {
  if (pathMatches(pattern, name)) return true;
  const decoded = Buffer.from(name, 'latin1').toString('utf8');
  return decoded !== name && pathMatches(pattern, decoded);
}

function pathMatches(pattern: string, name: string): boolean {
  if (pattern.includes('/')) return shellMatch(pattern, name);
  const trimmed = withoutTrailingSlashes(name);
  return shellMatch(pattern, trimmed.slice(trimmed.lastIndexOf('/') + 1));
}

/** `dir/` names what `dir` names. */
function withoutTrailingSlashes(name: string): string {
  let end = name.length;
  while (end > 1 && name[end - 1] === '/') end--;
  return name.slice(0, end);
}

/**
 * Case counts; `*` and `?` take any character, slashes among them. Of several `*` only the last is
 * ever tried again, which is enough: what comes before it has been matched as early as can be.
 */
export function shellMatch(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let starAt = -1;
  let starText = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      starAt = p++;
      starText = t;
      continue;
    }
    const next = p < pattern.length ? matchOne(pattern, p, text[t]!) : NO_MATCH;
    if (next !== NO_MATCH) {
      p = next;
      t++;
    } else if (starAt >= 0) {
      p = starAt + 1;
      t = ++starText;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

const NO_MATCH = -1;

/** Where the pattern goes on behind the piece at `p`, or NO_MATCH. */
function matchOne(pattern: string, p: number, char: string): number {
  const piece = pattern[p]!;
  if (piece === '?') return p + 1;
  if (piece === '\\' && p + 1 < pattern.length) return pattern[p + 1] === char ? p + 2 : NO_MATCH;
  if (piece === '[') {
    const end = bracketEnd(pattern, p);
    if (end >= 0) return inBracket(pattern, p + 1, end, char) ? end + 1 : NO_MATCH;
  }
  return piece === char ? p + 1 : NO_MATCH;
}

/** The closing bracket of the expression that opens at `p`; -1 where it is none, and a plain `[`. */
function bracketEnd(pattern: string, p: number): number {
  const first = pattern[p + 1] === '!' ? p + 2 : p + 1;
  // A bracket that comes first is one of the characters.
  return pattern.indexOf(']', first + 1);
}

function inBracket(pattern: string, from: number, end: number, char: string): boolean {
  const negated = pattern[from] === '!';
  let found = false;
  for (let i = negated ? from + 1 : from; i < end; i++) {
    const low = pattern[i]!;
    if (pattern[i + 1] === '-' && i + 2 < end) {
      if (low <= char && char <= pattern[i + 2]!) found = true;
      i += 2;
    } else if (low === char) found = true;
  }
  return found !== negated;
}
