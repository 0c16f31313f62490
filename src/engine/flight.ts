import {
  CtStateBit,
  Direction,
  type DirectionCode,
  Template,
  TrackReason,
  type TrackReasonCode,
} from '../conntrack/index.ts';
import type { Chain, Rule } from '../rules/index.ts';
import { DropReason, type DropReasonCode, dropReasonName } from './reasons.ts';

/** What is known of the packet in hand beyond its bytes. One reused object per engine. */
export class Flight {
  /** Interfaces it came in by and goes out of; -1 for none (or not known yet). */
  inIf = -1;
  outIf = -1;
  /** Why it is dropped. */
  reason: DropReasonCode = DropReason.None;
  /** Finer name of a malformed header, '' otherwise. */
  malformed = '';
  /** What the tracker found: connection row (-1 for none), direction, state bit, complaint. */
  row = -1;
  direction: DirectionCode = Direction.Original;
  ctState: number = CtStateBit.Invalid;
  trackReason: TrackReasonCode = TrackReason.None;
  /** The rule that let it through the filter table or dropped it anywhere; null for a policy. */
  rule: Rule | null = null;
  /** The chain of that rule, or the one whose policy decided; null where no table did. */
  chain: Chain | null = null;
  /** Addresses, ports or payload were changed. */
  rewritten = false;
  /**
   * It goes no further, without being dropped where there is no reason: a fragment that waits for
   * others, a segment that a helper keeps.
   */
  withheld = false;
  /** What the raw table asked for. */
  untracked = false;
  helperOfRule = 0;
  /** The `--comment` of the rule that asked for the helper; '' where it has none. */
  helperComment = '';
  /** Sent by this host: the mark that its socket gave it. */
  ownMark = 0;
  /** Sent by this host, and not to go the way that it was routed. */
  rerouted = false;
  readonly template = new Template();

  begin(inIf: number): void {
    this.inIf = inIf;
    this.outIf = -1;
    this.reason = DropReason.None;
    this.malformed = '';
    this.row = -1;
    this.direction = Direction.Original;
    this.ctState = CtStateBit.Invalid;
    this.trackReason = TrackReason.None;
    this.rule = null;
    this.chain = null;
    this.rewritten = false;
    this.withheld = false;
    this.untracked = false;
    this.helperOfRule = 0;
    this.helperComment = '';
    this.ownMark = 0;
    this.rerouted = false;
    this.template.clear();
  }

  /** The name of the drop reason, as it is shown and counted. */
  reasonName(): string {
    return this.malformed !== '' ? `malformed-${this.malformed}` : dropReasonName(this.reason);
  }
}
