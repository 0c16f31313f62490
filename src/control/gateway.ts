import type { Engine } from '../engine/index.ts';
import type { LoadOptions } from '../rules/index.ts';
import { answerApply, answerSettle, answerTrial } from './apply.ts';
import { statsDto } from './dto.ts';
import {
  createEntry,
  deleteEntries,
  flushEntries,
  getEntry,
  listEntries,
  updateEntries,
} from './entries.ts';
import { RequestError } from './entry-args.ts';
import type { EventHub } from './events.ts';
import {
  createExpectation,
  deleteExpectations,
  flushExpectations,
  listExpectations,
} from './expects.ts';
import { followConnections, followExpectations } from './follow.ts';
import { answerFtpCounters, listFtpSessions } from './ftp.ts';
import { answerIptablesCommand, answerRestore, answerSave } from './iptables.ts';
import type { ControlRequest } from './protocol.ts';
import type { RuleChanges } from './rule-changes.ts';
import type { Reply, RequestHandler } from './serve-lines.ts';
import { getSysctls, setSysctls } from './sysctl.ts';

/** What the daemon itself answers for. */
export interface GatewayHost {
  readonly engine: Engine;
  readonly events: EventHub;
  /** The one place that changes rules while the gateway runs. */
  readonly changes: RuleChanges;
  /** How rule texts are read: who looks host names up, and what the datapath can enforce. */
  readonly loadOptions: LoadOptions;
  /** Brings the engine's clock up to now. */
  refreshClock(): void;
  /** Re-reads the rule files. Returns the problems, empty where the new rules are in use. */
  reload(): readonly string[];
  /** What `status` shows beside the engine's own counters. */
  status(): Record<string, unknown>;
  /** Says in the gateway's own log what was done to it. */
  readonly note?: (line: string) => void;
  /** What turns of long answers are measured by; the process's own monotonic clock if absent. */
  readonly monotonicMs?: () => number;
}

/** Answers every request of the control socket from a running engine. */
export function gatewayHandler(host: GatewayHost): RequestHandler {
  return async (request, reply, signal) => {
    host.refreshClock();
    try {
      await answer(host, request, reply, signal);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      reply.error(error.code, error.message);
    }
  };
}

async function answer(
  host: GatewayHost,
  request: ControlRequest,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  const { engine } = host;
  const { args } = request;
  const { conntrack } = engine.tracking;
  switch (request.cmd) {
    case 'conntrack.list':
      return listEntries(host, args, reply, signal);
    case 'conntrack.count':
      return reply.done({ count: conntrack.table.count });
    case 'conntrack.flush':
      return flushEntries(host, args, reply);
    case 'conntrack.get':
      return getEntry(host, args, reply);
    case 'conntrack.create':
      return createEntry(host, args, reply);
    case 'conntrack.update':
      return updateEntries(host, args, reply);
    case 'conntrack.delete':
      return deleteEntries(host, args, reply);
    case 'conntrack.stats':
      await reply.item(statsDto(engine));
      return reply.done();
    case 'conntrack.events':
      return followConnections(host.events, args, reply, signal);
    case 'expect.list':
      return listExpectations(host, args, reply);
    case 'expect.count':
      return reply.done({ count: conntrack.expectations.count });
    case 'expect.flush':
      return flushExpectations(host, reply);
    case 'expect.create':
      return createExpectation(host, args, reply);
    case 'expect.delete':
      return deleteExpectations(host, args, reply);
    case 'expect.events':
      return followExpectations(host.events, reply, signal);
    case 'ftp.sessions':
      return listFtpSessions(host, args, reply, signal);
    case 'ftp.counters':
      return answerFtpCounters(host, reply);
    case 'sysctl.get':
      return getSysctls(host, args, reply);
    case 'sysctl.set':
      return setSysctls(host, args, reply);
    case 'iptables.command':
      return answerIptablesCommand(host, request, reply);
    case 'iptables.restore':
      return answerRestore(host, request, reply);
    case 'iptables.save': {
      const now = new Date(engine.clock.epochSeconds() * 1000);
      engine.settleFlows();
      return answerSave(engine.rules, request, reply, now);
    }
    case 'rules.apply':
      return answerApply(host, request, reply);
    case 'rules.confirm':
      return answerSettle(host, 'confirmed', reply);
    case 'rules.revert':
      return answerSettle(host, 'reverted', reply);
    case 'rules.trial':
      return answerTrial(host, reply, signal);
    case 'status':
      return reply.done({ ...host.status(), ...engineStatus(engine) });
    case 'reload':
      return answerReload(host, reply);
  }
}

function answerReload(host: GatewayHost, reply: Reply): void {
  const problems = host.reload();
  if (problems.length === 0) reply.done({ reloaded: true });
  else reply.error('RULES_REFUSED', problems.join('\n'));
}

function engineStatus(engine: Engine): Record<string, unknown> {
  const { conntrack, ftp } = engine.tracking;
  return {
    packets: engine.counters,
    drops: engine.dropCounts(),
    nflogged: engine.nflogged,
    connections: conntrack.table.count,
    maximum: conntrack.settings.maximum,
    expectations: conntrack.expectations.count,
    ftp: { mode: ftp.mode, ...ftp.counters, refusals: ftp.refusals.byReason() },
  };
}
