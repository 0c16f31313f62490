import type { RuleContext } from '../context.ts';
import type { SetBody } from './definition.ts';
import { InterfaceKind, MOST_ELEMENTS } from './element.ts';
import { LinkNetworks } from './link-networks.ts';
import type { NamePool } from './name-pool.ts';
import { PacketKey } from './packet-key.ts';
import { NetworkShapes } from './shapes.ts';
import { ElementFlag, SetTable, STAYS } from './table.ts';
import type { FieldKind } from './types.ts';

/**
 * A set as the packet path asks it: the kernel's ip_set_test, ip_set_add and ip_set_del. Hot: asking
 * allocates nothing. Adding may let the table grow, up to maxelem.
 */

/** What a test of a set found. */
export const Found = {
  No: 0,
  Yes: 1,
  /** Only an element with `nomatch` covers the packet. */
  NoMatch: 2,
} as const;
export type FoundCode = 0 | 1 | 2;

/** How counters are compared; 0 for not at all. */
export const Compare = { None: 0, Equal: 1, NotEqual: 2, Less: 3, Greater: 4 } as const;
export type CompareCode = 0 | 1 | 2 | 3 | 4;

/** One question to a set, with the options of the rule that asks; the answer's mark comes back. */
export class SetQuestion {
  /** Bit i is set where field i is taken from the source side. */
  sources = 0;
  /** How many `src,dst` flags the rule has. */
  dimension = 0;
  countPackets = true;
  countMembers = true;
  packetsCompare: CompareCode = Compare.None;
  packets = 0;
  bytesCompare: CompareCode = Compare.None;
  bytes = 0;
  /** Seconds for what is added; -1 for the set's own. */
  timeout = -1;
  /** Whether adding refreshes an element that is there. */
  refresh = false;
  mark = 0;
  markMask = 0;
}

export interface LiveSet {
  /** Whether rules may add or remove elements, now or by an earlier rule set that named it so. */
  readonly mayChange: boolean;
  /** A rule that adds or removes elements is being made. */
  expectChanges(): void;
  test(ctx: RuleContext, question: SetQuestion): FoundCode;
  /** True where the packet's element was put in (or refreshed). */
  add(ctx: RuleContext, question: SetQuestion): boolean;
  /** True where the packet's element was there and is gone. */
  remove(ctx: RuleContext, question: SetQuestion): boolean;
}

export function compareCounter(value: number, compare: CompareCode, with_: number): boolean {
  if (compare === Compare.Equal) return value === with_;
  if (compare === Compare.NotEqual) return value !== with_;
  if (compare === Compare.Less) return value < with_;
  if (compare === Compare.Greater) return value > with_;
  return true;
}

/** A set of elements: every type but list:set. */
export class LiveElements implements LiveSet {
  readonly body: SetBody;
  readonly table: SetTable;
  mayChange = false;
  private readonly kinds: readonly FieldKind[];
  private readonly addressWords: number;
  private readonly key: Int32Array;
  /** The key as the packet has it, before networks are masked. */
  private readonly whole: Int32Array;
  private readonly packetKey: PacketKey;
  private readonly counters: boolean;
  private readonly marks: boolean;
  private readonly shapes: NetworkShapes;
  private readonly pool: NamePool;
  /** Interface words of elements with `wildcard`. */
  private readonly wildcards: readonly number[];
  private readonly ifaceAt: number;
  /** Of hash:net,iface; null for other types. */
  private readonly networks: LinkNetworks | null;
  /** Timeouts of the definition count from the first packet that asks. */
  private anchored = false;
  private readonly limit: number;

