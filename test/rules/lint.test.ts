import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  explainCode,
  lintRuleSet,
  loadRuleFiles,
  messageCodes,
  type WarningCode,
} from '../../src/rules/index.ts';
import { block, errorOf, load, repositoryRoot, ruleSetOf, services } from './support.ts';

/** What lint says of a text: `code:line`. */
function lint(...texts: string[]): string[] {
  return lintRuleSet(ruleSetOf(texts.join(''))).map(({ code, line }) => `${code}:${line}`);
}

/** The same of FORWARD rules; the first one stands on line 2. */
const forward = (...rules: string[]) =>
  lint(block('filter', ...rules.map((rule) => `-A FORWARD ${rule}`)));

describe('rules that no packet reaches', () => {
  test('behind a rule without any condition', () => {
    assert.deepEqual(forward('-j DROP', '-p tcp -j ACCEPT', '-j LOG'), ['unreachable-rule:3']);
    assert.deepEqual(forward('-m comment --comment x -j REJECT', '-j LOG'), ['unreachable-rule:3']);
    assert.deepEqual(
      lint(
        block('filter', ':X - [0:0]', '-A X -j RETURN', '-A FORWARD -g X', '-A FORWARD -j DROP'),
      ),
      ['unreachable-rule:5'],
    );
    for (const first of [
      '-j LOG',
      '-p tcp -j DROP',
      '-i eth0 -j DROP',
      '-m limit --limit 1/s -j DROP',
    ]) {
      assert.deepEqual(forward(first, '-p udp -j ACCEPT'), [], first);
    }
    // A chain may return.
    assert.deepEqual(
      lint(
        block(
          'filter',
          ':X - [0:0]',
          '-A X -p tcp -j DROP',
          '-A FORWARD -j X',
          '-A FORWARD -j DROP',
        ),
      ),
      [],
    );
  });

  const wider: [string, string][] = [
    ['-p tcp -j ACCEPT', '-p tcp --dport 21 -j DROP'],
    ['-s 10.0.0.0/8 -j DROP', '-s 10.1.2.0/24 -p tcp -j ACCEPT'],
    ['-s 10.0.0.0/8 -p tcp --dport 1:1024 -j DROP', '-s 10.1.2.3 -p tcp --dport 21 -j ACCEPT'],
    ['-i eth+ -j DROP', '-i eth0 -o ppp0 -j ACCEPT'],
    ['-m state --state NEW,RELATED -j DROP', '-p tcp -m conntrack --ctstate NEW -j ACCEPT'],
    ['! -p tcp -j DROP', '-p udp --dport 53 -j ACCEPT'],
    [
      '-p tcp -m multiport --dports 20:25,80 -j DROP',
      '-p tcp -m multiport --dports 21,80 -j ACCEPT',
    ],
    [
      '-p tcp --tcp-flags SYN,ACK SYN -j DROP',
      '-p tcp --dport 9 --tcp-flags SYN,ACK SYN -j ACCEPT',
    ],
    ['-p tcp --dport 21 -j DROP', '-s 1.2.3.4 -p tcp --sport 1024: --dport 21 -j ACCEPT'],
  ];
  for (const [first, second] of wider) {
    test(`${first} / ${second}`, () => {
      assert.deepEqual(forward(first, second), ['shadowed-rule:3']);
      assert.deepEqual(forward(second, first), []);
    });
  }

  const apart: [string, string][] = [
    ['-p tcp -j DROP', '-p udp -j ACCEPT'],
    ['-p tcp -j LOG', '-p tcp --dport 21 -j ACCEPT'],
    ['-s 10.1.0.0/16 -j DROP', '-s 10.0.0.0/8 -j ACCEPT'],
    ['-i eth0 -j DROP', '-i eth+ -j ACCEPT'],
    ['-i eth0 -j DROP', '-o eth0 -j ACCEPT'],
    ['! -s 10.0.0.0/8 -j DROP', '-s 10.1.0.0/16 -j ACCEPT'],
    ['-p tcp --dport 21 -j DROP', '-p tcp --dport 20:22 -j ACCEPT'],
    ['-p tcp ! --dport 21 -j DROP', '-p tcp --dport 21 -j ACCEPT'],
    ['-p tcp --dport 21 -j DROP', '-p tcp --sport 21 -j ACCEPT'],
    // Later fragments have no ports, and not even a header.
    ['-p tcp --dport 0:65535 -j DROP', '-p tcp -j ACCEPT'],
    ['-m state --state NEW -j DROP', '-j ACCEPT'],
    ['-m state ! --state NEW -j DROP', '-m state --state NEW -j ACCEPT'],
    ['-p tcp -m limit --limit 1/s -j DROP', '-p tcp -m limit --limit 1/s -j ACCEPT'],
    ['-m mark --mark 1 -j DROP', '-m mark --mark 1 -j ACCEPT'],
    ['-f -j DROP', '-p tcp -j ACCEPT'],
  ];
  for (const [first, second] of apart) {
    test(`not: ${first} / ${second}`, () => assert.deepEqual(forward(first, second), []));
  }

  test('the same rule twice', () => {
    assert.deepEqual(forward('-p tcp -j DROP', '-p udp -j DROP', '-p tcp -j DROP'), [
      'duplicate-rule:4',
    ]);
    assert.deepEqual(
      lint(
        block(
          'filter',
          ':X - [0:0]',
          '-A X -j LOG',
          '-A INPUT -p tcp -j X',
          '-A INPUT -p tcp -j X',
        ),
      ),
      ['duplicate-rule:5'],
    );
    assert.deepEqual(forward('-j LOG', '-p tcp -j DROP', '-j LOG'), []);
  });

  test('a chain that nothing leads to', () => {
    const chains = [':A - [0:0]', ':B - [0:0]', ':C - [0:0]', '-A A -j B', '-A B -j DROP'];
    assert.deepEqual(lint(block('filter', ...chains)), ['unused-chain:5', 'unused-chain:6']);
    assert.deepEqual(lint(block('filter', ...chains, '-A INPUT -p tcp -g A')), []);
  });
});

