import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../src/engine/index.ts';
import { makeGateway, type TestGateway } from '../support/gateway.ts';
import { buildUdp } from '../support/packets.ts';

const chains = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
} as const;

/** A LOG rule in every chain of every table: the lines say which were met, and in what order. */
const loggingRules = Object.entries(chains)
  .map(([table, hooks]) => {
    const rules = hooks.map((hook) => `-A ${hook} -j LOG --log-prefix "${table} ${hook} "`);
    return `*${table}\n${rules.join('\n')}\nCOMMIT\n`;
  })
  .join('');

/** `raw PREROUTING`, … in the order in which the last packet met them. */
function chainsMet(gateway: TestGateway): string[] {
  const lines = gateway.eventTexts('logged');
  gateway.events.length = 0;
  return lines.map((line) => line.split(' IN=')[0]!);
}

const out = { src: '192.168.1.10', dst: '198.51.100.9', sport: 5000, dport: 53 };
const back = { src: '198.51.100.9', dst: '192.168.1.10', sport: 53, dport: 5000 };

describe('the order of the hooks', () => {
  test('a forwarded packet, and its answer without the nat table', () => {
    const gateway = makeGateway({ rules: loggingRules });
    gateway.inject('lan', buildUdp(out));
    assert.deepEqual(chainsMet(gateway), [
      'raw PREROUTING',
      'mangle PREROUTING',
      'nat PREROUTING',
      'mangle FORWARD',
      'filter FORWARD',
      'security FORWARD',
      'mangle POSTROUTING',
      'nat POSTROUTING',
    ]);
    gateway.inject('wan', buildUdp(back));
    assert.deepEqual(chainsMet(gateway), [
      'raw PREROUTING',
      'mangle PREROUTING',
      'mangle FORWARD',
      'filter FORWARD',
      'security FORWARD',
      'mangle POSTROUTING',
    ]);
  });

  test('a packet for the gateway', () => {
    const gateway = makeGateway({ rules: loggingRules });
    const left = gateway.inject('lan', buildUdp({ ...out, dst: '192.168.1.1' }));
    assert.equal(left.outcome, Outcome.Deliver);
    assert.deepEqual(chainsMet(gateway), [
      'raw PREROUTING',
      'mangle PREROUTING',
      'nat PREROUTING',
      'mangle INPUT',
      'filter INPUT',
      'security INPUT',
      'nat INPUT',
    ]);
  });

  test('a packet of the gateway', () => {
    const gateway = makeGateway({ rules: loggingRules });
    const left = gateway.output('wan', buildUdp({ ...out, src: '203.0.113.1' }));
    assert.equal(left.outcome, Outcome.Forward);
    assert.equal(left.interfaceName, 'wan');
    assert.deepEqual(chainsMet(gateway), [
      'raw OUTPUT',
      'mangle OUTPUT',
      'nat OUTPUT',
      'filter OUTPUT',
      'security OUTPUT',
      'mangle POSTROUTING',
      'nat POSTROUTING',
    ]);
  });

  test('a broadcast is for the gateway too', () => {
    const gateway = makeGateway({ rules: loggingRules });
    for (const dst of ['192.168.1.255', '255.255.255.255', '224.0.0.251']) {
      assert.equal(gateway.inject('lan', buildUdp({ ...out, dst })).outcome, Outcome.Deliver);
      assert.ok(chainsMet(gateway).includes('filter INPUT'), dst);
    }
  });

  test('the interfaces that each hook knows', () => {
    const gateway = makeGateway({ rules: loggingRules });
    gateway.inject('lan', buildUdp(out));
    const seen = Object.fromEntries(
      gateway.eventTexts('logged').map((line) => {
        const [, chain = '', inIf = '', outIf = ''] = /^\S+ (\S+) IN=(\S*) OUT=(\S*)/.exec(line)!;
        return [chain, `${inIf}>${outIf}`];
      }),
    );
    assert.deepEqual(seen, { PREROUTING: 'lan>', FORWARD: 'lan>wan', POSTROUTING: '>wan' });
  });
});

