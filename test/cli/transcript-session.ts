/**
 * The packets of a transcript: an FTP session between 192.168.1.10 and 203.0.113.21 through a
 * gateway in memory. What is said on the control connection is sent as it was; acknowledgements,
 * what a client said besides and the data are made so that each connection comes to the packets
 * and bytes that were recorded of it.
 */
import assert from 'node:assert/strict';
import type { ConntrackDto } from '../../src/control/index.ts';
import { buildIcmp, buildTcp, buildUdp } from '../support/packets.ts';
import { type TcpEnd, TcpSession } from '../support/tcp-session.ts';
import type { EngineGateway } from './conntrack-engine.ts';
import type { Happening } from './transcript-sections.ts';

const CLIENT = '192.168.1.10';
const SERVER = '203.0.113.21';
/** IPv4 header, TCP header and timestamps. */
const HEADERS_BYTES = 52;
const MAX_PAYLOAD_BYTES = 1448;

/** Packets and bytes of one direction. */
interface Counted {
  readonly packets: number;
  readonly bytes: number;
}
type BothCounted = readonly [orig: Counted, reply: Counted];

export class RecordedSession {
  private readonly gateway: EngineGateway;
  /** The lines that are still to be shown. */
  ahead: readonly string[] = [];
  private control: TcpSession | null = null;
  private data: TcpSession | null = null;
  /** What PORT or PASV and the like named, until the connection is there. */
  private expected: { readonly isActive: boolean; readonly port: number } | null = null;
  private clientHasSpoken = false;

  constructor(gateway: EngineGateway) {
    this.gateway = gateway;
  }

  async play({ kind, text }: Happening): Promise<void> {
    if (kind === 'client') this.clientSays(text);
    else if (kind === 'server') await this.serverSays(text);
    else await this.happens(text);
  }

  /** Sends what is missing to the counters that a command shows. */
  async fill(shown: readonly string[]): Promise<void> {
    this.ahead = shown;
    for (const session of [this.control, this.data]) {
      if (session === null || this.recordedCounts(session, null) === null) continue;
      const rest = await this.send(session, null, [0, 0]);
      assert.deepEqual(rest, [0, 0], 'bytes without a packet');
    }
  }

  private clientSays(text: string): void {
    const { control } = this;
    assert.ok(control !== null, 'the server speaks first');
    control.clientSays(`${text}\r\n`);
    // Both ends acknowledge the other's first segment alone; then each waits for its next line.
    if (!this.clientHasSpoken) control.serverAcks();
    this.clientHasSpoken = true;
    const port = activePort(text);
    if (port !== null) this.expected = { isActive: true, port };
  }

