import { Proto } from '../../../wire/index.ts';
import type { RuleContext } from '../../context.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { findExtension } from '../parts/ipv6-chain.ts';
import {
  listCondition,
  type NumberCondition,
  NumberTest,
  saveCondition,
} from '../parts/number-condition.ts';
import { MAX_UINT32, readNumber, readRange } from '../parts/option-values.ts';

/** `-m frag`: the fragment header of IPv6 (RFC 8200 section 4.5). */

type FlagName = 'fragres' | 'fragfirst' | 'fragmore' | 'fraglast';

interface FragValues {
  id: NumberCondition | null;
  /** Read and printed; ip6t_frag does not look at it, for the header has one length only. */
  length: { readonly bytes: number; readonly negated: boolean } | null;
  readonly flags: Set<FlagName>;
}

/** Name, its word in -L, and help, in the order of iptables-save. */
const flags: readonly (readonly [FlagName, string, string])[] = [
  ['fragres', 'reserved', 'the reserved fields must be zero'],
  ['fragfirst', 'first', 'the first fragment'],
  ['fragmore', 'more', 'more fragments follow'],
  ['fraglast', 'last', 'the last fragment'],
];

const RESERVED_BITS = 0x0006;
const OFFSET_BITS = 0xfff8;
const MORE_BIT = 0x0001;

class FragEvaluator implements MatchEvaluator {
  private readonly id: NumberTest;
  private readonly reserved: boolean;
  private readonly first: boolean;
  private readonly more: boolean;
  private readonly last: boolean;

  constructor({ id, flags: given }: FragValues) {
    this.id = new NumberTest(id);
    this.reserved = given.has('fragres');
    this.first = given.has('fragfirst');
    this.more = given.has('fragmore');
    this.last = given.has('fraglast');
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    const at = findExtension(packet, Proto.Fragment);
    if (at < 0) return false;
    const { view } = packet;
    const word = view.getUint16(at + 2);
    if (!this.id.holds(view.getUint32(at + 4))) return false;
    if (this.reserved && (view.getUint8(at + 1) !== 0 || (word & RESERVED_BITS) !== 0))
      return false;
    if (this.first && (word & OFFSET_BITS) !== 0) return false;
    const isMore = (word & MORE_BIT) !== 0;
    return !(this.more && !isMore) && !(this.last && isMore);
  }
}

export const frag = defineMatch<FragValues>({
  name: 'frag',
  families: [6],
  options: [
    {
      name: 'fragid',
      args: 1,
      argument: 'ID[:ID]',
      help: 'identification, or a range of them',
      negatable: true,
      set: (value, [text = ''], negated) => {
        value.id = { ...readRange('frag', 'fragid', text, MAX_UINT32), negated };
      },
      save: ({ id }) => saveCondition(id, MAX_UINT32),
    },
    {
      name: 'fraglen',
      args: 1,
      argument: 'BYTES',
      help: 'length of the header; not compared',
      negatable: true,
      set: (value, [text = ''], negated) => {
        value.length = { bytes: readNumber('frag', 'fraglen', text, MAX_UINT32), negated };
      },
      save: ({ length }) => (length === null ? null : shown(String(length.bytes), length.negated)),
    },
    ...flags.map(
      ([name, , help]): OptionSpec<FragValues> => ({
        name,
        args: 0,
        ...(name === 'fragmore' && { excludes: ['fraglast'] }),
        help,
        set: (value) => {
          value.flags.add(name);
        },
        save: (value) => (value.flags.has(name) ? shown('') : null),
      }),
    ),
  ],
  initial: () => ({ id: null, length: null, flags: new Set() }),
  list: ({ id, length, flags: given }) => {
    let text = `frag ${listCondition('id', id, MAX_UINT32)}`;
    if (length !== null) text += ` length:${length.negated ? '!' : ''}${length.bytes}`;
    for (const [name, word] of flags) if (given.has(name)) text += ` ${word}`;
    return text;
  },
  // Plain packets have no extension headers.
  steady: true,
  evaluator: (value) => new FragEvaluator(value),
});
