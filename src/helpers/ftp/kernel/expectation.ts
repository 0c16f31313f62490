import {
  Direction,
  type DirectionCode,
  type ExpectationDraft,
  ExpectResult,
  type ExpectResultCode,
  Field,
  Tuple,
} from '../../../conntrack/index.ts';
import { Proto } from '../../../wire/index.ts';
import { HelperId } from '../../helper.ts';
import type { FtpParts } from '../parts.ts';
import type { KernelAnnouncement } from './announcement.ts';

/** Tries beyond the announced port (nf_nat_helper.c, nf_nat_exp_find_port). */
const MOST_ATTEMPTS = 128;
const LAST_PORT = 0xffff;

/** Turns announcements of one direction of one connection into expectations. */
export class KernelExpectations {
  /** The tuple of the announcing direction, after `look`. */
  readonly sent = new Tuple();
  private readonly answered = new Tuple();
  private readonly parts: FtpParts;
  private row = -1;
  private direction: DirectionCode = Direction.Original;

  constructor(parts: FtpParts) {
    this.parts = parts;
  }

  /** Says which connection is in hand, and which of its ends speaks. */
  look(row: number, direction: DirectionCode): void {
    const { table } = this.parts.conntrack;
    this.row = row;
    this.direction = direction;
    table.readTuple(row, direction, this.sent);
    table.readTuple(row, opposite(direction), this.answered);
  }

  /** True where the announcement names the address that the speaker itself uses. */
  isOwn(announcement: KernelAnnouncement): boolean {
    const { sent } = this;
    return (
      announcement.w0 === sent.s0 &&
      announcement.w1 === sent.s1 &&
      announcement.w2 === sent.s2 &&
      announcement.w3 === sent.s3
    );
  }

  /** Fills in under which address the other end sees the speaker. */
  seenAddress(words: Int32Array): void {
    const { d0, d1, d2, d3 } = this.answered;
    words[0] = d0;
    words[1] = d1;
    words[2] = d2;
    words[3] = d3;
  }

  /**
   * Expects the announced connection at `port`. An address that is not the speaker's own stands as
   * it was announced, also under NAT.
   */
  add(announcement: KernelAnnouncement, port: number, followsMasterNat: boolean): ExpectResultCode {
    const { conntrack, clock } = this.parts;
    const { sent, answered, row } = this;
    const isOwn = this.isOwn(announcement);
    const draft: ExpectationDraft = {
      family: sent.family,
      protocol: Proto.Tcp,
      src: [answered.s0, answered.s1, answered.s2, answered.s3],
      dst: isOwn
        ? [answered.d0, answered.d1, answered.d2, answered.d3]
        : [announcement.w0, announcement.w1, announcement.w2, announcement.w3],
      dport: port,
      masterRow: row,
      masterId: conntrack.table.get(row, Field.Id),
      helper: HelperId.Ftp,
      kind: announcement.kind,
      direction: opposite(this.direction),
      savedAddress: [sent.s0, sent.s1, sent.s2, sent.s3],
      savedPort: announcement.port,
      followsMasterNat,
    };
    const lifetime = conntrack.settings.timeouts.expectation;
    return conntrack.expectations.add(draft, clock.ms, lifetime);
  }

  /**
   * Under NAT: expects it at the announced port, or where that is taken at a random one that is not
   * below it and not 65535. Returns the port; 0 where there is none, or where it is port 0 itself,
   * whose expectation stays behind all the same.
   */
  addAnywhere(announcement: KernelAnnouncement): number {
    const { random } = this.parts;
    const range = LAST_PORT - announcement.port;
    let port = announcement.port;
    let attemptsLeft = Math.min(range, MOST_ATTEMPTS);
    for (;;) {
      const result = this.add(announcement, port, true);
      if (result === ExpectResult.Ok) return port;
      if (result !== ExpectResult.Busy || attemptsLeft === 0) return 0;
      attemptsLeft--;
      port = announcement.port + random.below(range);
    }
  }

  /** Takes back what was added last. */
  withdraw(): void {
    const { expectations } = this.parts.conntrack;
    const newest = expectations.ofMaster(this.row).at(-1);
    if (newest !== undefined) expectations.remove(newest);
  }
}

function opposite(direction: DirectionCode): DirectionCode {
  return direction === Direction.Original ? Direction.Reply : Direction.Original;
}
