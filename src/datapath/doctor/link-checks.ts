import { type LinkJson, parseIpJson } from '../routes/index.ts';
import { bad, type Finding, good, note } from './finding.ts';
import type { HostProbe } from './probe.ts';

/** Names of our own programs at a hook: they are no strangers. */
const OURS = /\b(gate|pinhole|entry_|ph_)/;

/** The interfaces that are to be managed; without names, what could be. */
export function checkLinks(probe: HostProbe, names: readonly string[]): Finding[] {
  let links: LinkJson[];
  try {
    links = parseIpJson<LinkJson>(probe.run(['ip', '-j', '-d', 'addr', 'show']));
  } catch {
    return [];
  }
  if (names.length === 0) return [sayCandidates(links)];
  return names.flatMap((name) => checkLink(probe, links, name));
}

function sayCandidates(links: readonly LinkJson[]): Finding {
  const names = links.filter(isEthernet).map((link) => link.ifname);
  if (names.length === 0) return note('interfaces', 'none is an Ethernet');
  return note('interfaces', `could be managed: ${names.join(', ')}`, 'name them: -i NAME');
}

function isEthernet(link: LinkJson): boolean {
  return link.link_type === 'ether';
}

function checkLink(probe: HostProbe, links: readonly LinkJson[], name: string): Finding[] {
  const link = links.find((known) => known.ifname === name);
  if (link === undefined) {
    const names = links.map((known) => known.ifname).join(', ');
    return [bad(name, 'there is no such interface', `name one of: ${names}`, 'gate', 'capture')];
  }
  if (!isEthernet(link)) {
    const mend = 'manage Ethernet-like interfaces only';
    return [
      bad(name, `is no Ethernet: its link type is ${link.link_type}`, mend, 'gate', 'capture'),
    ];
  }
  return [
    stateOf(link),
    ...offloads(probe, name),
    ...hooks(probe, name),
    ...filtering(probe, name),
  ];
}

function stateOf(link: LinkJson): Finding {
  const found = `MTU ${link.mtu}, address ${link.address ?? 'none'}`;
  if (link.flags.includes('UP')) return good(link.ifname, found);
  return note(link.ifname, `is down; ${found}`, `ip link set ${link.ifname} up`);
}

/** Large receive offload merges packets for good: what is forwarded cannot be cut as it was. */
function offloads(probe: HostProbe, name: string): Finding[] {
  let features: string;
  try {
    features = probe.run(['ethtool', '-k', name]);
  } catch {
    return [];
  }
  if (/^large-receive-offload: on/m.test(features)) {
    const found = 'on: it merges packets that are to be forwarded, which nobody can undo';
    return [note(`${name} lro`, found, `ethtool -K ${name} lro off`)];
  }
  return [good(`${name} offloads`, 'stay as they are with the gate; capture switches them off')];
}

/** What others have at the hooks where the gate's program is to sit. */
function hooks(probe: HostProbe, name: string): Finding[] {
  const findings: Finding[] = [];
  if (textOf(probe, ['tc', 'qdisc', 'show', 'dev', name]).includes('qdisc ingress ')) {
    const mend = `tc qdisc del dev ${name} ingress`;
    const found = "somebody's ingress qdisc is in the place of clsact";
    findings.push(bad(`${name} qdisc`, found, mend, 'gate', 'capture'));
  }
  for (const hook of ['ingress', 'egress']) {
    const others = filtersOf(textOf(probe, ['tc', 'filter', 'show', 'dev', name, hook]));
    if (others.length === 0) continue;
    const found = `another filter sits there: ${others[0]}`;
    const mend = `those with a lower preference see packets first (tc filter show dev ${name} ${hook})`;
    findings.push(note(`${name} ${hook}`, found, mend));
  }
  return findings;
}

/** Filters that are not ours, a line each: the line with the handle, which has the name as well. */
function filtersOf(text: string): string[] {
  const lines = text.split('\n').filter((line) => /\bpref \d+.*\bhandle\b/.test(line));
  return lines.filter((line) => !OURS.test(line)).map((line) => line.trim());
}

/** What a program prints; '' where it cannot be run. */
function textOf(probe: HostProbe, argv: readonly string[]): string {
  try {
    return probe.run(argv);
  } catch {
    return '';
  }
}

/** Applies to what is handed up to this host. */
function filtering(probe: HostProbe, name: string): Finding[] {
  const strict = ['all', name].map((conf) => `net/ipv4/conf/${conf}/rp_filter`);
  if (!strict.some((setting) => probe.sysctl(setting) === '1')) return [];
  const found = 'strict: packets to this host whose source is routed elsewhere are dropped';
  return [note(`${name} rp_filter`, found, 'nothing to do for what is forwarded')];
}
