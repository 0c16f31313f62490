/** `# pinhole: ftp` in a running gateway: applied, restored, saved, and left alone by everything else. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FtpDirective } from '../../src/rules/index.ts';
import { RuleGateway } from './rule-gateway.ts';

const FILTER = '*filter\n-A FORWARD -j ACCEPT\nCOMMIT\n';
const OLD = '# pinhole: ftp list=no\n';
const NEW = '# pinhole: ftp server=10.0.0.1 upload=no\n';

/** A gateway, what its rules say, and what its helper was told last. */
function setup(rules = '') {
  const gateway = new RuleGateway({ rules });
  const { engine } = gateway.gateway;
  const told: (readonly FtpDirective[])[] = [];
  const { ftp } = engine.tracking;
  const before = ftp.setDirectives.bind(ftp);
  ftp.setDirectives = (list) => {
    told.push(list);
    before(list);
  };
  const texts = () => engine.rules.ruleSet.ftp.map(({ text }) => `${text}\n`).join('');
  const toldTexts = () =>
    told
      .at(-1)
      ?.map(({ text }) => `${text}\n`)
      .join('');
  return { gateway, texts, toldTexts };
}

test('the rules a gateway starts with count from the start', () => {
  const { texts } = setup(OLD + FILTER);
  assert.equal(texts(), OLD);
});

describe('pinhole apply', () => {
  test('the directives of the files replace all earlier ones, also by none', async () => {
    const { gateway, texts, toldTexts } = setup(OLD + FILTER);
    gateway.files.set('new.rules', NEW + FILTER);
    gateway.files.set('bare.rules', FILTER);
    assert.equal((await gateway.apply({ files: ['new.rules'] })).code, 0);
    assert.deepEqual([texts(), toldTexts()], [NEW, NEW]);
    assert.equal((await gateway.apply({ files: ['bare.rules'] })).code, 0);
    assert.deepEqual([texts(), toldTexts()], ['', '']);
  });

  test('--diff shows them, once', async () => {
    const { gateway } = setup(`${OLD}*nat\nCOMMIT\n${FILTER}`);
    gateway.files.set('new.rules', `${NEW}*nat\nCOMMIT\n${FILTER}`);
    const { stdout } = await gateway.apply({ files: ['new.rules'], diff: true, dryRun: true });
    const changed = stdout.split('\n').filter((line) => /^[-+]#/.test(line));
    assert.deepEqual(changed, [`-${OLD.trim()}`, `+${NEW.trim()}`]);
  });

  test('a bad one changes nothing', async () => {
    const { gateway, texts } = setup(OLD + FILTER);
    gateway.files.set('new.rules', `# pinhole: ftp lst=no\n${FILTER}`);
    const { code, stderr } = await gateway.apply({ files: ['new.rules'] });
    assert.equal(code, 1);
    assert.match(stderr, /new\.rules:1:16: error: unknown key "lst": expected list\n/);
    assert.equal(texts(), OLD);
  });

  test('rules on trial take theirs away with them', async () => {
    const { gateway, toldTexts } = setup(OLD + FILTER);
    gateway.files.set('new.rules', NEW + FILTER);
    const ended = gateway.apply({ files: ['new.rules'], confirmSec: 5 }, ['y']);
    await ended;
    assert.equal(toldTexts(), NEW);
    const turnedDown = gateway.apply({ files: ['new.rules'], confirmSec: 5 }, ['n']);
    assert.equal((await turnedDown).code, 1);
    assert.equal(toldTexts(), NEW);
  });
});

describe('iptables-restore', () => {
  test('a text with directives replaces them, whatever its tables', async () => {
    const { gateway, texts, toldTexts } = setup(OLD + FILTER);
    assert.equal((await gateway.run('iptables-restore', [], `${NEW}*nat\nCOMMIT\n`)).code, 0);
    assert.deepEqual([texts(), toldTexts()], [NEW, NEW]);
    assert.equal((await gateway.run('ip6tables-restore', ['-n'], OLD)).code, 0);
    assert.deepEqual([texts(), toldTexts()], [OLD, OLD]);
  });

  test('a text without leaves them', async () => {
    const { gateway, texts } = setup(OLD + FILTER);
    assert.equal((await gateway.run('iptables-restore', [], FILTER)).code, 0);
    assert.equal(texts(), OLD);
  });

  test('-t changes nothing; a bad one stops it at its line', async () => {
    const { gateway, texts } = setup(OLD + FILTER);
    assert.equal((await gateway.run('iptables-restore', ['-t'], NEW + FILTER)).code, 0);
    const bad = `${FILTER}# pinhole: ftp min-port=x\n${FILTER}`;
    assert.deepEqual(await gateway.run('iptables-restore', [], bad), {
      code: 2,
      stdout: '',
      stderr:
        'iptables-restore v1.8.9 (legacy): bad value "x" of min-port=: expected a port from 1 to 65535\n' +
        'Error occurred at line: 4\n' +
        "Try `iptables-restore -h' or 'iptables-restore --help' for more information.\n",
    });
    assert.equal(texts(), OLD);
  });

  test('doubts about them are printed', async () => {
    const { gateway } = setup();
    const text = `# pinhole: ftp rule="x" deny=STIE\n${FILTER}`;
    const { code, stderr } = await gateway.run('iptables-restore', [], text);
    assert.equal(code, 0);
    assert.match(
      stderr,
      /^pinhole: warning: line 1: deny= names STIE.*\n.*line 1: no rule .*"x"\n$/,
    );
  });
});

test('iptables-save prints them, and what it prints restores them', async () => {
  const { gateway, texts } = setup(OLD + NEW + FILTER);
  const { stdout } = await gateway.run('iptables-save', ['-c']);
  assert.deepEqual(stdout.split('\n').slice(1, 4), [OLD.trim(), NEW.trim(), '*filter']);
  await gateway.run('iptables-restore', [], '# pinhole: ftp repair=yes\n');
  assert.equal((await gateway.run('iptables-restore', ['-c'], stdout)).code, 0);
  assert.equal(texts(), OLD + NEW);
  assert.equal((await gateway.run('iptables-save', ['-c'])).stdout, stdout);
});

test('no command of iptables touches them', async () => {
  const { gateway, texts } = setup(OLD + FILTER);
  for (const words of ['-F', '-X', '-P FORWARD DROP', '-A FORWARD -j DROP', '-t nat -F', '-Z']) {
    assert.equal((await gateway.run('iptables', words.split(' '))).code, 0, words);
    assert.equal(texts(), OLD, words);
  }
});
