import { type Packet, Proto, TcpOption } from '../../../wire/index.ts';
import { Hook, type RuleContext, Verdict, type VerdictCode } from '../../context.ts';
import { INVALID_ARGUMENT, RuleFault } from '../../errors.ts';
import { defineTarget, type TargetEvaluator } from '../../extension.ts';
import type { Rule } from '../../model.ts';
import { shown } from '../../options.ts';
import { refused, requireProtocol } from '../parts/match-place.ts';
import { readNumber } from '../parts/option-values.ts';
import {
  fixTcpChecksum16,
  fixTcpChecksum32,
  growDatagram,
  hasTcpHeader,
  writeTcpFlagWord,
} from '../parts/packet-edit.ts';

/** `-j TCPMSS`: lowers the maximum segment size of a SYN, or adds one (RFC 9293 3.7.1). */

interface TcpmssValues {
  mss: number | null;
  clamp: boolean;
}

const TCP_HEADER_LEN = 20;
const MSS_OPTION_LEN = 4;
const MAX_TCP_HEADER_LEN = 60;
/** What a host without the option may expect: 576 - 40 (RFC 9293), 1280 - 60 (RFC 8200). */
const DEFAULT_MSS_IPV4 = 536;
const DEFAULT_MSS_IPV6 = 1220;

class TcpmssEvaluator implements TargetEvaluator {
  /** -1: clamp to the path. */
  private readonly mss: number;

  constructor({ mss }: TcpmssValues) {
    this.mss = mss ?? -1;
  }

  apply(ctx: RuleContext): VerdictCode {
    const { packet } = ctx;
    if (packet.fragmentOffset > 0) return Verdict.Continue;
    if (!hasTcpHeader(packet)) return Verdict.Drop;
    const mss = this.mss >= 0 ? this.mss : pathMss(ctx);
    if (mss <= 0 && this.mss < 0) return Verdict.Drop;
    return applyMss(ctx, mss);
  }
}

/** What fits both ways, from the MTU of the two routes; 0 or less where the path is not known. */
function pathMss(ctx: RuleContext): number {
  const { packet: p, routes } = ctx;
  const headers = p.family === 4 ? 40 : 60;
  const there = routes.pathMtu(p.family, p.dst0, p.dst1, p.dst2, p.dst3);
  const back = routes.pathMtu(p.family, p.src0, p.src1, p.src2, p.src3);
  // tcpmss_reverse_mtu: a way back that is not known sets no limit.
  const mtu = back > 0 && back < there ? back : there;
  return mtu - headers;
}

function applyMss(ctx: RuleContext, mss: number): VerdictCode {
  const { packet } = ctx;
  const at = findMss(packet);
  if (at > 0) {
    const before = packet.view.getUint16(at + 2);
    // Never raised: who announced it cannot take more.
    if (before > mss) {
      writeOddWord(packet, at + 2, before, mss);
      ctx.changed = true;
    }
    return Verdict.Continue;
  }
  // With data behind the header the segment may grow beyond the path; it goes on as it is.
  if (packet.payloadLen > 0 || packet.tcpHeaderLen >= MAX_TCP_HEADER_LEN) return Verdict.Continue;
  if (packet.l3End + MSS_OPTION_LEN > packet.bytes.length) return Verdict.Drop;
  const standard = packet.family === 4 ? DEFAULT_MSS_IPV4 : DEFAULT_MSS_IPV6;
  addMss(packet, Math.min(mss, standard));
  ctx.changed = true;
  return Verdict.Continue;
}

/** Offset of a well-formed option, 0 where there is none. Steps as xt_TCPMSS does. */
function findMss(packet: Packet): number {
  const { bytes } = packet;
  const end = packet.l4Offset + packet.tcpHeaderLen;
  let at = packet.l4Offset + TCP_HEADER_LEN;
  while (at + MSS_OPTION_LEN <= end) {
    const kind = bytes[at]!;
    const length = bytes[at + 1]!;
    if (kind === TcpOption.Mss && length === MSS_OPTION_LEN) return at;
    at += kind <= TcpOption.Nop || length === 0 ? 1 : length;
  }
  return 0;
}

