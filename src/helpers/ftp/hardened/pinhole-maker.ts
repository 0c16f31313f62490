import {
  Direction,
  type DirectionCode,
  type Expectation,
  type ExpectationDraft,
  ExpectFlag,
  ExpectResult,
  type ExpectResultCode,
  Field,
  Status,
  Tuple,
} from '../../../conntrack/index.ts';
import { Proto } from '../../../wire/index.ts';
import { HelperId } from '../../helper.ts';
import type { FtpAnnouncement } from '../grammar/grammar.ts';
import type { FtpParts } from '../parts.ts';
import type { FtpPolicy } from '../policy.ts';
import { Whose, type WhoseCode, whoseAddress } from './endpoint.ts';

/** Other ports tried under NAT where the announced one is expected by somebody else already. */
const PORT_ATTEMPTS = 128;
/** Ports put in place of a taken one are never reserved ones (RFC 2577 section 3). */
const LOWEST_REPLACEMENT_PORT = 1024;

/**
 * Turns an announcement into an expectation: who will connect, to which address and port as seen
 * from there, and where that leads (nf_conntrack_ftp.c, nf_nat_ftp.c).
 */
export class PinholeMaker {
  /** The endpoint the other side must be told, after `look` and `open`. */
  w0 = 0;
  w1 = 0;
  w2 = 0;
  w3 = 0;
  port = 0;
  /** What `open` has opened. */
  opened: Expectation | null = null;

  private readonly parts: FtpParts;
  private readonly sent = new Tuple();
  private readonly heard = new Tuple();
  private row = -1;
  private direction: DirectionCode = Direction.Original;
  private whose: WhoseCode = Whose.Own;

  constructor(parts: FtpParts) {
    this.parts = parts;
  }

  /** Looks at an announcement that goes in `direction` of the control connection in `row`. */
  look(
    row: number,
    direction: DirectionCode,
    announcement: FtpAnnouncement,
    policy: FtpPolicy,
  ): WhoseCode {
    const { table } = this.parts.conntrack;
    this.row = row;
    this.direction = direction;
    table.readTuple(row, direction, this.sent);
    table.readTuple(row, opposite(direction), this.heard);
    this.whose = whoseAddress(announcement, this.sent, this.heard, policy);
    return this.whose;
  }

  /** The address in the announcement counts as the speaker's own from here on. */
  takeAsOwn(): void {
    this.whose = Whose.Own;
  }

  /** Living expectations of the client's control connections. */
  get holesOfClient(): number {
    const client = this.direction === Direction.Original ? this.sent : this.heard;
    return this.parts.conntrack.expectations.countOfClient(client, this.parts.clock.ms);
  }

  /** True where the control connection is translated on either side. */
  get isTranslated(): boolean {
    return this.parts.conntrack.table.hasStatus(this.row, Status.SrcNat | Status.DstNat);
  }

  /**
   * Opens what was looked at. A taken port is replaced by a free one where `mayReplacePort`: under
   * NAT, as long as the line can still be rewritten.
   */
  open(
    announcement: FtpAnnouncement,
    policy: FtpPolicy,
    mayReplacePort: boolean,
  ): ExpectResultCode {
    this.aim(announcement);
    let result = this.tryPort(announcement, policy);
    if (!mayReplacePort || this.whose === Whose.ThirdParty) return result;
    for (let i = 0; i < PORT_ATTEMPTS && result === ExpectResult.Busy; i++) {
      this.port =
        LOWEST_REPLACEMENT_PORT + this.parts.random.below(65_536 - LOWEST_REPLACEMENT_PORT);
      result = this.tryPort(announcement, policy);
    }
    return result;
  }

  /** True where the line must name another endpoint than it does. */
  mustRewrite(announcement: FtpAnnouncement): boolean {
    this.aim(announcement);
    return this.differs(announcement);
  }

  /** The same once a port has been chosen. */
  differs(announcement: FtpAnnouncement): boolean {
    if (this.port !== announcement.port) return true;
    if (!announcement.hasAddress) return false;
    const { family, a0, a1, a2, a3 } = announcement;
    if (family !== this.sent.family) return true;
    return this.w0 !== a0 || this.w1 !== a1 || this.w2 !== a2 || this.w3 !== a3;
  }

  /** The ports of a server whose control connection cannot be read any more (FTPS). */
  openSpan(row: number, first: number, last: number, holeLifetime: number): ExpectResultCode {
    const { table } = this.parts.conntrack;
    this.row = row;
    this.direction = Direction.Reply;
    this.whose = Whose.Own;
    table.readTuple(row, Direction.Reply, this.sent);
    table.readTuple(row, Direction.Original, this.heard);
    const { d0, d1, d2, d3 } = this.heard;
    const draft = this.draft([d0, d1, d2, d3], first, first, 0);
    // A range may be of one port: not used up by the first connection either.
    return this.parts.conntrack.expectations.add(
      { ...draft, dportLast: last, flags: ExpectFlag.Permanent },
      this.parts.clock.ms,
      holeLifetime,
    );
  }

  /** The peer sees the speaker under the destination of its own tuple. */
  private aim(announcement: FtpAnnouncement): void {
    const { heard } = this;
    const isElsewhere = this.whose === Whose.ThirdParty;
    this.w0 = isElsewhere ? announcement.a0 : heard.d0;
    this.w1 = isElsewhere ? announcement.a1 : heard.d1;
    this.w2 = isElsewhere ? announcement.a2 : heard.d2;
    this.w3 = isElsewhere ? announcement.a3 : heard.d3;
    this.port = announcement.port;
  }

  private tryPort(announcement: FtpAnnouncement, policy: FtpPolicy): ExpectResultCode {
    const { conntrack, clock } = this.parts;
    const { w0, w1, w2, w3, port } = this;
    const draft = this.draft([w0, w1, w2, w3], port, announcement.port, announcement.kind);
    const { expectations } = conntrack;
    const result = expectations.add(draft, clock.ms, policy.holeLifetime, policy.maxHoles);
    const opened = result === ExpectResult.Ok;
    this.opened = opened ? (expectations.ofMaster(this.row).at(-1) ?? null) : null;
    return result;
  }

  private draft(
    dst: readonly [number, number, number, number],
    dport: number,
    savedPort: number,
    kind: number,
  ): ExpectationDraft {
    const { sent, heard, row, direction } = this;
    const isElsewhere = this.whose === Whose.ThirdParty;
    const client = direction === Direction.Original ? sent : heard;
    return {
      family: heard.family,
      protocol: Proto.Tcp,
      src: [heard.s0, heard.s1, heard.s2, heard.s3],
      dst,
      dport,
      masterRow: row,
      masterId: this.parts.conntrack.table.get(row, Field.Id),
      helper: HelperId.Ftp,
      kind,
      direction: opposite(direction),
      savedAddress: isElsewhere ? dst : [sent.s0, sent.s1, sent.s2, sent.s3],
      savedPort,
      followsMasterNat: this.isTranslated && !isElsewhere,
      client,
    };
  }
}

function opposite(direction: DirectionCode): DirectionCode {
  return direction === Direction.Original ? Direction.Reply : Direction.Original;
}
