/** Where `# pinhole: ftp` may stand, and how it is saved. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InterfaceTable } from '../../src/base/index.ts';
import {
  compileRuleSet,
  type FtpDirective,
  loadRuleFiles,
  printSave,
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

describe('where they stand', () => {
  test('anywhere in a save file, and in a file of nothing else', () => {
    const text = `# pinhole: ftp list=no\n${FILTER}# pinhole: ftp upload=no\n`;
    assert.deepEqual(
      directivesOf({ 'fw.rules': text }).map(({ line }) => line),
      [1, 5],
    );
    assert.equal(directivesOf({ ftp: '# pinhole: ftp list=no\n' }).length, 1);
  });

  test('in a file of ipset save', () => {
    const text = '# pinhole: ftp list=no\ncreate servers hash:ip\n';
    assert.equal(directivesOf({ sets: text }).length, 1);
  });

  const script = (text: string) => ({ 'fw.sh': `#!/bin/sh\n${text}\niptables -P FORWARD DROP\n` });

  test('in comments of a script, whatever branch or function they stand in', () => {
    const found = directivesOf(
      script(
        'f() {\n  # pinhole: ftp list=no\n  true\n}\nif false; then\n' +
          '\t#pinhole:ftp upload=no\n  true\nfi\ntrue # pinhole: ftp deny=SITE',
      ),
    );
    assert.deepEqual(
      found.map(({ line, text }) => [line, text]),
      [
        [3, '# pinhole: ftp list=no'],
        [7, '#pinhole:ftp upload=no'],
        [10, '# pinhole: ftp deny=SITE'],
      ],
    );
  });

  test('not in quotes, nor in a here-document for somebody else', () => {
    const text = "A='\n# pinhole: ftp list=no'\ncat >/tmp/x <<EOF\n# pinhole: ftp nonsense\nEOF";
    assert.deepEqual(directivesOf(script(text)), []);
  });

  test('in text that a script restores, also when it does so in a loop', () => {
    const text =
      'for p in iptables ip6tables; do\n$p-restore <<EOF\n# pinhole: ftp list=no\n*filter\nCOMMIT\nEOF\ndone';
    assert.deepEqual(
      directivesOf(script(text)).map(({ line }) => line),
      [4],
    );
  });

  test('in a file that a script includes, once', () => {
    const included = (path: string) => {
      if (path !== '/etc/ftp.conf') throw new Error('none');
      return 'X=1\n# pinhole: ftp list=no\n';
    };
    const { ruleSet, errors } = loadRuleFiles(
      ['fw.sh'],
      () => '#!/bin/sh\n. /etc/ftp.conf\n. /etc/ftp.conf\niptables -P FORWARD DROP\n',
      { services, readIncluded: included },
    );
    assert.deepEqual(errors, []);
    assert.deepEqual(
      ruleSet?.ftp.map(({ file, line }) => `${file}:${line}`),
      ['/etc/ftp.conf:2'],
    );
  });

  test('columns in a script count from the line, and tabs stay', () => {
    const { errors } = loadAll(script('\t# pinhole: ftp lst=no'));
    assert.deepEqual(
      errors.map(({ line, column }) => [line, column]),
      [[2, 17]],
    );
  });

  test('below the end of a script they are not read, and that is said', () => {
    const { ruleSet, warnings } = loadAll({
      'fw.sh': '#!/bin/sh\niptables -P FORWARD DROP\nexit 0\n# pinhole: ftp list=no\n',
    });
    assert.deepEqual(ruleSet?.ftp, []);
    assert.deepEqual(
      warnings.map(({ line, code }) => [line, code]),
      [[4, 'doubtful-directive']],
    );
  });
});

describe('saved', () => {
  const now = new Date(0);
  const compiled = (text: string, path = 'fw.rules') =>
    compileRuleSet(loadAll({ [path]: text }).ruleSet!, new InterfaceTable());

  test('before the first table, once; nothing without directives', () => {
    const text = '# pinhole: ftp list=no\n*nat\nCOMMIT\n*filter\nCOMMIT\n';
    const lines = printSave(compiled(text), { family: 4, now }).split('\n');
    assert.deepEqual(lines.slice(1, 3), ['# pinhole: ftp list=no', '*filter']);
    assert.equal(lines.filter((line) => line.includes('pinhole')).length, 1);
    const without = printSave(compiled(text.replace(/^#.*\n/, '')), { family: 4, now });
    assert.equal(lines.filter((line) => !line.includes('pinhole')).join('\n'), without);
  });

  test('with the rules for IPv6 where there are no others', () => {
    const text = `# pinhole: ftp list=no\n${FILTER}`;
    assert.match(printSave(compiled(text, 'fw.v6'), { family: 6, now }), /# pinhole: ftp list=no/);
    const { ruleSet } = loadAll({ 'a.v4': FILTER, 'a.v6': text });
    const both = compileRuleSet(ruleSet!, new InterfaceTable());
    assert.doesNotMatch(printSave(both, { family: 6, now }), /pinhole/);
    assert.match(printSave(both, { family: 4, now }), /# pinhole: ftp list=no/);
  });

  test('what is printed is read as the same', () => {
    const text =
      '## PINHOLE:ftp server=10.0.0.1 banner="a \\"b\\" c" deny-file="x y"\n' +
      `# pinhole: ftp rule="in \\"q\\"" hole-lifetime=5m\n${FILTER}`;
    const first = compiled(text);
    const again = compiled(printSave(first, { family: 4, now }));
    const bare = ({ scope, settings }: FtpDirective) => ({ scope, settings });
    assert.deepEqual(again.ruleSet.ftp.map(bare), first.ruleSet.ftp.map(bare));
  });
});
