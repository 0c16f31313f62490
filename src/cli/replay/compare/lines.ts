import { quoteLine } from '../../../helpers/index.ts';
import { type Packet, TcpFlag } from '../../../wire/index.ts';

const LF = 0x0a;
/** Lines of one packet that are shown. */
const MAX_LINES = 8;

/**
 * Where lines begin in the streams that one engine lets through: what goes on with a line is never
 * quoted, because it may be a password.
 */
export class LineStarts {
  private readonly atStart = new Map<number, boolean>();

  /** Takes note of what the packet in hand lets through. True where it begins with a new line. */
  take(packet: Packet, stream: number): boolean {
    if ((packet.tcpFlags & TcpFlag.Syn) !== 0) {
      this.atStart.set(stream, true);
      return true;
    }
    const begins = this.atStart.get(stream) === true;
    if (packet.payloadLen > 0) {
      const last = packet.bytes[packet.payloadOffset + packet.payloadLen - 1];
      this.atStart.set(stream, last === LF);
    }
    return begins;
  }
}

/** The lines of a payload as they may be shown: `"PORT 10,0,1,2,200,10"`, `"PASS ..."`. */
export function quotedLines(payload: Uint8Array, begins: boolean): string[] {
  const lines: string[] = [];
  for (let at = 0; at < payload.length; ) {
    if (lines.length === MAX_LINES) return [...lines, `(${payload.length - at} bytes more)`];
    const found = payload.indexOf(LF, at);
    const end = found < 0 ? payload.length : found + 1;
    const isRest = at === 0 && !begins;
    lines.push(isRest ? `(rest of a line, ${end} bytes)` : `"${quoteLine(payload, at, end)}"`);
    at = end;
  }
  return lines;
}
