import type { ConnectionView } from '../../context.ts';
import { KeyTable } from './key-table.ts';

/**
 * Open connections by group of addresses, for `-m connlimit` (nf_conncount.c). Every connection a rule
 * has seen is a member of its group's list; members whose connection has ended are thrown out when
 * the group's number matters, a few at every insertion, and all of them when memory is full.
 */

/** Address words and zone. */
const GROUP_WORDS = 5;
const MAX_MEMBERS = 524_288;
/** Lists up to this length are always looked through; longer ones once in a millisecond. */
const SHORT_LIST = 64;
const SWEEP_STEP = 4;
const NONE = -1;
/** Words of a member's key. */
const Member = { Group: 0, Row: 1, Id: 2 } as const;

export class ConnectionCount {
  private readonly groups: KeyTable;
  private readonly members: KeyTable;
  /** The group that is asked for next, filled by the caller; the time goes into `now[0]`. */
  readonly key: Int32Array;
  readonly now = new Float64Array(1);

  /** By group: length of the list, first member, tick of the last whole look through it. */
  private counts = new Int32Array(0);
  private heads = new Int32Array(0);
  private ticks = new Float64Array(0);
  /** By member. */
  private next = new Int32Array(0);
  private previous = new Int32Array(0);
  private sweepAt = 0;

  constructor(maxMembers: number = MAX_MEMBERS, seed?: number) {
    this.groups = new KeyTable(GROUP_WORDS, maxMembers, seed);
    this.members = new KeyTable(3, maxMembers, seed);
    this.key = this.groups.key;
  }

  /** Members of all groups, ended ones not yet thrown out included. */
  get size(): number {
    return this.members.count;
  }

  /**
   * Whether the group of `key` has more than `limit` open connections, the one in hand included: 1 or
   * 0, and -1 where there is no memory left to count it.
   */
  exceeds(limit: number, connection: ConnectionView): -1 | 0 | 1 {
    let group = this.groups.find();
    if (!connection.exists) return this.countOpen(group, limit - 1, connection);
    if (group === NONE || !this.isMember(group, connection)) {
      this.sweep(SWEEP_STEP, connection);
      if (this.members.isFull) this.sweep(this.members.highWater, connection);
      if (this.members.isFull) return -1;
      // A sweep may have emptied the group.
      group = this.groups.find();
      if (group === NONE) group = this.newGroup();
      this.add(group, connection);
    }
    return this.countOpen(group, limit, connection);
  }

  /** Throws ended connections out as long as the list is longer than `limit`. */
  private countOpen(group: number, limit: number, connection: ConnectionView): 0 | 1 {
    if (group === NONE) return limit < 0 ? 1 : 0;
    if (this.counts[group]! <= limit) return 0;
    const isLong = this.counts[group]! > SHORT_LIST;
    if (isLong && this.ticks[group] === this.now[0]) return 1;
    let member = this.heads[group]!;
    while (member !== NONE) {
      const after = this.next[member]!;
      if (!this.isOpen(member, connection)) {
        this.remove(member);
        if (!this.groups.isUsed(group)) return limit < 0 ? 1 : 0;
        if (this.counts[group]! <= limit) return 0;
      }
      member = after;
    }
    this.ticks[group] = this.now[0]!;
    return 1;
  }

  private isMember(group: number, connection: ConnectionView): boolean {
    this.setMemberKey(group, connection);
    return this.members.find() !== NONE;
  }

  private isOpen(member: number, connection: ConnectionView): boolean {
    const row = this.members.word(member, Member.Row);
    const id = this.members.word(member, Member.Id);
    // The one in hand may be too new for the table to know it.
    if (connection.exists && row === connection.row && id === connection.id) return true;
    return connection.isOpen(row, id);
  }

  private newGroup(): number {
    const group = this.groups.insert();
    if (this.counts.length < this.groups.capacity) {
      this.counts = enlarged(this.counts, this.groups.capacity);
      this.heads = enlarged(this.heads, this.groups.capacity);
      const ticks = new Float64Array(this.groups.capacity);
      ticks.set(this.ticks);
      this.ticks = ticks;
    }
    this.counts[group] = 0;
    this.heads[group] = NONE;
    this.ticks[group] = NONE;
    return group;
  }

  private add(group: number, connection: ConnectionView): void {
    this.setMemberKey(group, connection);
    const member = this.members.insert();
    if (this.next.length < this.members.capacity) {
      this.next = enlarged(this.next, this.members.capacity);
      this.previous = enlarged(this.previous, this.members.capacity);
    }
    const head = this.heads[group]!;
    this.next[member] = head;
    this.previous[member] = NONE;
    if (head !== NONE) this.previous[head] = member;
    this.heads[group] = member;
    this.counts[group]!++;
  }

  /** Takes a member out, and its group with the last one. */
  private remove(member: number): void {
    const group = this.members.word(member, Member.Group);
    const before = this.previous[member]!;
    const after = this.next[member]!;
    if (before === NONE) this.heads[group] = after;
    else this.next[before] = after;
    if (after !== NONE) this.previous[after] = before;
    this.members.remove(member);
    if (--this.counts[group]! === 0) this.groups.remove(group);
  }

  /** Looks at the next members in turn. */
  private sweep(steps: number, connection: ConnectionView): void {
    const { members } = this;
    for (let i = 0; i < steps && members.highWater > 0; i++) {
      if (this.sweepAt >= members.highWater) this.sweepAt = 0;
      const member = this.sweepAt++;
      if (members.isUsed(member) && !this.isOpen(member, connection)) this.remove(member);
    }
  }

  private setMemberKey(group: number, connection: ConnectionView): void {
    const { key } = this.members;
    key[Member.Group] = group;
    key[Member.Row] = connection.row;
    key[Member.Id] = connection.id;
  }
}

function enlarged(array: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length);
  larger.set(array);
  return larger;
}
