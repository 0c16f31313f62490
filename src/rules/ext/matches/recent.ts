import { formatWords, parseHostWords } from '../../address.ts';
import { Hook, type RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator, type ParseScope } from '../../extension.ts';
import type { Rule } from '../../model.ts';
import { parseUnsigned } from '../../numbers.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { cutBytes, isProcName } from '../parts/c-text.ts';
import { refused } from '../parts/match-place.ts';
import { MAX_UINT32, readNumber } from '../parts/option-values.ts';
import { MAX_HIT_COUNT, RecentList } from '../parts/recent-list.ts';
import { readTicks } from '../parts/ticks.ts';

/** `-m recent`: addresses seen lately, in lists that rules share by name (xt_recent). */

const actions = ['set', 'rcheck', 'update', 'remove'] as const;
type RecentAction = (typeof actions)[number];

/** XT_RECENT_NAME_LEN less the closing NUL. */
const MAX_NAME_BYTES = 199;

interface RecentValues {
  action: RecentAction;
  negated: boolean;
  seconds: number;
  hitCount: number;
  reap: boolean;
  ttl: boolean;
  name: string;
  destination: boolean;
  /** Four words; IPv4 uses the first. */
  mask: readonly number[];
  wordCount: 1 | 4;
}

const listWords = { set: 'SET', rcheck: 'CHECK', update: 'UPDATE', remove: 'REMOVE' } as const;

function actionOption(name: RecentAction, help: string): OptionSpec<RecentValues> {
  return {
    name,
    args: 0,
    help,
    excludes: actions.filter((other) => other !== name),
    negatable: true,
    set: (value, _args, negated) => {
      value.action = name;
      value.negated ||= negated;
    },
    save: (value) => (value.action === name ? shown('', value.negated) : null),
  };
}

function numberOption(
  name: 'seconds' | 'hitcount',
  field: 'seconds' | 'hitCount',
  min: number,
  help: string,
): OptionSpec<RecentValues> {
  return {
    name,
    args: 1,
    argument: name === 'seconds' ? 'SECONDS' : 'HITS',
    help,
    set: (value, [text = '']) => {
      value[field] = readNumber('recent', name, text, MAX_UINT32, min);
    },
    save: (value) => (value[field] === 0 ? null : shown(String(value[field]))),
  };
}

function flagOption(name: 'reap' | 'rttl', field: 'reap' | 'ttl', help: string) {
  const option: OptionSpec<RecentValues> = {
    name,
    args: 0,
    help,
    ...(name === 'reap' ? { requires: ['seconds'] } : { excludes: ['set', 'remove'] }),
    set: (value) => {
      value[field] = true;
    },
    save: (value) => (value[field] ? shown('') : null),
  };
  return option;
}

function sideOption(name: 'rsource' | 'rdest', destination: boolean, help: string) {
  const option: OptionSpec<RecentValues> = {
    name,
    args: 0,
    help,
    set: (value) => {
      value.destination = destination;
    },
    save: (value) => (value.destination === destination ? shown('') : null),
  };
  return option;
}

function parseMask(text: string, scope: ParseScope): readonly number[] {
  // A plain number is the low bits of an address (inet_aton), not a prefix length.
  const number = scope.family === 4 ? parseUnsigned(text, MAX_UINT32) : null;
  const words = number === null ? parseHostWords(text, scope.family) : [number | 0];
  if (words === null) {
    const detail = 'a mask is written as an address';
    throw new RuleFault('bad-value', `recent: bad mask "${text}"`, detail);
  }
  return [0, 1, 2, 3].map((i) => words[i] ?? -1);
}

const maskText = ({ mask, wordCount }: RecentValues) => formatWords(mask.slice(0, wordCount));

const options: readonly OptionSpec<RecentValues>[] = [
  actionOption('set', 'puts the address in the list; always matches'),
  actionOption('rcheck', 'matches an address of the list'),
  actionOption('update', 'as --rcheck, and notes the time where it matches'),
  actionOption('remove', 'matches an address of the list and takes it out'),
  numberOption('seconds', 'seconds', 1, 'only addresses seen no longer ago than this'),
  flagOption('reap', 'reap', 'takes out the oldest address where it is older than --seconds'),
  numberOption('hitcount', 'hitCount', 0, 'only addresses seen so many times'),
  flagOption('rttl', 'ttl', 'only where the TTL is that of the packet noted last'),
  {
    name: 'name',
    args: 1,
    argument: 'NAME',
    help: 'name of the list (DEFAULT)',
    set: (value, [text = '']) => {
      value.name = cutBytes(text, MAX_NAME_BYTES);
    },
    save: (value) => shown(value.name),
  },
  {
    name: 'mask',
    args: 1,
    argument: 'MASK',
    help: 'mask laid on every address of the list',
    set: (value, [text = ''], _negated, scope) => {
      value.mask = parseMask(text, scope);
    },
    save: (value) => shown(maskText(value)),
  },
  sideOption('rsource', false, 'source addresses (the default)'),
  sideOption('rdest', true, 'destination addresses'),
];

