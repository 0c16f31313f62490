import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import {
  type CaptureReader,
  CaptureWriter,
  openCapture,
  openCaptureFile,
} from '../../../src/datapath/pcapfile/index.ts';
import { LinkType } from '../../../src/wire/index.ts';
import {
  block,
  drain,
  enhancedPacket,
  FileBuilder,
  interfaceBlock,
  pcapHeader,
  pcapRecord,
  scratchDirectory,
  sectionHeader,
} from './build.ts';

const noTcpdump =
  spawnSync('tcpdump', ['--version']).error !== undefined && 'tcpdump is not installed';
const captures = join(dirname(repositoryRoot()), 'shared', 'captures');
const noCaptures = !existsSync(captures) && 'no shared/captures beside the repository';

/** The tests are compiled to a folder of varying depth: the root is where package.json stands. */
function repositoryRoot(): string {
  let at = import.meta.dirname;
  while (!existsSync(join(at, 'package.json')) && at !== dirname(at)) at = dirname(at);
  return at;
}

/** The time stamps of all packets, as tcpdump prints them. Continuation lines are indented. */
function tcpdumpTimes(path: string, nano: boolean): string[] {
  const precision = nano ? ['--nano'] : ['--micro'];
  const run = spawnSync('tcpdump', ['-n', '-q', '-tt', ...precision, '-r', path], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const digits = nano ? 9 : 6;
  const stamp = new RegExp(`^-?\\d+\\.\\d{${digits}}(?= )`);
  return run.stdout.split('\n').flatMap((line) => stamp.exec(line) ?? []);
}

function ourTimes(reader: CaptureReader, nano: boolean): string[] {
  return drain(reader).map(({ epochSec, nanos }) => {
    const fraction = String(nanos).padStart(9, '0');
    return `${epochSec}.${nano ? fraction : fraction.slice(0, 6)}`;
  });
}

const arp = [
  ...new Array<number>(6).fill(0xff),
  ...[2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1],
  ...[0, 0, 0, 0, 0, 0, 10, 0, 0, 2],
];
const rawUdp = [
  ...[0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0x66, 0xcf, 10, 0, 0, 1, 10, 0, 0, 2],
  ...[0x30, 0x39, 0, 53, 0, 8, 0, 0],
];

describe('against the shared captures', { skip: noTcpdump || noCaptures }, () => {
  const names = noCaptures === false ? readdirSync(captures) : [];
  for (const name of names.filter((file) => /\.(pcap|pcapng|cap)$/.test(file))) {
    test(`${name}: as many frames, at the same times, as tcpdump`, () => {
      const path = join(captures, name);
      const times = tcpdumpTimes(path, false);
      assert.ok(times.length > 0, 'tcpdump printed nothing');
      const reader = openCaptureFile(path);
      assert.deepEqual(ourTimes(reader, false), times);
      assert.equal(reader.truncated, false);
    });
  }

  test('rewritten by us, tcpdump prints the same lines', (t) => {
    const copy = join(scratchDirectory(t), 'copy.pcap');
    const path = join(captures, 'zeek-ipv6.pcap');
    const writer = new CaptureWriter(copy);
    for (const frame of drain(openCaptureFile(path))) {
      const { data, originalLength, epochSec, nanos } = frame;
      writer.write(Uint8Array.from(data), 0, data.length, originalLength, epochSec, nanos);
    }
    writer.close();
    const print = (file: string) => spawnSync('tcpdump', ['-n', '-tt', '-XX', '-r', file]).stdout;
    assert.ok(print(path).length > 1000);
    assert.ok(print(copy).equals(print(path)));
  });
});

describe('against tcpdump', { skip: noTcpdump }, () => {
  test('what we write, in microseconds and nanoseconds, Ethernet and raw IP', (t) => {
    const folder = scratchDirectory(t);
    for (const nanoseconds of [false, true]) {
      for (const linkType of [LinkType.Ethernet, LinkType.RawIp]) {
        const path = join(folder, `${nanoseconds}-${linkType}.pcap`);
        const data = Uint8Array.from(linkType === LinkType.Ethernet ? arp : rawUdp);
        const writer = new CaptureWriter(path, { nanoseconds, linkType });
        for (let i = 0; i < 5; i++) {
          writer.write(data, 0, data.length, data.length, 1_700_000_000 + i, 123_456_789 + i);
        }
        writer.close();
        const times = tcpdumpTimes(path, nanoseconds);
        assert.equal(times.length, 5);
        assert.equal(times[1], nanoseconds ? '1700000001.123456790' : '1700000001.123456');
        assert.deepEqual(ourTimes(openCaptureFile(path), nanoseconds), times);
        const printed = spawnSync('tcpdump', ['-n', '-r', path], { encoding: 'utf8' }).stdout;
        const content = linkType === LinkType.Ethernet ? /who-has 10\.0\.0\.2/ : /10\.0\.0\.2\.53/;
        assert.match(printed, content);
      }
    }
  });

  test('pcapng of both byte orders and many resolutions', (t) => {
    const folder = scratchDirectory(t);
    const resolutions = [0, 3, 6, 7, 9, 12, 0x80, 0x80 | 1, 0x80 | 20, 0x80 | 30, 0x80 | 33];
    for (const little of [true, false]) {
      for (const tsresol of resolutions) {
        const file = sectionHeader(new FileBuilder(little));
        interfaceBlock(file, { tsresol, snapLen: 65_535, tsoffset: 5n });
        const unit = tsresol < 0x80 ? 10n ** BigInt(tsresol) : 1n << BigInt(tsresol & 0x7f);
        for (let i = 0n; i < 3n; i++) {
          const time = 1_600_000n * unit + (i * unit) / 3n;
          enhancedPacket(file, 0, time, arp);
        }
        block(file, 3, new FileBuilder(little).u32(arp.length).raw(arp));
        const path = join(folder, `${little}-${tsresol}.pcapng`);
        writeFileSync(path, file.bytes());
        const times = tcpdumpTimes(path, true);
        const ours = ourTimes(openCaptureFile(path), true);
        assert.equal(ours.length, 4);
        // The simple packet has no time: tcpdump prints if_tsoffset alone, we say so in the frame.
        assert.equal(times.length, 4);
        assert.deepEqual(ours.slice(0, 3), times.slice(0, 3), path);
      }
    }
  });

  test('a cut file: the same packets before the cut', (t) => {
    const file = pcapRecord(pcapRecord(pcapHeader(), 1, 2, arp), 3, 4, arp);
    for (const missing of [1, arp.length - 1, arp.length + 15]) {
      const path = join(scratchDirectory(t), 'cut.pcap');
      writeFileSync(path, file.bytes().subarray(0, file.length - missing));
      const reader = openCapture(readFileSync(path));
      assert.deepEqual(ourTimes(reader, false), ['1.000002']);
      assert.deepEqual(tcpdumpTimes(path, false), ['1.000002']);
      assert.equal(reader.truncated, true);
    }
  });
});
