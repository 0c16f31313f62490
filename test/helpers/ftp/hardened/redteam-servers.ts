/**
 * Models of servers, as far as a bounce is concerned: from the bytes that reach the server to the
 * endpoints that it would connect to. Each is more lenient than the real one it is named after:
 * none checks whose address it is told.
 */

/** `6.6.6.6:80` of each announcement that the server obeys. */
export type ServerModel = (stream: string) => string[];

type Lines = (stream: string) => string[];
type Command = (line: string) => string | null;

const byteOf = (char: string | undefined) => char?.charCodeAt(0) ?? 0;

/** Ends lines at LF, drops one CR before it; the last line counts at the end of the stream. */
const byLf: Lines = (stream) => stream.split('\n').map((line) => line.replace(/\r$/, ''));
/** pyftpdlib: CR LF and nothing else. Of a line above `limit` bytes the rest is another line. */
const byCrLf =
  (limit: number): Lines =>
  (stream) =>
    stream.split('\r\n').flatMap((line) => [line, line.slice(limit)]);
const byAnyOf =
  (ends: RegExp): Lines =>
  (stream) =>
    stream.split(ends);
/** A fixed buffer: what does not fit is read as the next command (CVE-2008-4242, CVE-2008-4247). */
const byBuffer =
  (size: number): Lines =>
  (stream) =>
    byLf(stream).flatMap((line) => {
      const parts: string[] = [];
      for (let at = 0; at < line.length || at === 0; at += size)
        parts.push(line.slice(at, at + size));
      return parts;
    });

/** 4.4BSD, wu-ftpd, inetutils: Telnet commands go, LF among them, before lines are cut. */
function withoutTelnet(stream: string): string {
  let text = '';
  for (let at = 0; at < stream.length; at++) {
    if (byteOf(stream[at]) !== 0xff) {
      text += stream[at];
      continue;
    }
    const command = byteOf(stream[++at]);
    if (command >= 0xfb && command <= 0xfe) at++;
    else if (command === 0xff) text += '\xff';
  }
  return text;
}

/** RFC 855: subnegotiations go as well, over line ends. */
function withoutSubnegotiation(stream: string): string {
  return withoutTelnet(
    stream
      .split('\xff\xfa')
      .map((part, i) => (i === 0 ? part : part.split('\xff\xf0').slice(1).join('')))
      .join(''),
  );
}

const without =
  (what: RegExp, lines: Lines): Lines =>
  (stream) =>
    lines(stream.replace(what, ''));
const behind =
  (first: (stream: string) => string, lines: Lines): Lines =>
  (stream) =>
    lines(first(stream));
const sevenBits = (stream: string) =>
  [...stream].map((char) => String.fromCharCode(byteOf(char) & 0x7f)).join('');

const printable = (stream: string) =>
  [...stream].filter((char) => char === '\n' || (char >= ' ' && char < '\x7f')).join('');
const belowTelnet = (stream: string) => [...stream].filter((char) => char < '\xf0').join('');

/** What stands behind the verb, where the line has it. */
const spaced =
  (verb: string): Command =>
  (line) =>
    new RegExp(`^${verb}[ \\t=](.*)$`, 'is').exec(line)?.[1] ?? null;
const trimmed =
  (verb: string): Command =>
  (line) =>
    spaced(verb)(line.slice([...line].findIndex((char) => char > ' ' && char !== '\x7f')));
/** VxWorks and its like: four letters, one byte more, numbers. */
const glued =
  (verb: string): Command =>
  (line) =>
    line.slice(0, 4).toUpperCase() === verb ? line.slice(5) : null;

type Numbers = (argument: string) => number[];

const decimals: Numbers = (text) => text.split(',').map((part) => Number.parseInt(part, 10) || 0);
const scanf: Numbers = (text) =>
  (/^\s*(\d+),\s*(\d+),\s*(\d+),\s*(\d+),\s*(\d+),\s*(\d+)/.exec(text) ?? []).slice(1).map(Number);
const digitsOnly: Numbers = (text) =>
  text.split(',').map((part) => Number(part.replace(/\D/g, '')));
