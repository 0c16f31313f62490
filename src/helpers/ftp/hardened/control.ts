import {
  type ConntrackTable,
  Direction,
  type DirectionCode,
  type Expectation,
  ExpectResult,
  type ExpectResultCode,
  Field,
  LONGEST_TIMEOUT_SEC,
  Status,
  TcpState,
  Tuple,
} from '../../../conntrack/index.ts';
import { MAX_PENDING } from '../dialogue/pending.ts';
import { FtpSession, Tls } from '../dialogue/session.ts';
import { looksLikeTls, TlsRecords } from '../dialogue/tls-records.ts';
import { Verb, type VerbCode } from '../grammar/verbs.ts';
import type { FtpParts } from '../parts.ts';
import type { FtpPolicies } from '../policies.ts';
import type { FtpPolicy } from '../policy.ts';
import type { RefusalCounts } from '../refusal-counts.ts';
import { FtpReason, type FtpReasonName } from '../report.ts';
import type { StreamLine } from '../stream/line.ts';
import { Relay } from '../stream/relay.ts';
import { compileVerbs, type VerbTables } from '../verdicts.ts';
import type { Bench } from './bench.ts';
import { CommandJudge } from './command-judge.ts';
import { ReplyJudge } from './reply-judge.ts';

/** The ports of an encrypted session stay open until its control connection closes. */
const SPAN_SEC = LONGEST_TIMEOUT_SEC;

const tuple = new Tuple();

/** One control connection: what has been said on it, and what of that still matters. */
export class Control {
  readonly row: number;
  readonly session = new FtpSession();
  /** By direction code. */
  readonly relays: readonly [Relay, Relay];
  /** By direction code: its packets are seen only when they have gone, and cannot be changed. */
  readonly isObserved: [boolean, boolean] = [false, false];
  /** The client has begun as clients of FTP do. */
  isFtp = false;

  /** TLS records of both directions while it is encrypted. */
  private records: readonly [TlsRecords, TlsRecords] = [new TlsRecords(), new TlsRecords()];
  private readonly parts: FtpParts;
  private readonly bench: Bench;
  private readonly policies: FtpPolicies;
  private readonly comment: string;
  private hasSpoken = false;
  private hasServerSpoken = false;
  /** The client's first bytes are those of TLS; whether it is that, the server's will show. */
  private mayBeTls = false;
  private generation = -1;
  private resolved: FtpPolicy | null = null;
  private tables: VerbTables | null = null;
  /** What PORT, EPRT and LPRT have opened, and the server has not answered yet. */
  private readonly announced: { readonly seq: number; readonly opened: Expectation }[] = [];

  constructor(parts: FtpParts, policies: FtpPolicies, bench: Bench, row: number, comment: string) {
    this.parts = parts;
    this.policies = policies;
    this.bench = bench;
    this.row = row;
    this.comment = comment;
    const resized = (direction: 0 | 1) => (seq: number, oldLen: number, newLen: number) =>
      parts.seqAdjust.ensure(row).record(direction, seq, oldLen, newLen);
    this.relays = [
      new Relay(new CommandJudge(this, bench), resized(Direction.Original)),
      new Relay(new ReplyJudge(this, bench), resized(Direction.Reply)),
    ];
  }

  get table(): ConntrackTable {
    return this.parts.conntrack.table;
  }

  get isTranslated(): boolean {
    return this.table.hasStatus(this.row, Status.SrcNat | Status.DstNat);
  }

  /** Each end has closed its direction, and knows that the other one has, too. */
  get isOver(): boolean {
    return (
      this.relays[0].isFinished &&
      this.relays[1].isFinished &&
      this.table.get(this.row, Field.State) === TcpState.TimeWait
    );
  }

  get isAnswered(): boolean {
    return this.table.hasStatus(this.row, Status.SeenReply);
  }

  /** The settings that hold at present: directives may change while it lives. */
  get policy(): FtpPolicy {
    this.resolve();
    return this.resolved!;
  }

  get verbs(): VerbTables {
    this.resolve();
    return this.tables!;
  }

  /**
   * A line of the client. What another protocol begins with (`POST / HTTP/1.1`) is no verb of FTP,
   * and no later line makes it a control connection (NAT slipstreaming).
   */
  clientSpoke(verb: VerbCode, isCertain: boolean): void {
    if (this.hasSpoken) return;
    this.hasSpoken = true;
    if (!isCertain) this.session.pickUp();
    this.isFtp = verb !== Verb.Other || !isCertain;
  }

