import { type Packet, Proto } from '../../../wire/index.ts';
import type { RuleContext } from '../../context.ts';
import { defineMatch, type MatchEvaluator, type WalkSignal } from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { NumberTest } from '../parts/number-condition.ts';
import { listPorts, type PortValues, portBounds, portOptions } from '../parts/ports.ts';
import { type ChunkCondition, ChunkRule, formatChunks, parseChunks } from '../parts/sctp-chunks.ts';

/** `-m sctp`: ports and chunk types (RFC 9260). */

interface SctpValues extends PortValues {
  chunks: ChunkCondition | null;
}

const SCTP_HEADER_LEN = 12;
const CHUNK_HEADER_LEN = 4;

const options: readonly OptionSpec<SctpValues>[] = [
  ...portOptions<SctpValues>({ proto: 'sctp', resolves: false, printsAny: true }),
  {
    name: 'chunk-types',
    args: 2,
    argument: 'all|any|only TYPE[:FLAGS][,…]',
    help: 'all, any or only these chunks are there; a capital letter asks for a flag, a small one against it',
    negatable: true,
    repeated: "Only one `--chunk-types' allowed",
    set: (value, [which = '', list = ''], negated) => {
      value.chunks = parseChunks(which, list, negated);
    },
    save: ({ chunks }) =>
      chunks === null ? null : shown(formatChunks(chunks, false), chunks.negated),
  },
];

/** Which chunks a packet carries, compared as xt_sctp's match_packet does. */
class ChunkTest {
  private readonly rule: number;
  private readonly negated: boolean;
  /** 1 for each type that is asked for. */
  private readonly asked = new Uint8Array(256);
  private readonly flagMasks = new Uint8Array(256);
  private readonly flagBits = new Uint8Array(256);
  /** How many types are asked for, and which were seen in the packet in hand, by its number. */
  private readonly count: number;
  private readonly seenIn = new Uint32Array(256);
  private packetNumber = 0;
  private readonly signal: WalkSignal;

  constructor(condition: ChunkCondition, signal: WalkSignal) {
    this.rule = condition.rule;
    this.negated = condition.negated;
    this.count = condition.types.length;
    this.signal = signal;
    for (const type of condition.types) this.asked[type] = 1;
    for (const { type, mask, flags } of condition.flags) {
      this.flagMasks[type] = mask;
      this.flagBits[type] = flags;
    }
  }

  holds(packet: Packet): boolean {
    const hit = this.matches(packet);
    return !this.signal.hotdrop && hit !== this.negated;
  }

  private matches(packet: Packet): boolean {
    const { view, l3End } = packet;
    const { rule } = this;
    this.packetNumber = (this.packetNumber + 1) >>> 0;
    let left = this.count;
    let at = packet.l4Offset + SCTP_HEADER_LEN;
    do {
      const length = at + CHUNK_HEADER_LEN > l3End ? 0 : view.getUint16(at + 2);
      if (length === 0) {
        this.signal.hotdrop = true;
        return false;
      }
      const type = view.getUint8(at);
      const isAsked = this.asked[type] === 1;
      const fits =
        isAsked && (view.getUint8(at + 1) & this.flagMasks[type]!) === this.flagBits[type]!;
      if (fits && rule === ChunkRule.Any) return true;
      if (!fits && rule === ChunkRule.Only) return false;
      if (fits && this.seenIn[type] !== this.packetNumber) {
        this.seenIn[type] = this.packetNumber;
        left--;
      }
      // RFC 9260 3.2: chunks are padded to four bytes, and the length does not say so.
      at += (length + 3) & ~3;
    } while (at < l3End);
    return rule === ChunkRule.Only || (rule === ChunkRule.All && left === 0);
  }
}

class SctpEvaluator implements MatchEvaluator {
  private readonly source: NumberTest;
  private readonly destination: NumberTest;
  private readonly chunks: ChunkTest | null;
  private readonly signal: WalkSignal;

  constructor({ source, destination, chunks }: SctpValues, signal: WalkSignal) {
    this.source = new NumberTest(source);
    this.destination = new NumberTest(destination);
    this.chunks = chunks === null ? null : new ChunkTest(chunks, signal);
    this.signal = signal;
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    if (packet.fragmentOffset !== 0) return false;
    const { view, l4Offset } = packet;
    if (l4Offset + SCTP_HEADER_LEN > packet.l3End) {
      this.signal.hotdrop = true;
      return false;
    }
    if (!this.source.holds(view.getUint16(l4Offset))) return false;
    if (!this.destination.holds(view.getUint16(l4Offset + 2))) return false;
    return this.chunks === null || this.chunks.holds(packet);
  }
}

export const sctp = defineMatch<SctpValues>({
  name: 'sctp',
  protocol: Proto.Sctp,
  options,
  initial: () => ({ source: null, destination: null, chunks: null }),
  list: ({ source, destination, chunks }, view) => {
    let text = `sctp${listPorts('spt', source, 'sctp', view)}`;
    text += listPorts('dpt', destination, 'sctp', view);
    if (chunks === null) return text;
    return `${text}${chunks.negated ? ' !' : ''} ${formatChunks(chunks, view.numeric)}`;
  },
  // Chunks that are cut short may drop a whole packet.
  bounds: (value) => (value.chunks === null ? portBounds(value) : null),
  evaluator: (values, { signal }) => new SctpEvaluator(values, signal),
});
