import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { LabelNames } from '../../src/cli/conntrack/index.ts';
import { FakeGateway } from './conntrack-gateway.ts';
import { entry, expectation } from './conntrack-support.ts';

/** What the commands that make and change ask of the gateway, and what they say of its refusals. */

const prefix = 'conntrack v1.4.7 (conntrack-tools): ';
const gateway = new FakeGateway();
const cause = { portid: process.pid, program: 'conntrack' };

/** Runs a command and returns the arguments of its requests named `cmd`. */
async function asked(line: string, cmd: string): Promise<unknown[]> {
  await gateway.run(line);
  return gateway.requests.filter((request) => request.cmd === cmd).map(({ args }) => args);
}

before(() => gateway.start());
after(() => gateway.stop());
beforeEach(() => {
  gateway.requests.length = 0;
  gateway.entries = [entry(), entry({ id: 2, mark: 0x13, timeout: 100 })];
  gateway.expectations = [expectation()];
  gateway.updated = [];
  for (const name of Object.keys(gateway.refusals)) delete gateway.refusals[name];
  for (const name of Object.keys(gateway.files)) delete gateway.files[name];
});

const tcp = '-p tcp -s 192.0.2.1 -d 198.51.100.2 --sport 1000 --dport 80';

describe('what is asked', () => {
  test('-I: both directions, translation, mark without its mask, labels and cause', async () => {
    gateway.files['/etc/xtables/connlabel.conf'] = '3 three\n4 four\n';
    const line = `-I ${tcp} --state LISTEN -t 60 -u ASSURED -m 7/3 -w 5 -n 203.0.113.1:9 --label-add three,four`;
    assert.deepEqual(await asked(line, 'conntrack.create'), [
      {
        entry: {
          ...{ family: 4, proto: 6, timeout: 60, status: 4, state: 'SYN_SENT2', zone: 5 },
          mark: { value: 7, mask: 0xffffffff },
          addLabels: [3, 4],
          orig: { src: '192.0.2.1', dst: '198.51.100.2', sport: 1000, dport: 80 },
          reply: { src: '198.51.100.2', dst: '192.0.2.1', sport: 80, dport: 1000 },
          srcNat: { minAddress: '203.0.113.1', maxAddress: '203.0.113.1', minPort: 9, maxPort: 9 },
        },
        cause,
      },
    ]);
  });

  test('-I from the reply, of SCTP, with tags', async () => {
    const line =
      '-I -p sctp -r 2001:db8::2 -q 2001:db8::1 --reply-port-src 80 --reply-port-dst 9 ' +
      '--state CLOSED -t 5 --orig-vtag 1 --reply-vtag 0x2';
    assert.deepEqual(await asked(line, 'conntrack.create'), [
      {
        entry: {
          ...{ family: 6, proto: 132, timeout: 5, state: 'CLOSED', origVtag: 1, replyVtag: 2 },
          orig: { src: '2001:db8::1', dst: '2001:db8::2', sport: 9, dport: 80 },
          reply: { src: '2001:db8::2', dst: '2001:db8::1', sport: 80, dport: 9 },
        },
        cause,
      },
    ]);
  });

  test('-U: marks are worked out entry by entry, and equal changes go together', async () => {
    const change = (value: number) => ({ mark: { value, mask: 0xffffffff } });
    assert.deepEqual(await asked('-U -f ipv4 -m 0x10/0x0f', 'conntrack.update'), [
      { ids: [293963086], change: change(0x10), cause },
      { ids: [2], change: change((0x13 & ~0x0f) ^ 0x10), cause },
    ]);
    gateway.requests.length = 0;
    assert.deepEqual(await asked('-U -f ipv4 -m 9', 'conntrack.update'), [
      { ids: [293963086, 2], change: change(9), cause },
    ]);
    gateway.requests.length = 0;
    assert.deepEqual(await asked('-U -s 192.168.1.10 -t 100', 'conntrack.update'), [
      { ids: [293963086], change: { timeout: 100 }, cause },
    ]);
  });

  test('-I expect: tuple, masks and master', async () => {
    const line =
      `-I expect ${tcp} --tuple-src 192.0.2.0/24 --tuple-dst 198.51.100.2 --mask-dst 255.255.255.255 ` +
      '--tuple-port-src 0 --tuple-port-dst 5000 --mask-port-src 0 --mask-port-dst 65535 -t 30';
    assert.deepEqual(await asked(line, 'expect.create'), [
      {
        expect: {
          ...{ family: 4, timeout: 30, proto: 6, src: '192.0.2.0', dst: '198.51.100.2' },
          ...{ sport: 0, dport: 5000, maskSport: 0, maskDport: 65535 },
          ...{ maskSrc: '255.255.255.0', maskDst: '255.255.255.255', masterProto: 6 },
          master: { src: '192.0.2.1', dst: '198.51.100.2', sport: 1000, dport: 80 },
        },
      },
    ]);
  });
});

