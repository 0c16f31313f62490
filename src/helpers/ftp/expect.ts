import type { Clock, Prng } from '../../base/index.ts';
import {
  type Conntrack,
  Direction,
  type DirectionCode,
  type ExpectationDraft,
  ExpectResult,
  type ExpectResultCode,
  Field,
  Tuple,
} from '../../conntrack/index.ts';
import { Proto } from '../../wire/index.ts';
import { HelperId } from '../helper.ts';
import { AnnouncementKind, type FtpAnnouncement } from './grammar/grammar.ts';

/** Other ports tried under NAT where the announced one is expected by somebody else already. */
const PORT_ATTEMPTS = 128;
/** Ports put in place of a taken one are never reserved ones (RFC 2577 section 3). */
const LOWEST_REPLACEMENT_PORT = 1024;

/**
 * Turns an announcement into an expectation: who will connect, to which address and port as seen
 * from there, and where that leads (nf_conntrack_ftp.c, nf_nat_ftp.c).
 */
export class ExpectationMaker {
  /** The endpoint the other side must be told, after `add` or `mustRewrite`. */
  w0 = 0;
  w1 = 0;
  w2 = 0;
  w3 = 0;
  port = 0;

  private readonly conntrack: Conntrack;
  private readonly clock: Clock;
  private readonly random: Prng;
  private readonly sent = new Tuple();
  private readonly answered = new Tuple();

  constructor(conntrack: Conntrack, clock: Clock, random: Prng) {
    this.conntrack = conntrack;
    this.clock = clock;
    this.random = random;
  }

  /** True where the line cannot go on as it is: address or port will be another one. */
  mustRewrite(row: number, direction: DirectionCode, announcement: FtpAnnouncement): boolean {
    this.look(row, direction, announcement.port);
    return this.differs(announcement);
  }

  /** True where the endpoint of the expectation is not the announced one. */
  differs(announcement: FtpAnnouncement): boolean {
    if (this.port !== announcement.port) return true;
    if (announcement.kind === AnnouncementKind.Epsv) return false;
    return (
      this.w0 !== announcement.a0 ||
      this.w1 !== announcement.a1 ||
      this.w2 !== announcement.a2 ||
      this.w3 !== announcement.a3
    );
  }

  /**
   * Expects the announced connection. A taken port is replaced by a free one where `mayReplacePort`:
   * under NAT, as long as the line can still be rewritten.
   */
  add(
    row: number,
    direction: DirectionCode,
    announcement: FtpAnnouncement,
    translated: boolean,
    mayReplacePort: boolean,
  ): ExpectResultCode {
    this.look(row, direction, announcement.port);
    let result = this.tryPort(row, direction, announcement, translated);
    if (!mayReplacePort) return result;
    for (let i = 0; i < PORT_ATTEMPTS && result === ExpectResult.Busy; i++) {
      this.port = LOWEST_REPLACEMENT_PORT + this.random.below(65_536 - LOWEST_REPLACEMENT_PORT);
      result = this.tryPort(row, direction, announcement, translated);
    }
    return result;
  }

  /** The other side sees the announcing end under the destination of its own tuple. */
  private look(row: number, direction: DirectionCode, port: number): void {
    const { table } = this.conntrack;
    table.readTuple(row, direction, this.sent);
    table.readTuple(row, opposite(direction), this.answered);
    this.w0 = this.answered.d0;
    this.w1 = this.answered.d1;
    this.w2 = this.answered.d2;
    this.w3 = this.answered.d3;
    this.port = port;
  }

  private tryPort(
    row: number,
    direction: DirectionCode,
    announcement: FtpAnnouncement,
    translated: boolean,
  ): ExpectResultCode {
    const { sent, answered } = this;
    const draft: ExpectationDraft = {
      family: sent.family,
      protocol: Proto.Tcp,
      src: [answered.s0, answered.s1, answered.s2, answered.s3],
      dst: [this.w0, this.w1, this.w2, this.w3],
      dport: this.port,
      masterRow: row,
      masterId: this.conntrack.table.get(row, Field.Id),
      helper: HelperId.Ftp,
      kind: announcement.kind,
      direction: opposite(direction),
      savedAddress: [sent.s0, sent.s1, sent.s2, sent.s3],
      savedPort: announcement.port,
      followsMasterNat: translated,
    };
    const lifetime = this.conntrack.settings.timeouts.expectation;
    return this.conntrack.expectations.add(draft, this.clock.ms, lifetime);
  }
}

function opposite(direction: DirectionCode): DirectionCode {
  return direction === Direction.Original ? Direction.Reply : Direction.Original;
}
