import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import {
  type NflogOutputOptions,
  NflogOutputs,
  type NflogTarget,
} from '../../../src/datapath/index.ts';
import { LinkType } from '../../../src/wire/index.ts';
import { makeGateway, type TestGateway } from '../../support/gateway.ts';
import { buildUdp } from '../../support/packets.ts';

const noTcpdump =
  spawnSync('tcpdump', ['--version']).error !== undefined && 'tcpdump is not installed';
const rules =
  '*mangle\n-A PREROUTING -j MARK --set-mark 0x10203\nCOMMIT\n' +
  '*filter\n-A FORWARD -p udp --dport 53 -j NFLOG --nflog-group 7 --nflog-prefix "dns: "\n' +
  '-A FORWARD -p udp --dport 99 -j NFLOG --nflog-size 30\nCOMMIT\n';
const rules6 = '*filter\n-A FORWARD -j NFLOG --nflog-prefix six\nCOMMIT\n';
const query = { src: '192.168.1.10', dst: '198.51.100.9', sport: 5000, dport: 53, payload: 'abc' };

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'nflog-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function opened(
  gateway: TestGateway,
  targets: readonly NflogTarget[],
  options: Partial<NflogOutputOptions> = {},
): Promise<NflogOutputs> {
  const time = { epochSec: 1_700_000_000, usec: 250_000 };
  const outputs = await NflogOutputs.open(targets, { time, indexOf: (id) => id + 10, ...options });
  gateway.engine.setNflogSink(outputs);
  return outputs;
}

const toFile = (path: string, group: number | null = null): NflogTarget => {
  return { group, path, isSocket: false };
};
const toSocket = (path: string): NflogTarget => ({ group: null, path, isSocket: true });

interface Logged {
  readonly family: number;
  readonly group: number;
  readonly sec: number;
  readonly usec: number;
  readonly original: number;
  readonly attributes: ReadonlyMap<number, Buffer>;
}

/** Takes a stream apart; every length in it must be right. */
function parse(bytes: Buffer): Logged[] {
  assert.equal(bytes.readUInt32LE(0), 0xa1b2c3d4);
  assert.equal(bytes.readUInt32LE(20), 239);
  const found: Logged[] = [];
  let at = 24;
  while (at < bytes.length) {
    const length = bytes.readUInt32LE(at + 8);
    const record = bytes.subarray(at + 16, at + 16 + length);
    assert.equal(record.length, length, 'a whole record');
    const attributes = new Map<number, Buffer>();
    for (let a = 4; a < length; ) {
      const size = record.readUInt16LE(a);
      assert.ok(size >= 4);
      attributes.set(record.readUInt16LE(a + 2), record.subarray(a + 4, a + size));
      a += (size + 3) & ~3;
    }
    found.push({
      family: record[0]!,
      group: record.readUInt16BE(2),
      sec: bytes.readUInt32LE(at),
      usec: bytes.readUInt32LE(at + 4),
      original: bytes.readUInt32LE(at + 12) - length,
      attributes,
    });
    at += 16 + length;
  }
  return found;
}

