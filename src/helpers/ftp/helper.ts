import type { DirectionCode } from '../../conntrack/index.ts';
import type { FtpDirective } from '../../rules/index.ts';
import type { Packet } from '../../wire/index.ts';
import { type Helper, HelperId, type HelperPromise, type HelperVerdictCode } from '../helper.ts';
import { KernelFtp } from './kernel/kernel-ftp.ts';
import { LineHelper } from './line-helper.ts';
import type { FtpParts } from './parts.ts';
import type { FtpMode, FtpOptions, FtpPolicy } from './policy.ts';
import type { FtpCounters, FtpListener, FtpSessionView } from './report.ts';

/**
 * The FTP helper: what a control connection announces is expected, and rewritten under NAT. As the
 * kernel's twin, or hardened: see docs/ftp.md.
 */
export class FtpHelper implements Helper {
  readonly id = HelperId.Ftp;
  readonly mode: FtpMode;
  readonly counters: FtpCounters = { announced: 0, refused: 0, rejected: 0, rewritten: 0 };
  /** After `HelperVerdict.Hold`: what its sender is to be told. */
  readonly promise: HelperPromise = { isDue: false, ack: 0, window: 0, timestamp: 0 };

  private readonly kernel: KernelFtp;
  private readonly hardened: LineHelper;

  constructor(parts: FtpParts, options: FtpOptions) {
    this.mode = options.mode;
    this.kernel = new KernelFtp(parts, options.loose, this.counters);
    this.hardened = new LineHelper(parts, options.policy, this.counters);
  }

  /** Segments whose payload was changed, retransmissions included. */
  get edited(): number {
    return this.kernel.edited + this.hardened.edited;
  }

  set listener(listener: FtpListener | null) {
    this.hardened.listener = listener;
  }

  /** What holds before any directive; for control connections that begin from now on. */
  set policy(policy: FtpPolicy) {
    this.hardened.policy = policy;
  }

  /** The directives of the rule files, in place of all earlier ones. */
  setDirectives(_directives: readonly FtpDirective[]): void {}

  /** The connection in `row` gets this helper, from a rule with this comment; '' without one. */
  attach(_row: number, _comment: string): void {}

  handle(packet: Packet, row: number, direction: DirectionCode): HelperVerdictCode {
    if (this.mode === 'kernel') return this.kernel.handle(packet, row, direction);
    return this.hardened.handle(packet, row, direction);
  }

  /** After sequence adjustment: an acknowledgement that takes note of bytes kept back. */
  lift(_packet: Packet, _row: number, _direction: DirectionCode): void {}

  forget(row: number): void {
    this.kernel.forget(row);
    this.hardened.forget(row);
  }

  /** What is known of the control connection in `row`; null where it is none, or nothing is kept. */
  sessionOf(_row: number): FtpSessionView | null {
    return null;
  }
}
