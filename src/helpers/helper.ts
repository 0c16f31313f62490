import type { DirectionCode } from '../conntrack/index.ts';
import type { Packet } from '../wire/index.ts';

/** Numbers of the helpers, as connection rows hold them. */
export const HelperId = { None: 0, Ftp: 1 } as const;

const helperNames: readonly string[] = ['', 'ftp'];

/** The name rules and screens use; '' for none. */
export function helperName(id: number): string {
  return helperNames[id] ?? '';
}

/** The number of a helper by name, 0 where there is no such helper. */
export function helperId(name: string): number {
  return Math.max(0, helperNames.indexOf(name));
}

/** What a helper decides about a packet that the rules let through. */
export const HelperVerdict = {
  Accept: 0,
  Drop: 1,
  /** Reset the connection towards both ends. */
  Reset: 2,
  /** None of its bytes goes on yet: the helper keeps them, and what it promised is to be sent. */
  Hold: 3,
} as const;
export type HelperVerdictCode = 0 | 1 | 2 | 3;

/** An acknowledgement for bytes that a helper keeps back, in the numbers of their sender. */
export interface HelperPromise {
  /** False where nothing is to be sent. */
  isDue: boolean;
  /** The packet, empty now, goes on all the same: its receiver waits for what it acknowledges. */
  leavesPacket: boolean;
  /** Where the receiver's own stream stands, in the numbers that the sender sees. */
  seq: number;
  /** The sequence number after the last byte kept. */
  ack: number;
  /** The window field that the receiver used last. */
  window: number;
  /** The receiver's last timestamp (RFC 7323), or 0 where it sends none. */
  timestamp: number;
}

/** A connection tracking helper: sees every accepted packet of the connections it is attached to. */
export interface Helper {
  readonly id: number;
  /**
   * Looks at a packet sent in `direction` of the connection in `row`, after address translation and
   * before sequence adjustment. May rewrite the payload.
   */
  handle(packet: Packet, row: number, direction: DirectionCode): HelperVerdictCode;
  /** The connection in `row` has ended. */
  forget(row: number): void;
}
