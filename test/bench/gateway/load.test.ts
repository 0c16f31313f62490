import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, test } from 'node:test';
import { hasProgram } from '../../live/harness.ts';
import { buildLoad, type Figures, lastFigures, loadProgram } from './load.ts';

/** An address of the loopback network for this process alone, so that ports are free. */
const address = `127.${100 + ((process.pid >> 16) & 63)}.${(process.pid >> 8) & 255}.${process.pid & 255}`;

async function finish(child: ReturnType<typeof spawn>): Promise<Figures | null> {
  let text = '';
  child.stdout?.on('data', (piece: Buffer) => {
    text += piece.toString();
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
  const line = text.trim().split('\n').at(-1) ?? '';
  return line.startsWith('{') ? lastFigures(line) : null;
}

const children = new Set<ReturnType<typeof spawn>>();

function start(part: string, options: readonly string[]) {
  const argv = [part, '-a', address, ...options];
  const child = spawn(loadProgram, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  child.once('close', () => children.delete(child));
  return child;
}

/** A test that fails must not leave a server behind, which this process would wait for. */
function killChildren(): void {
  for (const child of children) child.kill('SIGKILL');
}

/** A client against its server: what both print at their end. */
async function play(
  server: readonly [part: string, ...options: string[]],
  client: readonly [part: string, ...options: string[]],
) {
  const standing = start(server[0], server.slice(1));
  await once(standing.stdout!, 'data');
  const served = finish(standing);
  const timing = ['-t', '0.1', '-w', '0.02'];
  const got = await finish(start(client[0], [...client.slice(1), ...timing]));
  standing.kill('SIGTERM');
  return { client: got!, server: await served };
}

const skip = hasProgram('cc') ? false : 'missing: cc (scripts/setup.sh installs g++)';

describe('the load generator, over the loopback interface', { skip }, async () => {
  if (skip === false) await buildLoad();
  afterEach(killChildren);
  const ftpPort = '2121';

  for (const [mode, ...options] of [['PASV'], ['PORT', '-A']]) {
    test(`FTP sessions, ${mode}: whole files, no errors`, async () => {
      const client = ['-p', ftpPort, '-s', '4096', '-c', '4', ...options];
      const { client: got, server } = await play(
        ['ftp-server', '-p', ftpPort],
        ['ftp-client', ...client],
      );
      assert.equal(got.errors, 0);
      assert.ok(got.sessions! > 0);
      assert.ok(server!.sessions! >= got.sessions!);
    });
  }

  test('TCP: bulk, requests, connections', async () => {
    const server = ['tcp-server', '-p', '5001'] as const;
    const bulk = await play(server, ['tcp-bulk', '-p', '5002']);
    assert.ok(bulk.client.gbitPerSecond! > 0);
    const requests = await play(server, ['tcp-requests', '-p', '5001', '-s', '64']);
    assert.ok(
      requests.client.p50Micros! > 0 && requests.client.p99Micros! >= requests.client.p50Micros!,
    );
    const connects = await play(server, ['tcp-connects', '-p', '5001', '-c', '4']);
    assert.equal(connects.client.errors, 0);
    assert.ok(connects.client.done! > 0);
  });

  const timing = ['-t', '0.1', '-w', '0.02'];

  test('UDP: a client that waits goes on at the signal; every flow answers, and all is counted', async () => {
    const place = ['-p', '6001', '-n', '3'];
    const server = start('udp-server', place);
    await once(server.stdout!, 'data');
    const served = finish(server);
    const client = start('udp-client', [...place, '-f', '12', '-G', ...timing]);
    await once(client.stdout!, 'data');
    const got = finish(client);
    client.kill('SIGUSR1');
    const { errors, flows } = (await got)!;
    assert.deepEqual({ errors, flows }, { errors: 0, flows: 12 });
    server.kill('SIGTERM');
    assert.ok((await served)!.packets! > 0);
  });

  test('UDP: before the signal there are no packets but echoes', async () => {
    const place = ['-p', '6011', '-n', '1'];
    const server = start('udp-server', place);
    await once(server.stdout!, 'data');
    const served = finish(server);
    const client = start('udp-client', [...place, '-G', ...timing]);
    const [said] = (await once(client.stdout!, 'data')) as [Buffer];
    assert.equal(said.toString(), 'ready\n');
    server.kill('SIGTERM');
    assert.equal((await served)!.packets, 0);
    client.kill('SIGKILL');
    await once(client, 'close');
  });

  test('UDP: no echoes where nothing tracks the flows', async () => {
    const place = ['-p', '6021', '-n', '2'];
    const options = [...place, '-f', '4', '-N'];
    const { client, server } = await play(['udp-server', ...place], ['udp-client', ...options]);
    assert.equal(client.errors, 0);
    assert.ok(client.establishSeconds! < 0.1);
    assert.ok(server!.packets! > 0);
  });
});
