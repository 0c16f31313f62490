/** `# pinhole: ftp`: what is read, and what is said of what cannot be. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type FtpDirective,
  type FtpNetwork,
  type FtpSettings,
  loadRuleFiles,
} from '../../src/rules/index.ts';
import { services } from './support.ts';

const FILTER = '*filter\n-A FORWARD -j ACCEPT\nCOMMIT\n';

function loadAll(files: Readonly<Record<string, string>>) {
  return loadRuleFiles(Object.keys(files), (path) => files[path] ?? assert.fail(path), {
    services,
  });
}

function directivesOf(files: Readonly<Record<string, string>>): readonly FtpDirective[] {
  const { ruleSet, errors } = loadAll(files);
  assert.deepEqual(
    errors.map((error) => error.format()),
    [],
  );
  return ruleSet!.ftp;
}

/** The settings that one line of a save file makes. */
function settingsOf(line: string): Partial<FtpSettings> {
  const [directive, ...more] = directivesOf({ 'fw.rules': `${line}\n${FILTER}` });
  assert.equal(more.length, 0);
  return directive!.settings;
}

/** `LINE:COLUMN CODE MESSAGE` of all errors of a save file of these lines. */
function errorsOf(...lines: string[]): string[] {
  const { ruleSet, errors } = loadAll({ 'fw.rules': `${lines.join('\n')}\n${FILTER}` });
  assert.equal(ruleSet, null);
  return errors.map(({ line, column, code, message }) => `${line}:${column} ${code} ${message}`);
}

const network = (words: FtpNetwork['words'], prefixLen: number, family: 4 | 6 = 4): FtpNetwork => ({
  family,
  words,
  prefixLen,
});

describe('values', () => {
  const cases: readonly [string, Partial<FtpSettings>][] = [
    ['allow=user,PASS,Quit', { allow: ['USER', 'PASS', 'QUIT'] }],
    ['allow=all', { allow: null }],
    ['deny=DELE,SITE', { deny: ['DELE', 'SITE'] }],
    ['deny=none', { deny: [] }],
    ['denied=Drop', { denied: 'drop' }],
    ['upload=no download=yes list=NO', { upload: false, download: true, list: false }],
    ['anonymous=only', { anonymousOnly: true }],
    ['anonymous=any', { anonymousOnly: false }],
    ['file=*.zip,"pub/*"'.replaceAll('"', ''), { files: ['*.zip', 'pub/*'] }],
    ['deny-file="my [!a]*.txt"', { denyFiles: ['my [!a]*.txt'] }],
    ['max-line=64', { maxLine: 64 }],
    ['max-line=65535', { maxLine: 65_535 }],
    [
      'third-party=192.0.2.77/24,2001:db8::1,10.0.0.0/255.0.0.0',
      {
        thirdParties: [
          network([0xc0000200 | 0, 0, 0, 0], 24),
          network([0x20010db8, 0, 0, 1], 128, 6),
          network([0x0a000000, 0, 0, 0], 8),
        ],
      },
    ],
    ['min-port=1', { minPort: 1 }],
    ['passive-range=50000:50100', { passiveRange: { first: 50_000, last: 50_100 } }],
    ['passive-range=50000-50000', { passiveRange: { first: 50_000, last: 50_000 } }],
    ['passive-range=none', { passiveRange: null }],
    ['max-holes=3 max-holes-per-client=20', { maxHoles: 3, maxHolesPerClient: 20 }],
    ['hole-lifetime=86400', { holeLifetime: 86_400 }],
    ['hole-lifetime=5m', { holeLifetime: 300 }],
    ['banner="FTP \\"ready\\""', { banner: 'FTP "ready"' }],
    ['banner=""', { banner: null }],
    ['mask-syst=yes repair=yes', { maskSyst: true, repair: true }],
    [
      'bounce=pass zero-address=refuse auth-tls=reject',
      {
        bounce: 'pass',
        zeroAddress: 'refuse',
        authTls: 'reject',
      },
    ],
  ];
  for (const [text, settings] of cases) {
    test(text, () => assert.deepEqual(settingsOf(`# pinhole: ftp ${text}`), settings));
  }

  const bad = [
    ...['allow=', 'allow=none', 'allow=USER,,PASS', 'deny=DE LE', 'deny=D*', 'denied=pass'],
    ...['upload=maybe', 'anonymous=yes', 'file=', 'file=[a', 'max-line=63', 'max-line=65536'],
    ...['max-line=0x100', 'max-line=+100', 'max-line=0100', 'third-party=example.org'],
    ...['third-party=10.1', 'third-party=10.0.0.0/255.0.255.0', 'third-party=10.0.0.0/33'],
    ...['third-party=2001:db8::/129', 'min-port=0', 'min-port=65536', 'passive-range=2:1'],
    ...['passive-range=:5', 'passive-range=1:', 'passive-range=0:9', 'passive-range=1:65536'],
    ...[
      'max-holes=0',
      'hole-lifetime=0',
      'hole-lifetime=86401',
      'hole-lifetime=2d',
      'hole-lifetime=m',
    ],
    ...['banner=caf\u00e9', 'bounce=refuse', 'zero-address=yes', 'auth-tls=no', 'server=nowhere'],
    ...['server=10.0.0.1,10.0.0.2', 'server=', 'rule='],
  ];
  for (const text of bad.filter((one) => !one.includes(' '))) {
    test(`${text} is refused at its value`, () => {
      const [error, ...more] = errorsOf(`# pinhole: ftp repair=yes ${text}`);
      assert.equal(more.length, 0);
      const column = 28 + text.indexOf('=');
      assert.ok(error?.startsWith(`1:${column} bad-value bad value "`), error);
      assert.match(error ?? '', /: expected /);
    });
  }
});

