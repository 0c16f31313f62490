import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Status } from '../../src/conntrack/index.ts';
import type { ConntrackDto } from '../../src/control/index.ts';
import { FakeGateway } from './conntrack-gateway.ts';
import { entry, sharedText } from './conntrack-support.ts';

/**
 * The test suite of conntrack-tools, played against a table in memory. Its `-I` lines make entries
 * here with a few lines of test code (the command itself is refused in this version); its `-L`, `-D`
 * and `-C` lines go through the real command.
 */
let nextId = 1;

/** The entry that a well-formed `-I` line of the suite makes. */
function created(words: readonly string[]): ConntrackDto {
  const after = (...names: string[]) => words[words.findIndex((word) => names.includes(word)) + 1];
  const value = (...names: string[]) =>
    names.some((name) => words.includes(name)) ? after(...names) : undefined;
  const number = (...names: string[]) => {
    const text = value(...names);
    return text === undefined ? undefined : Number(text);
  };
  const canonical = (text: string | undefined) =>
    text?.replace('2001:DB8::1.1.1.1', '2001:db8::101:101');
  const src = canonical(value('-s') ?? value('-q'))!;
  const dst = canonical(value('-d') ?? value('-r'))!.replace(
    '2001:DB8::2.2.2.2',
    '2001:db8::202:202',
  );
  const [natDst, natDstPort] = (value('--dst-nat') ?? '').split(':');
  const natSrc = value('--src-nat');
  const proto = { tcp: 6, icmp: 1, igmp: 2 }[value('-p') ?? ''] ?? Number(value('-p'));
  const made = entry({
    ...{ id: nextId++, family: src.includes(':') ? 6 : 4, proto, helper: '' },
    mark: number('-m') ?? 0,
    status:
      (words.includes('SEEN_REPLY') ? Status.SeenReply : 0) |
      (natSrc === undefined ? 0 : Status.SrcNat) |
      (natDst === '' ? 0 : Status.DstNat),
  });
  const counters = { packets: 0, bytes: 0 };
  made.orig = { src, dst, ...counters };
  made.reply = { src: natDst || dst, dst: natSrc ?? src, ...counters };
  if (proto === 6) {
    const sport = number('--sport', '--reply-port-dst')!;
    const dport = number('--dport', '--reply-port-src')!;
    Object.assign(made.orig, { sport, dport });
    Object.assign(made.reply, { sport: Number(natDstPort ?? dport), dport: sport });
  }
  if (proto === 1) {
    const query = { icmpCode: 0, icmpId: number('--icmp-id') };
    Object.assign(made.orig, { icmpType: 8, ...query });
    Object.assign(made.reply, { icmpType: 0, ...query });
  }
  return made;
}

const sameTuple = (a: ConntrackDto, b: ConntrackDto) =>
  a.proto === b.proto && JSON.stringify(a.orig) === JSON.stringify(b.orig);

for (const name of ['00create', '01delete', '03nat']) {
  const suite = sharedText(`conntrack-suite/${name}`);
  const skip = suite === null ? 'the shared conntrack-suite is not beside the repository' : false;

  describe(`conntrack-tools suite ${name}`, { skip }, () => {
    const gateway = new FakeGateway();
    before(() => gateway.start());
    after(() => gateway.stop());

    const lines = (suite ?? '').split('\n').filter((line) => line.trim() !== '' && line[0] !== '#');
    for (const line of lines) {
      const [args = '', verdict = ''] = line.split(';').map((part) => part.trim());
      const words = args.split(/\s+/);
      if (words[0] === '-I' && verdict === 'OK') {
        test(`(made here) ${args}`, () => {
          const made = created(words);
          assert.equal(
            gateway.entries.some((other) => sameTuple(other, made)),
            false,
          );
          gateway.entries.push(made);
        });
      } else if (words[0] !== '-I' && words[0] !== '-U') {
        test(`${args} is ${verdict}`, async () => {
          const { code, stderr } = await gateway.run(args);
          assert.equal(code === 0, verdict === 'OK', stderr);
          assert.equal(stderr.includes('not available'), false);
        });
      }
    }
  });
}
