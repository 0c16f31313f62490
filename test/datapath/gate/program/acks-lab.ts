/**
 * Connections of which only bare acknowledgements pass, in the gate's program over single frames; and
 * what becomes of a frame.
 */
import assert from 'node:assert/strict';
import {
  FLOW_WORDS,
  FlowAction,
  FlowFlag,
  FlowWord,
  SIDE_WORDS,
  SideWord,
} from '../../../../src/datapath/gate/layout.ts';
import { buildTcp, type TcpOptions } from '../../../support/packets.ts';
import { seen } from '../../../support/seen.ts';
import { Machine, OUR_MAC, Verdict } from './machine.ts';

const opened = await Machine.open();
export const machine = opened as Machine;
export const skip = typeof opened === 'string' ? `the gate's program: ${opened}` : false;

export type Direction = 0 | 1;
type Ends = Pick<TcpOptions, 'src' | 'dst' | 'sport' | 'dport'>;

export interface Connection {
  readonly name: string;
  /** The way from the client as it comes in, and as it leaves. */
  readonly before: Ends;
  readonly beyond: Ends;
}

export const narrow: Ends = { src: '10.0.0.2', dst: '203.0.113.21', sport: 40_000, dport: 21 };
const wide: Ends = { src: 'fd00:1::2', dst: '2001:db8::21', sport: 40_000, dport: 21 };
export const routed4 = { name: 'IPv4, routed', before: narrow, beyond: narrow };
export const connections: readonly Connection[] = [
  routed4,
  { name: 'IPv4, SNAT', before: narrow, beyond: { ...narrow, src: '203.0.113.1', sport: 1024 } },
  { name: 'IPv6, routed', before: wide, beyond: wide },
  { name: 'IPv6, SNAT', before: wide, beyond: { ...wide, src: '2001:db8::1', sport: 65_535 } },
];

export const back = (e: Ends): Ends => ({ src: e.dst, dst: e.src, sport: e.dport, dport: e.sport });

/** What the receiver of acknowledgements has sent up to here, and how far its data is acknowledged. */
export const SENT = 5000;
export const ACKED = 3000;
/** Where whoever acknowledges stands itself. */
export const OWN = 70_000;
export const WINDOW = 60_000;
/** TSval and TSecr of RFC 7323: bytes that show when they are turned round. */
export const STAMP = 0x8123_4567;
export const timestamp = Uint8Array.of(1, 1, 8, 10, 0x81, 0x23, 0x45, 0x67, 0, 0, 0, 9);
export const anotherStamp = Uint8Array.of(1, 1, 8, 10, 0x81, 0x23, 0x45, 0x68, 0, 0, 0, 9);

/** Sides in which `direction` acknowledges; `base` moves all sequence numbers. */
export function sidesOf(direction: Direction, base = 0): Int32Array {
  const words = new Int32Array(2 * SIDE_WORDS);
  const own = direction * SIDE_WORDS;
  const other = SIDE_WORDS - own;
  const put = (side: number, end: number, maxEnd: number, maxAck: number): void => {
    words[side + SideWord.End] = base + end;
    words[side + SideWord.MaxEnd] = base + maxEnd;
    words[side + SideWord.MaxWindow] = WINDOW;
    words[side + SideWord.MaxAck] = base + maxAck;
  };
  put(own, OWN, OWN + WINDOW, ACKED);
  put(other, SENT, SENT + WINDOW, OWN);
  return words;
}

export interface Lab {
  readonly at: number;
  readonly direction: Direction;
  readonly connection: Connection;
  readonly base: number;
  /** A segment of the acknowledging end; by itself one that acknowledges all. */
  segment(changes?: Partial<TcpOptions>): Uint8Array;
}

interface LabOptions {
  readonly base?: number;
  readonly flags?: number;
  readonly bytes?: number;
  readonly closes?: boolean;
}

/** `direction` has acknowledgements pass, the other one is the engine's. */
export function takeOver(
  connection: Connection,
  direction: Direction,
  options: LabOptions = {},
): Lab {
  const { base = 0, flags = FlowFlag.CheckWindow, bytes = 0, closes = false } = options;
  const { before, beyond } = connection;
  const acks = { action: FlowAction.Acks, hop: 1, bytes, closes };
  const kept = { action: FlowAction.Punt };
  const at = machine.install({
    original: buildTcp(before),
    reply: buildTcp(back(beyond)),
    directions: direction === 0 ? [acks, kept] : [kept, acks],
    flags,
    sides: sidesOf(direction, base),
  });
  const ends = direction === 0 ? before : back(beyond);
  const segment = (changes: Partial<TcpOptions> = {}): Uint8Array =>
    buildTcp({ ...ends, dstMac: OUR_MAC, seq: base + OWN, ack: base + SENT, ...changes });
  return { at, direction, connection, base, segment };
}

export function maxAckOf({ at, direction }: Lab): number {
  const word = at + FlowWord.Sides + direction * SIDE_WORDS + SideWord.MaxAck;
  return machine.maps.flows.words[word]!;
}

export function stampsOf({ at }: Lab): number[] {
  return [...machine.maps.flows.unsigned.subarray(at + FlowWord.Stamps, at + FlowWord.Stamps + 2)];
}

export function sidesAt({ at }: Lab): Int32Array {
  return machine.maps.flows.words.slice(at + FlowWord.Sides, at + FlowWord.Stamps);
}

export function passes(frame: Uint8Array): Uint8Array {
  const outcome = machine.run('ingress', frame);
  assert.equal(outcome.verdict, Verdict.Redirect);
  assert.deepEqual([...machine.records('known'), ...machine.records('other')], []);
  return outcome.frame;
}

/** To the engine as it came, and nothing is left of it in the memory. */
export function isPunted(lab: Pick<Lab, 'at'>, frame: Uint8Array): void {
  const unit = () => machine.maps.flows.words.slice(lab.at, lab.at + FLOW_WORDS);
  const before = unit();
  assert.equal(machine.run('ingress', frame).verdict, Verdict.Stolen);
  assert.deepEqual(machine.records('other'), []);
  const records = machine.records('known');
  assert.equal(records.length, 1);
  assert.deepEqual(records[0]!.frame, frame, 'the frame as it came');
  assert.deepEqual(unit(), before);
}

/** The frame leaves with the translated ends, right checksums, and one hop less to live. */
export function isTranslated(
  { connection, direction }: Pick<Lab, 'connection' | 'direction'>,
  left: Uint8Array,
  ttl: number,
): void {
  const { before, beyond } = connection;
  const { src, dst, sport, dport, ttl: leftTtl } = seen(left);
  assert.deepEqual({ src, dst, sport, dport }, direction === 0 ? beyond : back(before));
  assert.equal(leftTtl, ttl - 1);
}