describe('what is said of refusals', () => {
  const cases: readonly (readonly [string, string, string, string])[] = [
    [`-I ${tcp} --state CLOSE -t 5`, 'conntrack.create', 'FULL', 'not enough memory'],
    [`-I ${tcp} --state CLOSE -t 5`, 'conntrack.create', 'BUSY', 'Device or resource busy'],
    [`-I ${tcp} --state CLOSE -t 5`, 'conntrack.create', 'INVALID', 'invalid parameters'],
    [`-A ${tcp} --state CLOSE -t 5`, 'conntrack.create', 'INVALID', 'Invalid argument'],
    [`-A ${tcp} --state CLOSE -t 5`, 'conntrack.create', 'FULL', 'not enough memory'],
    [`-G ${tcp}`, 'conntrack.get', 'NOT_FOUND', "such conntrack doesn't exist"],
    ['-F', 'conntrack.flush', 'INVALID', 'invalid parameters'],
  ];
  for (const [line, cmd, code, text] of cases) {
    test(`${line.slice(0, 2)} ${code}`, async () => {
      gateway.refusals[cmd] = code;
      const { code: exitCode, stderr } = await gateway.run(line);
      assert.equal(stderr, `${prefix}Operation failed: ${text}\n`);
      assert.equal(exitCode, 1);
    });
  }

  test('a refusal that is no failure of the operation is told as it is', async () => {
    gateway.refusals['conntrack.create'] = 'BAD_REQUEST';
    const { code, stderr } = await gateway.run(`-I ${tcp} --state CLOSE -t 5`);
    assert.equal(stderr, 'pinhole: refused\n');
    assert.equal(code, 1);
  });

  test('-U shows entries that refused, says why, and counts them', async () => {
    gateway.updated = [{ ...entry(), failure: 'BUSY' }, entry({ id: 2, mark: 5 })];
    gateway.refusals['conntrack.update'] = 'BUSY';
    const { code, stdout, stderr } = await gateway.run('-U -f ipv4 -m 5');
    assert.equal(code, 0);
    assert.equal(stdout.split('\n').length, 3);
    assert.equal(
      stderr,
      'Operation failed: Device or resource busy\n' +
        `${prefix}2 flow entries have been updated.\n`,
    );
  });

  test('-U that fails altogether', async () => {
    gateway.refusals['conntrack.update'] = 'NOT_SUPPORTED';
    const { code, stderr } = await gateway.run('-U -f ipv4 -m 5');
    assert.equal(code, 1);
    assert.equal(stderr, `${prefix}Operation failed: Operation not supported\n`);
  });
});

describe('-R', () => {
  test('reads a file, and asks nothing where a line is wrong', async () => {
    gateway.files.rules = `# saved\n-I ${tcp} --state CLOSE -t 5\n-D -p tcp\n`;
    assert.deepEqual((await gateway.run('-R rules')).code, 0);
    const commands = gateway.requests.map(({ cmd }) => cmd);
    assert.deepEqual(commands, ['conntrack.create', 'conntrack.list', 'conntrack.delete']);
    gateway.requests.length = 0;
    gateway.files.rules = '-F\n-I -p tcp\n';
    assert.equal((await gateway.run('--load-file rules')).code, 2);
    assert.deepEqual(gateway.requests, []);
  });

  test('a file that is not there', async () => {
    const { code, stderr } = await gateway.run('-R nowhere');
    assert.equal(code, 2);
    assert.match(stderr, /: Failed to open file nowhere for reading\n/);
  });
});

test('names of labels: comments, blanks, doubles and numbers too high are passed over', () => {
  const names = new LabelNames('# 1 no\n\n 1 one\n2\ttwo # more\n1 again\n128 far\nx y\n127 last');
  assert.deepEqual(names.parse('two,one,last'), [2, 1, 127]);
  assert.equal(names.nameOf(1), 'one');
  assert.equal(names.nameOf(128), null);
  assert.throws(() => names.parse('one,far'), { message: "unknown label 'far'" });
});
