/** A gateway without a network, whose connections are made and asked for by control requests. */
import { duplexPair } from 'node:stream';
import {
  type ConntrackCreateDto,
  type ConntrackDto,
  type ConntrackEventDto,
  ControlClient,
  type ControlCommand,
  type ControlCommands,
  ControlError,
  type EncryptedEventDto,
  EventHub,
  gatewayHandler,
  type HelperEventDto,
  type RequestHandler,
  RuleChanges,
  serveStream,
} from '../../src/control/index.ts';
import { type GatewayOptions, makeGateway, type TestGateway } from '../support/gateway.ts';

export type Entry = Partial<ConntrackCreateDto>;

/** A UDP entry from 10.0.0.1 to 10.0.0.2:53 for 60 seconds, with what `changes` say otherwise. */
export function udpEntry(sport: number, changes: Entry = {}): ConntrackCreateDto {
  const orig = { src: '10.0.0.1', dst: '10.0.0.2', sport, dport: 53 };
  const reply = { src: orig.dst, dst: orig.src, sport: 53, dport: sport };
  return { family: 4, proto: 17, orig, reply, timeout: 60, ...changes };
}

/** The same of TCP, to the FTP port, ESTABLISHED. */
export function ftpEntry(sport: number, changes: Entry = {}): ConntrackCreateDto {
  const orig = { src: '10.0.0.1', dst: '10.0.0.2', sport, dport: 21 };
  const reply = { src: orig.dst, dst: orig.src, sport: 21, dport: sport };
  return { family: 4, proto: 6, orig, reply, timeout: 60, state: 'ESTABLISHED', ...changes };
}

export class EntryGateway {
  readonly gateway: TestGateway;
  readonly events: EventHub;
  readonly client: ControlClient;
  readonly handler: RequestHandler;
  readonly told: ConntrackEventDto[] = [];
  /** What the helper gave the gateway's own log to say. */
  readonly logged: (HelperEventDto | EncryptedEventDto)[] = [];
  /** Lines of the gateway's own log. */
  readonly notes: string[] = [];
  /** What the daemon measures its turns by. */
  monotonicMs = () => 0;
  /** Called at the beginning of every turn but the first. */
  betweenTurns = () => {};

  constructor(options: GatewayOptions = {}) {
    this.gateway = makeGateway(options);
    const { engine } = this.gateway;
    this.events = new EventHub(engine, {
      refused: (event) => this.logged.push(event),
      encrypted: (event) => this.logged.push(event),
      ruleLog: () => {},
    });
    engine.listener = this.events;
    this.events.watchConnections((_, text) => this.told.push(JSON.parse(text)));
    const [ours, theirs] = duplexPair();
    this.handler = gatewayHandler({
      engine,
      events: this.events,
      changes: new RuleChanges({ engine, useRules: () => {} }),
      loadOptions: {},
      refreshClock: () => this.betweenTurns(),
      reload: () => [],
      status: () => ({}),
      note: (line) => this.notes.push(line),
      monotonicMs: () => this.monotonicMs(),
    });
    serveStream(theirs, this.handler, {});
    this.client = new ControlClient(ours);
  }

  get conntrack() {
    return this.gateway.engine.tracking.conntrack;
  }

  /** All items of an answer. */
  async ask<K extends ControlCommand>(
    cmd: K,
    args: ControlCommands[K]['args'],
  ): Promise<ControlCommands[K]['item'][]> {
    const items: ControlCommands[K]['item'][] = [];
    for await (const item of this.client.request(cmd, args)) items.push(item);
    return items;
  }

  /** The code of the error that a request ends with, '' where it does not. */
  async refusal<K extends ControlCommand>(
    cmd: K,
    args: ControlCommands[K]['args'],
  ): Promise<string> {
    try {
      await this.ask(cmd, args);
      return '';
    } catch (error) {
      if (error instanceof ControlError) return error.code;
      throw error;
    }
  }

  async create(entry: ConntrackCreateDto): Promise<ConntrackDto> {
    const [made] = await this.ask('conntrack.create', { entry });
    return made!;
  }

  /** The error of making an entry, '' where it is made. */
  createRefusal(entry: ConntrackCreateDto): Promise<string> {
    return this.refusal('conntrack.create', { entry });
  }

  list(filter = {}): Promise<ConntrackDto[]> {
    return this.ask('conntrack.list', { filter });
  }

  /** Events since the last call, as `NEW 5000`: name and source port. */
  takeEvents(): string[] {
    const texts = this.told.map(({ event, entry }) => `${event} ${entry.orig.sport ?? ''}`.trim());
    this.told.length = 0;
    return texts;
  }
}
