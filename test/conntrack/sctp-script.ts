import { be16, be32, join } from '../support/bytes.ts';
import { buildSctp, initChunk, type SctpChunk } from '../support/sctp.ts';
import type { FrameMaker } from './script.ts';

/** Chunk types by the names of RFC 9260 section 3.2. */
export const chunkTypes: Readonly<Record<string, number>> = {
  DATA: 0,
  INIT: 1,
  INIT_ACK: 2,
  SACK: 3,
  HEARTBEAT: 4,
  HEARTBEAT_ACK: 5,
  ABORT: 6,
  SHUTDOWN: 7,
  SHUTDOWN_ACK: 8,
  ERROR: 9,
  COOKIE_ECHO: 10,
  COOKIE_ACK: 11,
  SHUTDOWN_COMPLETE: 14,
  AUTH: 15,
  RE_CONFIG: 130,
};

/**
 * `what` are names of chunks, joined by '+', with '/T' behind one that has the T bit; options `tag`,
 * `init` (the tag in an INIT or INIT ACK) and `sport`.
 */
export const sctp: FrameMaker = (ends, fromClient, what, options) => {
  const client = options.get('sport') ?? 40000;
  return buildSctp({
    ...ends,
    sport: fromClient ? client : 7,
    dport: fromClient ? 7 : client,
    tag: options.get('tag') ?? 0,
    chunks: what.split('+').map((name) => chunkOf(name, options.get('init') ?? 0)),
  });
};

function chunkOf(text: string, init: number): SctpChunk {
  const [name, letter] = text.split('/');
  const type = chunkTypes[name!]!;
  if (type === 1 || type === 2) return initChunk(type, init);
  const body = type === 0 ? join(be32(1), be16(0), be16(0), be32(0)) : new Uint8Array(0);
  return { type, flags: letter === 'T' ? 1 : 0, body };
}
