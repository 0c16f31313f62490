/** `pinhole apply` against a gateway: all or nothing, comparisons, and rules on trial. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildUdp } from '../support/packets.ts';
import { RuleGateway } from './rule-gateway.ts';

const OLD = `*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -p udp --dport 5000 -j ACCEPT
COMMIT
`;
const NEW = `*filter
:FORWARD DROP [0:0]
[9:900] -A FORWARD -p tcp --dport 21 -j ACCEPT
-A FORWARD -p udp --dport 5000 -j ACCEPT
COMMIT
`;
const newRule = '-A FORWARD -p tcp -m tcp --dport 21 -j ACCEPT';

function gatewayOf(): RuleGateway {
  const gateway = new RuleGateway({ rules: OLD });
  gateway.files.set('new.rules', NEW);
  return gateway;
}

const files = ['new.rules'];
const packet = () =>
  buildUdp({ src: '192.168.1.10', dst: '203.0.113.9', sport: 4000, dport: 5000, payload: 'x' });

/** Lets what is under way between two ends of a pipe arrive. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

test('new rules are in force; counters of rules that stay go on', async () => {
  const gateway = gatewayOf();
  gateway.gateway.inject('lan', packet());
  const { stdout, stderr, code } = await gateway.apply({ files });
  assert.deepEqual([stdout, stderr, code], ['', '', 0]);
  assert.match(await gateway.saved(), new RegExp(newRule));
  assert.equal(gateway.gateway.count('filter', 'FORWARD', 1), 0);
  assert.equal(gateway.gateway.count('filter', 'FORWARD', 2), 1);
  assert.match(gateway.log.join(), /rules applied: new\.rules/);
  assert.equal(gateway.gateway.connections, 1, 'connections are kept');
});

test('-c takes the counters of the file', async () => {
  const gateway = gatewayOf();
  gateway.gateway.inject('lan', packet());
  await gateway.apply({ files, counters: true });
  assert.equal(gateway.gateway.count('filter', 'FORWARD', 1), 9);
  assert.equal(gateway.gateway.count('filter', 'FORWARD', 2), 0);
});

test('a refused file changes nothing, and says where it is wrong', async () => {
  const gateway = gatewayOf();
  const before = await gateway.saved('-c');
  gateway.files.set('bad.rules', '*filter\n-A INPUT -m nosuch\n-A INPUT -j MASQUERADE\nCOMMIT\n');
  const { stderr, code } = await gateway.apply({ files: ['new.rules', 'bad.rules'] });
  assert.equal(code, 1);
  assert.match(stderr, /^bad\.rules:2:\d+: error: /m);
  assert.match(stderr, /1 error: nothing changed\n$/);
  const absent = await gateway.apply({ files: ['absent'] });
  assert.match(absent.stderr, /cannot read absent/);
  assert.equal(absent.code, 1);
  assert.equal(await gateway.saved('-c'), before);
});

test('status counts the packets of NFLOG rules', async () => {
  const gateway = gatewayOf();
  gateway.files.set('nflog.rules', '*filter\n-A FORWARD -j NFLOG\nCOMMIT\n');
  await gateway.apply({ files: ['nflog.rules'] });
  gateway.gateway.inject('lan', packet());
  const client = gateway.connect();
  const status = await client.request('status', {}).done;
  client.close();
  assert.equal((status as { nflogged?: number }).nflogged, 1);
});

test('--strict refuses what is not enforced, which else is a warning', async () => {
  const gateway = gatewayOf();
  gateway.files.set('half.rules', '*filter\n-A FORWARD -m cpu --cpu 0 -j DROP\nCOMMIT\n');
  const strict = await gateway.apply({ files: ['half.rules'], strict: true });
  assert.equal(strict.code, 1);
  assert.match(strict.stderr, /^half\.rules:2:1: error: /m);
  assert.equal((await gateway.saved()).includes('--cpu'), false);
  const lax = await gateway.apply({ files: ['half.rules'] });
  assert.equal(lax.code, 0);
  assert.match(lax.stderr, /^half\.rules:2:1: warning: /m);
  assert.equal((await gateway.saved()).includes('--cpu'), true);
});

test('scripts and what they include are read where the user is', async () => {
  const gateway = gatewayOf();
  gateway.files.set(
    'fw.sh',
    '#!/bin/sh\n. ./ports.sh\niptables -A FORWARD -p tcp --dport $FTP -j ACCEPT\n',
  );
  gateway.files.set('./ports.sh', 'FTP=2121\n');
  gateway.files.set('ports.sh', 'FTP=2121\n');
  const { stderr, code } = await gateway.apply({ files: ['fw.sh'] });
  assert.equal(code, 0, stderr);
  assert.match(await gateway.saved(), /--dport 2121 -j ACCEPT/);
});

test('--diff and --dry-run', async () => {
  const gateway = gatewayOf();
  const before = await gateway.saved('-c');
  const dry = await gateway.apply({ files, dryRun: true });
  assert.deepEqual(
    [dry.code, dry.stdout],
    [0, 'nothing changed: the gateway would take these rules\n'],
  );
  const both = await gateway.apply({ files, dryRun: true, diff: true });
  assert.equal(both.code, 0);
  assert.equal(
    both.stdout,
    `--- rules in force
+++ new.rules
@@ -1,7 +1,8 @@
 # iptables
 *filter
 :INPUT ACCEPT
-:FORWARD ACCEPT
+:FORWARD DROP
 :OUTPUT ACCEPT
+${newRule}
 -A FORWARD -p udp -m udp --dport 5000 -j ACCEPT
 COMMIT
`,
  );
  assert.equal(await gateway.saved('-c'), before);
  assert.equal((await gateway.apply({ files, diff: true })).stdout, both.stdout);
  assert.match(await gateway.saved(), new RegExp(newRule), '--diff alone applies');
  assert.equal((await gateway.apply({ files, diff: true, dryRun: true })).stdout, '');
});

describe('on trial', () => {
  test('y keeps them', async () => {
    const gateway = gatewayOf();
    const { stderr, code } = await gateway.apply({ files, confirmSec: 30 }, ['y']);
    assert.equal(code, 0);
    assert.match(stderr, /\(y\/N\) the new rules stay\n$/);
    assert.match(await gateway.saved(), new RegExp(newRule));
    assert.equal(gateway.timers.length, 0);
  });

  test('anything else brings the old ones back, with their counters', async () => {
    const gateway = gatewayOf();
    gateway.gateway.inject('lan', packet());
    const { stderr, code } = await gateway.apply({ files, confirmSec: 30 }, ['what?']);
    assert.equal(code, 1);
    assert.match(stderr, /turned down: the old rules are back\n$/);
    assert.doesNotMatch(await gateway.saved(), new RegExp(newRule));
    assert.equal(gateway.gateway.count('filter', 'FORWARD', 1), 1);
  });

  test('no answer in time brings them back, whether anybody is there or not', async () => {
    const gateway = gatewayOf();
    const waiting = gateway.apply({ files, confirmSec: 30 });
    await settled();
    assert.match(await gateway.saved(), new RegExp(newRule), 'in force meanwhile');
    assert.deepEqual(
      gateway.timers.map(({ seconds }) => seconds),
      [30],
    );
    gateway.timers[0]?.run();
    const { stderr, code } = await waiting;
    assert.equal(code, 1);
    assert.match(stderr, /no answer in 30 s: the old rules are back\n$/);
    assert.doesNotMatch(await gateway.saved(), new RegExp(newRule));
    assert.match(gateway.log.join(), /not confirmed in 30 s/);
  });

  test('the client dies: the clock goes on', async () => {
    const gateway = gatewayOf();
    const client = gateway.connect();
    const args = { files: [{ path: 'new.rules', text: NEW }], confirmSec: 5 };
    await client.request('rules.apply', args).done;
    client.close();
    await settled();
    gateway.timers[0]?.run();
    assert.doesNotMatch(await gateway.saved(), new RegExp(newRule));
  });

  test('--confirmed and --revert from another shell', async () => {
    for (const [end, code] of [
      ['confirm', 0],
      ['revert', 1],
    ] as const) {
      const gateway = gatewayOf();
      const waiting = gateway.apply({ files, confirmSec: 30 });
      await settled();
      assert.equal((await gateway.settle(end)).code, 0);
      assert.equal((await waiting).code, code);
      assert.equal((await gateway.saved()).includes(newRule), end === 'confirm');
      assert.equal(gateway.timers.length, 0);
    }
    const { stderr, code } = await gatewayOf().settle('confirm');
    assert.match(stderr, /no new rules wait to be confirmed/);
    assert.equal(code, 1);
  });

  test('meanwhile nothing else may change the rules; looking is free', async () => {
    const gateway = gatewayOf();
    const waiting = gateway.apply({ files, confirmSec: 30 });
    await settled();
    const second = await gateway.apply({ files });
    assert.match(second.stderr, /wait to be confirmed/);
    assert.equal(second.code, 1);
    const edit = await gateway.run('iptables', ['-F']);
    assert.match(edit.stderr, /wait to be confirmed/);
    assert.equal(edit.code, 1);
    const restore = await gateway.run('iptables-restore', [], OLD);
    assert.match(restore.stderr, /wait to be confirmed/);
    assert.equal(restore.code, 1);
    assert.notEqual(gateway.changes.refusal, null, 'which a reload asks as well');
    assert.equal((await gateway.run('iptables', ['-L'])).code, 0);
    assert.equal((await gateway.run('iptables', ['-C', 'INPUT', '-j', 'DROP'])).code, 1);
    await gateway.settle('revert');
    await waiting;
    assert.equal((await gateway.run('iptables', ['-F'])).code, 0);
  });

  test('a bad number of seconds is no request', async () => {
    const gateway = gatewayOf();
    const { code } = await gateway.apply({ files, confirmSec: 100_000 });
    assert.equal(code, 1);
    assert.doesNotMatch(await gateway.saved(), new RegExp(newRule));
  });
});
