import type { FtpRefusal } from '../../../helpers/index.ts';
import type { Packet } from '../../../wire/index.ts';
import type { PacketReport } from '../report.ts';
import { disputedHoles } from './holes.ts';
import type { Side } from './side.ts';

/** In what two modes can differ about a packet. */
export const aspects = [
  'verdict',
  'state',
  'addresses',
  'payload',
  'expectations',
  'sent',
] as const;
export type Aspect = (typeof aspects)[number];

/** What one mode did with the packet. */
export interface SideReport
  extends Pick<PacketReport, 'verdict' | 'reason' | 'ctstate' | 'summary'> {
  /** Bytes of payload that go on; on a control connection the lines of it, without credentials. */
  readonly payloadLength: number;
  readonly lines: readonly string[];
  /** Packets that the gateway sent by itself. */
  readonly sent: readonly string[];
}

export interface HoleStory {
  readonly expectation: string;
  readonly kernel: string;
  readonly hardened: string;
}

/** One packet about which the modes differ. */
export interface Difference {
  readonly n: number;
  readonly time: number;
  readonly differs: readonly Aspect[];
  readonly kernel: SideReport;
  readonly hardened: SideReport;
  readonly expectations: readonly HoleStory[];
  /** What the hardened mode refused with this packet. */
  readonly refused: readonly FtpRefusal[];
}

/** Compares what both did with the packet in hand; null where that is the same. */
export function differenceOf(kernel: Side, hardened: Side): Difference | null {
  const differs = aspects.filter((aspect) => tests[aspect](kernel, hardened));
  if (differs.length === 0) return null;
  const expectations = disputedHoles(kernel.holes, hardened.holes).map((expectation) => ({
    expectation,
    kernel: kernel.holes.story(expectation),
    hardened: hardened.holes.story(expectation),
  }));
  return {
    n: kernel.number,
    time: kernel.time,
    differs,
    kernel: sideReport(kernel),
    hardened: sideReport(hardened),
    expectations,
    refused: [...hardened.refusals],
  };
}

type Test = (kernel: Side, hardened: Side) => boolean;

/**
 * Sequence and acknowledgement numbers are left out: they differ wherever a line of another length
 * went before, and that line has been shown.
 */
const tests: Readonly<Record<Aspect, Test>> = {
  verdict: (a, b) => a.outcome !== b.outcome || a.engine.flight.reason !== b.engine.flight.reason,
  state: (a, b) => a.engine.flight.ctState !== b.engine.flight.ctState,
  addresses: (a, b) => a.passes && b.passes && !sameEnds(a.packet, b.packet),
  payload: (a, b) => a.passes && b.passes && !sameBytes(a.payload(), b.payload()),
  expectations: (a, b) => disputedHoles(a.holes, b.holes).length > 0,
  sent: (a, b) => String(a.sent) !== String(b.sent),
};

function sameEnds(a: Packet, b: Packet): boolean {
  return (
    a.src0 === b.src0 &&
    a.src1 === b.src1 &&
    a.src2 === b.src2 &&
    a.src3 === b.src3 &&
    a.dst0 === b.dst0 &&
    a.dst1 === b.dst1 &&
    a.dst2 === b.dst2 &&
    a.dst3 === b.dst3 &&
    a.srcPortOrIcmpId === b.srcPortOrIcmpId &&
    a.dstPortOrIcmpTypeCode === b.dstPortOrIcmpTypeCode
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function sideReport(side: Side): SideReport {
  const { verdict, reason, ctstate, summary } = side.report();
  return {
    verdict,
    reason,
    ctstate,
    summary,
    payloadLength: side.payload().length,
    lines: side.lines(),
    sent: [...side.sent],
  };
}