  constructor(body: SetBody, pool: NamePool, seed: number) {
    this.body = body;
    this.pool = pool;
    this.kinds = body.type.fields;
    this.addressWords = body.options.family === 6 ? 4 : 1;
    this.limit = Math.min(body.options.maxelem, MOST_ELEMENTS);
    this.key = new Int32Array(body.layout.words);
    this.packetKey = new PacketKey(body, pool);
    this.whole = this.packetKey.words;
    this.counters = body.options.counters;
    this.marks = body.options.skbinfo;
    this.shapes = new NetworkShapes(body);
    const iface = this.kinds.indexOf('iface');
    this.ifaceAt = iface < 0 ? -1 : body.layout.offsets[iface]!;
    this.networks = iface < 0 ? null : new LinkNetworks(this.key.length, this.ifaceAt, seed);
    this.table = new SetTable({ ...body.elements.shape, seed });
    const wildcards = new Set<number>();
    this.table.reserve(body.elements.count);
    for (let slot = 0; slot < body.elements.slotCount; slot++) {
      if (body.elements.flags[slot]! === 0) continue;
      body.elements.keyAt(slot, this.key);
      if (this.ifaceAt >= 0) {
        const word = this.translate(this.key[this.ifaceAt]!);
        this.key[this.ifaceAt] = word;
        if (word & InterfaceKind.Wildcard) wildcards.add(word);
      }
      this.countNetwork(1);
      this.table.copyFrom(body.elements, slot, this.key);
    }
    this.wildcards = [...wildcards];
  }

  /** Room for what rules may add, so that no packet waits for the table to grow. Cold. */
  prepareForAdding(): void {
    this.table.reserve(Math.min(this.limit, 65_536));
  }

  expectChanges(): void {
    this.mayChange = true;
  }

  /** Takes over what `-j SET` added to the set before a reload. Cold. */
  inherit(before: LiveElements): void {
    const same =
      before.body.type === this.body.type &&
      before.body.options.family === this.body.options.family &&
      before.pool === this.pool;
    if (!same) return;
    for (let slot = 0; slot < before.table.slotCount; slot++) {
      if (!(before.table.flags[slot]! & ElementFlag.Dynamic)) continue;
      before.table.keyAt(slot, this.key);
      if (this.table.find(this.key) >= 0 || this.table.count >= this.limit) continue;
      this.table.copyFrom(before.table, slot, this.key);
      this.countNetwork(1);
    }
  }

  test(ctx: RuleContext, question: SetQuestion): FoundCode {
    if (!this.fill(ctx, question)) return Found.No;
    if (this.ifaceAt < 0) return this.testShapes(ctx, question);
    const found = this.testShapes(ctx, question);
    if (found !== Found.No) return found;
    const id = question.sources & (1 << 1) ? ctx.inIf : ctx.outIf;
    for (let i = 0; i < this.wildcards.length; i++) {
      const word = this.wildcards[i]!;
      if (!this.pool.begins(id, word & ~InterfaceKind.Wildcard)) continue;
      this.whole[this.ifaceAt] = word;
      const other = this.testShapes(ctx, question);
      if (other !== Found.No) return other;
    }
    return Found.No;
  }

  add(ctx: RuleContext, question: SetQuestion): boolean {
    if (!this.fillForChange(ctx, question)) return false;
    const { table } = this;
    const now = ctx.clock.sec;
    let slot = table.find(this.key);
    const alive = slot >= 0 && !this.expired(slot, now);
    if (alive && !question.refresh) return false;
    if (slot < 0) {
      if (table.count >= this.limit && !this.makeRoom(now)) return false;
      slot = table.insert(this.key);
      this.countNetwork(1);
    }
    table.flags[slot] = ElementFlag.Used | ElementFlag.Dynamic;
    const seconds = question.timeout < 0 ? this.body.options.timeout : question.timeout;
    const stays = this.body.options.timeout < 0 || seconds === 0;
    table.expires[slot] = stays ? STAYS : Math.min(now + seconds, 0x7fffffff);
    if (this.counters) {
      table.packets[slot] = 1;
      table.bytes[slot] = ctx.packet.l3Len;
    }
    return true;
  }

  remove(ctx: RuleContext, question: SetQuestion): boolean {
    if (!this.fillForChange(ctx, question)) return false;
    const slot = this.table.find(this.key);
    if (slot < 0) return false;
    const alive = !this.expired(slot, ctx.clock.sec);
    this.drop(slot);
    return alive;
  }

