import type { RuleContext } from '../context.ts';
import type { SetBody } from './definition.ts';
import {
  Compare,
  compareCounter,
  Found,
  type FoundCode,
  type LiveSet,
  type SetQuestion,
} from './live.ts';

/** A list:set: asks its members in order (the kernel's list_set_ktest, kadd and kdel). Hot. */
export class LiveList implements LiveSet {
  readonly body: SetBody;
  private readonly members: readonly LiveSet[];
  /** Seconds from the first question until each member goes, then of the clock; 0: it stays. */
  private readonly expires: Int32Array;
  private readonly packets: Float64Array;
  private readonly bytes: Float64Array;
  private anchored = false;

  constructor(body: SetBody, members: readonly LiveSet[]) {
    this.body = body;
    this.members = members;
    this.expires = Int32Array.from(body.members, (member) => member.seconds);
    this.packets = Float64Array.from(body.members, (member) => member.packets);
    this.bytes = Float64Array.from(body.members, (member) => member.bytes);
  }

  get mayChange(): boolean {
    for (let i = 0; i < this.members.length; i++) if (this.members[i]!.mayChange) return true;
    return false;
  }

  /** What is added to a list goes to its members. */
  expectChanges(): void {
    for (const member of this.members) member.expectChanges();
  }

  test(ctx: RuleContext, question: SetQuestion): FoundCode {
    const { countPackets, packetsCompare, bytesCompare } = question;
    // Members do not compare counters, and count only where both kinds of counting are wanted.
    question.packetsCompare = Compare.None;
    question.bytesCompare = Compare.None;
    if (!question.countMembers) question.countPackets = false;
    let found: FoundCode = Found.No;
    for (let i = 0; i < this.members.length && found === Found.No; i++) {
      if (this.members[i]!.test(ctx, question) !== Found.Yes) continue;
      if (this.isGone(i, ctx.clock.sec)) continue;
      if (this.body.options.counters) {
        if (countPackets) this.countPacket(i, ctx);
        if (!compareCounter(this.packets[i]!, packetsCompare, question.packets)) continue;
        if (!compareCounter(this.bytes[i]!, bytesCompare, question.bytes)) continue;
      }
      found = Found.Yes;
    }
    question.countPackets = countPackets;
    question.packetsCompare = packetsCompare;
    question.bytesCompare = bytesCompare;
    return found;
  }

  add(ctx: RuleContext, question: SetQuestion): boolean {
    for (let i = 0; i < this.members.length; i++) {
      if (!this.isGone(i, ctx.clock.sec) && this.members[i]!.add(ctx, question)) return true;
    }
    return false;
  }

  remove(ctx: RuleContext, question: SetQuestion): boolean {
    for (let i = 0; i < this.members.length; i++) {
      if (!this.isGone(i, ctx.clock.sec) && this.members[i]!.remove(ctx, question)) return true;
    }
    return false;
  }

  private countPacket(i: number, ctx: RuleContext): void {
    this.packets[i] = this.packets[i]! + 1;
    this.bytes[i] = this.bytes[i]! + ctx.packet.l3Len;
  }

  private isGone(i: number, now: number): boolean {
    if (!this.anchored) {
      this.anchored = true;
      for (let j = 0; j < this.expires.length; j++) {
        if (this.expires[j]! !== 0) this.expires[j] = Math.min(this.expires[j]! + now, 0x7fffffff);
      }
    }
    return this.expires[i]! !== 0 && this.expires[i]! <= now;
  }
}
