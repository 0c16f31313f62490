import { CtStateBit } from '../conntrack/index.ts';
import { Hook, type RuleActions, type RuleContext } from '../rules/index.ts';
import { Packet } from '../wire/index.ts';
import type { FlightConnection } from './flight-connection.ts';
import type { EngineParts } from './parts.ts';

export function newContext(
  actions: RuleActions,
  parts: EngineParts,
  connection: FlightConnection,
): RuleContext {
  return {
    packet: new Packet(new ArrayBuffer(1024)),
    clock: parts.clock,
    actions,
    connection,
    routes: parts.routes.queries,
    hook: Hook.Prerouting,
    inIf: -1,
    outIf: -1,
    ctState: CtStateBit.Invalid,
    masterHelper: '',
    mark: 0,
    socketUid: -1,
    socketGid: -1,
    changed: false,
    templated: false,
    traced: false,
    trail: null,
  };
}

/** What rules see of a packet that has just come, by this interface; -1: from this host. Hot. */
export function resetContext(context: RuleContext, packet: Packet, inIf: number): void {
  context.packet = packet;
  context.inIf = inIf;
  context.outIf = -1;
  // To rules, a packet that nobody has looked at yet is INVALID (xt_conntrack.c).
  context.ctState = CtStateBit.Invalid;
  context.masterHelper = '';
  context.mark = 0;
  context.changed = false;
  context.templated = false;
  context.traced = false;
  context.socketUid = -1;
}
