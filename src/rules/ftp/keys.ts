import { RuleFault } from '../errors.ts';
import { type FtpSettings, ftpRefusals } from './model.ts';
import {
  allowedVerbs,
  banner,
  listOf,
  network,
  number,
  oneOf,
  pattern,
  port,
  portRange,
  type Read,
  seconds,
  verb,
  yesNo,
} from './values.ts';

/** The keys of `# pinhole: ftp`, what each takes, and which setting it is. */

export interface FtpKey {
  readonly name: string;
  readonly field: keyof FtpSettings;
  /** What its value must be, as messages say it. */
  readonly expected: string;
  /** Null where the value is not one it takes. */
  read(text: string): Partial<FtpSettings> | null;
}

/** Longest line: the kernel's twin looks at a segment at a time, and none is longer than this. */
const MAX_LINE = 65_535;
/** Shortest: EPRT with the longest IPv6 address and its end (RFC 2428). */
const MIN_LINE = 64;
const MAX_HOLES = 65_535;
const MAX_LIFETIME = 86_400;

function key<F extends keyof FtpSettings>(
  name: string,
  field: F,
  expected: string,
  read: Read<FtpSettings[F]>,
): FtpKey {
  return {
    name,
    field,
    expected,
    read: (text) => {
      const value = read(text);
      return value === undefined ? null : { [field]: value };
    },
  };
}

const YES_NO = 'yes or no';
const VERBS = 'verbs with commas between, as in DELE,SITE';
const PATTERNS = 'shell patterns with commas between, as in *.zip,pub/*, each [ closed by ]';
const BOUNCES = ftpRefusals.join(', ');

export const ftpKeys: readonly FtpKey[] = [
  key('allow', 'allow', `${VERBS}, or all`, allowedVerbs),
  key('deny', 'deny', `${VERBS}, or none`, listOf(verb)),
  key('denied', 'denied', 'reject, drop or reset', oneOf('reject', 'drop', 'reset')),
  key('upload', 'upload', YES_NO, yesNo),
  key('download', 'download', YES_NO, yesNo),
  key('list', 'list', YES_NO, yesNo),
  key('anonymous', 'anonymousOnly', 'only or any', (text) => {
    const word = oneOf('only', 'any')(text);
    return word === undefined ? undefined : word === 'only';
  }),
  key('file', 'files', `${PATTERNS}, or none`, listOf(pattern)),
  key('deny-file', 'denyFiles', `${PATTERNS}, or none`, listOf(pattern)),
  key(
    'max-line',
    'maxLine',
    `a number of bytes from ${MIN_LINE} to ${MAX_LINE}`,
    number(MIN_LINE, MAX_LINE),
  ),
  key(
    'third-party',
    'thirdParties',
    'networks with commas between, as in 192.0.2.0/24,2001:db8::/32, or none',
    listOf(network),
  ),
  key('min-port', 'minPort', 'a port from 1 to 65535', port),
  key(
    'passive-range',
    'passiveRange',
    'ports from 1 to 65535 as FIRST:LAST, FIRST not above LAST, or none',
    portRange,
  ),
  key('max-holes', 'maxHoles', `a number from 1 to ${MAX_HOLES}`, number(1, MAX_HOLES)),
  key(
    'max-holes-per-client',
    'maxHolesPerClient',
    `a number from 1 to ${MAX_HOLES}`,
    number(1, MAX_HOLES),
  ),
  key(
    'hole-lifetime',
    'holeLifetime',
    `seconds from 1 to ${MAX_LIFETIME}, or as in 5m`,
    seconds(1, MAX_LIFETIME),
  ),
  key('banner', 'banner', 'up to 500 printable ASCII characters in double quotes', banner),
  key('mask-syst', 'maskSyst', YES_NO, yesNo),
  key('bounce', 'bounce', `one of ${BOUNCES}`, oneOf(...ftpRefusals)),
  key('zero-address', 'zeroAddress', 'own or refuse', oneOf('own', 'refuse')),
  key('auth-tls', 'authTls', 'pass or reject', oneOf('pass', 'reject')),
  key('repair', 'repair', YES_NO, yesNo),
];

/** The key of this name, in any case; undefined where there is none. */
export function ftpKey(name: string): FtpKey | undefined {
  return ftpKeys.find((known) => known.name === name.toLowerCase());
}

/** The setting that a key and its value make. Throws a RuleFault that says what was expected. */
export function readFtpSetting(known: FtpKey, text: string): Partial<FtpSettings> {
  const settings = known.read(text);
  if (settings !== null) return settings;
  const words = `bad value "${text}" of ${known.name}=: expected ${known.expected}`;
  throw new RuleFault('bad-value', words);
}
