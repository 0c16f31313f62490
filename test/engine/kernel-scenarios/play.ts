/** Plays scripts through gateways in memory, of both families, with and without translation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CtStateBit, Status, Tuple } from '../../../src/conntrack/index.ts';
import { type ConntrackDto, connectionDto } from '../../../src/control/index.ts';
import { Outcome } from '../../../src/engine/index.ts';
import { Proto } from '../../../src/wire/index.ts';
import { addressWords, makeGateway, type TestGateway } from '../../support/gateway.ts';
import { buildTcp } from '../../support/packets.ts';
import { parseScript, type Segment } from './tcp-script.ts';

export type Family = 4 | 6;

/** Both ends as the client means them, and the gateway's address outside. */
export interface Places {
  readonly client: string;
  readonly server: string;
  readonly outside: string;
}

export const places: Readonly<Record<Family, Places>> = {
  4: { client: '192.168.1.77', server: '198.51.100.44', outside: '203.0.113.1' },
  6: { client: 'fd00:1::77', server: '2001:db8:44::44', outside: '2001:db8:1::1' },
};

/** Addresses and ports of a packet. */
export interface Line {
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
}

/** The same packet's way back. */
export function back({ src, dst, sport, dport }: Line): Line {
  return { src: dst, dst: src, sport: dport, dport: sport };
}

/** Drops what is INVALID on its way through. */
export const DROP_INVALID = '*filter\n-A FORWARD -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n';
export const MASQUERADE = '*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n';

/** A gateway with the same rules for both families. */
export function gatewayOf(rules: string): TestGateway {
  return makeGateway({ rules, rules6: rules });
}

/** Words of a packet's state, as `--ctstate` has them. */
export function ctStateOf({ engine }: TestGateway): string {
  const names = Object.entries(CtStateBit).filter(([, bit]) => engine.flight.ctState & bit);
  return names.map(([name]) => name.toUpperCase()).join(',');
}

/** The connection with this original tuple, null for none. */
export function entryOf(
  gateway: TestGateway,
  { src, dst, sport, dport }: Line,
  protocol: number = Proto.Tcp,
  zone = 0,
): ConntrackDto | null {
  const tuple = new Tuple();
  const [s, d] = [addressWords(src), addressWords(dst)];
  tuple.meta = (zone << 16) | ((src.includes(':') ? 6 : 4) << 8) | protocol;
  tuple.setPorts(sport, dport);
  tuple.s0 = s[0]!;
  tuple.s1 = s[1] ?? 0;
  tuple.s2 = s[2] ?? 0;
  tuple.s3 = s[3] ?? 0;
  tuple.d0 = d[0]!;
  tuple.d1 = d[1] ?? 0;
  tuple.d2 = d[2] ?? 0;
  tuple.d3 = d[3] ?? 0;
  const ref = gateway.engine.tracking.conntrack.lookup(tuple);
  return ref < 0 ? null : connectionDto(gateway.engine, ref >> 1);
}

/** `STATE SECONDS WORD`, as much of it as conntrack(8) would print. */
export function entryText(
  entry: Pick<ConntrackDto, 'state' | 'timeout' | 'status'> | null,
): string {
  if (entry === null) return 'gone';
  const { state, timeout, status } = entry;
  const words = [state, timeout];
  if ((status & Status.SeenReply) === 0) words.push('UNREPLIED');
  if ((status & Status.Assured) !== 0) words.push('ASSURED');
  return words.filter((word) => word !== '').join(' ');
}

/** What listeners were told of connections since event number `from`. */
export function toldSince(gateway: TestGateway, from: number): string {
  return gateway.events
    .slice(from)
    .map(({ kind }) => kind)
    .join(' ');
}

/**
 * A test of a script for each family, routed and masqueraded: sequence numbers, states and times are
 * to be the same.
 */
export function playScript(name: string, text: string, rules = DROP_INVALID): void {
  for (const family of [4, 6] as const) {
    for (const [way, nat] of [
      ['routed', ''],
      ['masqueraded', MASQUERADE],
    ] as const) {
      test(`${name} (IPv${family}, ${way})`, () => {
        play(gatewayOf(nat + rules), places[family], way === 'masqueraded', text);
      });
    }
  }
}

function play(gateway: TestGateway, at: Places, isMasqueraded: boolean, text: string): void {
  const inside = { src: at.client, dst: at.server, sport: 45_020, dport: 8443 };
  const outside = isMasqueraded ? { ...inside, src: at.outside } : inside;
  let usec = 0;
  let told = 0;
  for (const step of parseScript(text)) {
    if ('waitSec' in step) {
      usec += Math.round(step.waitSec * 1e6);
      gateway.now(Math.floor(usec / 1e6), usec % 1e6);
      continue;
    }
    const isClient = step.from === 'client';
    const frame = buildTcp({ ...(isClient ? inside : back(outside)), ...step.tcp });
    const left = gateway.inject(isClient ? 'lan' : 'wan', frame);
    const became = {
      ctState: ctStateOf(gateway),
      passes: left.outcome === Outcome.Forward,
      entry: entryText(entryOf(gateway, inside)),
      events: toldSince(gateway, told),
    };
    told = gateway.events.length;
    assert.deepEqual(became, step.expected, step.line);
    if (became.passes) assertSame(left.seen!, isClient ? outside : back(inside), step);
  }
}

/** What comes out is what went in, between the addresses of the other side. */
function assertSame(seen: Line & { seq: number; ack: number }, line: Line, step: Segment): void {
  const { src, dst, sport, dport, seq, ack } = seen;
  const wanted = { ...line, seq: step.tcp.seq, ack: step.tcp.ack };
  assert.deepEqual({ src, dst, sport, dport, seq, ack }, wanted, step.line);
}
