import { RuleFault } from '../errors.ts';
import type { ModuleSettings } from '../model.ts';
import { parseUnsigned } from '../numbers.ts';
import type { Word } from './words.ts';

/** What modprobe and sysctl lines of scripts set. */

/** MAX_PORTS of nf_conntrack_ftp. */
const MAX_FTP_PORTS = 8;
const FTP_PORT = 21;

const ftpModules = ['ip_conntrack_ftp', 'nf_conntrack_ftp'];
const ftpNatModules = ['ip_nat_ftp', 'nf_nat_ftp'];
/** Parts of the kernel's firewall that need no module here: built in, or a match or target. */
const firewallModule =
  /^(ip_tables|ip6_tables|x_tables|(ip|ip6|nf|xt|ipt|ip6t|iptable|ip6table)_\w+)$/;

/** Reads `modprobe` arguments. Returns a warning, or null. */
export function readModprobe(words: readonly Word[], settings: ModuleSettings): string | null {
  const [module, ...parameters] = words.filter((word) => !word.text.startsWith('-'));
  if (module === undefined) {
    throw new RuleFault('not-understood', 'modprobe: no module name');
  }
  const name = module.text.replaceAll('-', '_');
  if (ftpModules.includes(name)) {
    settings.ftpPorts ??= [FTP_PORT];
    for (const parameter of parameters) readFtpParameter(parameter, settings);
    return settings.ftpLoose
      ? 'loose=1 has no effect: an address that is not the control peer never opens anything here'
      : null;
  }
  if (ftpNatModules.includes(name)) {
    settings.natFtp = true;
    // nf_nat_ftp brings nf_conntrack_ftp along.
    settings.ftpPorts ??= [FTP_PORT];
    return null;
  }
  if (!firewallModule.test(name)) {
    const words = `modprobe: module \`${module.text}' is not understood`;
    throw new RuleFault('not-understood', words, '', module);
  }
  settings.others.push(name);
  return /^(ip|nf)_(conntrack|nat)_(?!ipv)\w+$/.test(name)
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
  else if (/^net\.[\w.+-]+$/.test(name)) {
    settings.others.push(name);
    return `${name}: a setting of the kernel, without effect here`;
  } else {
    throw new RuleFault('not-understood', `setting \`${key}' is not understood`, '', at);
  }
  return null;
}

function onOff(value: string, at: Word): boolean {
  const text = value.trim();
  if (!/^[0-9]+$/.test(text)) {
    throw new RuleFault('bad-value', `setting \`${text}' is not a number`, '', at);
  }
  return Number(text) !== 0;
}
