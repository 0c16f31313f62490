import { Direction, type Expectation, Status } from '../conntrack/index.ts';
import type { Engine, EngineListener } from '../engine/index.ts';
import type { FtpEncrypted, FtpRefusal } from '../helpers/index.ts';
import { encryptedEventDto, expectationDto, tupleDto } from './dto.ts';
import type { EventCauseDto, EventName, ExpectEventDto, HelperEventDto } from './entry-types.ts';
import type { EncryptedEventDto } from './ftp-types.ts';
import { RowText } from './row-text.ts';

type Subscriber<T> = (event: T) => void;
/** What whoever follows expectations is told. */
type HelpedEvent = ExpectEventDto | HelperEventDto | EncryptedEventDto;
/** Gets a connection event as the JSON text of a `ConntrackEventDto`. */
export type ConnectionSubscriber = (name: EventName, text: string) => void;

/** The daemon's own log: what an administrator wants to read without having asked for it. */
export interface EventLog {
  refused(event: HelperEventDto): void;
  /** The data connections of a control connection can no longer be foreseen. */
  encrypted(event: EncryptedEventDto): void;
  /** A line of `-j LOG`. */
  ruleLog(line: string, level: number): void;
}

/**
 * Fans the engine's events out to whoever listens. An event is put into words only while somebody
 * does, and only once, so that a gateway nobody watches pays nothing.
 */
export class EventHub implements EngineListener {
  private readonly engine: Engine;
  private readonly log: EventLog;
  private readonly rowText: RowText;
  private readonly connections = new Set<ConnectionSubscriber>();
  private readonly expectations = new Set<Subscriber<HelpedEvent>>();

  private cause: EventCauseDto | null = null;

  constructor(engine: Engine, log: EventLog) {
    this.engine = engine;
    this.rowText = new RowText(engine);
    this.log = log;
  }

  /** Calls `subscriber` for every connection event until the returned function is called. */
  watchConnections(subscriber: ConnectionSubscriber): () => void {
    this.connections.add(subscriber);
    return () => this.connections.delete(subscriber);
  }

  /** The same for expectations, refused lines, and control connections that turn unreadable. */
  watchExpectations(subscriber: Subscriber<HelpedEvent>): () => void {
    this.expectations.add(subscriber);
    return () => this.expectations.delete(subscriber);
  }

  /** Runs a command: the connection events that it causes say who gave it. */
  causedBy<T>(cause: EventCauseDto | null, run: () => T): T {
    this.cause = cause;
    try {
      return run();
    } finally {
      this.cause = null;
    }
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

  controlEncrypted(encrypted: FtpEncrypted): void {
    const event = encryptedEventDto(this.engine, encrypted);
    this.log.encrypted(event);
    for (const subscriber of this.expectations) subscriber(event);
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
    const { engine } = this;
    if (this.isSilent(row)) return;
    const cause = this.cause === null ? '' : `"cause":${JSON.stringify(this.cause)},`;
    const head = `{"event":"${event}","time":${engine.clock.epochSeconds()},${cause}`;
    const text = `${head}"entry":${this.rowText.of(row)}}`;
    for (const subscriber of this.connections) subscriber(event, text);
  }

  private tellExpectation(event: 'NEW' | 'DESTROY', expectation: Expectation): void {
    if (this.expectations.size === 0 || this.isSilent(expectation.masterRow)) return;
    const entry = expectationDto(this.engine, expectation);
    const told = { event, time: this.engine.clock.epochSeconds(), entry };
    for (const subscriber of this.expectations) subscriber(told);
  }

  /** Whether a connection began under nf_conntrack_events 0. */
  private isSilent(row: number): boolean {
    return this.engine.tracking.conntrack.table.hasStatus(row, Status.Silent);
  }
}
