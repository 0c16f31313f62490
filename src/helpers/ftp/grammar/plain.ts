/**
 * Whether what a client announces can be read in one way only. Servers differ in what they make of
 * `010` (octal for inet_aton and strtol), `0x6`, `1_0` and digits of other scripts (Python), blanks
 * within a number, and addresses of fewer than four numbers (inet_aton): whatever is not plain must
 * not reach one as it came. Announcements are rare, so that these functions may make strings.
 */
import { AnnouncementKind, type AnnouncementKindCode } from './announcement.ts';

const BLANKS = '[ \\t\\v\\f]*';
const NUMBER = '(0|[1-9]\\d*)';
const listNumber = new RegExp(`^${BLANKS}${NUMBER}?${BLANKS}$`);
const lastNumber = new RegExp(`^${BLANKS}${NUMBER}?([^\\d_\\x80-\\xff][^\\x80-\\xff]*)?$`);
const portNumber = new RegExp(`^${BLANKS}${NUMBER}${BLANKS}$`);
const dotted = new RegExp(`^${BLANKS}${NUMBER}(\\.${NUMBER}){3}${BLANKS}$`);
const colons = /^[ \t\v\f]*\[?[\da-f]*:[\da-f:.]*(%\w+)?\]?[ \t\v\f]*$/i;
/** Numbers of a PORT; no announcement of the kind has fewer. */
const LIST_COUNT = 6;

/** [at, end) is what follows the verb, without the line end. */
export function isPlainAnnouncement(
  kind: AnnouncementKindCode,
  bytes: Uint8Array,
  at: number,
  end: number,
): boolean {
  const text = textOf(bytes, at, end);
  if (!/^[ \t\v\f]/.test(text)) return false;
  if (kind !== AnnouncementKind.Eprt) {
    const numbers = text.split(',');
    const last = numbers.pop()!;
    return numbers.every((number) => listNumber.test(number)) && lastNumber.test(last);
  }
  const [, , address = '', port = ''] = fieldsOf(text);
  return (dotted.test(address) || colons.test(address)) && portNumber.test(port);
}

/** Whether somebody may find an endpoint in an announcement that nobody here can read. */
export function mayBeReadElsewhere(
  kind: AnnouncementKindCode,
  bytes: Uint8Array,
  at: number,
  end: number,
): boolean {
  const text = textOf(bytes, at, end);
  if (/[\x80-\xff]/.test(text)) return true;
  if (kind !== AnnouncementKind.Eprt) return text.split(',').length >= LIST_COUNT;
  // Some take whatever stands behind the verb for its blank.
  return hasEndpoint(text) || hasEndpoint(text.slice(1));
}

function hasEndpoint(text: string): boolean {
  const [, family = '', address = '', port = ''] = fieldsOf(text.replace(/^[^!-~]+/, ''));
  return family !== '' && address !== '' && port !== '';
}

function fieldsOf(text: string): string[] {
  const bare = text.replace(/^[ \t\v\f]+/, '');
  return bare === '' ? [] : bare.split(bare[0]!);
}

function textOf(bytes: Uint8Array, at: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.max(0, end - at)).toString('latin1');
}
