/** What a talk between two ends is made of, whatever its protocol. */
import type { NetworkOptions } from '../../support/packets.ts';

/** 0 is the client. */
export type EndNumber = 0 | 1;

/** Addresses and ports of a packet on its way, as one side of the gateway sees them. */
export interface Line {
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
}

/** A packet that one end sends: its frame between given ends. */
export interface Message {
  readonly from: EndNumber;
  frame(line: Line & Partial<NetworkOptions>): Uint8Array;
}

export interface Talk {
  readonly protocol: number;
  /** The last two numbers of the original tuple: ports, or id and type << 8 | code. */
  tupleNumbers(sport: number, dport: number): readonly [number, number];
  messages(): Iterator<Message>;
}

/** The same packet's way back. */
export function reversed({ src, dst, sport, dport }: Line): Line {
  return { src: dst, dst: src, sport: dport, dport: sport };
}