describe('where a packet ends', () => {
  for (const [table, chain] of [
    ['raw', 'PREROUTING'],
    ['mangle', 'PREROUTING'],
    ['mangle', 'FORWARD'],
    ['filter', 'FORWARD'],
    ['security', 'FORWARD'],
    ['mangle', 'POSTROUTING'],
  ] as const) {
    test(`DROP in ${table} ${chain}: nothing after it is met, no connection is left`, () => {
      const dropping = `*${table}\n-A ${chain} -j DROP\nCOMMIT\n`;
      const others = loggingRules.replace(new RegExp(`\\*${table}\\n[^]*?COMMIT\\n`), '');
      const gateway = makeGateway({ rules: others + dropping });
      const left = gateway.inject('lan', buildUdp(out));
      assert.equal(left.outcome, Outcome.Drop);
      assert.equal(left.reason, 'rule-drop');
      assert.equal(gateway.engine.flight.rule?.line !== undefined, true);
      assert.equal(gateway.engine.flight.chain?.name, chain);
      assert.equal(gateway.connections, 0);
      assert.deepEqual(gateway.eventTexts('new'), []);
      assert.equal(left.frame.length, 0);
    });
  }

  test('policies of INPUT, FORWARD and OUTPUT', () => {
    const rules = '*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT DROP [0:0]\nCOMMIT\n';
    const gateway = makeGateway({ rules });
    const toGateway = buildUdp({ ...out, dst: '192.168.1.1' });
    assert.equal(gateway.inject('lan', toGateway).reason, 'policy');
    assert.equal(gateway.inject('lan', buildUdp(out)).reason, 'policy');
    assert.equal(gateway.output('wan', buildUdp({ ...out, src: '203.0.113.1' })).reason, 'policy');
    assert.equal(gateway.count('filter', 'INPUT', 0), 1);
    assert.equal(gateway.count('filter', 'FORWARD', 0), 1);
    assert.equal(gateway.count('filter', 'OUTPUT', 0), 1);
    assert.equal(gateway.connections, 0);
  });

  test('no table at all: everything passes, and is tracked', () => {
    const gateway = makeGateway();
    assert.equal(gateway.inject('lan', buildUdp(out)).outcome, Outcome.Forward);
    assert.equal(gateway.connections, 1);
    assert.deepEqual(gateway.eventTexts('new'), ['192.168.1.10:5000>198.51.100.9:53']);
  });

  test('rules of one family do not touch the other', () => {
    const gateway = makeGateway({ rules: '*filter\n:FORWARD DROP [0:0]\nCOMMIT\n' });
    const six = { src: 'fd00:1::10', dst: '2001:db8:9::9', sport: 5000, dport: 53 };
    assert.equal(gateway.inject('lan', buildUdp(six)).outcome, Outcome.Forward);
    assert.equal(gateway.inject('lan', buildUdp(out)).outcome, Outcome.Drop);
  });
});

describe('connection states as rules see them', () => {
  const counting = `*filter
-A FORWARD -m conntrack --ctstate NEW
-A FORWARD -m conntrack --ctstate ESTABLISHED
-A FORWARD -m conntrack --ctstate RELATED
-A FORWARD -m conntrack --ctstate INVALID
-A FORWARD -m conntrack --ctstate UNTRACKED
COMMIT
`;
  const states = (gateway: TestGateway) =>
    [1, 2, 3, 4, 5].map((number) => gateway.count('filter', 'FORWARD', number));

  test('NEW until answered, ESTABLISHED after', () => {
    const gateway = makeGateway({ rules: counting });
    gateway.inject('lan', buildUdp(out));
    gateway.inject('lan', buildUdp(out));
    assert.deepEqual(states(gateway), [2, 0, 0, 0, 0]);
    gateway.inject('wan', buildUdp(back));
    gateway.inject('lan', buildUdp(out));
    assert.deepEqual(states(gateway), [2, 2, 0, 0, 0]);
    assert.equal(gateway.connections, 1);
  });

  test('NOTRACK and CT --notrack: UNTRACKED, no connection', () => {
    for (const target of ['NOTRACK', 'CT --notrack']) {
      const raw = `*raw\n-A PREROUTING -j ${target}\nCOMMIT\n`;
      const gateway = makeGateway({ rules: raw + counting });
      gateway.inject('lan', buildUdp(out));
      assert.deepEqual(states(gateway), [0, 0, 0, 0, 1]);
      assert.equal(gateway.connections, 0);
    }
  });

  test('in the raw table: INVALID before NOTRACK, UNTRACKED after it', () => {
    const raw = `*raw
-A PREROUTING -m conntrack --ctstate INVALID
-A PREROUTING -m state --state UNTRACKED
-A PREROUTING -p udp -j NOTRACK
-A PREROUTING -m conntrack --ctstate INVALID
-A PREROUTING -m state --state UNTRACKED
COMMIT
`;
    const gateway = makeGateway({ rules: raw });
    gateway.inject('lan', buildUdp(out));
    const counts = [1, 2, 4, 5].map((number) => gateway.count('raw', 'PREROUTING', number));
    assert.deepEqual(counts, [1, 0, 0, 1]);
  });

  test('NOTRACK holds for damaged packets too', () => {
    const gateway = makeGateway({ rules: `*raw\n-A PREROUTING -j NOTRACK\nCOMMIT\n${counting}` });
    const damaged = buildUdp({ ...out, badChecksum: true });
    gateway.datapath.inject('lan', damaged);
    assert.deepEqual(states(gateway), [0, 0, 0, 0, 1]);
  });

  test('a bad transport checksum: INVALID, decided by the rules', () => {
    const gateway = makeGateway({ rules: counting });
    gateway.datapath.inject('lan', buildUdp({ ...out, badChecksum: true }));
    assert.deepEqual(states(gateway), [0, 0, 0, 1, 0]);
    assert.equal(gateway.connections, 0);
  });
});

test('rules are swapped between packets, connections and their translation stay', () => {
  const masquerade = '*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n';
  const gateway = makeGateway({ rules: masquerade });
  gateway.inject('lan', buildUdp(out));
  gateway.reload(
    '*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT\nCOMMIT\n',
  );
  const answer = gateway.inject('wan', buildUdp({ ...back, dst: '203.0.113.1' }));
  assert.equal(answer.seen?.dst, '192.168.1.10');
  assert.equal(gateway.inject('lan', buildUdp(out)).seen?.src, '203.0.113.1');
  assert.equal(gateway.inject('lan', buildUdp({ ...out, sport: 5001 })).reason, 'policy');
  assert.equal(gateway.connections, 1);
});
