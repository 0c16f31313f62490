/**
 * Lines of FTP control connections as text of one byte a character: announcements that are right, or
 * wrong in one place or two, their neighbours, and what else is said.
 */
import type { Prng } from '../../../../src/base/index.ts';
import { addressWords } from '../../../support/gateway.ts';
import { pick } from '../dialogue.ts';
import type { FamilyNumber } from '../words.ts';
import { anyDelimiter, classicNumbers, oddNumber, randomPort, seldom } from './numbers.ts';

/** What an end may say of itself and of others. */
export interface Speaker {
  readonly family: FamilyNumber;
  readonly isClient: boolean;
  readonly own: string;
  /** Its address beyond the gateway, and the ends of the other side of the connection. */
  readonly others: readonly string[];
  /** Endpoints that were announced before, by this or another connection. */
  readonly announced: { port: number }[];
}

export function octetsOf(address: string): number[] {
  const [word = 0] = addressWords(address);
  return [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255];
}

/** As it should be. */
export function announcement(
  family: FamilyNumber,
  isClient: boolean,
  address: string,
  port: number,
): string {
  if (family === 6) {
    return isClient
      ? `EPRT |2|${address}|${port}|\r\n`
      : `229 Entering Extended Passive Mode (|||${port}|)\r\n`;
  }
  const numbers = [...octetsOf(address), port >> 8, port & 255].join(',');
  return isClient ? `PORT ${numbers}\r\n` : `227 Entering Passive Mode (${numbers}).\r\n`;
}

const anyCase = (random: Prng, verb: string) =>
  [...verb].map((c) => (random.below(2) === 0 ? c.toLowerCase() : c)).join('');

function verbOf(random: Prng, verb: string): string {
  if (!seldom(random, 12)) return seldom(random, 3) ? anyCase(random, verb) : verb;
  const neighbours = [`${verb}X`, verb.slice(0, -1), `X${verb}`, ` ${verb}`, `\xff\xf1${verb}`];
  return pick(random, [...neighbours, `${verb.slice(0, 2)}\xff\xf1${verb.slice(2)}`, 'LPRT']);
}

const gapOf = (random: Prng) =>
  seldom(random, 12)
    ? pick(random, ['', '  ', '\t', ' \t', '\t ', ' now ', '-', '\0', ' 1 '])
    : ' ';

/** How a line ends; the rest of its segment may hold more of them. */
export function lineEnd(random: Prng): string {
  if (!seldom(random, 8)) return '\r\n';
  return pick(random, [
    '\n',
    '\r',
    '',
    ' \r\n',
    '\r\r\n',
    '\r\n\r\n',
    '\n\r',
    ' trailing\r\n',
    ',\r\n',
    '\r\nLIST\r\n',
    '\r\nNOOP',
    '\rX\r\n',
    '\0\r\n',
  ]);
}

function addressOf(random: Prng, { own, others, family }: Speaker): string {
  if (!seldom(random, 5)) return own;
  const zero = family === 4 ? '0.0.0.0' : '::';
  return pick(random, [...others, ...others, zero]);
}

/** Another connection's port more often than chance would have it. */
function portOf(random: Prng, { announced }: Speaker): number {
  const known = announced.at(-1);
  const port = known !== undefined && seldom(random, 3) ? known.port : randomPort(random);
  announced.push({ port });
  return port;
}

/** The address of an IPv6 end begins with these four octets; the kernel looks at nothing else. */
const classicOctets = (random: Prng, speaker: Speaker) =>
  speaker.family === 6 && seldom(random, 4) ? [10, 0, 1, 2] : octetsOf(addressOf(random, speaker));

function port(random: Prng, speaker: Speaker): string {
  const numbers = classicNumbers(random, classicOctets(random, speaker), portOf(random, speaker));
  return `${verbOf(random, 'PORT')}${gapOf(random)}${numbers}${lineEnd(random)}`;
}

function eprt(random: Prng, speaker: Speaker): string {
  const isSame = !seldom(random, 10);
  const usual = pick(random, ['|', '|', '|', '!', '/', anyDelimiter(random)]);
  const d = () => (isSame || random.below(3) !== 0 ? usual : anyDelimiter(random));
  const right = speaker.family === 4 ? '1' : '2';
  const family = seldom(random, 12) ? pick(random, ['0', '1', '2', '3', '01', '', ' 1']) : right;
  const address = extendedAddress(random, speaker);
  const value = portOf(random, speaker);
  const port = seldom(random, 5) ? oddNumber(random, value) : String(value);
  const last = seldom(random, 16) ? '' : d();
  const behind = seldom(random, 16) ? '\0' : d();
  const numbers = `${d()}${family}${d()}${address}${behind}${port}${last}`;
  return `${verbOf(random, 'EPRT')}${gapOf(random)}${numbers}${lineEnd(random)}`;
}

function extendedAddress(random: Prng, speaker: Speaker): string {
  const text = addressOf(random, speaker);
  if (!seldom(random, 3)) return text;
  if (speaker.family === 4) return oddIpv4(random, text);
  const groups = addressWords(text).flatMap((word) => [word >>> 16, word & 0xffff]);
  const full = groups.map((group) => group.toString(16).padStart(4, '0')).join(':');
  const bare = groups.map((group) => group.toString(16)).join(':');
  const [a, b, c, d] = octetsOf(speaker.own);
  return pick(random, [
    full,
    full.toUpperCase(),
    bare,
    `${bare.split(':').slice(0, 6).join(':')}:${a}.${b}.${c}.${d}`,
    `${bare}:1`,
    bare.slice(2),
    `${text}%eth0`,
    `[${text}]`,
    `::ffff:${a}.${b}.${c}.${d}`,
    text.replace('::', ':::'),
    `0${full}`,
    `1${full}`,
    `${bare}0000`,
    `${text}\0`,
    `${bare.split(':').slice(0, 6).join(':')}:${a}.${b}.${c}.${d}:`,
    '::',
    '',
    `${text} `,
    text.slice(0, -1),
    `${text}.1.2.3`,
  ]);
}