describe('answers that are lost', () => {
  const closed = [
    ':INPUT DROP [0:0]',
    '-A INPUT -i lo -j ACCEPT',
    '-A INPUT -p tcp --dport 22 -j ACCEPT',
  ];

  test('policy DROP and nothing for ESTABLISHED', () => {
    assert.deepEqual(lint(block('filter', ...closed)), ['no-established:4']);
    assert.deepEqual(
      lint(block('filter', '-A INPUT -m state --state NEW -p tcp -j ACCEPT', '-A INPUT -j REJECT')),
      ['no-established:2'],
    );
  });

  test('not where something takes answers, or nothing begins', () => {
    const established = '-A INPUT -m state --state ESTABLISHED -j ACCEPT';
    assert.deepEqual(lint(block('filter', ...closed, established)), []);
    assert.deepEqual(lint(block('filter', ...closed, '-A INPUT -p tcp ! --syn -j ACCEPT')), []);
    assert.deepEqual(lint(block('filter', ...closed, '-A INPUT -s 10.0.0.0/8 -j ACCEPT')), []);
    assert.deepEqual(
      lint(
        block(
          'filter',
          ':X - [0:0]',
          ...closed,
          '-A INPUT -j X',
          established.replace('INPUT', 'X'),
        ),
      ),
      [],
    );
    assert.deepEqual(lint(block('filter', ':FORWARD DROP [0:0]')), []);
    assert.deepEqual(lint(block('filter', '-A INPUT -p tcp --dport 22 -j ACCEPT')), []);
  });
});

describe('FTP', () => {
  const raw = (port: number) =>
    block('raw', `-A PREROUTING -p tcp --dport ${port} -j CT --helper ftp`);
  const dnat = (to: string) =>
    block('nat', `-A PREROUTING -p tcp --dport 21 -j DNAT --to-destination ${to}`);
  const filter = (...rules: string[]) =>
    block('filter', ':FORWARD DROP [0:0]', ...rules.map((rule) => `-A FORWARD ${rule}`));
  const established = '-m state --state ESTABLISHED -j ACCEPT';
  const both = '-m state --state ESTABLISHED,RELATED -j ACCEPT';
  const ftp = '-p tcp --dport 21 -m state --state NEW -j ACCEPT';

  test('RELATED never accepted', () => {
    assert.deepEqual(lint(raw(21), filter(established, ftp)), ['related-never-accepted:6']);
    assert.deepEqual(lint(raw(21), filter(both, ftp)), []);
    // By default, without a word about a helper, nothing is expected of the rules.
    assert.deepEqual(lint(filter(established, '-p tcp --dport 80 -j ACCEPT')), []);
    const script = (states: string) =>
      lintRuleSet(
        ruleSetOf(
          `modprobe ip_conntrack_ftp\niptables -P FORWARD DROP\niptables -A FORWARD -m state --state ${states} -j ACCEPT\n`,
          {},
          'fw.sh',
        ),
      ).map(({ code }) => code);
    assert.deepEqual(script('ESTABLISHED'), ['related-never-accepted']);
    assert.deepEqual(script('ESTABLISHED,RELATED'), []);
  });

  test('a helper bound to the port after DNAT', () => {
    const rules = filter(both, '-p tcp --dport 2121 -j ACCEPT');
    assert.deepEqual(lint(raw(2121), dnat('10.0.0.9:2121'), rules), ['helper-after-dnat:2']);
    assert.deepEqual(lint(raw(21), dnat('10.0.0.9:2121'), rules), []);
    assert.deepEqual(lint(raw(21), dnat('10.0.0.9'), rules), []);
    assert.deepEqual(
      lint(
        raw(2121),
        block('nat', '-A PREROUTING -p tcp --dport 21 -j REDIRECT --to-ports 2121'),
        rules,
      ),
      ['helper-after-dnat:2'],
    );
  });

  test('port 21 open without a helper', () => {
    assert.deepEqual(lint(raw(2121), filter(both, ftp)), ['ftp-without-helper:7']);
    assert.deepEqual(lint(filter(both, ftp)), []);
    assert.deepEqual(lint(raw(21), filter(both, ftp)), []);
    assert.deepEqual(lint(raw(2121), filter(both, '-p tcp --dport 20:80 -j ACCEPT')), []);
    // What the client asks for is helped; the filter sees the port behind DNAT.
    const inward = block(
      'nat',
      '-A PREROUTING -p tcp --dport 2121 -j DNAT --to-destination 10.0.0.9:21',
    );
    assert.deepEqual(lint(raw(2121), inward, filter(both, ftp)), []);
  });

  test('a wide range of ports for data', () => {
    const wide = '-p tcp --dport 1024:65535 -j ACCEPT';
    assert.deepEqual(lint(filter(both, ftp, wide)), ['wide-passive-range:5']);
    const withNew = '-p tcp --dport 20000:30000 -m state --state NEW -j ACCEPT';
    assert.deepEqual(lint(filter(both, ftp, withNew)), ['wide-passive-range:5']);
    for (const fine of [
      '-p tcp --dport 1024:65535 -m state --state ESTABLISHED,RELATED -j ACCEPT',
      '-p tcp ! --syn --dport 1024:65535 -j ACCEPT',
      '-p tcp --dport 3000:3100 -j ACCEPT',
      '-p udp --dport 10000:20000 -j ACCEPT',
      '-s 10.0.0.0/8 -p tcp --dport 1024:65535 -j ACCEPT',
    ]) {
      assert.deepEqual(lint(filter(fine, both, ftp)), [], fine);
    }
    assert.deepEqual(lint(filter(both, wide)), []);
  });
});

