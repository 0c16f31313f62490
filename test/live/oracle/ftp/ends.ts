/** The two ends of a TCP connection through the gateway: what they send, and what they have heard. */
import { buildTcp, type NetworkOptions, tcpFlagBits } from '../../../support/packets.ts';
import type { SeenPacket } from '../../../support/seen.ts';
import type { WantedTuple } from '../../tracking/kernel.ts';
import { macs, otherSide, type Side } from '../words.ts';

/** A frame to be sent, and the control connections whose expectations are asked for behind it. */
export interface Shot {
  readonly side: Side;
  readonly frame: Uint8Array;
  /** For complaints: who says what. */
  readonly about: string;
  readonly said: string;
  /** The control connection that it belongs to, by the client's port; null for data. */
  readonly control: { readonly clientPort: number; readonly fromClient: boolean } | null;
  readonly masters: readonly WantedTuple[];
}

export interface KernelExpectation {
  /** Source, destination, protocol, ports. */
  readonly tuple: readonly [string, string, number, number, number];
  readonly timeout: number;
  readonly helper: string;
  readonly flags: number;
  readonly class: number;
  /** Direction, and the port that was announced; null without translation. */
  readonly nat: readonly [number, number] | null;
}

/** What the kernel has made of a shot. */
export interface Arrival {
  /** Null where nothing came out on the other side. */
  readonly packet: SeenPacket | null;
  /** Of each master that was asked for. */
  readonly expectations: readonly (readonly KernelExpectation[])[];
}

export type Play<Result = void> = Generator<Shot, Result, Arrival>;

export interface SegmentOptions {
  readonly seq?: number;
  readonly flags?: string;
  readonly options?: Uint8Array;
  /** Headers in front of TCP, and padding. */
  readonly network?: Partial<NetworkOptions>;
}

const word = (value: number) => value >>> 0;

export class End {
  readonly side: Side;
  readonly address: string;
  readonly port: number;
  peerAddress: string;
  peerPort: number;
  /** Next byte to send, and next byte to hear. */
  next: number;
  expected = 0;

  constructor(side: Side, ends: Omit<Ends, 'side'>, iss: number) {
    this.side = side;
    this.address = ends.address;
    this.port = ends.port;
    this.peerAddress = ends.peerAddress;
    this.peerPort = ends.peerPort;
    this.next = word(iss);
  }

  hears({ src, sport, seq, payload, tcpFlags }: SeenPacket): void {
    const counted = (tcpFlags & tcpFlagBits('SF')) !== 0 ? 1 : 0;
    const end = word(seq + payload.length + counted);
    if ((tcpFlags & tcpFlagBits('S')) !== 0) {
      this.peerAddress = src;
      this.peerPort = sport;
      this.expected = end;
    } else if (((seq - this.expected) | 0) <= 0 && ((end - this.expected) | 0) > 0) {
      this.expected = end;
    }
  }
}

export interface Ends {
  readonly side: Side;
  readonly address: string;
  readonly port: number;
  readonly peerAddress: string;
  readonly peerPort: number;
}

const linkOf = (side: Side) =>
  side === 'lan'
    ? { srcMac: macs.client, dstMac: macs.lan }
    : { srcMac: macs.server, dstMac: macs.wan };

/** The control connections of a dialogue, and what the kernel last said that they expect. */
export interface Ledger {
  masters: readonly WantedTuple[];
  known: readonly KernelExpectation[];
}

/** A connection that its first end opens. */
export class Connection {
  readonly opener: End;
  readonly answerer: End;
  readonly isData: boolean;
  private readonly ledger: Ledger;

  constructor(opener: End, answerer: End, ledger: Ledger, isData = false) {
    this.isData = isData;
    this.opener = opener;
    this.answerer = answerer;
    this.ledger = ledger;
  }

  get tuple(): WantedTuple {
    const { address, port, peerAddress, peerPort } = this.opener;
    return [address.includes(':') ? 6 : 4, 6, address, peerAddress, port, peerPort];
  }

  peerOf(end: End): End {
    return end === this.opener ? this.answerer : this.opener;
  }

  /** Sends a segment; where no sequence number is given, it is the next one, and moves on. */
  *send(from: End, payload: string, more: SegmentOptions = {}): Play<Arrival> {
    const { seq = from.next, flags = payload === '' ? 'A' : 'PA', options } = more;
    const counted = /[SF]/.test(flags) ? 1 : 0;
    const frame = buildTcp({
      ...linkOf(from.side),
      src: from.address,
      dst: from.peerAddress,
      sport: from.port,
      dport: from.peerPort,
      seq,
      ack: flags === 'S' ? 0 : from.expected,
      flags,
      payload,
      ...(options === undefined ? {} : { options }),
      ...more.network,
    });
    if (more.seq === undefined) from.next = word(from.next + payload.length + counted);
    const fromClient = from === this.opener;
    const who = this.isData ? 'Dd' : 'CS';
    const says = `${who[fromClient ? 0 : 1]} ${flags} seq ${seq} ${JSON.stringify(payload)}`;
    const asks = payload !== '' || flags.includes('S');
    const masters = asks ? this.ledger.masters : [];
    const control = this.isData ? null : { clientPort: this.opener.port, fromClient };
    const { side } = from;
    const arrival = yield { side, frame, about: says, said: payload, control, masters };
    if (masters.length > 0) this.ledger.known = arrival.expectations.flat();
    if (arrival.packet !== null) this.peerOf(from).hears(arrival.packet);
    return arrival;
  }

  /** Each of its three segments may say something already. */
  *handshake(said: readonly string[] = [], more: SegmentOptions = {}): Play {
    const { opener, answerer } = this;
    const [first = '', second = '', third = ''] = said;
    yield* this.send(opener, first, { flags: 'S', ...more });
    yield* this.send(answerer, second, { flags: 'SA', ...more });
    yield* this.send(opener, third);
  }
}

/** Who answers what arrived. */
export function answererOf(packet: SeenPacket, from: Side, iss: number): End {
  const { src, dst, sport, dport } = packet;
  const ends = { address: dst, port: dport, peerAddress: src, peerPort: sport };
  return new End(otherSide[from], ends, iss);
}
