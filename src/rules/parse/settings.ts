import {
  defaultConntrackSettings,
  SysctlError,
  type SysctlSetting,
  sysctlNames,
  sysctlsOfStart,
  writeSysctls,
} from '../../conntrack/index.ts';
import type { TimeoutPolicy } from '../context.ts';
import { type Position, RuleFault } from '../errors.ts';
import type { ModuleSettings } from '../model.ts';
import { parseUnsigned } from '../numbers.ts';
import { parseProtocol } from '../protocols.ts';
import type { Word } from './words.ts';

/** What modprobe and sysctl lines of scripts set. */

/** MAX_PORTS of nf_conntrack_ftp. */
const MAX_FTP_PORTS = 8;
const FTP_PORT = 21;

const ftpModules = ['ip_conntrack_ftp', 'nf_conntrack_ftp'];
const ftpNatModules = ['ip_nat_ftp', 'nf_nat_ftp'];
const coreModule = /_(standalone|core|netlink|proto_\w+|ipv[46])$/;
/** Parts of the kernel's firewall that need no module here: built in, or a match or target. */
const firewallModule =
  /^(ip_tables|ip6_tables|x_tables|(ip|ip6|nf|xt|ipt|ip6t|iptable|ip6table)_\w+)$/;

/**
 * Reads the arguments of modprobe, insmod (a file) or rmmod. Returns a warning, or null. Throws a
 * RuleFault where parameters of the FTP modules are wrong.
 */
export function readModprobe(
  words: readonly Word[],
  settings: ModuleSettings,
  place: Position,
): string | null {
  const removes = words.some(({ text }) => /^-[a-z]*r|^--remove$/.test(text));
  const all = words.some(({ text }) => /^(-a|--all)$/.test(text));
  const [module, ...rest] = words.filter((word) => !word.text.startsWith('-'));
  if (module === undefined) {
    throw new RuleFault('not-understood', 'modprobe: no module name', '', place);
  }
  if (removes) return removeModule(moduleName(module), settings);
  if (!all) return readModule(module, rest, settings);
  const warnings = [module, ...rest].map((word) => readModule(word, [], settings));
  return warnings.find((warning) => warning !== null) ?? null;
}