describe('NFLOG into a file', () => {
  test('every attribute, the datagram behind them', async (t) => {
    const gateway = makeGateway({ rules, rules6 });
    const path = join(scratch(t), 'out.pcap');
    const outputs = await opened(gateway, [toFile(path)]);
    const frame = buildUdp(query);
    gateway.inject('lan', frame);
    outputs.close();
    const [logged, ...more] = parse(readFileSync(path));
    assert.equal(more.length, 0);
    assert.ok(logged);
    assert.deepEqual([logged.family, logged.group, logged.original], [2, 7, 0]);
    assert.deepEqual([logged.sec, logged.usec], [1_700_000_000, 250_000]);
    const attribute = (type: number) => logged.attributes.get(type);
    // IPv4, hook FORWARD.
    assert.deepEqual([...attribute(1)!], [8, 0, 2, 0]);
    assert.equal(attribute(2)!.readUInt32BE(0), 0x10203);
    const id = (name: string) => gateway.datapath.interfaces.id(name) + 10;
    assert.equal(attribute(4)!.readUInt32BE(0), id('lan'));
    assert.equal(attribute(5)!.readUInt32BE(0), id('wan'));
    assert.equal(attribute(10)!.toString(), 'dns: \0');
    assert.deepEqual(attribute(16), Buffer.from(frame.subarray(0, 14)));
    assert.equal(attribute(9)!.length, frame.length - 14);
    assert.equal(attribute(9)![8], 63, 'as the rule saw it: one hop less');
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  test('a size cuts the datagram and says so', async (t) => {
    const gateway = makeGateway({ rules });
    const path = join(scratch(t), 'out.pcap');
    const outputs = await opened(gateway, [toFile(path)]);
    gateway.inject('lan', buildUdp({ ...query, dport: 99, payload: 'x'.repeat(100) }));
    outputs.close();
    const [logged] = parse(readFileSync(path));
    assert.equal(logged!.attributes.get(9)!.length, 30);
    assert.equal(logged!.original, 98);
    assert.equal(logged!.group, 0);
  });

  test('groups go where they are asked for', async (t) => {
    const gateway = makeGateway({ rules, rules6 });
    const [all, seven, zero] = ['all', '7', '0'].map((name) => join(scratch(t), name));
    const outputs = await opened(gateway, [toFile(all!), toFile(seven!, 7), toFile(zero!, 0)]);
    gateway.inject('lan', buildUdp(query));
    gateway.inject('lan', buildUdp({ ...query, dport: 99 }));
    gateway.inject('lan', buildUdp({ ...query, src: 'fd00:1::9', dst: '2001:db8::1' }));
    gateway.inject('lan', buildUdp({ ...query, dport: 54 }));
    outputs.close();
    const groups = [all, seven, zero].map((path) => parse(readFileSync(path!)).map((r) => r.group));
    assert.deepEqual(groups, [[7, 0, 0], [7], [0, 0]]);
    assert.deepEqual(
      parse(readFileSync(zero!)).map((r) => r.family),
      [2, 10],
    );
    assert.equal(gateway.engine.nflogged, 3);
  });

  test('without a sink packets are counted', () => {
    const gateway = makeGateway({ rules });
    gateway.inject('lan', buildUdp(query));
    assert.equal(gateway.engine.nflogged, 1);
  });

  test('without packets it is a whole, empty file; without link header there is none', async (t) => {
    const gateway = makeGateway({ rules });
    const path = join(scratch(t), 'out.pcap');
    const outputs = await opened(gateway, [toFile(path)]);
    assert.equal(readFileSync(path).length, 24);
    gateway.datapath.inject('lan', buildUdp({ ...query, link: 'raw' }), LinkType.RawIp);
    outputs.close();
    assert.equal(parse(readFileSync(path))[0]!.attributes.has(16), false);
  });

  test('a path that cannot be opened', async (t) => {
    const gateway = makeGateway({ rules });
    await assert.rejects(opened(gateway, [toFile(join(scratch(t), 'none', 'out'))]), /ENOENT/);
  });

  test('tcpdump reads it', { skip: noTcpdump }, async (t) => {
    const gateway = makeGateway({ rules, rules6 });
    const path = join(scratch(t), 'out.pcap');
    const outputs = await opened(gateway, [toFile(path)]);
    for (let n = 0; n < 3; n++)
      gateway.inject('lan', buildUdp({ ...query, payload: 'x'.repeat(n) }));
    gateway.inject('lan', buildUdp({ ...query, src: 'fd00:1::9', dst: '2001:db8::1' }));
    outputs.close();
    const run = spawnSync('tcpdump', ['-n', '-tt', '-r', path], { encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
    assert.match(run.stderr, /link-type NFLOG/);
    const lines = run.stdout.trimEnd().split('\n');
    assert.equal(lines.length, 4);
    assert.match(lines[0]!, /^1700000000\.250000 .*192\.168\.1\.10\.5000 > 198\.51\.100\.9\.53/);
    assert.match(lines[3]!, /fd00:1::9\.5000 > 2001:db8::1\.53/);
  });
});

describe('a reader that is slow', () => {
  test('costs records, and never half of one', { skip: !existsSync('/dev/full') }, async () => {
    const gateway = makeGateway({ rules });
    const outputs = await opened(gateway, [toFile('/dev/full')], { bufferBytes: 2048 });
    for (let n = 0; n < 20; n++) gateway.inject('lan', buildUdp(query));
    assert.ok(outputs.lost > 5 && outputs.lost < 20, `${outputs.lost} lost`);
    outputs.flush();
    outputs.close();
  });

  test('a small buffer is handed on when it is full', async (t) => {
    const gateway = makeGateway({ rules });
    const path = join(scratch(t), 'out.pcap');
    const outputs = await opened(gateway, [toFile(path)], { bufferBytes: 1024 });
    for (let n = 0; n < 20; n++) gateway.inject('lan', buildUdp(query));
    outputs.close();
    assert.equal(outputs.lost, 0);
    assert.equal(parse(readFileSync(path)).length, 20);
  });
});

describe('NFLOG to a socket', () => {
  test('readers get the stream from where they came in; one that goes is no harm', async (t) => {
    const gateway = makeGateway({ rules });
    const path = join(scratch(t), 'sock');
    const outputs = await opened(gateway, [toSocket(path)]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const first = await reader(path, outputs);
    gateway.inject('lan', buildUdp(query));
    outputs.flush();
    const second = await reader(path, outputs);
    gateway.inject('lan', buildUdp(query));
    outputs.flush();
    first.socket.destroy();
    outputs.close();
    await once(second.socket, 'close');
    assert.equal(parse(Buffer.concat(second.chunks)).length, 1);
    assert.equal(existsSync(path), false);
  });

  test('everything arrives, in order and whole', async (t) => {
    const gateway = makeGateway({ rules });
    const path = join(scratch(t), 'sock');
    const outputs = await opened(gateway, [toSocket(path)], { bufferBytes: 8192 });
    const one = await reader(path, outputs);
    for (let n = 0; n < 300; n++) gateway.inject('lan', buildUdp({ ...query, sport: 1000 + n }));
    outputs.close();
    await once(one.socket, 'close');
    const ports = parse(Buffer.concat(one.chunks)).map((r) =>
      r.attributes.get(9)!.readUInt16BE(20),
    );
    assert.deepEqual(
      ports,
      Array.from({ length: 300 }, (_, n) => 1000 + n),
    );
  });

  test('who does not read at all loses, and holds nobody up', async (t) => {
    const gateway = makeGateway({ rules });
    const path = join(scratch(t), 'sock');
    const bounds = { bufferBytes: 65_536, backlogBytes: 131_072 };
    const outputs = await opened(gateway, [toSocket(path)], bounds);
    const idle = await reader(path, outputs, false);
    const payload = 'x'.repeat(1000);
    for (let n = 0; n < 2000; n++) gateway.inject('lan', buildUdp({ ...query, payload }));
    assert.equal(gateway.engine.nflogged, 2000);
    assert.ok(outputs.skipped > 0, 'some batches were not sent');
    idle.socket.destroy();
    outputs.close();
  });

  test('a dead socket is replaced, a living one and a file are not', async (t) => {
    const gateway = makeGateway({ rules });
    const directory = scratch(t);
    const outputs = await opened(gateway, [toSocket(join(directory, 's'))]);
    await assert.rejects(opened(gateway, [toSocket(join(directory, 's'))]), /in use/);
    outputs.close();
    const file = join(directory, 'f');
    (await opened(gateway, [toFile(file)])).close();
    await assert.rejects(opened(gateway, [toSocket(file)]), /not a socket/);
  });
});

/** Connects, and resolves when the gateway has greeted with the stream's header. */
async function reader(path: string, outputs: NflogOutputs, reads = true) {
  const socket: Socket = connect(path);
  const chunks: Buffer[] = [];
  await once(socket, 'readable');
  chunks.push(socket.read() as Buffer);
  if (reads) socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await outputs.untilRead();
  return { socket, chunks };
}
