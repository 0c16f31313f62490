import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CommandError } from '../../src/cli/exit-code.ts';
import { nflogWithoutTarget, parseNflogTarget } from '../../src/cli/nflog.ts';
import { loadRuleFiles } from '../../src/rules/index.ts';
import { buildUdp } from '../support/packets.ts';
import { Bench } from './support.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');
const RULES =
  '*filter\n-A FORWARD -p udp --dport 53 -j NFLOG --nflog-group 5\n-A FORWARD -p udp --dport 80 -j NFLOG\nCOMMIT\n';
const frames = [53, 80, 53].map((dport) =>
  buildUdp({ src: '192.168.1.10', dst: '198.51.100.9', sport: 5000, dport }),
);

/** Group and first second of every record of a stream. */
function groups(bytes: Buffer): number[] {
  const found: number[] = [];
  for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8)) {
    found.push(bytes.readUInt16BE(at + 18));
  }
  return found;
}

describe('replay --nflog', () => {
  test('files: all groups, or one; the times are those of the capture', async (t) => {
    const bench = new Bench(t);
    const read = bench.capture('in.pcap', frames);
    const rules = bench.file('fw.rules', RULES);
    const [all, five] = [bench.path('all.pcap'), bench.path('five.pcap')];
    const args = ['--rules', rules, '--read', read, '--nflog', all, '--nflog', `5=${five}`];
    const child = spawn(process.execPath, [main, 'replay', ...args]);
    const [code] = await once(child, 'close');
    assert.equal(code, 0);
    assert.deepEqual(groups(readFileSync(all)), [5, 0, 5]);
    assert.deepEqual(groups(readFileSync(five)), [5, 5]);
    assert.equal(readFileSync(all).readUInt32LE(24), readFileSync(read).readUInt32LE(24));
  });

  test('a socket: begins when somebody reads, and ends when all is read', async (t) => {
    const bench = new Bench(t);
    const read = bench.capture('in.pcap', frames);
    const rules = bench.file('fw.rules', RULES);
    const path = bench.path('sock');
    const args = ['--rules', rules, '--read', read, '--nflog', `unix:${path}`];
    const child = spawn(process.execPath, [main, 'replay', ...args]);
    const ended = once(child, 'close');
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdout.resume();
    while (!stderr.includes('waiting for a reader')) await once(child.stderr, 'data');
    const socket = connect(path);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'close');
    assert.deepEqual(groups(Buffer.concat(chunks)), [5, 0, 5]);
    assert.equal((await ended)[0], 0);
  });

  test('without it, one warning', (t) => {
    const bench = new Bench(t);
    const { stderr, exitCode } = bench.replay({
      rules: [bench.file('fw.rules', RULES)],
      read: bench.capture('in.pcap', frames),
    });
    assert.equal(exitCode, 0);
    assert.match(
      stderr,
      /^pinhole replay: warning: NFLOG rules of groups 0, 5 lead nowhere: [^\n]*\n$/,
    );
  });
});

describe('the option', () => {
  test('taken apart', () => {
    assert.deepEqual(parseNflogTarget('a=b.pcap'), {
      group: null,
      path: 'a=b.pcap',
      isSocket: false,
    });
    assert.deepEqual(parseNflogTarget('65535=/run/x'), {
      group: 65_535,
      path: '/run/x',
      isSocket: false,
    });
    assert.deepEqual(parseNflogTarget('3=unix:/run/x'), {
      group: 3,
      path: '/run/x',
      isSocket: true,
    });
    for (const bad of ['', '5=', 'unix:', '65536=x']) {
      assert.throws(() => parseNflogTarget(bad), CommandError, bad);
    }
  });

  test('groups that lead nowhere', () => {
    const { ruleSet } = loadRuleFiles(['fw'], () => RULES, { format: 'save' });
    const said = (...texts: string[]) => nflogWithoutTarget(ruleSet!, texts.map(parseNflogTarget));
    assert.equal(said('x'), '');
    assert.equal(said('0=x', '5=y'), '');
    assert.match(said('5=y'), /^NFLOG rules of group 0 lead nowhere/);
    const { ruleSet: none } = loadRuleFiles(['fw'], () => '*filter\nCOMMIT\n', { format: 'save' });
    assert.equal(nflogWithoutTarget(none!, []), '');
  });
});