  private drop(slot: number): void {
    this.table.keyAt(slot, this.key);
    this.countNetwork(-1);
    this.table.removeAt(slot);
  }

  /** The element of `key` came or went. */
  private countNetwork(change: 1 | -1): void {
    this.shapes.count(this.key, change);
    if (this.networks !== null) this.networks.count(this.key, change);
  }

  private expired(slot: number, now: number): boolean {
    const at = this.table.expires[slot]!;
    return at !== STAYS && at <= now;
  }

  /** Frees what has expired; with `forceadd` something that has not. False where all stays. */
  private makeRoom(now: number): boolean {
    const { table } = this;
    this.whole.set(this.key);
    let victim = -1;
    // Elements may move into the slot just freed, so a freed slot is looked at again.
    for (let slot = 0; slot < table.slotCount; slot++) {
      if (table.flags[slot]! === 0) continue;
      if (this.expired(slot, now)) this.drop(slot--);
      else victim = slot;
    }
    if (table.count >= this.limit && this.body.options.forceadd && victim >= 0) this.drop(victim);
    this.key.set(this.whole);
    return table.count < this.limit;
  }

  private testShapes(ctx: RuleContext, question: SetQuestion): FoundCode {
    const { shapes, key, whole } = this;
    for (let shape = 0; shape < shapes.size; shape++) {
      shapes.mask(shape, whole, key);
      const slot = this.table.find(key);
      if (slot >= 0 && this.extensionsHold(slot, ctx, question)) {
        return this.table.flags[slot]! & ElementFlag.NoMatch ? Found.NoMatch : Found.Yes;
      }
      // Also where the interface is another one.
      if (this.networks?.has(key)) return Found.No;
    }
    return Found.No;
  }

  /** ip_set_match_extensions: the element counts the packet before its counters are compared. */
  private extensionsHold(slot: number, ctx: RuleContext, question: SetQuestion): boolean {
    const { table } = this;
    if (this.expired(slot, ctx.clock.sec)) return false;
    if (this.counters) {
      if (question.countPackets) {
        table.packets[slot] = table.packets[slot]! + 1;
        table.bytes[slot] = table.bytes[slot]! + ctx.packet.l3Len;
      }
      const { packetsCompare, bytesCompare } = question;
      if (!compareCounter(table.packets[slot]!, packetsCompare, question.packets)) return false;
      if (!compareCounter(table.bytes[slot]!, bytesCompare, question.bytes)) return false;
    }
    if (this.marks) {
      question.mark = table.marks[slot]!;
      question.markMask = table.markMasks[slot]!;
    }
    return true;
  }

  private fill(ctx: RuleContext, question: SetQuestion): boolean {
    if (!this.anchored) this.anchor(ctx.clock.sec);
    return this.packetKey.fill(ctx, question.sources, question.dimension);
  }

  /** The key to add or remove: networks get the longest prefix that the set has. */
  private fillForChange(ctx: RuleContext, question: SetQuestion): boolean {
    if (!this.fill(ctx, question)) return false;
    this.shapes.maskLongest(this.whole, this.key);
    if (this.body.type.storage === 'bitmap' || this.kinds[0] !== 'ip') return true;
    // A null address cannot be stored in a hash.
    for (let i = 0; i < this.addressWords; i++) if (this.key[i]! !== 0) return true;
    return false;
  }

  private anchor(now: number): void {
    this.anchored = true;
    const { table } = this;
    for (let slot = 0; slot < table.slotCount; slot++) {
      const isOfFile = (table.flags[slot]! & ElementFlag.Dynamic) === 0;
      if (isOfFile && table.expires[slot]! !== STAYS) {
        table.expires[slot] = Math.min(table.expires[slot]! + now, 0x7fffffff);
      }
    }
  }

  /** An interface word of the definition as one of the pool. */
  private translate(word: number): number {
    const kinds = InterfaceKind.Wildcard | InterfaceKind.Physical;
    return this.pool.intern(this.body.interfaces[word & ~kinds]!) | (word & kinds);
  }
}
