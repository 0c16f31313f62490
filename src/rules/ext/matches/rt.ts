import { Proto, parseIpv6 } from '../../../wire/index.ts';
import { formatWords } from '../../address.ts';
import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { extensionLen, findExtension } from '../parts/ipv6-chain.ts';
import {
  listCondition,
  type NumberCondition,
  NumberTest,
  saveCondition,
} from '../parts/number-condition.ts';
import { MAX_UINT32, readNumber, readRange } from '../parts/option-values.ts';

/** `-m rt`: the routing header of IPv6 (RFC 8200 section 4.4; type 0: RFC 2460, RFC 5095). */

interface Counted {
  readonly value: number;
  readonly negated: boolean;
}

interface RtValues {
  type: Counted | null;
  segments: NumberCondition | null;
  length: Counted | null;
  reserved: boolean;
  /** Addresses of four words each; empty where none were given. */
  addresses: readonly (readonly number[])[];
  notStrict: boolean;
}

const MAX_ADDRESSES = 16;
/** Bytes of a type 0 header before its addresses. */
const TYPE0_FIXED_LEN = 8;
const ADDRESS_LEN = 16;

const fault = (words: string) => new RuleFault('bad-value', words);

function needTypeZero({ type }: RtValues, option: string): void {
  if (type?.value === 0 && !type.negated) return;
  throw fault(`\`--rt-type 0' required before \`--${option}'`);
}

function parseAddresses(text: string): (readonly number[])[] {
  const words = text.split(',').map((item) => {
    const address = parseIpv6(item);
    if (address === null) throw fault(`bad address: ${item}`);
    return address;
  });
  if (words.length > MAX_ADDRESSES) throw fault('too many addresses specified');
  return words;
}

function countOption(name: string, field: 'type' | 'length', help: string): OptionSpec<RtValues> {
  return {
    name,
    args: 1,
    argument: field === 'type' ? 'TYPE' : 'BYTES',
    help,
    negatable: true,
    set: (value, [text = ''], negated) => {
      value[field] = { value: readNumber('rt', name, text, MAX_UINT32), negated };
    },
    save: (value) => {
      const counted = value[field];
      return counted === null ? null : shown(String(counted.value), counted.negated);
    },
  };
}

class RtEvaluator implements MatchEvaluator {
  private readonly segments: NumberTest;
  /** -1 where none is asked for. */
  private readonly type: number;
  private readonly typeNegated: boolean;
  private readonly length: number;
  private readonly lengthNegated: boolean;
  private readonly reserved: boolean;
  private readonly addresses: Int32Array;
  private readonly notStrict: boolean;

  constructor(value: RtValues) {
    this.segments = new NumberTest(value.segments);
    this.type = value.type?.value ?? -1;
    this.typeNegated = value.type?.negated ?? false;
    this.length = value.length?.value ?? -1;
    this.lengthNegated = value.length?.negated ?? false;
    this.reserved = value.reserved;
    this.addresses = Int32Array.from(value.addresses.flat());
    this.notStrict = value.notStrict;
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    const at = findExtension(packet, Proto.Routing);
    if (at < 0) return false;
    const { view } = packet;
    const length = extensionLen(packet, Proto.Routing, at);
    if (!this.segments.holds(view.getUint8(at + 3))) return false;
    if (this.length >= 0 && (length === this.length) === this.lengthNegated) return false;
    if (this.type >= 0 && (view.getUint8(at + 2) === this.type) === this.typeNegated) return false;
    if (this.reserved && view.getUint32(at + 4) !== 0) return false;
    if (this.addresses.length === 0) return true;
    const there = Math.floor((length - TYPE0_FIXED_LEN) / ADDRESS_LEN);
    return this.addressesHold(view, at + TYPE0_FIXED_LEN, there);
  }

  /** Strict: these addresses and no others. Else: these in this order, others between them. */
  private addressesHold(view: DataView, at: number, there: number): boolean {
    const asked = this.addresses.length / 4;
    if (asked > there || (!this.notStrict && asked !== there)) return false;
    let found = 0;
    for (let i = 0; i < there && found < asked; i++) {
      if (this.sameAddress(view, at + i * ADDRESS_LEN, found)) found++;
      else if (!this.notStrict) return false;
    }
    return found === asked;
  }

  private sameAddress(view: DataView, at: number, index: number): boolean {
    const { addresses } = this;
    return (
      view.getInt32(at) === addresses[index * 4]! &&
      view.getInt32(at + 4) === addresses[index * 4 + 1]! &&
      view.getInt32(at + 8) === addresses[index * 4 + 2]! &&
      view.getInt32(at + 12) === addresses[index * 4 + 3]!
    );
  }
}

export const rt = defineMatch<RtValues>({
  name: 'rt',
  families: [6],
  options: [
    countOption('rt-type', 'type', 'type of the routing header'),
    {
      name: 'rt-segsleft',
      args: 1,
      argument: 'NUMBER[:NUMBER]',
      help: 'segments left, or a range of them',
      negatable: true,
      set: (value, [text = ''], negated) => {
        value.segments = { ...readRange('rt', 'rt-segsleft', text, MAX_UINT32), negated };
      },
      save: ({ segments }) => saveCondition(segments, MAX_UINT32),
    },
    countOption('rt-len', 'length', 'length of the header in bytes'),
    {
      name: 'rt-0-res',
      args: 0,
      help: 'the reserved field of type 0 must be zero',
      set: (value) => {
        needTypeZero(value, 'rt-0-res');
        value.reserved = true;
      },
      save: ({ reserved }) => (reserved ? shown('') : null),
    },
    {
      name: 'rt-0-addrs',
      args: 1,
      argument: 'ADDRESS[,ADDRESS…]',
      help: 'the addresses of a header of type 0, at most 16',
      set: (value, [text = '']) => {
        needTypeZero(value, 'rt-0-addrs');
        value.addresses = parseAddresses(text);
      },
      save: ({ addresses }) =>
        addresses.length === 0 ? null : shown(addresses.map(formatWords).join(',')),
    },
    {
      name: 'rt-0-not-strict',
      args: 0,
      help: 'other addresses may stand between them',
      set: (value) => {
        if (value.addresses.length === 0) {
          throw fault("`--rt-0-addr ...' required before `--rt-0-not-strict'");
        }
        value.notStrict = true;
      },
      save: ({ notStrict }) => (notStrict ? shown('') : null),
    },
  ],
  initial: () => ({
    type: null,
    segments: null,
    length: null,
    reserved: false,
    addresses: [],
    notStrict: false,
  }),
  list: ({ type, segments, length, reserved, addresses, notStrict }) => {
    const counted = (label: string, entry: Counted | null) =>
      entry === null ? '' : `${label}:${entry.negated ? '!' : ''}${entry.value}`;
    const parts = [
      'rt',
      counted('type', type),
      listCondition('segsleft', segments, MAX_UINT32),
      counted('length', length),
      reserved ? 'reserved' : '',
      addresses.length === 0 ? '' : `0-addrs ${addresses.map(formatWords).join(',')}`,
      notStrict ? '0-not-strict' : '',
    ];
    return parts.filter((part) => part !== '').join(' ');
  },
  // Plain packets have no extension headers.
  steady: true,
  evaluator: (value) => new RtEvaluator(value),
});
