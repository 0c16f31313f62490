import {
  defaultFtpPolicy,
  type FtpMode,
  type FtpOptions,
  type FtpPolicy,
  ftpModes,
} from '../../helpers/index.ts';
import { type FtpRefusalAction, ftpKey, ftpRefusals } from '../../rules/index.ts';
import { CommandError, Exit } from '../exit-code.ts';

/** Options of the FTP helper, for every command that runs an engine. */
export const ftpOptions = {
  'ftp-ports': {
    type: 'string',
    requiresArg: true,
    describe:
      'Control ports that get the FTP helper, as modprobe ip_conntrack_ftp ports= (21,2121)',
  },
  'ftp-mode': {
    choices: ftpModes,
    default: 'hardened' as FtpMode,
    describe: "Which FTP helper: one that refuses attacks, or the kernel's in every detail",
  },
  'ftp-loose': {
    type: 'boolean',
    describe: 'Kernel mode: announcements may lead anywhere, as nf_conntrack_ftp loose=1',
  },
  'ftp-bounce': {
    choices: ftpRefusals,
    describe: "What happens to a PORT or EPRT that names somebody else's address (default: reject)",
  },
  'ftp-zero-address': {
    choices: ['own', 'refuse'] as const,
    describe: "PORT 0,0,0,0: the client's own address, or refused (default: own)",
  },
  'ftp-auth-tls': {
    choices: ['pass', 'reject'] as const,
    describe: 'AUTH TLS and AUTH SSL: let through, or refused (default: pass)',
  },
  'ftp-repair': {
    type: 'boolean',
    describe: "A 227 with a wrong address gets the server's own",
  },
  'ftp-third-party': {
    type: 'string',
    requiresArg: true,
    describe: 'Networks that announcements may lead to besides, for FXP (CIDR,...)',
  },
  'ftp-min-port': {
    type: 'string',
    requiresArg: true,
    describe: 'Lowest port that may be announced (default: 1024)',
  },
  'ftp-passive-range': {
    type: 'string',
    requiresArg: true,
    describe: 'FIRST:LAST: ports that servers use in passive mode (default: no limit)',
  },
  'ftp-max-holes': {
    type: 'string',
    requiresArg: true,
    describe: 'Pinholes that one control connection may have at once (default: 1)',
  },
  'ftp-hole-lifetime': {
    type: 'string',
    requiresArg: true,
    describe: 'Seconds that an unused pinhole stays open, or as in 5m (default: 300)',
  },
} as const;

/** What yargs makes of them. */
export interface FtpArguments {
  readonly 'ftp-mode': FtpMode;
  readonly 'ftp-loose'?: boolean | undefined;
  readonly 'ftp-bounce'?: FtpRefusalAction | undefined;
  readonly 'ftp-zero-address'?: 'own' | 'refuse' | undefined;
  readonly 'ftp-auth-tls'?: 'pass' | 'reject' | undefined;
  readonly 'ftp-repair'?: boolean | undefined;
  readonly 'ftp-third-party'?: string | undefined;
  readonly 'ftp-min-port'?: string | undefined;
  readonly 'ftp-passive-range'?: string | undefined;
  readonly 'ftp-max-holes'?: string | undefined;
  readonly 'ftp-hole-lifetime'?: string | undefined;
}

/** Options that set what the directive's key of the same name sets. */
const keyed = [
  'bounce',
  'zero-address',
  'auth-tls',
  'repair',
  'third-party',
  'min-port',
  'passive-range',
  'max-holes',
  'hole-lifetime',
] as const;

/** The helper as the command line wants it. Throws CommandError for a bad value. */
export function parseFtpOptions(args: FtpArguments): FtpOptions {
  const mode = args['ftp-mode'];
  const loose = args['ftp-loose'] ?? false;
  if (loose && mode !== 'kernel') throw usage('--ftp-loose goes with --ftp-mode kernel');
  const policy: FtpPolicy = Object.assign({}, defaultFtpPolicy, ...keyed.map((n) => set(args, n)));
  return { mode, loose, policy };
}

function set(args: FtpArguments, name: (typeof keyed)[number]): Partial<FtpPolicy> {
  const given = args[`ftp-${name}`];
  if (given === undefined) return {};
  const key = ftpKey(name)!;
  const text = typeof given === 'boolean' ? (given ? 'yes' : 'no') : given;
  const settings = key.read(text);
  if (settings !== null) return settings;
  throw usage(`bad --ftp-${name} "${text}": expected ${key.expected}`);
}

/** A word about options that do nothing in kernel mode; '' where there is nothing to say. */
export function idleFtpOptions(args: FtpArguments): string {
  if (args['ftp-mode'] !== 'kernel') return '';
  const idle = keyed.filter((name) => args[`ftp-${name}`] !== undefined);
  if (idle.length === 0) return '';
  return `${idle.map((name) => `--ftp-${name}`).join(', ')}: nothing comes of it in kernel mode`;
}

function usage(message: string): CommandError {
  return new CommandError(`pinhole: ${message}`, Exit.Usage);
}

/** At most this many ports, as the kernel module takes (MAX_PORTS of nf_conntrack_ftp.c). */
const MAX_PORTS = 8;

/** `21,2121` to numbers; null where nothing was given. */
export function parseFtpPorts(text: string | undefined): readonly number[] | null {
  if (text === undefined) return null;
  const ports = text.split(',').map((part) => (/^\d{1,5}$/.test(part) ? Number(part) : -1));
  if (ports.length > MAX_PORTS || ports.some((port) => port < 1 || port > 65_535)) {
    throw usage(
      `bad --ftp-ports "${text}": expected up to ${MAX_PORTS} ports from 1 to 65535, as in 21,2121`,
    );
  }
  return ports;
}