/**
 * Writes 16 bits that may stand at an odd place of the segment, where the sum sees them swapped.
 * (xt_TCPMSS takes every place for an even one, and such a SYN leaves it with a wrong checksum.)
 */
function writeOddWord(packet: Packet, at: number, before: number, after: number): void {
  packet.view.setUint16(at, after);
  if (((at - packet.l4Offset) & 1) === 0) fixTcpChecksum16(packet, before, after);
  else fixTcpChecksum16(packet, swapped(before), swapped(after));
}

const swapped = (word: number) => ((word & 0xff) << 8) | (word >>> 8);

/** Puts the option in front of the others. */
function addMss(packet: Packet, mss: number): void {
  const { bytes, view, l4Offset, l3End } = packet;
  const at = l4Offset + TCP_HEADER_LEN;
  bytes.copyWithin(at + MSS_OPTION_LEN, at, l3End);
  const length = l3End - l4Offset;
  // The pseudo header covers the length of the segment.
  fixTcpChecksum16(packet, length, length + MSS_OPTION_LEN);
  const option = (TcpOption.Mss << 24) | (MSS_OPTION_LEN << 16) | mss;
  view.setInt32(at, option);
  fixTcpChecksum32(packet, 0, option);
  growDatagram(packet, MSS_OPTION_LEN);
  writeTcpFlagWord(packet, view.getUint16(l4Offset + 12) + (1 << 12));
  packet.payloadOffset += MSS_OPTION_LEN;
}

/** xt_TCPMSS find_syn_match: the rule must ask for SYN, and not negated. */
function asksForSyn(rule: Rule): boolean {
  return rule.matches.some((match) => {
    const flags = / (! )?--tcp-flags \S+ (\S+)/.exec(match.name === 'tcp' ? match.saveText() : '');
    return flags !== null && flags[1] === undefined && flags[2]!.split(',').includes('SYN');
  });
}

function checkTcpmss({ clamp }: TcpmssValues, rule: Rule, hookMask: number): void {
  requireProtocol(rule, 'TCPMSS', Proto.Tcp);
  if (clamp && (hookMask & ((1 << Hook.Prerouting) | (1 << Hook.Input))) !== 0) {
    const detail = 'TCPMSS: the path is known in FORWARD, OUTPUT and POSTROUTING only';
    throw new RuleFault('invalid-place', INVALID_ARGUMENT, detail);
  }
  if (!asksForSyn(rule)) {
    const detail = 'TCPMSS works on SYN packets only: add --syn or --tcp-flags SYN,RST SYN';
    throw refused(detail);
  }
}

export const tcpmssTarget = defineTarget<TcpmssValues>({
  name: 'TCPMSS',
  options: [
    {
      name: 'set-mss',
      args: 1,
      argument: 'SIZE',
      help: 'lower the maximum segment size to this many bytes',
      set: (values, [text = ''], _negated, { family }) => {
        const max = 65535 - (family === 4 ? 20 : 40);
        values.mss = readNumber('TCPMSS', 'set-mss', text, max);
        values.clamp = false;
      },
      save: ({ mss }) => (mss === null ? null : shown(String(mss))),
    },
    {
      name: 'clamp-mss-to-pmtu',
      args: 0,
      help: 'lower the maximum segment size to what the path takes',
      set: (values) => {
        Object.assign(values, { mss: null, clamp: true });
      },
      save: ({ clamp }) => (clamp ? shown('') : null),
    },
  ],
  initial: () => ({ mss: null, clamp: false }),
  finish: ({ mss, clamp }) => {
    if (mss !== null || clamp) return;
    throw new RuleFault('missing-option', 'TCPMSS target: At least one parameter is required');
  },
  check: (values, rule, { hookMask }) => checkTcpmss(values, rule, hookMask),
  list: ({ mss }) => (mss === null ? 'TCPMSS clamp to PMTU' : `TCPMSS set ${mss}`),
  evaluator: (values) => new TcpmssEvaluator(values),
});
