import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultFormat, type FormatOptions } from '../../src/cli/conntrack/index.ts';
import { Status } from '../../src/conntrack/index.ts';
import type {
  ConntrackDto,
  CountedTupleDto,
  EventName,
  ExpectDto,
} from '../../src/control/index.ts';

/** The text of a file of the shared reference beside the repository; null where there is none. */
export function sharedText(name: string): string | null {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir);
  const path = join(dir, '..', 'shared', name);
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

/** The names of the files in a folder of the shared reference; none where there is no such folder. */
export function sharedNames(folder: string): string[] {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir);
  const path = join(dir, '..', 'shared', folder);
  return existsSync(path) ? readdirSync(path).sort() : [];
}

/** What the original shows without any `-o`. */
export const recorded: FormatOptions = defaultFormat;

/** Parts of an entry that a test names; the rest is an established FTP control connection. */
export type EntryParts = Partial<Omit<ConntrackDto, 'orig' | 'reply'>> & {
  orig?: Partial<CountedTupleDto>;
  reply?: Partial<CountedTupleDto>;
};

const SOURCE_NAT = Status.SrcNat | Status.SrcNatDone | Status.DstNatDone;

/** The masqueraded control connection of section B of the transcripts, with `parts` replaced. */
export function entry(parts: EntryParts = {}): ConntrackDto {
  const { orig, reply, ...rest } = parts;
  return {
    id: 293963086,
    family: 4,
    proto: 6,
    accounting: true,
    timestamped: false,
    labels: null,
    state: 'ESTABLISHED',
    timeout: 299,
    status: Status.SeenReply | Status.Assured | Status.Confirmed | SOURCE_NAT,
    mark: 0,
    zone: 0,
    origZone: 0,
    replyZone: 0,
    use: 2,
    helper: 'ftp',
    startSec: 1795248670,
    deltaTime: 0,
    masterId: null,
    ...rest,
    orig: {
      ...{ src: '192.168.1.10', dst: '203.0.113.21', sport: 59464, dport: 21 },
      ...{ packets: 8, bytes: 480 },
      ...orig,
    },
    reply: {
      ...{ src: '203.0.113.21', dst: '203.0.113.1', sport: 21, dport: 59464 },
      ...{ packets: 8, bytes: 644 },
      ...reply,
    },
  };
}

/** The expectation of section B. */
export function expectation(parts: Partial<ExpectDto> = {}): ExpectDto {
  return {
    id: 1,
    family: 4,
    timeout: 299,
    proto: 6,
    src: '192.168.1.10',
    dst: '203.0.113.21',
    sport: 0,
    dport: 50008,
    maskSrc: '255.255.255.255',
    maskDst: '255.255.255.255',
    maskSport: 0,
    maskDport: 65535,
    master: { src: '192.168.1.10', dst: '203.0.113.21', sport: 59464, dport: 21 },
    class: 0,
    flags: 0,
    zone: 0,
    helper: 'ftp',
    kind: '229',
    ...parts,
  };
}

/** A line of output taken apart: what was printed, and the options that print it. */
export interface ReadLine {
  entry: ConntrackDto;
  format: FormatOptions;
  event: EventName | null;
  time: number;
  cause?: { portid: number; program?: string };
}

const tuplePattern = String.raw`src=(\S+) dst=(\S+) (?:sport=(\d+) dport=(\d+) |type=(\d+) code=(\d+) id=(\d+) )?(?:packets=(\d+) bytes=(\d+) )?`;
const linePattern = new RegExp(
  String.raw`^(?:\[(\d+\.\d+)\]\t)?(?: *\[(NEW|UPDATE|DESTROY)\] )?(ipv4 +2 )?(\w+) +(\d+) (\d+) (?:([A-Z]\w+) )?` +
    String.raw`${tuplePattern}(\[UNREPLIED\] )?${tuplePattern}(\[ASSURED\] )?(?:mark=(\d+) )?(?:delta-time=(\d+) )?` +
    String.raw`(?:\[start=([^\]]+)\] )?(?:\[stop=[^\]]+\] )?(?:helper=(\w+) )?(?:use=(\d+) )?(?:id=(\d+) )?` +
    String.raw`(?:\[USERSPACE\] portid=\d+ (?:progname=\w+ )?)?$`,
);