function finish(value: RecentValues, scope: ParseScope, given: ReadonlySet<string>): void {
  value.wordCount = scope.family === 4 ? 1 : 4;
  if (!actions.some((action) => given.has(action))) {
    const words = "recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'";
    throw new RuleFault('missing-option', words);
  }
}

/** Refusals of recent_mt_check. */
function check(value: RecentValues, _rule: Rule): void {
  const refuse = (detail: string) => {
    throw refused(detail);
  };
  const notes = value.action === 'set' || value.action === 'remove';
  if (notes && (value.seconds !== 0 || value.hitCount !== 0)) {
    refuse(`recent: --seconds and --hitcount do not go with --${value.action}`);
  }
  if (value.hitCount > MAX_HIT_COUNT) refuse(`recent: --hitcount is at most ${MAX_HIT_COUNT}`);
  if (!isProcName(value.name)) refuse('recent: no file may have the name of this list');
}

class RecentEvaluator implements MatchEvaluator {
  private readonly list: RecentList;
  private readonly action: RecentAction;
  private readonly negated: boolean;
  private readonly destination: boolean;
  private readonly hitCount: number;
  private readonly spanTicks: number;
  private readonly reap: boolean;
  private readonly ttl: boolean;
  private readonly now = new Float64Array(1);

  constructor(values: RecentValues, list: RecentList) {
    this.list = list;
    this.action = values.action;
    this.negated = values.negated;
    this.destination = values.destination;
    this.hitCount = values.hitCount;
    this.spanTicks = values.seconds * 1000;
    this.reap = values.reap;
    this.ttl = values.ttl;
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    const { list, now } = this;
    const { mask } = list;
    readTicks(now, 0, ctx.clock);
    const w0 = (this.destination ? packet.dst0 : packet.src0) & mask[0]!;
    const w1 = (this.destination ? packet.dst1 : packet.src1) & mask[1]!;
    const w2 = (this.destination ? packet.dst2 : packet.src2) & mask[2]!;
    const w3 = (this.destination ? packet.dst3 : packet.src3) & mask[3]!;
    const ttl = ttlBeforeForwarding(ctx);
    const slot = list.find(packet.family, w0, w1, w2, w3, this.ttl ? ttl : 0);
    if (slot >= 0) return this.known(slot, ttl) !== this.negated;
    if (this.action !== 'set') return this.negated;
    list.add(packet.family, w0, w1, w2, w3, ttl, now);
    return !this.negated;
  }

  /** What becomes of an address that is in the list; whether it matches, before any negation. */
  private known(slot: number, ttl: number): boolean {
    const { list, now } = this;
    if (this.action === 'set') {
      list.update(slot, ttl, now);
      return true;
    }
    if (this.action === 'remove') {
      list.remove(slot);
      return true;
    }
    const hit = list.wasSeen(slot, this.hitCount, this.spanTicks, now);
    // The kernel notes the packet where the rule matches, negation included (`update && ret`).
    const matches = hit !== this.negated;
    if (this.reap) list.reap(matches ? slot : -1, this.spanTicks, now);
    if (this.action === 'update' && matches) list.update(slot, ttl, now);
    return hit;
  }
}

/** Behind the routing decision a forwarded packet has one hop less than it came with. */
function ttlBeforeForwarding(ctx: RuleContext): number {
  const { packet, hook } = ctx;
  const leaves = hook === Hook.Forward || hook === Hook.Postrouting;
  const forwarded = leaves && ctx.socketUid < 0;
  return (forwarded ? packet.ttl + 1 : packet.ttl) & 0xff;
}

export const recent = defineMatch<RecentValues>({
  name: 'recent',
  stateful: true,
  options,
  initial: () => ({
    action: 'set',
    negated: false,
    seconds: 0,
    hitCount: 0,
    reap: false,
    ttl: false,
    name: 'DEFAULT',
    destination: false,
    mask: [-1, -1, -1, -1],
    wordCount: 1,
  }),
  finish,
  check,
  list: (value) => {
    const parts = [`recent: ${listWords[value.action]}`];
    if (value.seconds !== 0) parts.push(`seconds: ${value.seconds}`);
    if (value.reap) parts.push('reap');
    if (value.hitCount !== 0) parts.push(`hit_count: ${value.hitCount}`);
    if (value.ttl) parts.push('TTL-Match');
    parts.push(`name: ${value.name}`, `side: ${value.destination ? 'dest' : 'source'}`);
    parts.push(`mask: ${maskText(value)}`);
    return `${value.negated ? '! ' : ''}${parts.join(' ')}`;
  },
  evaluator: (values, scope) => {
    const make = () => new RecentList(values.mask, values.hitCount);
    const list = scope.shared.named('recent', values.name, make);
    list.require(values.hitCount);
    return new RecentEvaluator(values, list);
  },
});
