import type { TrackReasonCode } from '../conntrack/index.ts';
import { followMaster, Manip, type ManipCode } from '../nat/index.ts';
import {
  type CompiledRules,
  type Family,
  Hook,
  type HookCode,
  type RuleContext,
  type TableCode,
  TableId,
  Verdict,
} from '../rules/index.ts';
import { type Packet, quotesDatagram } from '../wire/index.ts';
import type { Flight } from './flight.ts';
import { DropReason } from './reasons.ts';
import type { ConnectionAnswers, Tracking } from './tracking.ts';

/**
 * What happens at the five hooks: the steps that the ways through the engine are made of. Each
 * returns false where the packet ends; the reason is set then.
 */
export class Hooks {
  rules: CompiledRules;
  private readonly context: RuleContext;
  private readonly flight: Flight;
  private readonly tracking: Tracking;
  private readonly answers: ConnectionAnswers;

  constructor(
    rules: CompiledRules,
    context: RuleContext,
    flight: Flight,
    tracking: Tracking,
    answers: ConnectionAnswers,
  ) {
    this.rules = rules;
    this.context = context;
    this.flight = flight;
    this.tracking = tracking;
    this.answers = answers;
  }

  /** raw table, then connection tracking. */
  track(packet: Packet, hook: HookCode, fault: TrackReasonCode): boolean {
    return this.walk(TableId.Raw, hook) && this.tracking.track(packet, this.context, fault);
  }

  /** Walks one chain. */
  walk(table: TableCode, hook: HookCode): boolean {
    const { context, flight, rules } = this;
    const family = context.packet.family as Family;
    // Most rule sets have no raw, mangle or security table: that must cost next to nothing.
    if (!rules.hasTable(family, table)) return true;
    context.hook = hook;
    const verdict = rules.walk(family, table, hook, context);
    if (context.changed) flight.rewritten = true;
    // The filter table decides what passes; any other table is worth naming where it drops.
    if (table === TableId.Filter || verdict === Verdict.Drop) {
      flight.rule = rules.decidedBy;
      flight.chain = rules.decidedChain;
    }
    if (verdict !== Verdict.Drop) return true;
    if (flight.reason === DropReason.None) {
      flight.reason = rules.decidedBy === null ? DropReason.Policy : DropReason.RuleDrop;
    }
    return false;
  }

  /** The three tables of INPUT, FORWARD and OUTPUT that filter or mark, in order. */
  filter(hook: HookCode): boolean {
    return (
      this.walk(TableId.Mangle, hook) &&
      this.walk(TableId.Filter, hook) &&
      this.walk(TableId.Security, hook)
    );
  }

  /** Decides the side of a new connection that `manip` names, then rewrites the packet. */
  translate(packet: Packet, hook: HookCode, manip: ManipCode): boolean {
    const { flight, tracking } = this;
    const { row } = flight;
    if (row < 0) return true;
    if (quotesDatagram(packet)) {
      const underNat = this.rules.hasTable(packet.family as Family, TableId.Nat);
      return tracking.translateError(packet, manip, underNat);
    }
    const undecided = !tracking.isConfirmed() && !tracking.nat.isDecided(row, manip);
    if (!undecided && hook === Hook.Postrouting && tracking.endsMoved()) return false;
    if (undecided && !this.decide(hook, manip)) return false;
    if (tracking.nat.translate(packet, row, flight.direction, manip)) flight.rewritten = true;
    return true;
  }

  private decide(hook: HookCode, manip: ManipCode): boolean {
    const { flight, tracking } = this;
    const { conntrack, nat } = tracking;
    const { fulfilled } = conntrack;
    if (fulfilled?.followsMasterNat) {
      followMaster(nat, conntrack.table, flight.row, fulfilled);
      tracking.fillContext(this.context);
      return true;
    }
    if (!this.rules.hasTable(this.context.packet.family as Family, TableId.Nat)) return true;
    if (!this.walk(TableId.Nat, hook)) return false;
    if (!nat.isDecided(flight.row, manip)) nat.bindNothing(flight.row, manip);
    tracking.fillContext(this.context);
    return true;
  }

  /** POSTROUTING, and the last steps of tracking. */
  postrouting(packet: Packet): boolean {
    // POSTROUTING knows no way in: `-i` cannot be used there.
    this.context.inIf = -1;
    return (
      this.walk(TableId.Mangle, Hook.Postrouting) &&
      this.translate(packet, Hook.Postrouting, Manip.Source) &&
      this.leave(packet)
    );
  }

  leave(packet: Packet): boolean {
    return this.tracking.leave(packet, this.answers);
  }
}