/** Reads a recorded line of `conntrack -L` or `-E` back; null for any other line. */
export function readLine(line: string): ReadLine | null {
  const m = linePattern.exec(`${line} `);
  if (m === null) return null;
  const has = (group: number) => m[group] !== undefined;
  const number = (group: number) => Number(m[group] ?? 0);
  const status =
    (has(17) ? 0 : Status.SeenReply) | (has(27) ? Status.Assured : 0) | Status.Confirmed;
  const read = entry({
    proto: number(5),
    timeout: number(6),
    state: m[7] ?? '',
    status,
    mark: number(28),
    deltaTime: number(29),
    startSec: has(30) ? Date.parse(`${m[30]} UTC`) / 1000 : 0,
    helper: m[31] ?? '',
    use: number(32),
    id: number(33),
    accounting: has(15) || has(25),
    timestamped: has(29),
  });
  read.orig = readTuple(m.slice(8, 17));
  read.reply = readTuple(m.slice(18, 27));
  const result: ReadLine = {
    entry: read,
    event: (m[2] as EventName | undefined) ?? null,
    time: Number(m[1] ?? 0),
    format: {
      ...recorded,
      timestamp: has(1),
      extended: has(3),
      ktimestamp: has(30),
      id: has(33),
    },
  };
  return { ...result, ...readCause(line) };
}

function readCause(line: string): Pick<ReadLine, 'cause'> {
  const m = /\[USERSPACE\] portid=(\d+)(?: progname=(\w+))?$/.exec(line);
  if (m === null) return {};
  return { cause: { portid: Number(m[1]), ...(m[2] === undefined ? {} : { program: m[2] }) } };
}

const eventLetters: Readonly<Record<string, EventName>> = { A: 'NEW', U: 'UPDATE', D: 'DESTROY' };

/** Reads a recorded line of `-o save` of a TCP entry back. */
export function readSave(line: string): ReadLine {
  const m =
    /^-([AUD]) -t (\d+) -u (\S+) -s (\S+) -d (\S+) -([rg]) (\S+) -([qn]) (\S+) -p tcp --sport (\d+) --dport (\d+) --reply-port-src (\d+) --reply-port-dst (\d+) --state (\w+)/.exec(
      line,
    );
  if (m === null) throw new Error(`not understood: ${line}`);
  const bits = { EXPECTED: Status.Expected, SEEN_REPLY: Status.SeenReply, ASSURED: Status.Assured };
  let status = (m[6] === 'g' ? Status.DstNat : 0) | (m[8] === 'n' ? Status.SrcNat : 0);
  for (const [name, bit] of Object.entries(bits)) if (m[3]?.includes(name)) status |= bit;
  const read = entry({ timeout: Number(m[2]), status, state: m[14]! });
  Object.assign(read.orig, { src: m[4], dst: m[5], sport: Number(m[10]), dport: Number(m[11]) });
  Object.assign(read.reply, { src: m[7], dst: m[9], sport: Number(m[12]), dport: Number(m[13]) });
  const event = eventLetters[m[1]!]!;
  return { entry: read, event, time: 0, format: recorded, ...readCause(line) };
}

/** Reads a recorded line of `-o xml` of a TCP entry back. */
export function readXml(line: string): ReadLine {
  const values = (tag: string) =>
    [...line.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map((match) => match[1]!);
  const numbers = (tag: string) => values(tag).map(Number);
  const direction = (i: number): CountedTupleDto => ({
    ...{ src: values('src')[i]!, dst: values('dst')[i]! },
    ...{ sport: numbers('sport')[i]!, dport: numbers('dport')[i]! },
    ...{ packets: numbers('packets')[i] ?? 0, bytes: numbers('bytes')[i] ?? 0 },
  });
  const status =
    (line.includes('<unreplied/>') ? 0 : Status.SeenReply) |
    (line.includes('<assured/>') ? Status.Assured : 0);
  const read = entry({
    ...{ status, state: values('state')[0] ?? '', helper: values('helper')[0] ?? '' },
    ...{ timeout: numbers('timeout')[0]!, id: numbers('id')[0]!, use: numbers('use')[0] ?? 0 },
    ...{ mark: numbers('mark')[0] ?? 0, deltaTime: numbers('deltatime')[0] ?? 0 },
    ...{ accounting: line.includes('<counters>'), timestamped: line.includes('<deltatime>') },
    ...{ orig: direction(0), reply: direction(1) },
  });
  const type = /^<flow type="(\w+)"/.exec(line)?.[1]?.toUpperCase();
  const event = (type as EventName | undefined) ?? null;
  return { entry: read, event, time: 0, format: recorded, ...readCause(line) };
}

function readTuple(groups: readonly (string | undefined)[]): CountedTupleDto {
  const [src = '', dst = '', sport, dport, type, code, id, packets = '0', bytes = '0'] = groups;
  const tuple: CountedTupleDto = { src, dst, packets: Number(packets), bytes: Number(bytes) };
  if (sport !== undefined) Object.assign(tuple, { sport: Number(sport), dport: Number(dport) });
  if (type !== undefined) {
    Object.assign(tuple, { icmpType: Number(type), icmpCode: Number(code), icmpId: Number(id) });
  }
  return tuple;
}
