import { Direction, type Expectation } from '../conntrack/index.ts';
import type { Engine, EngineListener } from '../engine/index.ts';
import type { FtpRefusal } from '../helpers/index.ts';
import { connectionDto, expectationDto, tupleDto } from './dto.ts';
import type { ConntrackEventDto, EventName, ExpectEventDto, HelperEventDto } from './protocol.ts';

type Subscriber<T> = (event: T) => void;

/** The daemon's own log: what an administrator wants to read without having asked for it. */
export interface EventLog {
  refused(event: HelperEventDto): void;
  /** A line of `-j LOG`. */
  ruleLog(line: string, level: number): void;
}

/**
 * Fans the engine's events out to whoever listens. An event becomes an object only while somebody
 * does, so that a gateway nobody watches pays nothing.
 */
export class EventHub implements EngineListener {
  private readonly engine: Engine;
  private readonly log: EventLog;
  private readonly connections = new Set<Subscriber<ConntrackEventDto>>();
  private readonly expectations = new Set<Subscriber<ExpectEventDto | HelperEventDto>>();

  constructor(engine: Engine, log: EventLog) {
    this.engine = engine;
    this.log = log;
  }

  /** Calls `subscriber` for every connection event until the returned function is called. */
  watchConnections(subscriber: Subscriber<ConntrackEventDto>): () => void {
    this.connections.add(subscriber);
    return () => this.connections.delete(subscriber);
  }

  /** The same for expectations and refused announcements. */
  watchExpectations(subscriber: Subscriber<ExpectEventDto | HelperEventDto>): () => void {
    this.expectations.add(subscriber);
    return () => this.expectations.delete(subscriber);
  }

  connectionNew(row: number): void {
    this.tellConnection('NEW', row);
  }

  connectionUpdate(row: number): void {
    this.tellConnection('UPDATE', row);
  }

  connectionDestroy(row: number): void {
    this.tellConnection('DESTROY', row);
  }

  expectationNew(expectation: Expectation): void {
    this.tellExpectation('NEW', expectation);
  }

  expectationDestroy(expectation: Expectation): void {
    this.tellExpectation('DESTROY', expectation);
  }

  announcementRefused(refusal: FtpRefusal): void {
    const event: HelperEventDto = {
      event: 'REFUSED',
      time: this.engine.clock.epochSeconds(),
      helper: 'ftp',
      kind: refusal.kind,
      reason: refusal.reason,
      line: refusal.line,
      master: tupleDto(this.engine, refusal.row, Direction.Original),
    };
    this.log.refused(event);
    for (const subscriber of this.expectations) subscriber(event);
  }

  logged(line: string, level: number): void {
    this.log.ruleLog(line, level);
  }

  private tellConnection(event: EventName, row: number): void {
    if (this.connections.size === 0) return;
    const entry = connectionDto(this.engine, row);
    const told = { event, time: this.engine.clock.epochSeconds(), entry };
    for (const subscriber of this.connections) subscriber(told);
  }

  private tellExpectation(event: 'NEW' | 'DESTROY', expectation: Expectation): void {
    if (this.expectations.size === 0) return;
    const entry = expectationDto(this.engine, expectation);
    const told = { event, time: this.engine.clock.epochSeconds(), entry };
    for (const subscriber of this.expectations) subscriber(told);
  }
}
