import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  ControlClient,
  ControlError,
  type RequestHandler,
  serveLines,
} from '../../src/control/index.ts';

describe('requests over a unix socket', () => {
  const dir = mkdtempSync(join(tmpdir(), 'pinhole-line-'));
  const path = join(dir, 'control');
  let server: Server;
  let served: { close(): void };
  let handle: RequestHandler = () => {};

  before(async () => {
    server = createServer();
    served = serveLines(server, (request, reply, signal) => handle(request, reply, signal), {
      maxLineBytes: 4096,
    });
    server.listen(path);
    await once(server, 'listening');
  });
  after(() => {
    served.close();
    server.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function rawAnswer(text: string): Promise<string> {
    const socket = createConnection({ path });
    socket.write(text);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    return answer;
  }

  test('items and the end, in order, with the arguments', async () => {
    handle = async (request, reply) => {
      assert.deepEqual(request.args, { ids: [4, 5] });
      for (const id of [4, 5]) await reply.item({ id });
      reply.done({ gone: 2 });
      reply.item({ late: true });
      reply.error('LATE', 'dropped');
    };
    const client = await ControlClient.connect(path);
    const answer = client.request('conntrack.delete', { ids: [4, 5] });
    const items: unknown[] = [];
    for await (const item of answer) items.push(item);
    assert.deepEqual(items, [{ id: 4 }, { id: 5 }]);
    assert.deepEqual(await answer.done, { gone: 2 });
    client.close();
  });

  test('two requests at once are kept apart', async () => {
    const waiting: (() => void)[] = [];
    handle = async (request, reply) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      reply.done({ count: request.id * 10 });
    };
    const client = await ControlClient.connect(path);
    const first = client.request('conntrack.count', {}).done;
    const second = client.request('expect.count', {}).done;
    while (waiting.length < 2) await new Promise(setImmediate);
    waiting[1]!();
    assert.deepEqual(await second, { count: 20 });
    waiting[0]!();
    assert.deepEqual(await first, { count: 10 });
    client.close();
  });

  test('more requests than are carried out at once are all answered', async () => {
    let running = 0;
    let most = 0;
    handle = async (request, reply) => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
      reply.done({ count: request.id });
    };
    const client = await ControlClient.connect(path);
    const counts = Array.from({ length: 50 }, () => client.request('conntrack.count', {}).done);
    const answers = await Promise.all(counts);
    assert.deepEqual(
      answers.map(({ count }) => count),
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
    assert.ok(most > 1 && most <= 16, `${most} at once`);
    client.close();
  });

  test('a handler that fails, or forgets to answer, answers with an error', async () => {
    const client = await ControlClient.connect(path);
    handle = () => {
      throw new Error('table is locked');
    };
    const code = (wanted: string) => (error: unknown) =>
      error instanceof ControlError && error.code === wanted && error.exitCode === 1;
    await assert.rejects(client.request('conntrack.count', {}).done, code('INTERNAL'));
    handle = () => {};
    await assert.rejects(client.request('conntrack.count', {}).done, code('NO_ANSWER'));
    handle = (_request, reply) => reply.error('NOT_HERE', 'no such table');
    await assert.rejects(async () => {
      for await (const item of client.request('iptables.save', {})) assert.fail(String(item));
    }, /^ControlError: pinhole: no such table$/);
    client.close();
  });

  test('the handler learns that the client is gone', async () => {
    const { promise, resolve } = withResolvers();
    handle = async (_request, reply, signal) => {
      await reply.item({ event: 'NEW' });
      await once(signal, 'abort');
      resolve();
    };
    const client = await ControlClient.connect(path);
    const answer = client.request('conntrack.events', {});
    await assert.rejects(async () => {
      for await (const _event of answer) client.close();
    }, /closed the connection/);
    await promise;
    await assert.rejects(client.request('conntrack.count', {}).done, /closed the connection/);
  });

  test('a slow reader holds the writer back and loses nothing', async () => {
    let written = 0;
    let waits = 0;
    const total = 20_000;
    handle = async (_request, reply) => {
      for (; written < total; written++) {
        const wait = reply.item({ n: written, pad: 'x'.repeat(100) });
        if (wait === undefined) continue;
        waits++;
        await wait;
      }
      reply.done();
    };
    const client = await ControlClient.connect(path);
    let read = 0;
    for await (const item of client.request('conntrack.list', {})) {
      assert.equal((item as unknown as { n: number }).n, read++);
      if (read !== 100) continue;
      // Not reading: the writer goes on for what fits into buffers, and then stands still.
      let still = 0;
      for (let before = written; still < 200; before = written) {
        await new Promise(setImmediate);
        still = before === written ? still + 1 : 0;
      }
      assert.ok(written < total / 2, `${written} items were written meanwhile`);
    }
    assert.equal(read, total);
    assert.ok(waits > 0);
    client.close();
  });

  test('a reader that leaves early does not hold up the next request', async () => {
    handle = async (request, reply) => {
      if (request.cmd === 'conntrack.list') {
        for (let n = 0; n < 5000; n++) await reply.item({ n });
      }
      reply.done({ count: 1 });
    };
    const client = await ControlClient.connect(path);
    for await (const _item of client.request('conntrack.list', {})) break;
    assert.deepEqual(await client.request('conntrack.count', {}).done, { count: 1 });
    client.close();
  });

  test('garbage is answered with an error and the end of the connection', async () => {
    handle = () => assert.fail('garbage reached the handler');
    const cases: readonly (readonly [string, string])[] = [
      ['GET / HTTP/1.1\r\n\r\n', 'LINE_NOT_JSON'],
      ['{"cmd":"status"}\n', 'BAD_REQUEST'],
      ['{"id":"1","cmd":"status"}\n', 'BAD_REQUEST'],
      ['{"id":1}\n', 'BAD_REQUEST'],
      ['{"id":1,"cmd":"status","args":[]}\n', 'BAD_REQUEST'],
      [`{"id":1,"cmd":"${'x'.repeat(5000)}"}\n`, 'LINE_TOO_LONG'],
      ['x'.repeat(200_000), 'LINE_TOO_LONG'],
    ];
    for (const [text, code] of cases) {
      const answer = JSON.parse(await rawAnswer(`${text}{"id":2,"cmd":"status"}\n`));
      assert.equal(answer.id, null);
      assert.equal(answer.error.code, code);
    }
  });

  test('an unknown command is an error of its own, and the connection stays', async () => {
    handle = (_request, reply) => reply.done({ ok: true });
    const socket = createConnection({ path });
    socket.write('{"id":1,"cmd":"toString"}\n{"id":2,"cmd":"status"}\n');
    const lines: string[] = [];
    for await (const chunk of socket) {
      lines.push(...String(chunk).trim().split('\n'));
      if (lines.length >= 2) break;
    }
    assert.equal(JSON.parse(lines[0]!).error.code, 'UNKNOWN_COMMAND');
    assert.deepEqual(JSON.parse(lines[1]!), { id: 2, done: { ok: true } });
  });
});

describe('a gateway that cannot be asked', () => {
  const dir = mkdtempSync(join(tmpdir(), 'pinhole-none-'));
  after(() => rmSync(dir, { recursive: true, force: true }));

  async function connectError(path: string): Promise<ControlError> {
    try {
      await ControlClient.connect(path);
    } catch (error) {
      assert.ok(error instanceof ControlError);
      return error;
    }
    return assert.fail('connected');
  }

  test('no socket, and a socket that nobody listens at', async () => {
    const path = join(dir, 'missing');
    const missing = await connectError(path);
    assert.equal(missing.exitCode, 4);
    assert.equal(
      missing.message,
      `pinhole: cannot reach the gateway at ${path}: is "pinhole run" running?`,
    );
    // A closing server removes its socket; under another name it is left over, as after a crash.
    const server = createServer().listen(path);
    await once(server, 'listening');
    renameSync(path, `${path}-stale`);
    server.close();
    assert.equal((await connectError(`${path}-stale`)).code, 'CONTROL_UNREACHABLE');
  });

  test('no permission', async () => {
    const path = join(dir, 'denied');
    const server = createServer().listen(path);
    await once(server, 'listening');
    chmodSync(path, 0o000);
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65534);
    try {
      const denied = await connectError(path);
      assert.equal(denied.code, 'CONTROL_DENIED');
      assert.equal(denied.exitCode, 4);
    } finally {
      if (isRoot) process.seteuid?.(0);
      server.close();
    }
  });

  test('a daemon that ends in the middle of an answer, or talks nonsense', async () => {
    const own = mkdtempSync(join(tmpdir(), 'pinhole-half-'));
    const path = join(own, 'control');
    let answer = '';
    const server = createServer((socket: Socket) => {
      socket.once('data', () => socket.end(answer));
    }).listen(path);
    await once(server, 'listening');
    for (const [text, code] of [
      ['{"id":1,"item":{"a":1}}\n{"id":1,"do', 'CONTROL_CLOSED'],
      ['hello\n', 'LINE_NOT_JSON'],
      ['{"id":1}\n', 'LINE_NOT_JSON'],
      ['{"id":null,"error":{"code":"BAD_REQUEST","message":"what?"}}\n', 'BAD_REQUEST'],
    ] as const) {
      answer = text;
      const client = await ControlClient.connect(path);
      const { done } = client.request('status', {});
      await assert.rejects(done, (error) => error instanceof ControlError && error.code === code);
    }
    server.close();
    rmSync(own, { recursive: true });
  });
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
