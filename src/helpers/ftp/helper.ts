import type { DirectionCode } from '../../conntrack/index.ts';
import type { FtpDirective } from '../../rules/index.ts';
import { type Packet, Proto } from '../../wire/index.ts';
import {
  type Helper,
  HelperId,
  type HelperPromise,
  HelperVerdict,
  type HelperVerdictCode,
} from '../helper.ts';
import { HardenedFtp } from './hardened/hardened-ftp.ts';
import { KernelFtp } from './kernel/kernel-ftp.ts';
import type { FtpParts } from './parts.ts';
import { FtpPolicies } from './policies.ts';
import type { FtpMode, FtpOptions, FtpPolicy } from './policy.ts';
import { RefusalCounts } from './refusal-counts.ts';
import type { FtpCounters, FtpListener, FtpSessionView } from './report.ts';

/**
 * The FTP helper: what a control connection announces is expected, and rewritten under NAT. As the
 * kernel's twin, or hardened: see docs/ftp.md.
 */
export class FtpHelper implements Helper {
  readonly id = HelperId.Ftp;
  readonly mode: FtpMode;
  readonly counters: FtpCounters = { announced: 0, refused: 0, rejected: 0, rewritten: 0 };
  /** What was refused, by reason and by server. */
  readonly refusals = new RefusalCounts();
  /** After `HelperVerdict.Hold`: what its sender is to be told. */
  readonly promise: HelperPromise = {
    isDue: false,
    leavesPacket: false,
    seq: 0,
    ack: 0,
    window: 0,
    timestamp: 0,
  };

  private readonly kernel: KernelFtp;
  private readonly policies: FtpPolicies;
  private readonly hardened: HardenedFtp;

  constructor(parts: FtpParts, options: FtpOptions) {
    this.mode = options.mode;
    if (options.mode === 'hardened') parts.conntrack.keepsMasters = true;
    this.kernel = new KernelFtp(parts, options.loose, this.counters);
    this.policies = new FtpPolicies(options.policy);
    const { policies, promise, counters, refusals } = this;
    this.hardened = new HardenedFtp({ ...parts, policies, promise, counters, refusals });
  }

  /** Segments whose payload was changed, retransmissions included. */
  get edited(): number {
    return this.kernel.edited + this.hardened.edited;
  }

  set listener(listener: FtpListener | null) {
    this.hardened.bench.listener = listener;
  }

  /** What holds before any directive. */
  set policy(policy: FtpPolicy) {
    this.policies.base = policy;
  }

  /** The directives of the rule files, in place of all earlier ones. */
  setDirectives(directives: readonly FtpDirective[]): void {
    this.policies.setDirectives(directives);
  }

  /** The connection in `row` gets this helper, from a rule with this comment; '' without one. */
  attach(row: number, comment: string): void {
    if (this.mode === 'hardened') this.hardened.attach(row, comment);
  }

  /**
   * The connection in `row` was entered by a command, with this helper: nobody has seen how it began.
   */
  pickUp(row: number): void {
    if (this.mode === 'kernel') this.kernel.pickUp(row);
  }

  handle(packet: Packet, row: number, direction: DirectionCode): HelperVerdictCode {
    if (packet.protocol !== Proto.Tcp) return HelperVerdict.Accept;
    if (this.mode === 'kernel') return this.kernel.handle(packet, row, direction);
    return this.hardened.handle(packet, row, direction);
  }

  /**
   * True while segments without data that acknowledge something new need not be seen: none of their
   * numbers would be changed, and nothing waits for them.
   */
  isQuiet(row: number): boolean {
    return this.mode === 'kernel' || this.hardened.isQuiet(row);
  }

  /** The connection in `row` has been closed, its last packets without being seen here. */
  closed(row: number): void {
    if (this.mode === 'hardened') this.hardened.closed(row);
  }

  /** A packet that has gone already: it is followed, not changed. */
  observe(packet: Packet, row: number, direction: DirectionCode): void {
    if (this.mode === 'kernel') this.kernel.handle(packet, row, direction);
    else this.hardened.observe(packet, row, direction);
  }

  /** After sequence adjustment: an acknowledgement that takes note of bytes kept back. */
  lift(packet: Packet, row: number, direction: DirectionCode): void {
    this.hardened.lift(packet, row, direction);
  }

  /** A data connection of the living control connection in `row` has ended: bytes of both ways. */
  dataEnded(row: number, bytes: number): void {
    this.hardened.dataEnded(row, bytes);
  }

  forget(row: number): void {
    this.kernel.forget(row);
    this.hardened.forget(row);
  }

  /** What is known of the control connection in `row`; null where it is none, or nothing is kept. */
  sessionOf(row: number): FtpSessionView | null {
    return this.hardened.sessionOf(row);
  }
}
