/**
 * Files of up to 1 GiB through the kernel part of the gate, in all modes and directions, while
 * thousands of other connections come and go, the rules are read anew every second and the table is
 * listed again and again. PINHOLE_TEST_FULL_SIZE=1: 1 GiB for all of them.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Daemon, withDaemon } from '../daemon.ts';
import { serverAddress } from '../ftp-session.ts';
import { type Lab, pinholeMain, requireLive, run, withLab } from '../harness.ts';
import { gatewayOutside, loadRules, server6 } from './rules.ts';
import {
  buildLoad,
  ended,
  gateCounter,
  type KnownFile,
  knownFile,
  loadPrograms,
  onGate,
  residentMib,
  settle,
  sinkPort,
  startLoad,
  type Transfers,
  transfer,
} from './support.ts';

const LARGE = 2 ** 30;
const SMALL = process.env.PINHOLE_TEST_FULL_SIZE === '1' ? LARGE : 2 ** 27;
const ALIVE = 5_000;
/** Everything that goes on beside the transfers, until `stop`. */
class Bustle {
  readonly #daemon: Daemon;
  readonly #parts: Promise<void>[];
  #going = true;
  reloads = 0;
  lists = 0;

  constructor(daemon: Daemon) {
    this.#daemon = daemon;
    this.#parts = [this.#reload(), this.#list()];
  }

  async stop(): Promise<void> {
    this.#going = false;
    await Promise.all(this.#parts);
  }

  async #reload(): Promise<void> {
    while (this.#going) {
      this.#daemon.signal('SIGHUP');
      this.reloads++;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }

  async #list(): Promise<void> {
    const argv = ['node', pinholeMain, 'conntrack', '--socket', this.#daemon.socket, '-L'];
    while (this.#going) {
      const listed = await run(['sh', '-c', 'exec "$@" >/dev/null', 'sh', ...argv]);
      assert.equal(listed.code, 0, listed.stderr);
      assert.match(listed.stderr, /\d+ flow entries have been shown/);
      this.lists++;
    }
  }
}

/** The smallest number of data packets that such a transfer can be, counting a packet as 64 KiB. */
function fewestPackets({ file, downloads, uploads }: Transfers): number {
  return ((downloads + uploads) * file.bytes) / 65_536;
}

async function inKernel(t: TestContext, daemon: Daemon, name: string, wanted: Transfers) {
  const before = await gateCounter(daemon, 'kernel.forwarded');
  const rates = await transfer(daemon.lab, wanted);
  const forwarded = (await gateCounter(daemon, 'kernel.forwarded')) - before;
  t.diagnostic(`${name} ${wanted.verb}: ${rates.join(', ')} MiB/s, ${forwarded} packets`);
  assert.ok(forwarded >= fewestPackets(wanted), `${name}: ${forwarded} packets in the kernel part`);
}

async function allTransfers(t: TestContext, daemon: Daemon, small: KnownFile, large: KnownFile) {
  const both = { downloads: 1, uploads: 1, file: small };
  const masqueraded = { ...both, from: 'client', host: serverAddress } as const;
  const forwarded = { ...both, from: 'server', host: gatewayOutside } as const;
  const plain6 = { ...both, from: 'client', host: server6 } as const;
  const once = { file: large, downloads: 1, uploads: 0 };
  await inKernel(t, daemon, 'masqueraded, large', { ...masqueraded, ...once, verb: 'PASV' });
  await inKernel(t, daemon, 'forwarded, large', {
    ...forwarded,
    ...once,
    downloads: 0,
    uploads: 1,
    verb: 'PORT',
  });
  for (const verb of ['PASV', 'PORT'] as const) {
    await inKernel(t, daemon, 'masqueraded', { ...masqueraded, verb });
    await inKernel(t, daemon, 'forwarded', { ...forwarded, verb });
  }
  for (const verb of ['EPSV', 'EPRT'] as const) {
    await inKernel(t, daemon, 'IPv6', { ...plain6, verb });
  }
}

async function underLoad(t: TestContext, lab: Lab, daemon: Daemon): Promise<void> {
  const small = knownFile(lab, 'small.bin', SMALL);
  const large = SMALL === LARGE ? small : knownFile(lab, 'large.bin', LARGE);
  const echo = await startLoad(lab, 'server', 'sink', sinkPort);
  const churn = await startLoad(lab, 'client', 'churn', serverAddress, sinkPort, ALIVE, 600);
  const bustle = new Bustle(daemon);
  const began = performance.now();
  await allTransfers(t, daemon, small, large);
  const seconds = (performance.now() - began) / 1_000;
  await bustle.stop();
  await churn.stop();
  const others = await ended(churn);
  await echo.stop();
  t.diagnostic(`${seconds.toFixed(1)} s; ${bustle.reloads} reloads, ${bustle.lists} lists`);
  t.diagnostic(`others: ${JSON.stringify(others)}; RSS ${residentMib(daemon.pid)} MiB`);
  assert.equal(others.failed, 0, 'TCP connections beside the transfers failed');
  assert.ok(
    others.lost! <= others.opened! / 1_000,
    'UDP flows without an answer to four questions',
  );
  assert.ok(others.opened! > ALIVE, 'few connections came and went');
  assert.doesNotMatch(daemon.log(), /fault|rules not changed/);
  assert.equal(await gateCounter(daemon, 'faults'), 0);
}

test('files are whole, however much goes on beside', async (t) => {
  if (!requireLive(t, loadPrograms)) return;
  await buildLoad();
  await withLab('gl-big', { insideServer: true }, async (lab) => {
    await settle(lab);
    await withDaemon(lab, loadRules(lab), onGate, (daemon) => underLoad(t, lab, daemon));
  });
});
