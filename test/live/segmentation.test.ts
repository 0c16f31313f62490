/**
 * Clients that cut their commands in unusual places, through address translation: one byte per
 * segment, and whole dialogues in one segment. Every transfer must arrive, without waiting.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Family, type FtpClient, type Mode, transfer } from './ftp-clients.ts';
import { gatewayFromEnvironment, gatewayPrograms } from './gateways.ts';
import { repositoryRoot, requireLive } from './harness.ts';
import { ftpServers } from './interop/servers.ts';
import { type Site, withSite } from './interop/site.ts';
import { hostFor, rulesFor, type Topology, topologies } from './interop/topologies.ts';

const styles = ['bytes', 'nagle', 'pipelined'] as const;
type Style = (typeof styles)[number];

const modes: readonly (readonly [Family, Mode])[] = [
  [4, 'PORT'],
  [4, 'PASV'],
  [6, 'EPRT'],
  [6, 'EPSV'],
];

/** The whole session. Without waiting it takes a fraction of a second. */
const sessionLimitSec = 5;
/** One command and its answer: a first retransmission (1 s, RFC 6298 section 2) and some more. */
const stepLimitSec = 1.5;

interface Summary {
  readonly total: number;
  readonly steps: readonly (readonly [string, number])[];
  readonly bytes: number;
  readonly segments: number;
}

function segmentingClient(style: Style): FtpClient {
  return {
    name: style,
    program: 'python3',
    modes: { 4: ['PORT', 'PASV'], 6: ['EPRT', 'EPSV'] },
    uploads: true,
    downloads: [['first.bin', 'big.bin']],
    listing: 'listing.txt',
    honestExit: true,
    invoke: ({ job, uploadName }) => {
      const script = join(repositoryRoot, 'test', 'live', 'segmentation-session.py');
      return { argv: ['python3', script, style, job.host, job.mode, uploadName] };
    },
  };
}

const vsftpd = ftpServers.filter(({ name }) => name === 'vsftpd');

function checkSegments(style: Style, { bytes, segments }: Summary): void {
  const what = `${bytes} bytes in ${segments} segments`;
  // Without this, a stack that joins the writes would make the test prove nothing.
  if (style === 'bytes') assert.ok(segments > bytes * 0.5, what);
  if (style === 'pipelined') assert.ok(segments <= 5, what);
}

async function session(
  t: TestContext,
  site: Site,
  topology: Topology,
  style: Style,
  family: Family,
  mode: Mode,
): Promise<void> {
  const [server] = vsftpd;
  assert.ok(server);
  const outcome = await transfer(segmentingClient(style), {
    ...{ lab: site.lab, from: 'client', serverPlace: 'server', mode, timeoutSec: 10 },
    host: hostFor(topology, server, family),
    pub: site.pub(server),
  });
  assert.equal(outcome.result.code, 0, outcome.transcript);
  outcome.checkFiles();
  const summary = JSON.parse(outcome.result.stdout) as Summary;
  const slowest = [...summary.steps].sort(([, a], [, b]) => b - a)[0] ?? ['none', 0];
  const ms = (seconds: number) => `${Math.round(seconds * 1_000)} ms`;
  t.diagnostic(
    `${topology.name} ${style} ${mode}: ${ms(summary.total)}, slowest ${slowest[0]} ` +
      `${ms(slowest[1])}, ${summary.bytes} bytes in ${summary.segments} segments`,
  );
  checkSegments(style, summary);
  assert.ok(summary.total < sessionLimitSec, `the session took ${summary.total} s`);
  assert.ok(slowest[1] < stepLimitSec, `${slowest[0]} took ${slowest[1]} s`);
}

test('commands in unusual segments, through address translation', async (t) => {
  if (!requireLive(t, ['vsftpd', 'python3', 'ss', ...gatewayPrograms()])) return;
  await withSite('io-segments', vsftpd, 200_000, async (site) => {
    for (const topology of topologies.filter(({ name }) => name === 'SNAT' || name === 'DNAT')) {
      const gateway = gatewayFromEnvironment(site.lab);
      await gateway.start(rulesFor(topology, vsftpd));
      try {
        for (const style of styles) {
          for (const [family, mode] of modes) {
            const name = `${topology.name} ${style} ${mode} IPv${family}`;
            await t.test(name, () => session(t, site, topology, style, family, mode));
          }
        }
        await gateway.assertCarried();
      } finally {
        await gateway.stop();
      }
    }
  });
});
