/**
 * The lab with several FTP servers at once: the server namespace gets two addresses per server, and
 * each server answers there for as long as the site stands.
 */
import { spawnSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { chmodSync, chownSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Family } from '../ftp-clients.ts';
import { type Lab, mustRunIn, runIn, startIn, withLab } from '../harness.ts';
import { programEnvironment } from './programs.ts';
import { type FtpServer, ftpServers, type Listener } from './servers.ts';

export interface Site {
  readonly lab: Lab;
  /** The directory that a server shows as /pub. */
  pub(server: FtpServer): string;
}

const families: readonly Family[] = [4, 6];

/** .21 for the first server, .22 for the second, and so on; the same in both families. */
function hostNumber(server: FtpServer): number {
  return 21 + ftpServers.findIndex(({ name }) => name === server.name);
}

/** The server's own address. */
export function ownAddress(server: FtpServer, family: Family): string {
  return `${family === 4 ? '203.0.113.' : '2001:db8:77::'}${hostNumber(server)}`;
}

/** An address that only destination NAT leads to the server; the gateway is the way to it. */
export function aliasAddress(server: FtpServer, family: Family): string {
  return `${family === 4 ? '198.51.100.' : '2001:db8:99::'}${hostNumber(server)}`;
}

/** The user that Debian's servers use for anonymous where it exists. */
function anonymousUser(): { name: string; id: number } {
  for (const name of ['ftp', 'nobody']) {
    const { status, stdout } = spawnSync('id', ['-u', name], { encoding: 'utf8' });
    if (status === 0) return { name, id: Number(stdout) };
  }
  throw new Error('the FTP servers need a user called ftp or nobody');
}

/** Looks random and is the same everywhere: the key stream of a cipher. */
function pseudoRandom(length: number): Buffer {
  const cipher = createCipheriv('aes-128-ctr', 'pinhole-interop-', Buffer.alloc(16));
  return cipher.update(Buffer.alloc(length));
}

function seedFiles(site: Site, server: FtpServer): void {
  const pub = site.pub(server);
  const incoming = join(pub, 'incoming');
  mkdirSync(incoming, { recursive: true });
  writeFileSync(join(pub, 'hello.txt'), `Hello from ${server.name}.\n`);
  linkSync(join(site.lab.runDir, 'big.bin'), join(pub, 'big.bin'));
  // Written by whatever user the server makes of anonymous.
  chmodSync(incoming, 0o777);
  chownSync(incoming, anonymousUser().id, -1);
}

async function addAddresses(lab: Lab, server: FtpServer): Promise<void> {
  // The lab gives the server namespace the first pair of addresses.
  if (hostNumber(server) === 21) return;
  const ip = (family: Family, length: number, ...more: string[]) =>
    mustRunIn(lab, 'server', [
      ...['ip', 'address', 'add', `${ownAddress(server, family)}/${length}`, 'dev', 'eth0'],
      ...more,
    ]);
  await ip(4, 24);
  await ip(6, 64, 'nodad');
}

/** Resolves when something listens on port 21 of the address. */
async function listens(lab: Lab, address: string): Promise<void> {
  const script =
    'for i in $(seq 200); do ss -Hltn "src [$1]:21" | grep -q . && exit 0; sleep 0.05; done; exit 1';
  const result = await runIn(lab, 'server', ['sh', '-c', script, 'sh', address], {
    timeoutMs: 12_000,
  });
  if (result.code !== 0) throw new Error(`nothing listens on ${address} port 21`);
}

async function startServer(site: Site, server: FtpServer): Promise<void> {
  const { lab } = site;
  const dir = join(lab.runDir, 'servers', server.name, 'run');
  mkdirSync(join(dir, 'empty'), { recursive: true });
  seedFiles(site, server);
  await addAddresses(lab, server);
  for (const family of families) {
    const address = ownAddress(server, family);
    const root = join(site.pub(server), '..');
    const listener: Listener = { family, address, root, dir, user: anonymousUser().name };
    // pure-ftpd takes any socket on its standard input, such as a pipe of Node's, for inetd's.
    const script = 'echo started; exec "$@" </dev/null';
    const argv = ['sh', '-c', script, 'sh', ...server.command(listener)];
    const background = await startIn(lab, 'server', argv, /started/, { env: programEnvironment });
    await listens(lab, address).catch((error: Error) => {
      throw new Error(`${server.name}: ${error.message}\n${background.output()}`);
    });
  }
}

/**
 * A lab of its own with these servers running, taken down whatever happens. `fileBytes` is the
 * length of /pub/big.bin.
 */
export async function withSite<T>(
  name: string,
  servers: readonly FtpServer[],
  fileBytes: number,
  fn: (site: Site) => Promise<T>,
): Promise<T> {
  return withLab(name, { ftpd: false }, async (lab) => {
    const pub = (server: FtpServer) => join(lab.runDir, 'servers', server.name, 'ftp', 'pub');
    const site: Site = { lab, pub };
    writeFileSync(join(lab.runDir, 'big.bin'), pseudoRandom(fileBytes));
    await Promise.all(servers.map((server) => startServer(site, server)));
    return fn(site);
  });
}