describe('the rest', () => {
  test('MASQUERADE of everything beside DNAT', () => {
    const nat = (line: string) =>
      lint(block('nat', '-A PREROUTING -p tcp --dport 80 -j DNAT --to 10.0.0.1', line));
    assert.deepEqual(nat('-A POSTROUTING -j MASQUERADE'), ['nat-everywhere:3']);
    assert.deepEqual(nat('-A POSTROUTING -o eth0 -j MASQUERADE'), []);
    assert.deepEqual(nat('-A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE'), []);
    assert.deepEqual(lint(block('nat', '-A POSTROUTING -j MASQUERADE')), []);
  });

  test('typographic characters: quotes that quote nothing, and the reason of an error', () => {
    assert.deepEqual(forward('-j LOG --log-prefix “drop'), ['curly-characters:2']);
    assert.deepEqual(forward('-j LOG --log-prefix "a – b"'), []);
    const error = errorOf(block('filter', '-A INPUT -p tcp –dport 21 -j ACCEPT'));
    assert.match(error.detail, /^column 17 has `–', a typographic character/);
    assert.equal(error.message, "Bad argument `–dport'");
  });

  test('too few flags for a set', () => {
    const files: Record<string, string> = {
      sets: 'create p hash:ip,port\n',
      rules: block(
        'filter',
        '-A INPUT -m set --match-set p src -j DROP',
        '-A INPUT -m set --match-set p src,dst -j DROP',
      ),
    };
    const { ruleSet } = loadRuleFiles(['rules', 'sets'], (path) => files[path]!, { services });
    assert.deepEqual(
      lintRuleSet(ruleSet!).map(({ code, line }) => `${code}:${line}`),
      ['set-dimension:2'],
    );
  });

  test('nothing to say about the rule files of this repository', () => {
    const folder = join(repositoryRoot(), 'rules');
    for (const name of readdirSync(folder)) {
      const { ruleSet, errors } = load(readFileSync(join(folder, name), 'utf8'), {}, name);
      assert.ok(ruleSet, errors.map((error) => error.format()).join('\n'));
      assert.deepEqual(lintRuleSet(ruleSet), [], name);
    }
  });

  test('every code is explained, and docs/rules.md lists those of lint', () => {
    for (const code of messageCodes) assert.ok(explainCode(code)!.meaning.endsWith('.'), code);
    assert.equal(explainCode('toString'), null);
    const lintCodes: WarningCode[] = [
      'unreachable-rule',
      'shadowed-rule',
      'duplicate-rule',
      'unused-chain',
      'related-never-accepted',
      'helper-after-dnat',
      'ftp-without-helper',
      'wide-passive-range',
      'curly-characters',
      'no-established',
      'nat-everywhere',
      'set-dimension',
    ];
    const docs = readFileSync(join(repositoryRoot(), 'docs', 'rules.md'), 'utf8');
    for (const code of lintCodes) assert.ok(docs.includes(`\`${code}\``), code);
  });

  test('time does not grow with the square of the rules', () => {
    const rules = Array.from(
      { length: 20_000 },
      (_, i) => `-A FORWARD -s 10.${i >> 8}.${i & 255}.0/24 -p tcp --dport ${i + 1} -j ACCEPT`,
    );
    const ruleSet = ruleSetOf(block('filter', ...rules));
    const start = process.cpuUsage().user;
    assert.deepEqual(lintRuleSet(ruleSet), []);
    // 20,000 squared would be minutes; a second or so on a slow machine is linear.
    assert.ok(process.cpuUsage().user - start < 5_000_000);
  });
});