/** Python's int: underscores, and the digits of every script (here: Arabic and full-width). */
const python: Numbers = (text) =>
  Buffer.from(text, 'latin1')
    .toString('utf8')
    .replace(/[\u0660-\u0669]/g, (digit) => String(digit.charCodeAt(0) - 0x660))
    .replace(/[\uff10-\uff19]/g, (digit) => String(digit.charCodeAt(0) - 0xff10))
    .split(',')
    .map((part) => (/^\s*[+-]?\d+(_\d+)*\s*$/.test(part) ? Number(part.replaceAll('_', '')) : NaN));
/** strtol with base 0. */
const strtol0 = (text: string): number => {
  const found = /^\s*(0x[\da-f]+|\d+)/i.exec(text)?.[1] ?? '0';
  return /^0[0-7]+/.test(found) ? Number.parseInt(found, 8) : Number(found);
};
const anyBase: Numbers = (text) => text.split(',').map(strtol0);

function sixNumbers(numbers: number[]): string | null {
  if (numbers.length < 6 || numbers.some(Number.isNaN)) return null;
  const [a, b, c, d, high, low] = numbers.map((number) => number & 0xff);
  return `${a}.${b}.${c}.${d}:${high! * 256 + low!}`;
}

/** inet_aton: up to four parts, each decimal, octal or hexadecimal. */
function inetAton(text: string): string | null {
  const parts = text.trim().split('.');
  if (parts.length > 4 || !parts.every((part) => /^(0x[\da-f]+|\d+)$/i.test(part))) return null;
  const values = parts.map(strtol0);
  const last = values.pop()!;
  let address = 0;
  values.forEach((value, i) => {
    address += (value & 0xff) * 256 ** (3 - i);
  });
  address += last;
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) & 0xff).join('.');
}

function eprt(argument: string, address: (text: string) => string | null): string | null {
  const text = argument.trimStart();
  const [, , host, port] = text.split(text[0] ?? '|');
  const at = host === undefined ? null : address(host);
  return at === null || Number.isNaN(Number.parseInt(port ?? '', 10))
    ? null
    : `${at}:${Number.parseInt(port!, 10)}`;
}

function pythonAddress(text: string): string | null {
  const numbers = python(text.replaceAll('.', ','));
  return numbers.length === 4 && !numbers.some(Number.isNaN) ? numbers.join('.') : null;
}

function model(
  lines: Lines,
  command: (verb: string) => Command = spaced,
  numbers: Numbers = decimals,
  address: (text: string) => string | null = inetAton,
): ServerModel {
  return (stream) =>
    lines(stream).flatMap((line) => {
      const port = command('PORT')(line);
      const extended = command('EPRT')(line);
      const said = [
        port === null ? null : sixNumbers(numbers(port)),
        extended === null ? null : eprt(extended, address),
      ];
      return said.filter((one) => one !== null);
    });
}

export const servers: Record<string, ServerModel> = {
  vsftpd: model(byLf),
  proftpd: model(behind(withoutTelnet, byLf), trimmed, scanf),
  'pure-ftpd': model(byLf, spaced, scanf),
  pyftpdlib: model(byCrLf(2049), spaced, python, pythonAddress),
  'BSD ftpd': model(behind(withoutTelnet, byLf)),
  'BSD ftpd of before 2008': model(behind(withoutTelnet, byBuffer(511))),
  'a small buffer': model(byBuffer(128), trimmed, scanf),
  'Telnet with subnegotiation': model(behind(withoutSubnegotiation, byLf), trimmed),
  'VxWorks ftpd': model(byLf, glued, scanf),
  'lines end at CR': model(byAnyOf(/\r\n?|\n/), trimmed),
  'lines end at CR, LF is nothing': model(without(/\n/g, byAnyOf(/\r/)), trimmed),
  'lines end at LF, CR is nothing': model(without(/\r/g, byLf), trimmed),
  'lines end at NUL': model(byAnyOf(/[\r\n\0]+/), trimmed),
  'NUL is nothing': model(without(/\0/g, byLf), trimmed),
  'controls are nothing': model(behind(printable, byLf), trimmed),
  'seven bits': model(behind(sevenBits, byAnyOf(/[\r\n\0]+/)), trimmed),
  'any base': model(byLf, trimmed, anyBase),
  'digits only': model(byLf, trimmed, digitsOnly),
  'Telnet commands without options': model(behind(belowTelnet, byLf), trimmed),
};
