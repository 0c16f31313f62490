import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { hasProgram } from '../../live/harness.ts';
import { buildLoad, type Figures, loadProgram, serverFigures } from './load.ts';

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
  return line.startsWith('{') ? serverFigures(line) : null;
}

const start = (part: string, options: readonly string[]) =>
  spawn(loadProgram, [part, '-a', address, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });

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

  test('UDP: every flow answers, and what comes in is counted', async () => {
    const place = ['-p', '6001', '-n', '3'];
    const { client, server } = await play(
      ['udp-server', ...place],
      ['udp-client', ...place, '-f', '12'],
    );
    assert.equal(client.errors, 0);
    assert.equal(client.flows, 12);
    assert.ok(server!.packets! > 0);
  });
});
