import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatEntry,
  formatEvent,
  formatExpect,
  formatExpectEvent,
} from '../../src/cli/conntrack/index.ts';
import {
  expectation,
  readLine,
  readSave,
  readXml,
  recorded,
  sharedText,
} from './conntrack-support.ts';

process.env.TZ = 'UTC';

const transcripts = sharedText('reference/conntrack-transcripts.txt');
const absent = transcripts === null ? 'the shared reference is not beside the repository' : false;

test('every recorded line of an entry or event is written back as it was', { skip: absent }, () => {
  let lines = 0;
  for (const line of (transcripts ?? '').split('\n')) {
    // /proc/net/nf_conntrack, the only one that shows zone 0, is not a format of this command.
    if (!/(tcp|udp|icmp) +\d+ \d+ .*src=/.test(line) || line.includes(' zone=0 ')) continue;
    const read = readLine(line);
    assert.ok(read !== null, `not understood: ${line}`);
    const { event, format } = read;
    const cause = read.cause === undefined ? {} : { cause: read.cause };
    const written =
      event === null
        ? formatEntry(read.entry, format)
        : formatEvent({ event, time: read.time, entry: read.entry, ...cause }, format);
    assert.equal(written, line);
    lines++;
  }
  assert.ok(lines > 300, `only ${lines} lines were found`);
});

test('every recorded line of an expectation is written back as it was', { skip: absent }, () => {
  const pattern =
    /^( +\[NEW\] |\[DESTROY\] )?(\d+) proto=(\d+) src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+) mask-src=(\S+) mask-dst=(\S+) sport=(\d+) dport=(\d+) master-src=(\S+) master-dst=(\S+) sport=(\d+) dport=(\d+) class=0 helper=ftp$/;
  let lines = 0;
  for (const line of (transcripts ?? '').split('\n')) {
    const m = pattern.exec(line);
    if (m === null) continue;
    const entry = expectation({
      ...{ timeout: Number(m[2]), proto: Number(m[3]), src: m[4]!, dst: m[5]! },
      ...{ sport: Number(m[6]), dport: Number(m[7]), maskSrc: m[8]!, maskDst: m[9]! },
      ...{ maskSport: Number(m[10]), maskDport: Number(m[11]) },
      master: { src: m[12]!, dst: m[13]!, sport: Number(m[14]), dport: Number(m[15]) },
    });
    const event = m[1]?.includes('NEW') ? 'NEW' : 'DESTROY';
    const written =
      m[1] === undefined
        ? formatExpect(entry, recorded, 0)
        : formatExpectEvent({ event, time: 0, entry }, recorded);
    assert.equal(written, line);
    lines++;
  }
  assert.ok(lines > 30, `only ${lines} lines were found`);
});

test('every recorded line of -o save and -o xml is written back as it was', {
  skip: absent,
}, () => {
  let lines = 0;
  for (const line of (transcripts ?? '').split('\n')) {
    const isXml = line.startsWith('<flow') && line.includes('<meta direction');
    if (!isXml && !/^-[AUD] -t /.test(line)) continue;
    const read = isXml ? readXml(line) : readSave(line);
    const format = { ...recorded, format: isXml ? ('xml' as const) : ('save' as const) };
    const { event, entry } = read;
    const cause = read.cause === undefined ? {} : { cause: read.cause };
    // `-A` stands for a listed entry and for a new one alike.
    const written =
      event === null
        ? formatEntry(entry, format)
        : formatEvent({ event, time: 0, entry, ...cause }, format);
    assert.equal(written, line);
    lines++;
  }
  assert.ok(lines >= 18, `only ${lines} lines were found`);
});
