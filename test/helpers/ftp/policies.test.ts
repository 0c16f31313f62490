/** Which settings hold for which control connection, and what they say of commands. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileMatches, shellMatch } from '../../../src/helpers/ftp/file-pattern.ts';
import { Verb } from '../../../src/helpers/ftp/grammar/verbs.ts';
import { FtpPolicies, isInNetwork } from '../../../src/helpers/ftp/policies.ts';
import {
  compileVerbs,
  fileAllowed,
  userAllowed,
  verbDenied,
} from '../../../src/helpers/ftp/verdicts.ts';
import { defaultFtpPolicy } from '../../../src/helpers/index.ts';
import {
  type FtpDirective,
  type FtpNetwork,
  type FtpScope,
  type FtpSettings,
  loadRuleFiles,
} from '../../../src/rules/index.ts';
import { parseIpv4, parseIpv6 } from '../../../src/wire/index.ts';
import { ftpPolicy } from '../../support/ftp-options.ts';

const ipv4 = (text: string) => [parseIpv4(text)!, 0, 0, 0];
const REAL = ipv4('10.0.0.5');
const OPEN = ipv4('192.0.2.1');

/** Directives as rule files have them. */
function directives(...lines: string[]): readonly FtpDirective[] {
  const text = lines.map((line) => `# pinhole: ftp ${line}\n`).join('');
  const { ruleSet, errors } = loadRuleFiles(['ftp'], () => text);
  assert.deepEqual(
    errors.map((error) => error.format()),
    [],
  );
  return ruleSet!.ftp;
}

function policies(...lines: string[]): FtpPolicies {
  const made = new FtpPolicies(defaultFtpPolicy);
  made.setDirectives(directives(...lines));
  return made;
}

function minPort(of: FtpPolicies, real = REAL, open = OPEN, comment = ''): number {
  return of.policyFor(4, real, open, comment).minPort;
}

describe('scopes', () => {
  test('without directives the base holds, and is the very object', () => {
    const base = ftpPolicy({ minPort: 7 });
    const made = new FtpPolicies(base);
    assert.equal(made.policyFor(4, REAL, OPEN, ''), base);
    made.base = ftpPolicy({ minPort: 8 });
    assert.equal(minPort(made), 8);
  });

  test('all < server, the longer prefix first < rule, in whatever order they stand', () => {
    const lines = [
      'min-port=2000',
      'server=10.0.0.0/8 min-port=3000',
      'server=10.0.0.0/24 min-port=4000',
      'server=10.0.0.5 min-port=5000',
      'rule="in" min-port=6000',
    ];
    for (const order of [lines, lines.toReversed()]) {
      const made = policies(...order);
      assert.equal(minPort(made, ipv4('172.16.0.1'), ipv4('172.16.0.1')), 2000);
      assert.equal(minPort(made, ipv4('10.9.0.1'), ipv4('10.9.0.1')), 3000);
      assert.equal(minPort(made, ipv4('10.0.0.6'), ipv4('10.0.0.6')), 4000);
      assert.equal(minPort(made), 5000);
      assert.equal(minPort(made, REAL, OPEN, 'in'), 6000);
      assert.equal(minPort(made, REAL, OPEN, 'In'), 5000);
    }
  });

  test('a server is known by its real address and by its public one', () => {
    const made = policies('server=192.0.2.1 min-port=3000', 'server=10.0.0.5 list=no');
    const { minPort: port, list } = made.policyFor(4, REAL, OPEN, '');
    assert.deepEqual([port, list], [3000, false]);
    assert.equal(minPort(made, OPEN, REAL), 3000);
    assert.equal(minPort(made, ipv4('10.0.0.6'), ipv4('192.0.2.2')), 1024);
  });

  test('what a narrower scope does not set stays as the wider one has it', () => {
    const made = policies('deny=SITE list=no', 'server=10.0.0.5 deny=none');
    const { deny, list, upload } = made.policyFor(4, REAL, OPEN, '');
    assert.deepEqual([deny, list, upload], [[], false, true]);
  });

  test('families are kept apart', () => {
    const made = policies('server=0.0.0.0/0 min-port=3000', 'server=2001:db8::/33 min-port=4000');
    const inside = parseIpv6('2001:db8:7fff::1')!;
    const outside = parseIpv6('2001:db8:8000::1')!;
    assert.equal(made.policyFor(6, inside, inside, '').minPort, 4000);
    assert.equal(made.policyFor(6, outside, outside, '').minPort, 1024);
    assert.equal(minPort(made), 3000);
  });

  test('connections under the same directives share one object', () => {
    const made = policies('list=no', 'server=10.0.0.0/8 min-port=3000');
    const one = made.policyFor(4, REAL, OPEN, '');
    assert.equal(made.policyFor(4, ipv4('10.7.7.7'), OPEN, 'whatever'), one);
    assert.notEqual(made.policyFor(4, OPEN, OPEN, ''), one);
    assert.equal(compileVerbs(one), compileVerbs(made.policyFor(4, REAL, REAL, '')));
  });

  test('the generation grows with each change, and not with the same list', () => {
    const made = policies('list=no');
    const before = made.generation;
    const list = directives('list=yes');
    made.setDirectives(list);
    assert.equal(made.generation, before + 1);
    assert.equal(made.policyFor(4, REAL, OPEN, '').list, true);
    made.setDirectives(list);
    assert.equal(made.generation, before + 1);
    made.base = ftpPolicy({});
    assert.equal(made.generation, before + 2);
  });
});