describe('spelling', () => {
  for (const head of ['#pinhole:ftp', '# Pinhole: FTP', '#\tPINHOLE :\tFtp', '##pinhole:  ftp']) {
    test(JSON.stringify(head), () =>
      assert.deepEqual(settingsOf(`${head} UPLOAD=no`), { upload: false }),
    );
  }

  test('comments that are not addressed to Pinhole mean nothing', () => {
    const others = '# pinholes: ftp x\n# about pinhole: ftp x\n#pin hole: ftp\n# \n';
    const { ruleSet, warnings } = loadAll({ 'fw.rules': others + FILTER });
    assert.deepEqual([ruleSet?.ftp, warnings], [[], []]);
  });

  test('a forgotten colon is remarked', () => {
    const { ruleSet, warnings } = loadAll({ 'fw.rules': `# pinhole ftp upload=no\n${FILTER}` });
    assert.deepEqual(ruleSet?.ftp, []);
    assert.deepEqual(
      warnings.map(({ line, column, code }) => [line, column, code]),
      [[1, 1, 'doubtful-directive']],
    );
  });

  test('lines that end in CR LF', () => {
    const [directive] = directivesOf({
      'fw.rules': `# pinhole: ftp banner=hello\r\n${FILTER.replaceAll('\n', '\r\n')}`,
    });
    assert.deepEqual(directive?.settings, { banner: 'hello' });
    assert.equal(directive.text, '# pinhole: ftp banner=hello');
  });
});

test('what is not understood is an error, at its place', () => {
  assert.deepEqual(
    errorsOf(
      '# pinhole:',
      '# pinhole: http upload=no',
      '# pinhole: ftp',
      '# pinhole: ftp uplod=no',
      '# pinhole: ftp colour=red',
      '# pinhole: ftp upload',
      '# pinhole: ftp =no',
      '# pinhole: ftp banner="open',
      '# pinhole: ftp upload=no  upload=no',
      '# pinhole: ftp server=10.0.0.1 rule=x list=no',
      '# pinhole: ftp server=10.0.0.1',
    ).map((error) => error.replace(/expected one of .*/, 'expected one of')),
    [
      '1:1 unknown-directive nothing stands behind "pinhole:": expected ftp',
      '2:12 unknown-directive unknown directive "http": expected ftp',
      '3:12 bad-directive the directive sets nothing: expected KEY=VALUE, as in upload=no',
      '4:16 unknown-directive unknown key "uplod": expected upload',
      '5:16 unknown-directive unknown key "colour": expected one of',
      '6:16 bad-directive "upload" is no setting: expected KEY=VALUE',
      '7:16 bad-directive "=no" is no setting: expected KEY=VALUE',
      '8:16 bad-quoting a double quote is not closed',
      '9:27 directive-conflict upload= is given twice',
      '10:32 directive-conflict server= and rule= may be given once, and not both: expected one scope',
      '11:16 bad-directive the directive sets nothing: expected KEY=VALUE, as in upload=no',
    ],
  );
});

