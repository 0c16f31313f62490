/** Connections of which FINs pass, in the gate's program over single frames. */
import { spokeOf } from '../../../../src/datapath/gate/flows/sides.ts';
import {
  FlowAction,
  FlowFlag,
  FlowWord,
  SIDE_WORDS,
  SideWord,
} from '../../../../src/datapath/gate/layout.ts';
import { buildTcp, type TcpOptions } from '../../../support/packets.ts';
import { back, type Connection, type Direction, machine } from './acks-lab.ts';
import { type DirectionSpec, OUR_MAC } from './machine.ts';

/** What each end has sent up to here, all of it acknowledged. */
export const SENT = [5000, 70_000] as const;
export const WINDOW = 60_000;

export interface Talk {
  readonly at: number;
  readonly connection: Connection;
  /** A segment of an end, right behind what it has sent; by itself one that has nothing to say. */
  segment(from: Direction, changes?: Partial<TcpOptions>): Uint8Array;
}

export interface TalkOptions extends Partial<DirectionSpec> {
  /** Moves all sequence numbers. */
  readonly base?: number;
  readonly flags?: number;
}

/** No flows, and a way out. */
export function fresh(): void {
  machine.reset();
  machine.hop(1);
}

/** Takes both directions of a connection over: forwarded, closed by what passes. */
export function begin(connection: Connection, options: TalkOptions = {}): Talk {
  const { base = 0, flags = FlowFlag.CheckWindow, ...spec } = options;
  const { before, beyond } = connection;
  const way = { action: FlowAction.Forward, hop: 1, closes: true, ...spec };
  const at = machine.install({
    original: buildTcp(before),
    reply: buildTcp(back(beyond)),
    directions: [way, way],
    flags,
    sides: firstSides(base),
  });
  const ends = [before, back(beyond)] as const;
  const segment = (from: Direction, changes: Partial<TcpOptions> = {}): Uint8Array =>
    buildTcp({
      ...ends[from],
      dstMac: OUR_MAC,
      seq: base + SENT[from],
      ack: base + SENT[other(from)],
      ...changes,
    });
  return { at, connection, segment };
}

export const other = (direction: Direction): Direction => (direction === 0 ? 1 : 0);

function firstSides(base: number): Int32Array {
  const words = new Int32Array(2 * SIDE_WORDS);
  for (const side of [0, 1] as const) {
    const at = side * SIDE_WORDS;
    words[at + SideWord.End] = base + SENT[side];
    words[at + SideWord.MaxEnd] = base + SENT[side] + WINDOW;
    words[at + SideWord.MaxWindow] = WINDOW;
    words[at + SideWord.MaxAck] = base + SENT[other(side)];
  }
  return words;
}

/** `FlowWord.Closing`, unsigned. */
export function closingOf({ at }: Pick<Talk, 'at'>): number {
  return machine.maps.flows.unsigned[at + FlowWord.Closing]!;
}

/** What the daemon reads: `Spoke` bits. */
export function spoken({ at }: Pick<Talk, 'at'>): number {
  return spokeOf(machine.maps.flows.words, at);
}

export function sideWord({ at }: Pick<Talk, 'at'>, side: Direction, word: number): number {
  return machine.maps.flows.words[at + FlowWord.Sides + side * SIDE_WORDS + word]!;
}

export function lastEndOf({ at }: Pick<Talk, 'at'>): number {
  return machine.maps.flows.words[at + FlowWord.LastEnd]!;
}

/** `FlowFlag`s. */
export function flagsOf({ at }: Pick<Talk, 'at'>): number {
  return machine.maps.flows.words[at + FlowWord.Meta]! >>> 24;
}
