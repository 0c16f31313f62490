import { AnnouncementKind, type AnnouncementKindCode } from '../grammar/grammar.ts';

/** Letters of PORT, EPRT and LPRT. */
const VERB_BYTES = 4;
const SPACE = 0x20;
const COMMA = 0x2c;

/**
 * True where the first `passed` bytes of a command reach into its last number. A server that reads
 * numbers until something else comes (sscanf) has a whole endpoint then, whatever follows.
 */
export function endpointHasPassed(
  kind: AnnouncementKindCode,
  bytes: Uint8Array,
  start: number,
  passed: number,
): boolean {
  let at = start + VERB_BYTES;
  const end = start + passed;
  while (at < end && bytes[at] === SPACE) at++;
  const isEprt = kind === AnnouncementKind.Eprt;
  const separator = isEprt ? bytes[at] : COMMA;
  let separators = isEprt ? 3 : 5;
  while (at < end && separators > 0) if (bytes[at++] === separator) separators--;
  return at < end;
}