  private async serverSays(text: string): Promise<void> {
    const isFirst = this.control === null;
    this.control ??= this.connectControl();
    const passive = passivePort(text);
    if (passive !== null) this.expected = { isActive: false, port: passive };
    if (text.startsWith('150 ')) this.connectData();
    // The server speaks of itself by its own address, whatever the client reads.
    const own = text.replace(/\(\d+,\d+,\d+,\d+,/, `(${SERVER.replaceAll('.', ',')},`);
    this.control.serverSays(`${own}\r\n`);
    if (isFirst) this.control.clientAcks();
    if (text.startsWith('221 ')) await this.close(this.control, this.control.server);
  }

  /** One of the notes in brackets. */
  private async happens(note: string): Promise<void> {
    if (note.startsWith('client received ')) await this.close(this.data!, this.sender());
    else if (note === 'client closes') await this.close(this.control!, this.control!.client);
    else if (note === 'client resets') await this.reset(this.control!);
    else if (note.startsWith('client sends a ping')) this.sendOthers();
    else assert.match(note, /^client accepted data connection from /);
  }

  private sender(): TcpEnd {
    return this.data!.client.address === SERVER ? this.data!.client : this.data!.server;
  }

  private connectControl(): TcpSession {
    const pattern = new RegExp(`src=${CLIENT} dst=(\\S+) sport=(\\d+) dport=(21|2121) `);
    const found = this.findAhead(pattern);
    return this.connect(Number(found[2]), { address: found[1]!, port: Number(found[3]) }, 21);
  }

  private connectData(): void {
    assert.ok(this.expected !== null, 'a data connection was announced');
    const { isActive, port } = this.expected;
    if (isActive) {
      const target = /^(?:PORT ([\d,]+),\d+,\d+|EPRT \|1\|([\d.]+)\|\d+\|)\r$/m;
      const read = target.exec(this.control!.server.received)!;
      this.data = new TcpSession(this.gateway.gateway, {
        client: { interfaceName: 'wan0', address: SERVER, port: 20 },
        server: { interfaceName: 'lan0', address: CLIENT, port },
        target: { address: (read[1] ?? read[2]!).replaceAll(',', '.'), port },
        options: true,
      }).connect();
      return;
    }
    const found = this.findAhead(
      new RegExp(`src=${CLIENT} dst=(\\S+) sport=(\\d+) dport=${port} `),
    );
    this.data = this.connect(Number(found[2]), { address: found[1]!, port }, port);
  }

  private connect(
    port: number,
    target: { readonly address: string; readonly port: number },
    serverPort: number,
  ): TcpSession {
    return new TcpSession(this.gateway.gateway, {
      client: { interfaceName: 'lan0', address: CLIENT, port },
      server: { interfaceName: 'wan0', address: SERVER, port: serverPort },
      target,
      options: true,
    }).connect();
  }

  /** FIN, FIN and the last acknowledgement. */
  private async close(session: TcpSession, first: TcpEnd): Promise<void> {
    const isClient = first === session.client;
    const second = isClient ? session.server : session.client;
    const hasCloseWait = this.ahead.some(
      (line) => line.includes('CLOSE_WAIT') && line.includes(tupleText(session)),
    );
    const acks = hasCloseWait ? 1 : 0;
    const closing: [number, number] = isClient ? [2, 1 + acks] : [1 + acks, 2];
    const hasEnded = this.recordedCounts(session, 'TIME_WAIT') !== null;
    const rest = hasEnded ? await this.send(session, 'TIME_WAIT', closing) : [0, 0];
    const [mine, others] = isClient ? rest : [rest[1]!, rest[0]!];
    session.finish(first, 'x'.repeat(mine!));
    if (hasCloseWait) acknowledge(session, second);
    session.finish(second, 'x'.repeat(others!));
    acknowledge(session, first);
  }

  private async reset(session: TcpSession): Promise<void> {
    await this.send(session, 'CLOSE', [1, 0]);
    session.inject(session.client, { flags: 'RA' });
  }

  /**
   * Sends so much that the connection comes to the counters of the next line that shows it (in
   * `state`), but for the packets of `spare`, bare ones. Resolves to the bytes of payload that are
   * left over for those, per direction.
   */
  private async send(
    session: TcpSession,
    state: string | null,
    spare: readonly [number, number],
  ): Promise<[number, number]> {
    const target = this.recordedCounts(session, state);
    assert.ok(target !== null, `no recorded counters of ${tupleText(session)}`);
    const entry = await this.entry(session);
    const [orig, reply] = [
      missing(target[0], entry.orig, spare[0]),
      missing(target[1], entry.reply, spare[1]),
    ];
    const isOrigSender = orig.payload > reply.payload;
    const sender = isOrigSender ? session.client : session.server;
    const receiver = isOrigSender ? session.server : session.client;
    const [data, acks] = isOrigSender ? [orig, reply] : [reply, orig];
    alternate(session, { end: sender, ...data }, { end: receiver, ...acks });
    return [orig.packets === 0 ? orig.payload : 0, reply.packets === 0 ? reply.payload : 0];
  }

  private async entry({ client }: TcpSession): Promise<ConntrackDto> {
    const entries = await this.gateway.entries();
    const { peerPort, port } = client;
    const found = entries.find(({ orig }) => orig.sport === port && orig.dport === peerPort);
    assert.ok(found, `no connection from port ${port}`);
    return found;
  }

  private recordedCounts(session: TcpSession, state: string | null): BothCounted | null {
    const pattern = /packets=(\d+) bytes=(\d+) .* packets=(\d+) bytes=(\d+)/;
    const line = this.ahead.find(
      (text) =>
        text.includes(tupleText(session)) &&
        pattern.test(text) &&
        (state === null || text.includes(` ${state} `)),
    );
    if (line === undefined) return null;
    const [, ...n] = pattern.exec(line)!.map(Number);
    return [
      { packets: n[0]!, bytes: n[1]! },
      { packets: n[2]!, bytes: n[3]! },
    ];
  }

  private findAhead(pattern: RegExp): RegExpExecArray {
    const line = this.ahead.find((text) => pattern.test(text));
    assert.ok(line !== undefined, `no line ${pattern}`);
    return pattern.exec(line)!;
  }

  private sendOthers(): void {
    const { gateway } = this.gateway;
    const echo = { ...{ src: CLIENT, dst: SERVER, id16: 22_033 }, payload: 'x'.repeat(56) };
    gateway.inject('lan0', buildIcmp(echo));
    const answer = { ...echo, type: 0, src: SERVER, dst: '203.0.113.1' };
    gateway.inject('wan0', buildIcmp(answer));
    const query = { src: CLIENT, dst: SERVER, sport: 36_475, dport: 53, payload: 'xx' };
    gateway.inject('lan0', buildUdp(query));
    const syn = { src: CLIENT, dst: '203.0.113.99', sport: 51_260, dport: 80, flags: 'S' };
    gateway.inject('lan0', buildTcp({ ...syn, options: new Uint8Array(20).fill(1) }));
  }
}

interface Missing {
  readonly packets: number;
  readonly payload: number;
}

function missing(target: Counted, now: Counted, spare: number): Missing {
  const packets = target.packets - now.packets - spare;
  const payload = target.bytes - now.bytes - (packets + spare) * HEADERS_BYTES;
  const isPossible = packets >= 0 && payload >= 0 && payload <= Math.max(packets, 1) * 1448;
  assert.ok(isPossible, `from ${JSON.stringify(now)} to ${JSON.stringify(target)}`);
  return { packets, payload };
}

interface Part extends Missing {
  readonly end: TcpEnd;
}

/** Sends both parts, the acknowledgements spread over the data, which have the last word. */
function alternate(session: TcpSession, data: Part, acks: Part): void {
  let sent = 0;
  let acked = 0;
  let left = [data.payload, acks.payload] as [number, number];
  while (sent + acked < data.packets + acks.packets) {
    const isAckDue = (acked + 1) * data.packets <= sent * (acks.packets + 1);
    const isAck = acked < acks.packets && (isAckDue || sent === data.packets);
    const length = Math.min(left[isAck ? 1 : 0], MAX_PAYLOAD_BYTES);
    left = isAck ? [left[0], left[1] - length] : [left[0] - length, left[1]];
    say(session, isAck ? acks.end : data.end, length);
    if (isAck) acked++;
    else sent++;
  }
}

function say(session: TcpSession, end: TcpEnd, length: number): void {
  const text = length < 2 ? 'x'.repeat(length) : `${'x'.repeat(length - 2)}\r\n`;
  const left = end === session.client ? session.clientSays(text) : session.serverSays(text);
  assert.equal(left.reason, '');
}

function acknowledge(session: TcpSession, end: TcpEnd): void {
  say(session, end, 0);
}

/** Where a line shows this connection. */
function tupleText({ client }: TcpSession): string {
  return `src=${client.address} dst=${client.peerAddress} sport=${client.port} dport=${client.peerPort} `;
}

// PORT 192,168,1,10,228,143 or EPRT |1|192.168.1.10|43185|
function activePort(text: string): number | null {
  const m = /^PORT (?:\d+,){4}(\d+),(\d+)$|^EPRT \|1\|[\d.]+\|(\d+)\|$/.exec(text);
  if (m === null) return null;
  return m[3] === undefined ? Number(m[1]) * 256 + Number(m[2]) : Number(m[3]);
}

// 227 Entering Passive Mode (203,0,113,21,195,82). or 229 Entering Extended Passive Mode (|||50008|)
function passivePort(text: string): number | null {
  const m = /^227 .*\((?:\d+,){4}(\d+),(\d+)\)|^229 .*\(\|\|\|(\d+)\|\)/.exec(text);
  if (m === null) return null;
  return m[3] === undefined ? Number(m[1]) * 256 + Number(m[2]) : Number(m[3]);
}
