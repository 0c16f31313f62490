/** Loss, duplicates, reordering and delay on both sides of the gate: all that is asked for arrives. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Daemon, withDaemon } from '../daemon.ts';
import { serverAddress } from '../ftp-session.ts';
import { requireLive, withLab } from '../harness.ts';
import { withDisturbedLines } from './disturbed-lines.ts';
import { gatewayOutside, loadRules, server6 } from './rules.ts';
import { buildLoad, knownFile, loadPrograms, onGate, statusOf, transfer } from './support.ts';

const BYTES = 400_000;
const manner = {
  loss: 10,
  duplication: 10,
  reordering: 20,
  leastMs: 5,
  mostMs: 20,
  seed: 6,
} as const;

const sessions = [
  { from: 'client', host: serverAddress, verb: 'PASV' },
  { from: 'client', host: serverAddress, verb: 'PORT' },
  { from: 'client', host: serverAddress, verb: 'EPSV' },
  { from: 'client', host: serverAddress, verb: 'EPRT' },
  { from: 'server', host: gatewayOutside, verb: 'PASV' },
  { from: 'server', host: gatewayOutside, verb: 'PORT' },
  { from: 'client', host: server6, verb: 'EPSV' },
  { from: 'client', host: server6, verb: 'EPRT' },
] as const;

async function allAtOnce(t: TestContext, daemon: Daemon): Promise<void> {
  const file = knownFile(daemon.lab, 'disturbed.bin', BYTES);
  const relayed = await withDisturbedLines(daemon.lab, manner, async () => {
    const work = sessions.map((session) =>
      transfer(daemon.lab, { ...session, file, downloads: 2, uploads: 2 }),
    );
    const outcomes = await Promise.allSettled(work);
    const failed = outcomes.flatMap((outcome, i) =>
      outcome.status === 'rejected' ? [`${JSON.stringify(sessions[i])}: ${outcome.reason}`] : [],
    );
    assert.deepEqual(failed, []);
    const { gate } = await statusOf(daemon);
    t.diagnostic(JSON.stringify(gate));
    // All of their data packets but the few that a helper, a handshake or an ending needs.
    const data = (sessions.length * 4 * BYTES) / 1448;
    assert.ok(gate['kernel.forwarded']! > data, `${gate['kernel.forwarded']} of ${data}`);
    assert.equal(gate.faults, 0);
  });
  t.diagnostic(relayed);
}

test('transfers complete over lines that lose, double, delay and reorder', async (t) => {
  if (!requireLive(t, [...loadPrograms, 'nsenter'])) return;
  await buildLoad();
  await withLab('gl-net', { insideServer: true }, async (lab) => {
    await withDaemon(lab, loadRules(lab), onGate, (daemon) => allAtOnce(t, daemon));
  });
});
