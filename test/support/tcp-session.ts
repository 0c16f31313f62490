/**
 * A TCP connection through a `TestGateway`, with both ends' books: what each end sends is injected
 * on its interface, what arrives at the other must continue its byte stream and acknowledge what it
 * has sent, in its own numbers.
 *
 *   const ftp = new TcpSession(gateway, { server: { address: '198.51.100.9', port: 21 } });
 *   ftp.connect();
 *   ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
 *   assert.match(ftp.server.received, /^PORT 203,0,113,1,/);
 */
import assert from 'node:assert/strict';
import { Outcome } from '../../src/engine/index.ts';
import type { Left, TestGateway } from './gateway.ts';
import { buildTcp, type TcpOptions, tcpFlagBits } from './packets.ts';
import type { SeenPacket } from './seen.ts';

export interface EndOptions {
  readonly interfaceName?: string;
  readonly address?: string;
  readonly port?: number;
  /** Initial sequence number. */
  readonly iss?: number;
}

export interface SessionOptions {
  readonly client?: EndOptions;
  readonly server?: EndOptions;
  /** Where the client believes the server to be, under destination NAT. Default: where it is. */
  readonly target?: { readonly address: string; readonly port: number };
  /** Sends the options that Linux sends: 20 bytes in a SYN, 12 (timestamps) elsewhere. */
  readonly options?: boolean;
}

/** One end of the connection as that end itself sees it. */
export class TcpEnd {
  readonly interfaceName: string;
  readonly address: string;
  readonly port: number;
  /** The other end as this one sees it. */
  peerAddress = '';
  peerPort = 0;
  /** Next number to send, next number expected; unsigned. */
  next: number;
  expected = 0;
  /** All payload received in order, as Latin-1 text. */
  received = '';
  /** Whether its segments carry options. */
  hasOptions = false;

  constructor(defaults: Required<EndOptions>, options: EndOptions = {}) {
    const { interfaceName, address, port, iss } = { ...defaults, ...options };
    this.interfaceName = interfaceName;
    this.address = address;
    this.port = port;
    this.next = iss;
  }

  /** A segment of this end; seq and ack stand where its books do unless given. */
  segment(more: Partial<TcpOptions> = {}): Uint8Array {
    return buildTcp({
      src: this.address,
      dst: this.peerAddress,
      sport: this.port,
      dport: this.peerPort,
      seq: this.next,
      ack: this.expected,
      ...(this.hasOptions ? { options: usualOptions(more.flags) } : {}),
      ...more,
    });
  }
}

export class TcpSession {
  readonly client: TcpEnd;
  readonly server: TcpEnd;
  private readonly gateway: TestGateway;

  constructor(gateway: TestGateway, options: SessionOptions = {}) {
    this.gateway = gateway;
    this.client = new TcpEnd(
      { interfaceName: 'lan', address: '192.168.1.10', port: 40_000, iss: 1000 },
      options.client,
    );
    this.server = new TcpEnd(
      { interfaceName: 'wan', address: '198.51.100.9', port: 21, iss: 0xffff_ff00 },
      options.server,
    );
    this.client.peerAddress = options.target?.address ?? this.server.address;
    this.client.peerPort = options.target?.port ?? this.server.port;
    this.client.hasOptions = options.options ?? false;
    this.server.hasOptions = options.options ?? false;
  }

  /** SYN, SYN/ACK, ACK. Fails the test where one of them does not arrive. */
  connect(): this {
    const arrived = this.arrival(this.open());
    const { client, server } = this;
    assert.equal(arrived.dst, server.address, 'the SYN reaches the server');
    assert.equal(arrived.dport, server.port);
    server.peerAddress = arrived.src;
    server.peerPort = arrived.sport;
    server.expected = (arrived.seq + 1) >>> 0;
    client.next = (client.next + 1) >>> 0;
    const answer = this.arrival(this.inject(server, { flags: 'SA' }));
    this.assertFromPeer(answer, client);
    assert.equal(answer.ack, client.next);
    client.expected = (answer.seq + 1) >>> 0;
    server.next = (server.next + 1) >>> 0;
    this.arrival(this.inject(client, { flags: 'A' }));
    return this;
  }

  /** The server's first words, as servers of FTP have them. */
  greet(): this {
    this.serverSays('220 hello\r\n');
    return this;
  }

  /** Sends the SYN only. */
  open(): Left {
    return this.inject(this.client, { flags: 'S', ack: 0 });
  }

  clientSays(text: string): Left {
    return this.says(this.client, this.server, text);
  }

  serverSays(text: string): Left {
    return this.says(this.server, this.client, text);
  }

  /** A bare acknowledgement of all that was received. */
  clientAcks(): Left {
    return this.says(this.client, this.server, '');
  }

  serverAcks(): Left {
    return this.says(this.server, this.client, '');
  }

  /** Orderly close, begun by the client. */
  close(): void {
    this.finish(this.client);
    this.finish(this.server);
    this.clientAcks();
  }

  /** The FIN of one end, with the last of what it has to say. */
  finish(from: TcpEnd, text = ''): void {
    const to = from === this.client ? this.server : this.client;
    const left = this.inject(from, { flags: 'FA', payload: text });
    this.receive(left, to);
    from.next = (from.next + text.length + 1) >>> 0;
    to.expected = (to.expected + 1) >>> 0;
  }

  /** Sends a segment of one end as it is told; the books stay as they are. */
  inject(from: TcpEnd, more: Partial<TcpOptions> = {}): Left {
    return this.gateway.inject(from.interfaceName, from.segment(more));
  }

  private says(from: TcpEnd, to: TcpEnd, text: string): Left {
    const left = this.inject(from, { payload: text, flags: text === '' ? 'A' : 'PA' });
    from.next = (from.next + text.length) >>> 0;
    if (left.outcome === Outcome.Forward) this.receive(left, to);
    return left;
  }

  private receive(left: Left, to: TcpEnd): void {
    const arrived = this.arrival(left);
    this.assertFromPeer(arrived, to);
    assert.equal(left.interfaceName, to.interfaceName);
    assert.equal(arrived.seq, to.expected, 'continues the byte stream');
    assert.equal(arrived.ack, to.next, 'acknowledges what was sent');
    to.received += arrived.text;
    to.expected = (to.expected + arrived.text.length) >>> 0;
  }

  private assertFromPeer(arrived: SeenPacket, at: TcpEnd): void {
    const { src, dst, sport, dport } = arrived;
    assert.deepEqual(
      { src, sport, dst, dport },
      { src: at.peerAddress, sport: at.peerPort, dst: at.address, dport: at.port },
    );
  }

  private arrival(left: Left): SeenPacket {
    assert.ok(left.seen, `dropped: ${left.reason}`);
    return left.seen;
  }
}

/** MSS, SACK permitted, timestamps and a window scale of 7 in a SYN; timestamps alone elsewhere. */
function usualOptions(flags: TcpOptions['flags']): Uint8Array {
  const timestamps = [8, 10, 0, 0, 0, 1, 0, 0, 0, 1];
  const isSyn = typeof flags === 'string' && flags.includes('S');
  return Uint8Array.from(
    isSyn ? [2, 4, 5, 180, 4, 2, ...timestamps, 1, 3, 3, 7] : [1, 1, ...timestamps],
  );
}

/** True where all of the letters' flags, and no others, are set. */
export function hasFlags(packet: SeenPacket | null | undefined, letters: string): boolean {
  return packet?.tcpFlags === tcpFlagBits(letters);
}
