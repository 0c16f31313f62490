/**
 * Both ends of the traffic of the live test, as a program:
 * `traffic.js serve` counts TCP bytes and echoes UDP on port 7777;
 * `traffic.js ask TIMEOUT_MS BYTES HOST...` tries ICMP, UDP and TCP and prints one JSON object.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer, isIPv6 } from 'node:net';
import raw, { type Socket } from 'raw-socket';
import { slowChecksum } from '../../support/slow-checksum.ts';

const PORT = 7777;

/** The addon does not keep its sockets from the collector. */
const inUse: Socket[] = [];

function serve(): void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let bytes = 0;
    socket.on('data', (data) => {
      bytes += data.length;
    });
    socket.on('end', () => socket.end(String(bytes)));
    socket.on('error', () => undefined);
  });
  server.listen(PORT, '::', () => process.stdout.write('serving\n'));
  for (const type of ['udp4', 'udp6'] as const) {
    const udp = createSocket(type === 'udp6' ? { type, ipv6Only: true } : { type });
    udp.on('message', (data, peer) => udp.send(data, peer.port, peer.address));
    udp.bind(PORT);
  }
}

/** An echo request and its answer, by the raw socket that Pinhole itself uses. */
function ping(host: string, done: (result: string) => void): void {
  const six = isIPv6(host);
  const addressFamily = six ? raw.AddressFamily.IPv6 : raw.AddressFamily.IPv4;
  const socket = raw.createSocket({ protocol: six ? 58 : 1, addressFamily });
  inUse.push(socket);
  const message = Buffer.from([six ? 128 : 8, 0, 0, 0, 0x12, 0x34, 0, 1]);
  if (!six) message.writeUInt16BE(slowChecksum(message), 2);
  socket.on('message', (packet) => {
    const type = packet[six ? 0 : (packet[0]! & 15) * 4];
    if (type === (six ? 129 : 0)) done('ok');
  });
  repeat(() => socket.wrap.send(message, 0, message.length, host, () => undefined));
}

function udp(host: string, done: (result: string) => void): void {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  socket.on('message', (data) => done(data.toString() === 'hello' ? 'ok' : 'damaged'));
  socket.on('error', (error) => done(error.message));
  // Connected, so that an ICMP error is heard of.
  socket.connect(PORT, host, () => repeat(() => socket.send('hello')));
}

function tcp(host: string, bytes: number, done: (result: string) => void): void {
  const socket = connect(PORT, host, () => socket.end(Buffer.alloc(bytes, 'x')));
  socket.on('data', (data) => done(data.toString() === String(bytes) ? 'ok' : `got ${data}`));
  socket.on('error', (error) => done(error.message));
}

/** A capture handle loses the first frame after it was opened: see `tapFilter`. */
function repeat(send: () => void): void {
  send();
  setInterval(send, 200);
}

function within(timeoutMs: number, start: (done: (result: string) => void) => void) {
  return new Promise<string>((resolve) => {
    start(resolve);
    setTimeout(resolve, timeoutMs, 'silence');
  });
}

async function ask(timeoutMs: number, bytes: number, hosts: readonly string[]): Promise<void> {
  const results: Record<string, string> = {};
  const jobs = hosts.flatMap((host) => [
    [`ping ${host}`, within(timeoutMs, (done) => ping(host, done))] as const,
    [`udp ${host}`, within(timeoutMs, (done) => udp(host, done))] as const,
    [`tcp ${host}`, within(timeoutMs, (done) => tcp(host, bytes, done))] as const,
  ]);
  for (const [name, result] of jobs) results[name] = await result;
  process.stdout.write(`${JSON.stringify(results)}\n`, () => process.exit(0));
}

const [command, ...rest] = process.argv.slice(2);
if (command === 'serve') serve();
else await ask(Number(rest[0]), Number(rest[1]), rest.slice(2));