test('networks of every length', () => {
  const words = [0x20010db8, -1, 0x12345678, -2] as const;
  for (let prefixLen = 0; prefixLen <= 128; prefixLen++) {
    const network: FtpNetwork = { family: 6, words, prefixLen };
    const with_ = (bit: number) =>
      words.map((word, i) => (i === bit >> 5 ? word ^ (1 << (31 - (bit & 31))) : word));
    assert.ok(isInNetwork(network, 6, words));
    if (prefixLen > 0) assert.ok(!isInNetwork(network, 6, with_(prefixLen - 1)), `${prefixLen}`);
    if (prefixLen < 128) assert.ok(isInNetwork(network, 6, with_(prefixLen)), `${prefixLen}`);
  }
});

describe('verbs', () => {
  const denied = (settings: Partial<FtpSettings>) => {
    const { isDenied } = compileVerbs(ftpPolicy(settings));
    return Object.entries(Verb)
      .filter(([, code]) => isDenied[code] === 1)
      .map(([name]) => name.toUpperCase());
  };
  const watches = (settings: Partial<FtpSettings>) => {
    const { isWatched } = compileVerbs(ftpPolicy(settings));
    return Object.entries(Verb)
      .filter(([, code]) => isWatched[code] === 1)
      .map(([name]) => name.toUpperCase());
  };

  test('by default none is denied, and those that announce are watched', () => {
    assert.deepEqual(denied({}), []);
    assert.deepEqual(watches({}).sort(), ['EPRT', 'LPRT', 'PORT']);
  });

  test('upload, download, list', () => {
    assert.deepEqual(denied({ upload: false }).sort(), ['APPE', 'STOR', 'STOU']);
    assert.deepEqual(denied({ download: false }), ['RETR']);
    assert.deepEqual(denied({ list: false }).sort(), ['LIST', 'MLSD', 'NLST']);
  });

  test('deny, and allow without what deny names; verbs without a code by their name', () => {
    assert.deepEqual(denied({ deny: ['DELE', 'XFOO'] }), ['DELE']);
    const policy = ftpPolicy({ allow: ['RETR', 'DELE', 'XBAR'], deny: ['DELE', 'XFOO'] });
    const { isDenied, isWatched } = compileVerbs(policy);
    assert.deepEqual([isDenied[Verb.Retr], isDenied[Verb.Dele], isDenied[Verb.Stor]], [0, 1, 1]);
    assert.deepEqual([isDenied[Verb.Other], isWatched[Verb.Other]], [0, 1]);
    assert.deepEqual([isDenied[Verb.None], isWatched[Verb.None]], [0, 0]);
    assert.deepEqual(
      ['XBAR', 'XFOO', 'XYZ'].map((name) => verbDenied(policy, name)),
      [false, true, true],
    );
  });

  test('AUTH, USER and what names files are watched where the policy is about them', () => {
    assert.ok(watches({ authTls: 'reject' }).includes('AUTH'));
    assert.ok(watches({ anonymousOnly: true }).includes('USER'));
    const filed = watches({ denyFiles: ['x'] });
    for (const verb of ['RETR', 'STOR', 'DELE', 'RNFR', 'RNTO']) assert.ok(filed.includes(verb));
    assert.ok(!filed.includes('NOOP') && !filed.includes('USER'));
  });

  test('anonymous only', () => {
    const policy = ftpPolicy({ anonymousOnly: true });
    const names = ['anonymous', 'FTP', ' ftp ', 'ftpuser', 'root', '', 'anonymous@x'];
    assert.deepEqual(
      names.map((name) => userAllowed(policy, name)),
      [true, true, true, false, false, false, false],
    );
    assert.ok(userAllowed(ftpPolicy({}), 'root'));
  });
});

