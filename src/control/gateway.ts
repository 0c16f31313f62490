import { Field, Status } from '../conntrack/index.ts';
import type { Engine } from '../engine/index.ts';
import type { LoadOptions } from '../rules/index.ts';
import { answerApply, answerSettle, answerTrial } from './apply.ts';
import { connectionDto, expectationDto, statsDto } from './dto.ts';
import type { EventHub } from './events.ts';
import { answerIptablesCommand, answerRestore, answerSave } from './iptables.ts';
import type { ControlRequest, EventName } from './protocol.ts';
import type { RuleChanges } from './rule-changes.ts';
import type { Reply, RequestHandler } from './serve-lines.ts';

/** Rows looked at before the packet loop gets its turn again. */
const ROWS_PER_TURN = 2048;
/** Events kept for a reader that is too slow; beyond that it is cut off. */
const MAX_EVENTS_WAITING = 65_536;

/** What the daemon itself answers for. */
export interface GatewayHost {
  readonly engine: Engine;
  readonly events: EventHub;
  /** The one place that changes rules while the gateway runs. */
  readonly changes: RuleChanges;
  /** How rule texts are read: who looks host names up. */
  readonly loadOptions: LoadOptions;
  /** Brings the engine's clock up to now. */
  refreshClock(): void;
  /** Re-reads the rule files. Returns the problems, empty where the new rules are in use. */
  reload(): readonly string[];
  /** What `status` shows beside the engine's own counters. */
  status(): Record<string, unknown>;
}

/** Answers every request of the control socket from a running engine. */
export function gatewayHandler(host: GatewayHost): RequestHandler {
  return (request, reply, signal) => {
    host.refreshClock();
    return answer(host, request, reply, signal);
  };
}

async function answer(
  host: GatewayHost,
  request: ControlRequest,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  const { engine } = host;
  const { conntrack } = engine.tracking;
  switch (request.cmd) {
    case 'conntrack.list':
      return listConnections(engine, request, reply, signal);
    case 'conntrack.count':
      return reply.done({ count: conntrack.table.count });
    case 'conntrack.flush':
      conntrack.flush(typeof request.args.family === 'number' ? request.args.family : null);
      return reply.done();
    case 'conntrack.delete':
      return deleteConnections(engine, request, reply);
    case 'conntrack.stats':
      await reply.item(statsDto(engine));
      return reply.done();
    case 'conntrack.events':
      return followConnections(host, request, reply, signal);
    case 'expect.list':
      return listExpectations(engine, request, reply);
    case 'expect.count':
      return reply.done({ count: conntrack.expectations.count });
    case 'expect.flush':
      for (const expectation of conntrack.expectations.all()) {
        conntrack.expectations.remove(expectation);
      }
      return reply.done();
    case 'expect.events':
      return follow((tell) => host.events.watchExpectations(tell), reply, signal);
    case 'iptables.command':
      return answerIptablesCommand(host, request, reply);
    case 'iptables.restore':
      return answerRestore(host, request, reply);
    case 'iptables.save': {
      const now = new Date(engine.clock.epochSeconds() * 1000);
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

/** Lists row by row, letting packets pass in between: a long dump does not stop the gateway. */
async function listConnections(
  engine: Engine,
  request: ControlRequest,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  const { table } = engine.tracking.conntrack;
  const zero = request.args.zero === true;
  for (let row = 0; row < table.highWater && !signal.aborted; row++) {
    if (row % ROWS_PER_TURN === ROWS_PER_TURN - 1) await nextTurn();
    if (!isListed(engine, row)) continue;
    const waited = reply.item(connectionDto(engine, row));
    if (zero) table.zeroCounters(row);
    if (waited !== undefined) await waited;
  }
  reply.done();
}

/** Confirmed, and its time not over: what a packet would still find. */
function isListed(engine: Engine, row: number): boolean {
  const { table } = engine.tracking.conntrack;
  return table.hasStatus(row, Status.Confirmed) && !table.isOver(row, engine.clock);
}

async function deleteConnections(
  engine: Engine,
  request: ControlRequest,
  reply: Reply,
): Promise<void> {
  const { conntrack } = engine.tracking;
  const ids = request.args.ids;
  if (!Array.isArray(ids)) return reply.error('BAD_REQUEST', 'ids: an array of numbers expected');
  const wanted = new Set<unknown>(ids);
  const { table } = conntrack;
  for (let row = 0; row < table.highWater; row++) {
    if (!table.hasStatus(row, Status.Confirmed)) continue;
    if (!wanted.has(table.get(row, Field.Id) >>> 0)) continue;
    const entry = connectionDto(engine, row);
    conntrack.destroy(row);
    await reply.item(entry);
  }
  reply.done();
}

async function listExpectations(
  engine: Engine,
  request: ControlRequest,
  reply: Reply,
): Promise<void> {
  const family = request.args.family;
  for (const expectation of engine.tracking.conntrack.expectations.all()) {
    if (family !== undefined && expectation.family !== family) continue;
    if (expectation.expiresAtSec <= engine.clock.sec) continue;
    await reply.item(expectationDto(engine, expectation));
  }
  reply.done();
}

function followConnections(
  host: GatewayHost,
  request: ControlRequest,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  const names = request.args.events;
  const wanted = Array.isArray(names) ? new Set<EventName>(names as EventName[]) : null;
  return follow(
    (tell) =>
      host.events.watchConnections((event) => {
        if (wanted === null || wanted.has(event.event)) tell(event);
      }),
    reply,
    signal,
  );
}

/**
 * Passes events on until the client goes. The packet path never waits for a reader: events queue
 * up to a limit, then the reader is cut off with a word.
 */
async function follow<T>(
  watch: (tell: (event: T) => void) => () => void,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  const queue: T[] = [];
  let wake = () => {};
  const stop = watch((event) => {
    queue.push(event);
    wake();
  });
  signal.addEventListener('abort', () => wake(), { once: true });
  try {
    while (!signal.aborted) {
      if (queue.length > MAX_EVENTS_WAITING) {
        return reply.error('EVENTS_LOST', 'events come faster than they are read');
      }
      if (queue.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      for (const event of queue.splice(0)) await reply.item(event);
    }
  } finally {
    stop();
  }
  reply.done();
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
    ftp: ftp.counters,
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