test('an error shows its line and a caret, as all errors of rules do', () => {
  const { errors } = loadAll({ 'fw.rules': `# pinhole: ftp min-port=x\n${FILTER}` });
  assert.equal(
    errors[0]?.format(),
    'fw.rules:1:25: error: bad value "x" of min-port=: expected a port from 1 to 65535\n' +
      `# pinhole: ftp min-port=x\n${' '.repeat(24)}^`,
  );
});

describe('one scope, one value', () => {
  test('a second value in the same scope is a contradiction', () => {
    assert.deepEqual(
      errorsOf(
        '# pinhole: ftp server=10.0.0.1 list=no',
        '# pinhole: ftp server=10.0.0.1/32 upload=no list=yes',
        '# pinhole: ftp upload=no',
        '# pinhole: ftp upload=no',
      ),
      [
        '2:45 directive-conflict list= contradicts an earlier directive for server 10.0.0.1/32',
        '4:16 directive-conflict upload= is given twice for all servers',
      ],
    );
  });

  test('narrower scopes may differ', () => {
    const text =
      '# pinhole: ftp list=no\n# pinhole: ftp server=10.0.0.0/8 list=yes\n' +
      '# pinhole: ftp server=10.0.0.0/9 list=no\n# pinhole: ftp rule=x list=yes\n';
    assert.equal(directivesOf({ 'fw.rules': text + FILTER }).length, 4);
  });

  test('the rules of the other family may repeat a directive, but not contradict it', () => {
    const repeated = directivesOf({
      'fw.v4': `# pinhole: ftp list=no\n${FILTER}`,
      'fw.v6': `# pinhole: ftp list=no banner="a b" upload=no\n${FILTER}`,
      'other.v6': `# pinhole: ftp upload=no list=no\n*mangle\nCOMMIT\n`,
    });
    assert.deepEqual(
      repeated.map(({ text }) => text),
      ['# pinhole: ftp list=no', '# pinhole: ftp banner="a b" upload=no'],
    );
    const { errors } = loadAll({
      'fw.v4': `# pinhole: ftp list=no\n${FILTER}`,
      'fw.v6': `# pinhole: ftp list=yes\n${FILTER}`,
    });
    assert.deepEqual(
      errors.map(({ file, code, detail }) => [file, code, detail]),
      [['fw.v6', 'directive-conflict', 'see fw.v4:1']],
    );
  });
});

describe('warnings', () => {
  const warningsOf = (text: string) =>
    loadAll({ 'fw.rules': text }).warnings.map(
      ({ line, column, code, message }) => `${line}:${column} ${code} ${message}`,
    );

  test('verbs that FTP does not have, with the one that may be meant', () => {
    assert.deepEqual(warningsOf(`# pinhole: ftp deny=DELE,STIE,XFOO allow=LISTE,DLEE\n${FILTER}`), [
      '1:26 doubtful-directive deny= names STIE, a verb that FTP does not have: is SITE meant?',
      '1:31 doubtful-directive deny= names XFOO, a verb that FTP does not have',
      '1:42 doubtful-directive allow= names LISTE, a verb that FTP does not have: is LIST meant?',
      '1:48 doubtful-directive allow= names DLEE, a verb that FTP does not have: is DELE meant?',
    ]);
  });

  test('a rule that is not there', () => {
    const raw = (comment: string) =>
      `# pinhole: ftp rule="ftp in" upload=no\n*raw\n-A PREROUTING -p tcp --dport 21 ` +
      `-m comment --comment "${comment}" -j CT --helper ftp\nCOMMIT\n`;
    assert.deepEqual(warningsOf(raw('ftp in')), []);
    assert.deepEqual(warningsOf(raw('FTP in')), [
      '1:1 doubtful-directive no rule with -j CT --helper ftp has the comment "ftp in"',
    ]);
  });

  test('settings that defeat each other', () => {
    assert.deepEqual(warningsOf(`# pinhole: ftp allow=RETR,DELE deny=DELE\n${FILTER}`), [
      '1:1 doubtful-directive allow= and deny= both name DELE: deny= wins',
    ]);
    const ports = '# pinhole: ftp min-port=40000 passive-range=30000:50000\n';
    assert.match(warningsOf(ports + FILTER)[0] ?? '', /begins below min-port=/);
  });
});