describe('files', () => {
  const matching: readonly [string, string, boolean][] = [
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['*', 'any thing', true],
    ['?', '', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*.zip', '.zip', true],
    ['*.zip', 'a.zip.exe', false],
    ['*a*b*', 'xxaxxbxx', true],
    ['*a*b*', 'xxbxxaxx', false],
    ['[a-c]x', 'bx', true],
    ['[a-c]x', 'dx', false],
    ['[!a-c]x', 'dx', true],
    ['[!a-c]x', 'ax', false],
    ['[]]', ']', true],
    ['[!]]', ']', false],
    ['[a-]', '-', true],
    ['[-a]', '-', true],
    ['[c-a]', 'b', false],
    ['[a', '[a', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a\\', 'a\\', true],
    ['A', 'a', false],
  ];
  for (const [pattern, text, expected] of matching) {
    test(`${JSON.stringify(pattern)} and ${JSON.stringify(text)}`, () =>
      assert.equal(shellMatch(pattern, text), expected));
  }

  test('the last part of the path, or all of it where the pattern has a slash', () => {
    assert.ok(fileMatches('*.zip', '/pub/a.zip'));
    assert.ok(fileMatches('pub', '/a/pub/'));
    assert.ok(!fileMatches('pub', 'pub/a'));
    assert.ok(fileMatches('/pub/*', '/pub/x/y'));
    assert.ok(!fileMatches('pub/*', '/pub/x'));
    assert.ok(fileMatches('*/x', '/pub/x'));
  });

  test('a name in UTF-8 comes as one character a byte', () => {
    const name = Buffer.from('caf\u00e9.txt').toString('latin1');
    assert.ok(fileMatches('caf\u00e9.*', name));
    assert.ok(fileMatches('caf?.txt', name));
    assert.ok(fileMatches('caf\u00e9.txt', 'caf\u00e9.txt'));
  });

  test('allowed where no list denies it; blanks around a name let nobody by', () => {
    const policy = ftpPolicy({ files: ['*.txt'], denyFiles: ['secret*'] });
    const names = ['a.txt', 'dir/a.txt', 'a.zip', 'secret.txt', ' secret.txt', 'x/secret.txt '];
    assert.deepEqual(
      names.map((name) => fileAllowed(policy, name)),
      [true, true, false, false, false, false],
    );
    assert.ok(fileAllowed(ftpPolicy({}), ''));
    assert.ok(!fileAllowed(ftpPolicy({ denyFiles: ['*'] }), ''));
  });

  test('many stars against a long name take no time', () => {
    const began = process.cpuUsage().user;
    assert.ok(!shellMatch(`${'*a'.repeat(100)}b`, 'a'.repeat(4096)));
    assert.ok(!fileMatches(`${'*/'.repeat(100)}b`, '/'.repeat(4096)));
    assert.ok((process.cpuUsage().user - began) / 1000 < 1000);
  });

  test('the same as a slow twin that tries everything', () => {
    const alphabet = ['a', 'b', '*', '?'];
    const texts = ['', 'a', 'b', 'ab', 'ba', 'aab', 'abab', 'bbaa'];
    for (let n = 0; n < 4 ** 5; n++) {
      const pattern = [0, 1, 2, 3, 4].map((i) => alphabet[(n >> (2 * i)) & 3]).join('');
      for (let length = 0; length <= 5; length++) {
        const part = pattern.slice(0, length);
        for (const text of texts) assert.equal(shellMatch(part, text), slowMatch(part, text), part);
      }
    }
  });
});

function slowMatch(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern[0] === '*') {
    return slowMatch(pattern.slice(1), text) || (text !== '' && slowMatch(pattern, text.slice(1)));
  }
  const isSame = text !== '' && (pattern[0] === '?' || pattern[0] === text[0]);
  return isSame && slowMatch(pattern.slice(1), text.slice(1));
}

test('a scope of every kind has its place', () => {
  const scopes = directives('list=no', 'server=::1 list=no', 'rule=x list=no').map(
    ({ scope }): FtpScope['kind'] => scope.kind,
  );
  assert.deepEqual(scopes, ['all', 'server', 'rule']);
});
