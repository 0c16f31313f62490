/** A lab that is fit for measuring: settled neighbours, enough ports, offloads as asked for. */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Lab, mustRunIn, type Place } from '../../live/harness.ts';

const links: readonly (readonly [Place, readonly string[]])[] = [
  ['client', ['eth0']],
  ['gateway', ['lan0', 'wan0']],
  ['server', ['eth0']],
];

/** Whom each place talks to: interface, address, and whose interface that is. */
const neighbours: readonly (readonly [Place, string, string, Place, string])[] = [
  ['client', 'eth0', '192.168.77.1', 'gateway', 'lan0'],
  ['gateway', 'lan0', '192.168.77.10', 'client', 'eth0'],
  ['gateway', 'wan0', '203.0.113.21', 'server', 'eth0'],
  ['server', 'eth0', '203.0.113.1', 'gateway', 'wan0'],
];

const ends: readonly Place[] = ['client', 'server'];
const offloadFeatures = ['rx', 'tx', 'sg', 'tso', 'gso', 'gro'];

/** Otherwise the ports of one client run out within seconds. */
const manyConnections = [
  'net.ipv4.ip_local_port_range=10000 65000',
  'net.ipv4.tcp_tw_reuse=1',
  'net.ipv4.tcp_max_tw_buckets=4096',
];

const maximumPath = '/proc/sys/net/netfilter/nf_conntrack_max';

async function macOf(lab: Lab, place: Place, link: string): Promise<string> {
  const text = await mustRunIn(lab, place, ['ip', '-j', 'link', 'show', 'dev', link]);
  const [shown] = JSON.parse(text) as { address: string }[];
  if (shown === undefined) throw new Error(`no interface ${link} in ${place}`);
  return shown.address;
}

export async function prepareLab(lab: Lab): Promise<void> {
  for (const [place, dev, address, otherPlace, otherDev] of neighbours) {
    const mac = await macOf(lab, otherPlace, otherDev);
    const entry = [address, 'lladdr', mac, 'dev', dev, 'nud', 'permanent'];
    await mustRunIn(lab, place, ['ip', 'neigh', 'replace', ...entry]);
  }
  for (const place of ends) {
    await mustRunIn(lab, place, ['sysctl', '-qw', ...manyConnections]);
  }
}

/**
 * Checksum and segmentation offloads of all four interfaces. There is no way back: what veth has on
 * by itself differs from one Linux to the next.
 */
export async function switchOffloadsOff(lab: Lab): Promise<void> {
  const switches = offloadFeatures.flatMap((feature) => [feature, 'off']);
  for (const [place, names] of links) {
    for (const name of names) await mustRunIn(lab, place, ['ethtool', '-K', name, ...switches]);
  }
}

/**
 * Lets the kernel track at least `connections`: the limit of a namespace cannot exceed that of the
 * host, which gets its old value back when this process ends.
 */
export function allowKernelConnections(connections: number): void {
  const before = Number(readFileSync(maximumPath, 'utf8'));
  if (before >= connections) return;
  writeFileSync(maximumPath, String(connections));
  process.once('exit', () => writeFileSync(maximumPath, String(before)));
}
