import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { defaultFormat, formatEntry, runConntrack } from '../../src/cli/conntrack/index.ts';
import { ControlError } from '../../src/control/index.ts';
import { FakeGateway } from './conntrack-gateway.ts';
import { entry, expectation } from './conntrack-support.ts';

const prefix = 'conntrack v1.4.7 (conntrack-tools): ';
const control = entry();
const data = entry({ id: 2, helper: '', use: 1, orig: { sport: 35072, dport: 50008 } });
const dns = entry({ id: 3, proto: 17, state: '', orig: { dport: 53 } });
const line = (dto: typeof control) => `${formatEntry(dto, defaultFormat)}\n`;

describe('conntrack against a gateway', () => {
  const gateway = new FakeGateway();
  before(() => gateway.start());
  after(() => gateway.stop());
  beforeEach(() => {
    gateway.entries = [control, data, dns];
    gateway.expectations = [expectation()];
    gateway.requests.length = 0;
  });

  test('-L: data on stdout, the summary on stderr', async () => {
    assert.deepEqual(await gateway.run('-L'), {
      code: 0,
      stdout: line(control) + line(data) + line(dns),
      stderr: `${prefix}3 flow entries have been shown.\n`,
    });
  });

  test('-L with a filter, with no hit, and with no entry', async () => {
    const shown = await gateway.run('-L -p tcp --dport 21');
    assert.equal(shown.stdout, line(control));
    assert.equal(shown.stderr, `${prefix}1 flow entries have been shown.\n`);
    assert.deepEqual(gateway.requests[0]?.args, { filter: { proto: 6, origDport: 21 } });
    assert.equal((await gateway.run('-L -m 9')).code, 0);
    gateway.entries = [];
    assert.equal((await gateway.run('-L -o xml')).stdout, '');
    assert.deepEqual(JSON.parse((await gateway.run('-L -o json')).stdout), []);
  });

  test('-L -z and the tables of dying and unconfirmed entries are the gateway’s affair', async () => {
    await gateway.run('-L -z');
    await gateway.run('-L dying');
    assert.deepEqual(
      gateway.requests.map(({ args }) => args),
      [
        { filter: {}, zero: true },
        { filter: {}, table: 'dying' },
      ],
    );
  });

  test('-L -o json is one array', async () => {
    const { stdout } = await gateway.run('-L -p tcp -o json');
    const ids = JSON.parse(stdout).map(({ id }: { id: number }) => id);
    assert.deepEqual(ids, [control.id, data.id]);
  });

  test('-D prints what it deleted; nothing to delete is 1', async () => {
    assert.deepEqual(await gateway.run('-D -p tcp --dport 50008'), {
      code: 0,
      stdout: line(data),
      stderr: `${prefix}1 flow entries have been deleted.\n`,
    });
    assert.deepEqual(gateway.entries, [control, dns]);
    assert.deepEqual(await gateway.run('-D -p tcp --dport 50008'), {
      code: 1,
      stdout: '',
      stderr: `${prefix}0 flow entries have been deleted.\n`,
    });
  });

  test('-D of more entries than one request names', async () => {
    gateway.entries = Array.from({ length: 17_000 }, (_, id) => entry({ id }));
    const { stderr } = await gateway.run('-D -p tcp');
    assert.equal(stderr, `${prefix}17000 flow entries have been deleted.\n`);
    assert.equal(gateway.entries.length, 0);
    const deletes = gateway.requests.filter(({ cmd }) => cmd === 'conntrack.delete');
    assert.equal(deletes.length, 2);
  });

  test('-G finds one entry by its tuple, of either direction', async () => {
    const found = await gateway.run(
      '-G -p tcp -s 192.168.1.10 -d 203.0.113.21 --sport 59464 --dport 21 -o id',
    );
    assert.equal(found.code, 0);
    assert.match(found.stdout, / use=2 id=293963086\n$/);
    assert.equal(found.stderr, `${prefix}1 flow entries have been shown.\n`);
    const reply = '-r 203.0.113.21 -q 203.0.113.1 --reply-port-src 21 --reply-port-dst 59464';
    assert.equal((await gateway.run(`-G -p tcp ${reply}`)).stdout, line(control));
    assert.deepEqual(
      await gateway.run('-G -p tcp -s 192.168.1.10 -d 203.0.113.21 --sport 1 --dport 21'),
      {
        code: 1,
        stdout: '',
        stderr: `${prefix}Operation failed: such conntrack doesn't exist\n`,
      },
    );
  });

  test('-C, -S and -F on both tables', async () => {
    assert.deepEqual(await gateway.run('-C'), { code: 0, stdout: '3\n', stderr: '' });
    assert.deepEqual(await gateway.run('-C expect'), { code: 0, stdout: '1\n', stderr: '' });
    assert.match((await gateway.run('-S')).stdout, /^cpu=0 {3}\tfound=7 .* chaintoolong=0 \n$/);
    const expected = 'cpu=0   \texpect_new=3 expect_create=0 expect_delete=0 \n';
    assert.equal((await gateway.run('-S expect')).stdout, expected);
    assert.deepEqual(await gateway.run('-F'), {
      ...{ code: 0, stdout: '' },
      stderr: `${prefix}connection tracking table has been emptied.\n`,
    });
    assert.deepEqual(await gateway.run('-F expect'), {
      ...{ code: 0, stdout: '' },
      stderr: `${prefix}expectation table has been emptied.\n`,
    });
    assert.equal((await gateway.run('-C')).stdout, '0\n');
  });

  test('-L expect', async () => {
    const { code, stdout, stderr } = await gateway.run('-L expect -o timestamp');
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^\[1795248670\.393520\]\t299 proto=6 src=192\.168\.1\.10 .* helper=ftp\n$/,
    );
    assert.equal(stderr, `${prefix}1 expectations have been shown.\n`);
    const none = await gateway.run('-L expect -f ipv6');
    assert.equal(none.stderr, `${prefix}0 expectations have been shown.\n`);
  });

  test('-E until interrupted: exit code 0, and how many were shown', async () => {
    gateway.events = [
      { event: 'NEW', time: 1.5, entry: control },
      { event: 'UPDATE', time: 2, entry: control },
      { event: 'NEW', time: 2, entry: dns },
      { event: 'DESTROY', time: 3, entry: data },
    ];
    const { code, stdout, stderr } = await gateway.run('-E -p tcp -e NEW,DESTROY', 2);
    assert.equal(code, 0);
    assert.match(stdout, /^ {4}\[NEW\] tcp .*\n\[DESTROY\] tcp .*\n$/);
    assert.equal(stderr, `${prefix}2 flow events have been shown.\n`);
    assert.deepEqual(gateway.requests[0]?.args, { events: ['NEW', 'DESTROY'] });
    const xml = await gateway.run('-E -o xml', 6);
    assert.match(xml.stdout, /^<\?xml .*\n<conntrack>\n(<flow .*\n){4}<\/conntrack>\n$/);
  });

  test('-E expect shows expectations and refused announcements', async () => {
    gateway.expectEvents = [
      { event: 'NEW', time: 1, entry: expectation() },
      {
        ...{ event: 'REFUSED', time: 2, helper: 'ftp', kind: 'PORT', reason: 'foreign-address' },
        ...{ line: 'PORT 10,0,0,9,4,1', master: expectation().master },
      },
    ];
    const { code, stdout, stderr } = await gateway.run('-E expect', 2);
    assert.equal(code, 0);
    assert.match(stdout, /^ {4}\[NEW\] 299 proto=6 .*\n\[REFUSED\] helper=ftp kind=PORT .*\n$/);
    assert.equal(stderr, `${prefix}2 expectation events have been shown.\n`);
  });

  test('an interrupted listing ends with 130', async () => {
    gateway.entries = Array.from({ length: 20_000 }, (_, id) => entry({ id }));
    const { code, stderr } = await gateway.run('-L', 10);
    assert.equal(code, 130);
    assert.equal(stderr, '');
  });
});

