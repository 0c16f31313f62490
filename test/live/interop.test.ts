/**
 * A selection of the interoperability matrix (npm run interop) through Pinhole as it is by default:
 * every server, and every client that ftp-matrix.test.ts does not have, under both translations.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Family, Mode } from './ftp-clients.ts';
import { gatewayFromEnvironment, gatewayPrograms } from './gateways.ts';
import { requireLive } from './harness.ts';
import { attempt, pool, Result } from './interop/cells.ts';
import { interopClients } from './interop/clients.ts';
import { locate } from './interop/programs.ts';
import { type FtpServer, ftpServers } from './interop/servers.ts';
import { type Site, withSite } from './interop/site.ts';
import { rulesFor, type Topology, topologies } from './interop/topologies.ts';

type Line = readonly [server: string, client: string, mode: Mode, family: Family];

const selection: Readonly<Record<'SNAT' | 'both', readonly Line[]>> = {
  SNAT: [
    ['vsftpd', 'ncftp', 'PORT', 4],
    ['vsftpd', 'curl URL', 'EPSV', 6],
    ['vsftpd', 'lftp async', 'PORT', 4],
    ['proftpd', 'curl', 'PORT', 4],
    ['proftpd', 'tnftp', 'EPRT', 6],
    ['proftpd', 'ncftp', 'PASV', 4],
    ['pure-ftpd', 'lftp', 'PORT', 4],
    ['pure-ftpd', 'lftp async', 'EPRT', 6],
    ['pure-ftpd', 'ftplib', 'EPRT', 4],
    ['pyftpdlib', 'wget', 'PORT', 4],
    ['pyftpdlib', 'tnftp', 'EPRT', 4],
  ],
  both: [
    ['vsftpd', 'wget', 'EPSV', 6],
    ['vsftpd', 'lftp async', 'PASV', 4],
    ['proftpd', 'curl URL', 'EPSV', 4],
    ['proftpd', 'lftp', 'PASV', 4],
    ['proftpd', 'lftp async', 'PORT', 4],
    ['pure-ftpd', 'tnftp', 'PASV', 4],
    ['pure-ftpd', 'ncftp', 'PASV', 4],
    ['pure-ftpd', 'curl', 'EPRT', 6],
    ['pyftpdlib', 'ncftp', 'PORT', 4],
    ['pyftpdlib', 'ftplib', 'EPSV', 6],
  ],
};

async function oneLine(t: TestContext, site: Site, topology: Topology, line: Line): Promise<void> {
  const [serverName, clientName, mode, family] = line;
  await t.test(`${topology.name}: ${line.join(' ')}`, async (sub) => {
    const server = ftpServers.find(({ name }) => name === serverName);
    const client = interopClients.find(({ name }) => name === clientName);
    assert.ok(server !== undefined && client !== undefined);
    const absent = [
      ...(server.available() ? [] : [serverName]),
      ...(locate(client.program) === undefined ? [client.program] : []),
    ];
    if (absent.length > 0) {
      sub.skip(`missing: ${absent.join(', ')} (scripts/interop/programs fetches them)`);
      return;
    }
    const cell = await attempt(site, topology, { server, client, mode, family });
    assert.equal(cell.result, Result.Works, cell.evidence);
  });
}

async function withGateway(
  site: Site,
  servers: readonly FtpServer[],
  topology: Topology,
  fn: () => Promise<void>,
): Promise<void> {
  const gateway = gatewayFromEnvironment(site.lab);
  await gateway.start(rulesFor(topology, servers));
  try {
    await fn();
    await gateway.assertCarried();
  } finally {
    await gateway.stop();
  }
}

test('FTP servers and clients through Pinhole', async (t) => {
  if (!requireLive(t, ['curl', 'wget', 'lftp', 'tnftp', 'ss', ...gatewayPrograms()])) return;
  const servers = ftpServers.filter((server) => server.available());
  await withSite('io-test', servers, 200_000, async (site) => {
    for (const topology of topologies) {
      const lines =
        topology.name === 'SNAT' || topology.name === 'both' ? topology.name : undefined;
      if (lines === undefined) continue;
      await withGateway(site, servers, topology, async () => {
        await t.test(topology.name, { concurrency: 3 }, async (group) => {
          await pool(selection[lines], 3, (line) => oneLine(group, site, topology, line));
        });
      });
    }
  });
});
