import { type FtpRefusalAction, ftpRefusals } from '../../rules/index.ts';
import { CommandError, Exit } from '../exit-code.ts';

/** Options of the FTP helper, for every command that runs an engine. */
export const ftpOptions = {
  'ftp-ports': {
    type: 'string',
    requiresArg: true,
    describe:
      'Control ports that get the FTP helper, as modprobe ip_conntrack_ftp ports= (21,2121)',
  },
  'ftp-bounce': {
    choices: ftpRefusals,
    default: 'reject' as FtpRefusalAction,
    describe: "What happens to a PORT or EPRT that names somebody else's address",
  },
} as const;

/** At most this many ports, as the kernel module takes (MAX_PORTS of nf_conntrack_ftp.c). */
const MAX_PORTS = 8;

/** `21,2121` to numbers; null where nothing was given. */
export function parseFtpPorts(text: string | undefined): readonly number[] | null {
  if (text === undefined) return null;
  const ports = text.split(',').map((part) => (/^\d{1,5}$/.test(part) ? Number(part) : -1));
  if (ports.length > MAX_PORTS || ports.some((port) => port < 1 || port > 65_535)) {
    throw new CommandError(
      `pinhole: bad --ftp-ports "${text}": expected up to ${MAX_PORTS} ports from 1 to 65535, as in 21,2121`,
      Exit.Usage,
    );
  }
  return ports;
}