describe('conntrack without a gateway', () => {
  async function run(text: string) {
    const outcome = { stdout: '', stderr: '' };
    const code = await runConntrack(text === '' ? [] : text.split(' '), {
      client: () => {
        throw new ControlError('CONTROL_UNREACHABLE', 'pinhole: cannot reach the gateway', 4);
      },
      stdout: (chunk) => {
        outcome.stdout += chunk;
      },
      stderr: (chunk) => {
        outcome.stderr += chunk;
      },
      signal: new AbortController().signal,
      readFile: () => '',
    });
    return { code, ...outcome };
  }

  test('is exit code 4 and one message', async () => {
    const stderr = 'pinhole: cannot reach the gateway\n';
    assert.deepEqual(await run('-L'), { code: 4, stdout: '', stderr });
  });

  test('help, version and wrong use need none', async () => {
    for (const text of ['', '-h', '--help', '-h -p tcp']) {
      const { code, stdout } = await run(text);
      assert.equal(code, 0);
      assert.match(stdout, /^Usage: conntrack /);
    }
    const stdout = 'conntrack v1.4.7 (conntrack-tools)\n';
    assert.deepEqual(await run('-V'), { code: 0, stdout, stderr: '' });
    assert.deepEqual(await run('-L -p nosuch'), {
      code: 2,
      stdout: '',
      stderr:
        `${prefix}\`nosuch' unsupported protocol\n` +
        "Try `conntrack -h' or 'conntrack --help' for more information.\n",
    });
  });

  test('warnings go first', async () => {
    const { stderr } = await run('-L -a 1.2.3.4');
    assert.equal(stderr.split('\n')[0], 'WARNING: ignoring -a, deprecated option.');
  });
});
