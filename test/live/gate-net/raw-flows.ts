/** Connections between the raw hosts, as lists of packets. */
import { type RawPacket, rawClient, rawServer } from './raw-hosts.ts';

export type Family = 4 | 6;

/** What a connection of TCP begins with in both directions. */
const CLIENT_SEQ = 1_000_000;
const SERVER_SEQ = 5_000_000;

/** One connection, of which the test is both ends. Sequence numbers follow what was sent. */
export class RawTcp {
  readonly family: Family;
  readonly sport: number;
  readonly dport: number;
  /** The next byte of each side. */
  clientSeq = CLIENT_SEQ;
  serverSeq = SERVER_SEQ;
  /** Where each believes the other to be. */
  readonly target: string;
  readonly seenFrom: string;

  constructor(
    sport: number,
    ways: { family?: Family; dport?: number; target?: string; seenFrom?: string } = {},
  ) {
    this.family = ways.family ?? 4;
    this.sport = sport;
    this.dport = ways.dport ?? 80;
    this.target = ways.target ?? rawServer[this.family];
    this.seenFrom = ways.seenFrom ?? rawClient[this.family];
  }

  /** A segment as it stands: nothing is counted on. */
  client(flags: string, more: Partial<RawPacket> = {}): RawPacket {
    const ends = { src: rawClient[this.family], dst: this.target };
    const ports = { sport: this.sport, dport: this.dport };
    const numbers = { seq: this.clientSeq, ack: flags.includes('A') ? this.serverSeq : 0 };
    return { from: 'client', kind: 'tcp', ...ends, ...ports, ...numbers, flags, ...more };
  }

  server(flags: string, more: Partial<RawPacket> = {}): RawPacket {
    const ends = { src: rawServer[this.family], dst: this.seenFrom };
    const ports = { sport: this.dport, dport: this.sport };
    const numbers = { seq: this.serverSeq, ack: flags.includes('A') ? this.clientSeq : 0 };
    return { from: 'server', kind: 'tcp', ...ends, ...ports, ...numbers, flags, ...more };
  }

  clientSays(bytes: number, flags = 'PA', more: Partial<RawPacket> = {}): RawPacket {
    const packet = this.client(flags, { bytes, ...more });
    this.clientSeq += bytes + (/[SF]/.test(flags) ? 1 : 0);
    return packet;
  }

  serverSays(bytes: number, flags = 'PA', more: Partial<RawPacket> = {}): RawPacket {
    const packet = this.server(flags, { bytes, ...more });
    this.serverSeq += bytes + (/[SF]/.test(flags) ? 1 : 0);
    return packet;
  }

  /** MSS 1460, SACK permitted, window scale 7: as Linux begins. */
  open(): RawPacket[] {
    const tcpOptions = '020405b40402010103030700';
    const window = 64_000;
    return [
      this.clientSays(0, 'S', { tcpOptions, window }),
      this.serverSays(0, 'SA', { tcpOptions, window }),
      this.client('A', { window: 500 }),
    ];
  }

  /** Enough of a conversation for the gate to take both directions over, and two segments more. */
  settle(): RawPacket[] {
    const said: RawPacket[] = [];
    for (let n = 0; n < 5; n++) said.push(this.clientSays(10), this.serverSays(20));
    return said;
  }
}