  /**
   * True while the client may be in the middle of a TLS handshake (FTPS on a port of its own): its
   * bytes are read as lines until the server answers alike, since a plain server would do so, too.
   */
  clientBegins({ bytes, start, end, isCertain }: StreamLine): boolean {
    if (!this.hasSpoken && !this.hasServerSpoken && isCertain) {
      this.mayBeTls = looksLikeTls(bytes, start, end);
    }
    return this.mayBeTls;
  }

  /** True where the server's first bytes show that both ends speak TLS from the start. */
  serverBegins({ bytes, start, end, isCertain }: StreamLine): boolean {
    if (this.hasServerSpoken || end - start < 2) return false;
    this.hasServerSpoken = true;
    if (!this.mayBeTls) return false;
    this.mayBeTls = false;
    if (!isCertain || !looksLikeTls(bytes, start, end)) return false;
    this.isFtp = true;
    this.session.tls = Tls.Encrypted;
    this.session.pickUp();
    this.becomeEncrypted();
    this.encryptedBytes(Direction.Reply, bytes, start, end);
    return true;
  }

  /** What the command at `seq` of the client's stream has opened waits for the server's word. */
  announcedByCommand(seq: number, opened: Expectation): void {
    this.announced.push({ seq, opened });
  }

  /** The server has answered the command at `seq`. */
  announcementAnswered(seq: number, isRefused: boolean): void {
    const at = this.announced.findIndex((one) => one.seq === seq);
    if (at < 0) return;
    const { opened } = this.announced[at]!;
    this.announced.splice(0, at + 1);
    if (isRefused) this.parts.conntrack.expectations.remove(opened);
  }

  /**
   * True where the client may have no pinhole more than it has, or where so many commands wait for
   * their replies that nobody would notice that the server refuses this one.
   */
  isFullOfHoles(ofClient: number): boolean {
    if (this.session.pendingCount >= MAX_PENDING) return true;
    const own = this.parts.conntrack.expectations.ofMaster(this.row).length;
    // One more of its own takes the place of the oldest.
    const replaced = own >= this.policy.maxHoles ? 1 : 0;
    return ofClient - replaced >= this.policy.maxHolesPerClient;
  }

  /** Why the table did not take an expectation. */
  whyNot(result: ExpectResultCode, mayReplacePort: boolean): FtpReasonName {
    if (result === ExpectResult.Full) return FtpReason.Limit;
    return mayReplacePort ? FtpReason.NoFreePort : FtpReason.AlreadyExpected;
  }

  /** The server has agreed to encrypt: from here on nothing can be read, or rewritten. */
  becomeEncrypted(): void {
    const { bench, policy, row } = this;
    for (const relay of this.relays) relay.readsLines = false;
    this.records = [new TlsRecords(), new TlsRecords()];
    this.announced.length = 0;
    // Whether the server has taken what was announced behind AUTH, nobody will know.
    this.closeHoles();
    this.count(bench.refusals, FtpReason.Encrypted);
    const { passiveRange } = policy;
    if (passiveRange !== null) {
      const { first, last } = passiveRange;
      const result = bench.maker.openSpan(row, first, last, SPAN_SEC);
      if (result !== ExpectResult.Ok) this.count(bench.refusals, this.whyNot(result, false));
    }
    bench.listener?.controlEncrypted({ row, passiveRange });
  }

  /**
   * Bytes that nobody here can read. Answers where plain text begins again behind CCC (RFC 4217
   * section 6), or -1.
   */
  encryptedBytes(direction: DirectionCode, bytes: Uint8Array, start: number, end: number): number {
    const plainAt = this.records[direction].feed(bytes, start, end);
    if (plainAt < 0) return -1;
    this.relays[direction].readsLines = true;
    if (direction === Direction.Original) {
      this.session.becameReadable();
      this.closeHoles();
    }
    return plainAt;
  }

  /** Nothing that was announced here comes true any more. */
  closeHoles(): void {
    this.parts.conntrack.expectations.removeOfMaster(this.row);
  }

  count(refusals: RefusalCounts, reason: FtpReasonName): void {
    this.table.readTuple(this.row, Direction.Reply, tuple);
    refusals.count(reason, tuple.family, tuple.s0, tuple.s1, tuple.s2, tuple.s3);
  }

  private resolve(): void {
    const { policies, table, row } = this;
    if (this.generation === policies.generation) return;
    this.generation = policies.generation;
    table.readTuple(row, Direction.Original, tuple);
    const known = [tuple.d0, tuple.d1, tuple.d2, tuple.d3];
    table.readTuple(row, Direction.Reply, tuple);
    const real = [tuple.s0, tuple.s1, tuple.s2, tuple.s3];
    const family = tuple.family === 6 ? 6 : 4;
    this.resolved = policies.policyFor(family, real, known, this.comment);
    this.tables = compileVerbs(this.resolved);
  }
}