/** `ip_conntrack_ftp`, also of `ip-conntrack-ftp` and `/lib/modules/…/ip_conntrack_ftp.ko.gz`. */
function moduleName({ text }: Word): string {
  return text
    .replace(/^.*\//, '')
    .replace(/\.k?o(\.[a-z0-9]+)?$/, '')
    .replaceAll('-', '_');
}

function removeModule(name: string, settings: ModuleSettings): null {
  if (ftpModules.includes(name)) settings.ftpPorts = null;
  if (ftpNatModules.includes(name)) settings.natFtp = false;
  return null;
}

function readModule(
  module: Word,
  parameters: readonly Word[],
  settings: ModuleSettings,
): string | null {
  const name = moduleName(module);
  if (ftpModules.includes(name)) {
    settings.ftpPorts ??= [FTP_PORT];
    for (const parameter of parameters) readFtpParameter(parameter, settings);
    return settings.ftpLoose
      ? 'loose=1 has no effect: --ftp-mode kernel with --ftp-loose does what it asks for'
      : null;
  }
  if (ftpNatModules.includes(name)) {
    settings.natFtp = true;
    // nf_nat_ftp brings nf_conntrack_ftp along.
    settings.ftpPorts ??= [FTP_PORT];
    return null;
  }
  settings.others.push(name);
  if (!firewallModule.test(name)) return null;
  return /^(ip|nf)_(conntrack|nat)_(?!ipv)\w+$/.test(name) && !coreModule.test(name)
    ? `module ${module.text}: Pinhole has no such helper; the line has no effect`
    : null;
}

function readFtpParameter(parameter: Word, settings: ModuleSettings): void {
  const [key, value = ''] = parameter.text.split(/=(.*)/s, 2);
  const fail = (why: string): never => {
    const words = `modprobe: bad parameter \`${parameter.text}'`;
    throw new RuleFault('bad-value', words, why, parameter);
  };
  if (key === 'ports') {
    const ports = value.split(',').map((port) => parseUnsigned(port, 0xffff) ?? 0);
    if (ports.includes(0)) fail('ports are numbers from 1 to 65535');
    if (ports.length > MAX_FTP_PORTS) fail(`at most ${MAX_FTP_PORTS} ports`);
    settings.ftpPorts = ports;
  } else if (key === 'loose') {
    if (!/^[01yYnN]$/.test(value)) fail('loose is 0 or 1');
    settings.ftpLoose = /^[1yY]$/.test(value);
  } else {
    fail('known are ports= and loose=');
  }
}

/** Reads one `key=value` of sysctl, or the path and text of an echo. Returns a warning, or null. */
export function setSysctl(
  key: string,
  value: string,
  settings: ModuleSettings,
  at: Word,
): string | null {
  const name = key.replaceAll('/', '.');
  if (name === 'net.ipv4.ip_forward') settings.ipForward = onOff(value, at);
  else if (name === 'net.ipv6.conf.all.forwarding') settings.ip6Forward = onOff(value, at);
  else if (isConntrackSetting(name)) settings.conntrack.push(conntrackSetting(name, value, at));
  else if (/^net\.[\w.*+-]+$/.test(name)) {
    settings.others.push(name);
    return `${name}: a setting of the kernel, without effect here`;
  } else {
    settings.others.push(name);
  }
  return null;
}

/**
 * The setting's name of today. Kernels before 2.6.20 had `net.ipv4.netfilter.ip_conntrack_max` and
 * its like, and `net.ipv4.ip_conntrack_max` besides; `net.nf_conntrack_max` is still there.
 */
function conntrackName(name: string): string {
  const last = name.slice(name.lastIndexOf('.') + 1);
  return last.replace(/^ip_conntrack_/, 'nf_conntrack_');
}

function isConntrackSetting(name: string): boolean {
  return /^net\.((ipv4\.)?netfilter\.|ipv4\.)?(nf|ip)_conntrack_\w+$/.test(name)
    ? sysctlNames.includes(conntrackName(name))
    : false;
}

function conntrackSetting(name: string, text: string, at: Word): SysctlSetting {
  const setting = { name: conntrackName(name), value: text.trim() };
  const fragments = { ipv6TimeoutSec: 0, memoryBytes: 0, ipv6LowBytes: 0 };
  try {
    writeSysctls(sysctlsOfStart(defaultConntrackSettings(), fragments), [setting]);
  } catch (error) {
    if (!(error instanceof SysctlError)) throw error;
    throw new RuleFault('bad-value', `sysctl: ${error.message}`, '', at);
  }
  return setting;
}

function onOff(value: string, at: Word): boolean {
  const text = value.trim();
  if (!/^[0-9]+$/.test(text)) {
    throw new RuleFault('bad-value', `setting \`${text}' is not a number`, '', at);
  }
  return Number(text) !== 0;
}

/** States that nfct(8) knows, by protocol; those of `generic` for all others. */
const timeoutStates: Readonly<Record<string, readonly string[]>> = {
  tcp: `syn_sent syn_recv established fin_wait close_wait last_ack time_wait close syn_sent2
    retrans unacknowledged`.split(/\s+/),
  udp: ['unreplied', 'replied'],
  udplite: ['unreplied', 'replied'],
  gre: ['unreplied', 'replied'],
  icmp: ['timeout'],
  icmpv6: ['timeout'],
  sctp: `closed cookie_wait cookie_echoed established shutdown_sent shutdown_recd shutdown_ack_sent
    heartbeat_sent heartbeat_acked`.split(/\s+/),
  dccp: 'request respond partopen open closereq closing timewait'.split(' '),
  generic: ['timeout'],
};

/** `nfct add timeout NAME inet tcp established 100`, also with the words in nfct's old order. */
export function readTimeoutPolicy(
  words: readonly Word[],
  policies: Map<string, TimeoutPolicy>,
): void {
  const fail = (message: string, at: Word | undefined): never => {
    const place = at ?? words.at(-1);
    throw new RuleFault('not-understood', `nfct: ${message}`, '', place ?? null);
  };
  const [first, second, name, ...rest] = words;
  const kinds = [first?.text ?? '', second?.text ?? ''];
  if (!kinds.includes('timeout')) return;
  const action = kinds.find((kind) => kind !== 'timeout') ?? '';
  if (action === 'delete' && name !== undefined) policies.delete(name.text);
  if (action !== 'add' && action !== 'create') return;
  const [family, protocol, ...states] = rest;
  if (name === undefined || family === undefined || protocol === undefined) {
    throw new RuleFault(
      'not-understood',
      'nfct: a name, a family and a protocol are needed',
      '',
      words.at(-1) ?? null,
    );
  }
  if (family.text !== 'inet' && family.text !== 'inet6')
    fail('the family is inet or inet6', family);
  const known = timeoutStates[protocol.text] ?? timeoutStates.generic!;
  const seconds = new Map<string, number>();
  for (let i = 0; i < states.length; i += 2) {
    const state = states[i]!.text.toLowerCase();
    if (!known.includes(state)) fail(`${protocol.text} has no state \`${state}'`, states[i]);
    const value = parseUnsigned(states[i + 1]?.text ?? '', 0xffffffff);
    if (value === null) fail('a state is followed by its seconds', states[i]);
    else seconds.set(state, value);
  }
  policies.set(name.text, {
    name: name.text,
    family: family.text === 'inet6' ? 6 : 4,
    protocol: protocol.text === 'generic' ? 0 : parseProtocol(protocol.text),
    seconds,
  });
}
