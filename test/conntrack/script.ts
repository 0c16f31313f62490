/**
 * Packet scripts: a tracker, a clock and two hosts, and what came out of each packet as a line.
 *
 *   0 > S       | NEW SYN_SENT 120 [NEW]
 *   0 < SA      | ESTABLISHED SYN_RECV 60 [UPDATE]
 *
 * Left: second, direction ('>' from the client), what is sent, options. Right: the packet's state,
 * the connection's TCP or SCTP state ('-' for other protocols), seconds until it expires, events; or the
 * reason where the packet has no connection.
 */
import assert from 'node:assert/strict';
import { Clock } from '../../src/base/index.ts';
import {
  Conntrack,
  type ConntrackListener,
  type ConntrackSettings,
  CtStateBit,
  defaultConntrackSettings,
  Field,
  Status,
  sctpStateNames,
  tcpStateNames,
  trackReasonNames,
} from '../../src/conntrack/index.ts';
import { Proto } from '../../src/wire/index.ts';
import {
  buildIcmp,
  buildIcmpv6,
  buildIp,
  buildTcp,
  buildUdp,
  dirtyPacket,
  loadPacket,
  udpSegment,
} from '../support/packets.ts';
import { tcpOptionBytes } from './tcp-options.ts';

export interface Ends {
  readonly src: string;
  readonly dst: string;
}

export const ends4: Ends = { src: '10.0.1.2', dst: '192.0.2.2' };
export const ends6: Ends = { src: '2001:db8:1::2', dst: '2001:db8:2::2' };

/** Where a script's time begins: not zero, so that a forgotten "now" shows. */
export const START_SEC = 1_000_000;

const stateNames = new Map<number, string>([
  [CtStateBit.Invalid, 'INVALID'],
  [CtStateBit.Established, 'ESTABLISHED'],
  [CtStateBit.Related, 'RELATED'],
  [CtStateBit.New, 'NEW'],
  [CtStateBit.Untracked, 'UNTRACKED'],
]);

const stateNamesOf = new Map<number, readonly string[]>([
  [Proto.Tcp, tcpStateNames],
  [Proto.Sctp, sctpStateNames],
]);

/** A tracker with its clock, and a listener that writes down what it is told. */
export class Bench {
  readonly clock = new Clock();
  readonly conntrack: Conntrack;
  private events: string[] = [];
  private readonly packet = dirtyPacket();

  constructor(settings: Partial<ConntrackSettings> = {}) {
    const all = { ...defaultConntrackSettings(), maximum: 64, expectMaximum: 8, ...settings };
    this.conntrack = new Conntrack(this.clock, all, 12345);
    this.conntrack.listen(this.listener());
    this.at(0);
  }

  get table() {
    return this.conntrack.table;
  }

  /** Sets the clock, in seconds after the start of the script. */
  at(sec: number): this {
    this.clock.set(START_SEC + sec, 0);
    return this;
  }

  /** Tracks a frame; its new connection is confirmed. Returns the row. */
  send(frame: Uint8Array): number {
    const row = this.track(frame);
    if (row >= 0 && !this.isConfirmed(row)) assert.ok(this.conntrack.confirm(row));
    return row;
  }

  /** Tracks a frame that is dropped afterwards. Returns the row it had. */
  sendDropped(frame: Uint8Array): number {
    const row = this.track(frame);
    if (row >= 0 && !this.isConfirmed(row)) this.conntrack.discard(row);
    return row;
  }

  /** Tracks a frame, and leaves it to the test what becomes of it. */
  track(frame: Uint8Array): number {
    this.conntrack.track(loadPacket(frame, 'ethernet', this.packet));
    return this.conntrack.row;
  }

  isConfirmed(row: number): boolean {
    return this.table.hasStatus(row, Status.Confirmed);
  }

  /** Seconds until the row expires. */
  left(row: number): number {
    return this.table.secondsLeft(row, this.clock);
  }

  /** The name of the last packet's state. */
  stateName(): string {
    return stateNames.get(this.conntrack.state) ?? `state ${this.conntrack.state}`;
  }

  /** The last packet's reason, '' where it has none. */
  reasonName(): string {
    return trackReasonNames[this.conntrack.reason]!;
  }

  /** The events since the last call. */
  takeEvents(): string[] {
    const events = this.events;
    this.events = [];
    return events;
  }