function oddIpv4(random: Prng, text: string): string {
  const fields = text.split('.');
  const at = random.below(4);
  fields[at] = oddNumber(random, Number(fields[at]));
  const usual = text.split('.');
  return pick(random, [
    fields.join('.'),
    fields.join('.'),
    usual.slice(0, 3).join('.'),
    `${text}.1`,
    usual.join(','),
    usual.map((field) => field.padStart(3, '0')).join('.'),
    '',
    `[${text}]`,
  ]);
}

const before227 = [
  ...Array.from({ length: 8 }, () => '227 Entering Passive Mode ('),
  '227 ',
  '227 =',
  '227 (',
  '227 Ok 1 (',
  '227 (,',
  '227 mode: ',
  '227-Entering Passive Mode (',
  '227  (',
  '227\t(',
  '227(',
  '227',
  '2270 (',
  '228 (',
  '550 no\r\n227 (',
  "500 '227 (",
];

function passive(random: Prng, speaker: Speaker): string {
  const numbers = classicNumbers(random, classicOctets(random, speaker), portOf(random, speaker));
  const after = pick(random, [')', ').', ')', ')', '', ' ', '.', ',', ',1', '/']);
  return `${pick(random, before227)}${numbers}${after}${lineEnd(random)}`;
}

const before229 = [
  ...Array.from({ length: 8 }, () => '229 Entering Extended Passive Mode ('),
  '229 (',
  '229(',
  '229 ok ((',
  '229 a) (',
  '229 ok ',
  '229-x (',
  '229\t(',
  '2290 (',
];

function extendedPassive(random: Prng, speaker: Speaker): string {
  const isSame = !seldom(random, 10);
  const usual = pick(random, ['|', '|', '|', '|', '!', anyDelimiter(random)]);
  const d = () => (isSame || random.below(3) !== 0 ? usual : anyDelimiter(random));
  const value = portOf(random, speaker);
  const port = seldom(random, 5) ? oddNumber(random, value) : String(value);
  const between = seldom(random, 10) ? `1${d()}${speaker.own}` : d();
  const right = `${d()}${d()}${d()}${port}${d()}`;
  const numbers = pick(random, [
    ...[right, right, right, right, right, right],
    `${d()}${between}${d()}${port}${d()}`,
    `${d()}${d()}${port}${d()}`,
    `${d()}${d()}${d()}${d()}${port}${d()}`,
    `${d()}${d()}${d()}${port}`,
  ]);
  return `${pick(random, before229)}${numbers}${pick(random, [')', ')', ')', '', ').'])}${lineEnd(random)}`;
}

const saidByClient = [
  'NOOP',
  'PASV',
  'EPSV',
  'EPSV ALL',
  'EPSV 1',
  'LIST',
  'AUTH TLS',
  'P',
  'PO',
  'PORT',
  'PORT ',
  'E',
  'EPR',
  'EPRT',
  'EPRT ',
  'p',
  'LPRT 4,4,10,0,1,2,2,200,10',
];
const saidByServer = [
  '200 ok',
  '150 here',
  '226 done',
  '234 ok',
  '211-status',
  ' 227 (1,2,3,4,5,6)',
  '211 end',
  '2',
  '22',
  '227',
  '227 ',
  '229',
  '229 ',
  '227 Logout.',
  '229 nothing',
];

/** What is said besides announcements; beginnings of them stand alone at times. */
function otherLine(random: Prng, isClient: boolean): string {
  if (seldom(random, 10)) return noise(random);
  const words = pick(random, isClient ? saidByClient : saidByServer);
  return `${words}${words.length < 5 && seldom(random, 2) ? '' : lineEnd(random)}`;
}

function noise(random: Prng): string {
  const bytes = Array.from({ length: 1 + random.below(40) }, () => random.below(256));
  return String.fromCharCode(...bytes);
}

/** One byte lost, doubled, added or another. */
function damaged(random: Prng, text: string): string {
  const at = random.below(text.length);
  const byte = pick(random, [String.fromCharCode(random.below(256)), ...' ,0|\r\n']);
  const rest = text.slice(at + 1);
  const inPlace = pick(random, ['', byte, `${text[at]}${text[at]}`, `${text[at]}${byte}`]);
  return `${text.slice(0, at)}${inPlace}${rest}`;
}

/** Something that one end says: rarely more than one segment can hold. */
export function randomLine(random: Prng, speaker: Speaker): string {
  const text = plainLine(random, speaker);
  const other = seldom(random, 14) ? plainLine(random, speaker) : '';
  const filler = seldom(random, 40) ? 'x'.repeat(random.below(900)) : '';
  const whole = pick(random, [`${text}${other}`, `${text}${other}`, `${other}${text}`]) + filler;
  return seldom(random, 12) && whole.length > 0 ? damaged(random, whole) : whole;
}

function plainLine(random: Prng, speaker: Speaker): string {
  // The kernel looks at each direction for its own words only.
  const speaksAsClient = seldom(random, 12) ? !speaker.isClient : speaker.isClient;
  const isExtended = random.below(speaker.family === 6 ? 4 : 2) !== 0;
  if (random.below(5) === 0) return otherLine(random, speaksAsClient);
  if (speaksAsClient) return isExtended ? eprt(random, speaker) : port(random, speaker);
  return isExtended ? extendedPassive(random, speaker) : passive(random, speaker);
}
