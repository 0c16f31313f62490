import { CtStateBit } from '../../conntrack/index.ts';
import type { ConntrackDto, EncryptedEventDto, ExpectDto, TupleDto } from '../../control/index.ts';
import {
  DropReason,
  type Engine,
  Outcome,
  type OutcomeCode,
  trackReasonName,
} from '../../engine/index.ts';
import type { FtpRefusal } from '../../helpers/index.ts';
import { describeRule } from '../../rules/index.ts';
import { formatAddress, type Packet, Proto } from '../../wire/index.ts';
import { endText } from '../end-text.ts';

export type Verdict = 'ACCEPT' | 'DROP' | 'REJECT' | 'HOLD';

/** Where a decision was made, as `--json` shows it. */
export interface RuleReport {
  readonly file: string;
  readonly line: number;
  readonly table: string;
  readonly chain: string;
  readonly number: number;
}

/** Everything that is said of one packet. */
export interface PacketReport {
  readonly n: number;
  readonly time: number;
  readonly verdict: Verdict;
  readonly reason: string;
  readonly ctstate: string;
  readonly rewritten: boolean;
  readonly rule: RuleReport | null;
  /** What makes it INVALID, '' where nothing does. */
  readonly invalid: string;
  /** Addresses, ports, protocol, for people. */
  readonly summary: string;
}

export interface Totals {
  packets: number;
  accepted: number;
  /** Those answered with a reset or an ICMP error included. */
  dropped: number;
  /** Fragments that wait for the rest of their datagram, segments whose line a helper keeps. */
  held: number;
  expectations: number;
  refused: number;
  rejected: number;
}

/** Where a replay's findings go: text for people, or one JSON object a line. */
export interface ReplayReporter {
  packet(report: PacketReport): void;
  connection(n: number, event: string, entry: ConntrackDto): void;
  expectation(n: number, event: 'NEW' | 'DESTROY', entry: ExpectDto): void;
  refusal(n: number, refusal: FtpRefusal, master: TupleDto): void;
  encrypted(n: number, event: EncryptedEventDto): void;
  summary(totals: Totals): void;
}

/** Reads the engine's findings about the packet in hand. */
export function reportPacket(
  engine: Engine,
  packet: Packet,
  n: number,
  time: number,
  outcome: OutcomeCode,
): PacketReport {
  const { flight } = engine;
  return {
    n,
    time,
    verdict: verdictOf(engine, outcome),
    reason: reasonOf(engine, outcome),
    ctstate: wasTracked(engine, outcome) ? stateName(flight.ctState) : 'UNTRACKED',
    rewritten: flight.rewritten,
    rule: wasDecidedByRules(engine, outcome) ? ruleReport(engine) : null,
    invalid: trackReasonName(flight.trackReason),
    summary: summarise(packet),
  };
}

/** Neither what is not filtered nor a fragment that waits has been looked at. */
function wasTracked(engine: Engine, outcome: OutcomeCode): boolean {
  if (outcome === Outcome.Hold) return isHeldByHelper(engine);
  return outcome !== Outcome.Ignore;
}

/** A fragment is kept before anybody asks what connection it belongs to. */
function isHeldByHelper(engine: Engine): boolean {
  return engine.flight.row >= 0;
}

/** False for what was let through by the rules and dropped by something else, as the helper. */
function wasDecidedByRules(engine: Engine, outcome: OutcomeCode): boolean {
  const { reason } = engine.flight;
  if (outcome !== Outcome.Drop) return true;
  return reason === DropReason.RuleDrop || reason === DropReason.RuleReject;
}

function verdictOf(engine: Engine, outcome: OutcomeCode): Verdict {
  if (outcome === Outcome.Hold) return 'HOLD';
  if (outcome !== Outcome.Drop) return 'ACCEPT';
  return engine.flight.reason === DropReason.RuleReject ? 'REJECT' : 'DROP';
}

function reasonOf(engine: Engine, outcome: OutcomeCode): string {
  if (outcome === Outcome.Ignore) return 'not-filtered';
  if (outcome === Outcome.Hold) return isHeldByHelper(engine) ? 'helper' : 'fragment';
  if (outcome === Outcome.Drop) return engine.flight.reasonName();
  if (engine.flight.rule !== null) return 'rule';
  return engine.flight.chain === null ? 'no-rules' : 'policy';
}

function ruleReport(engine: Engine): RuleReport | null {
  const { rule } = engine.flight;
  if (rule === null) return null;
  const { file, line, table, chain, number } = describeRule(engine.rules.ruleSet, rule);
  return { file, line, table, chain, number };
}

function stateName(state: number): string {
  switch (state) {
    case CtStateBit.New:
      return 'NEW';
    case CtStateBit.Established:
      return 'ESTABLISHED';
    case CtStateBit.Related:
      return 'RELATED';
    case CtStateBit.Untracked:
      return 'UNTRACKED';
    default:
      return 'INVALID';
  }
}

/** `tcp 10.0.0.1:4242 > 192.0.2.1:21`, in the manner of tcpdump. */
export function summarise(packet: Packet): string {
  const { family } = packet;
  if (family === 0) return `ethertype 0x${packet.etherType.toString(16).padStart(4, '0')}`;
  const src = formatAddress(family, packet.src0, packet.src1, packet.src2, packet.src3);
  const dst = formatAddress(family, packet.dst0, packet.dst1, packet.dst2, packet.dst3);
  switch (packet.protocol) {
    case Proto.Tcp:
    case Proto.Udp: {
      const name = packet.protocol === Proto.Tcp ? 'tcp' : 'udp';
      const from = endText(src, packet.srcPortOrIcmpId);
      return `${name} ${from} > ${endText(dst, packet.dstPortOrIcmpTypeCode)}`;
    }
    case Proto.Icmp:
    case Proto.Icmpv6:
      return `icmp ${src} > ${dst} type ${packet.icmpType} code ${packet.icmpCode}`;
    default:
      return `proto ${packet.protocol} ${src} > ${dst}`;
  }
}