  private listener(): ConntrackListener {
    const note = (text: string) => this.events.push(text);
    const name = (row: number) =>
      this.table.hasStatus(row, Status.Assured) ? '[UPDATE]ASSURED' : '[UPDATE]';
    return {
      connectionNew: () => note('[NEW]'),
      connectionUpdate: (row) => note(name(row)),
      connectionDestroy: () => note('[DESTROY]'),
      tableFull: (suppressed) => note(`[FULL ${suppressed}]`),
      expectationNew: (e) => note(`[EXP NEW ${e.dport}]`),
      expectationDestroy: (e) => note(`[EXP DESTROY ${e.dport}]`),
    };
  }
}

/** Makes the frame of a script line: `what` as written there, options by name. */
export type FrameMaker = (
  ends: Ends,
  fromClient: boolean,
  what: string,
  options: ReadonlyMap<string, number>,
) => Uint8Array;

/**
 * `what` are the letters of the TCP flags, '-' for none; options `seq`, `ack`, `win`, `len`, `sport`,
 * and those of `tcpOptionBytes`.
 */
export const tcp: FrameMaker = (ends, fromClient, what, options) => {
  const client = options.get('sport') ?? 50940;
  return buildTcp({
    ...ends,
    sport: fromClient ? client : 21,
    dport: fromClient ? 21 : client,
    flags: what === '-' ? 0 : what,
    seq: options.get('seq') ?? 0,
    ack: options.get('ack') ?? 0,
    window: options.get('win') ?? 65535,
    options: tcpOptionBytes(options),
    payload: 'x'.repeat(options.get('len') ?? 0),
  });
};

export const udp: FrameMaker = (ends, fromClient, what) =>
  buildUdp({
    ...ends,
    sport: fromClient ? 40000 : 53,
    dport: fromClient ? 53 : 40000,
    payload: what,
  });

/** `what` is the ICMP or ICMPv6 type; options `id`, `code`. */
export const icmp: FrameMaker = (ends, _, what, options) => {
  const build = ends.src.includes(':') ? buildIcmpv6 : buildIcmp;
  const id16 = options.get('id') ?? 1;
  return build({ ...ends, type: Number(what), code: options.get('code') ?? 0, id16 });
};

/** UDP-Lite that covers all of itself. */
export const udpLite: FrameMaker = (ends, fromClient, what) => {
  const ports = fromClient ? [40000, 53] : [53, 40000];
  const segment = udpSegment({ ...ends, sport: ports[0]!, dport: ports[1]!, payload: what });
  return buildIp(ends, Proto.UdpLite, segment);
};

/** `what` are the bytes of GRE in hexadecimal. */
export const gre: FrameMaker = (ends, _, what) =>
  buildIp(ends, Proto.Gre, Uint8Array.from(Buffer.from(what, 'hex')));

/** `what` is the protocol number. */
export const anyProtocol: FrameMaker = (ends, _, what) =>
  buildIp(ends, Number(what), Uint8Array.of(0xa5, 0xa5, 0xa5, 0xa5));

function swap({ src, dst }: Ends): Ends {
  return { src: dst, dst: src };
}

function playLine(bench: Bench, make: FrameMaker, ends: Ends, left: string): string {
  const [sec, arrow, what, ...rest] = left.split(/\s+/);
  assert.ok(arrow === '>' || arrow === '<', `direction in: ${left}`);
  const options = new Map(
    rest.map((option) => {
      const [name, value] = option.split('=');
      return [name!, Number(value)] as const;
    }),
  );
  const fromClient = arrow === '>';
  bench.at(Number(sec)).send(make(fromClient ? ends : swap(ends), fromClient, what!, options));
  return describeLast(bench);
}

/** The last packet's right side of a script line. */
export function describeLast(bench: Bench): string {
  const { row } = bench.conntrack;
  const words = [bench.stateName()];
  if (row < 0) words.push(bench.reasonName());
  else {
    const names = stateNamesOf.get(bench.table.protocol(row));
    words.push(names === undefined ? '-' : names[bench.table.get(row, Field.State)]!);
    words.push(String(bench.left(row)));
  }
  return [...words, ...bench.takeEvents()].filter((word) => word !== '').join(' ');
}

/** Plays a script and compares what came out of it with its right side. Returns the bench. */
export function play(
  make: FrameMaker,
  script: string,
  bench: Bench = new Bench(),
  ends: Ends = ends4,
): Bench {
  const lines = script
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.split('|').map((part) => part.trim().replace(/\s+/g, ' ')));
  const actual = lines.map(([left]) => `${left} | ${playLine(bench, make, ends, left!)}`);
  assert.deepEqual(
    actual,
    lines.map(([left, right]) => `${left} | ${right}`),
  );
  return bench;
}
