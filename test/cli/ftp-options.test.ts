/** The options of the FTP helper, as `pinhole run` and `pinhole replay` take them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  type FtpArguments,
  idleFtpOptions,
  parseFtpOptions,
} from '../../src/cli/commands/ftp-options.ts';
import { CommandError } from '../../src/cli/exit-code.ts';
import { defaultFtpOptions } from '../../src/helpers/index.ts';
import { Bench, STATEFUL } from '../replay/support.ts';
import { buildTcp } from '../support/packets.ts';

const given = (args: Partial<FtpArguments>): FtpArguments => ({ 'ftp-mode': 'hardened', ...args });

test('nothing given: the defaults', () => {
  assert.deepEqual(parseFtpOptions(given({})), defaultFtpOptions);
});

test('every option sets what the directive of its name sets', () => {
  const { mode, loose, policy } = parseFtpOptions(
    given({
      'ftp-bounce': 'drop',
      'ftp-zero-address': 'refuse',
      'ftp-auth-tls': 'reject',
      'ftp-repair': true,
      'ftp-third-party': '192.0.2.0/24,2001:db8::/32',
      'ftp-min-port': '2000',
      'ftp-passive-range': '50000:50100',
      'ftp-max-holes': '4',
      'ftp-hole-lifetime': '2m',
    }),
  );
  assert.deepEqual([mode, loose], ['hardened', false]);
  const { bounce, zeroAddress, authTls, repair, minPort, passiveRange } = policy;
  assert.deepEqual([bounce, zeroAddress, authTls, repair], ['drop', 'refuse', 'reject', true]);
  assert.deepEqual([minPort, passiveRange], [2000, { first: 50_000, last: 50_100 }]);
  assert.deepEqual([policy.maxHoles, policy.holeLifetime], [4, 120]);
  assert.deepEqual(
    policy.thirdParties.map(({ family, prefixLen }) => [family, prefixLen]),
    [
      [4, 24],
      [6, 32],
    ],
  );
});

test('--ftp-loose goes with kernel mode alone', () => {
  assert.equal(parseFtpOptions(given({ 'ftp-mode': 'kernel', 'ftp-loose': true })).loose, true);
  assert.throws(() => parseFtpOptions(given({ 'ftp-loose': true })), /--ftp-mode kernel/);
});

describe('bad values', () => {
  const bad: readonly Partial<FtpArguments>[] = [
    { 'ftp-third-party': 'somewhere' },
    { 'ftp-min-port': '0' },
    { 'ftp-passive-range': '9:1' },
    { 'ftp-max-holes': 'many' },
    { 'ftp-hole-lifetime': '0' },
  ];
  for (const args of bad) {
    const [name, value] = Object.entries(args)[0]!;
    test(`--${name} ${value}`, () =>
      assert.throws(
        () => parseFtpOptions(given(args)),
        (error: unknown) =>
          error instanceof CommandError &&
          error.exitCode === 2 &&
          error.message.startsWith(`pinhole: bad --${name} "${value}": expected `),
      ));
  }
});

test('what does nothing in kernel mode is named', () => {
  const args = { 'ftp-min-port': '2000', 'ftp-repair': true };
  assert.equal(idleFtpOptions(given(args)), '');
  const words = idleFtpOptions({ 'ftp-mode': 'kernel', 'ftp-loose': true, ...args });
  assert.equal(words, '--ftp-repair, --ftp-min-port: nothing comes of it in kernel mode');
});

test('through the command line', (t) => {
  const bench = new Bench(t);
  const rules = bench.file(
    'fw.rules',
    `# pinhole: ftp list=no\n# pinhole: ftp deny=SITE\n${STATEFUL}`,
  );
  const syn = buildTcp({
    src: '192.168.1.10',
    dst: '198.51.100.9',
    sport: 4000,
    dport: 21,
    flags: 'S',
  });
  const read = bench.capture('in.pcap', [syn]);
  const main = join(import.meta.dirname, '../../src/cli/main.js');
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [main, 'replay', '--rules', rules, '--read', read, ...args], {
      encoding: 'utf8',
    });
  assert.deepEqual([run().status, run().stderr], [0, '']);
  const kernel = run('--ftp-mode', 'kernel', '--ftp-loose', '--ftp-min-port', '1');
  assert.equal(kernel.status, 0);
  assert.equal(
    kernel.stderr,
    'pinhole replay: warning: --ftp-min-port: nothing comes of it in kernel mode\n' +
      `pinhole replay: warning: "# pinhole: ftp" of ${rules}:1 and 1 more: nothing comes of it in kernel mode\n`,
  );
  const bad = run('--ftp-passive-range', '5:1');
  assert.deepEqual([bad.status, bad.stdout], [2, '']);
  assert.match(
    bad.stderr,
    /^pinhole: bad --ftp-passive-range "5:1": expected ports from 1 to 65535/,
  );
  assert.equal(run('--ftp-loose').status, 2);
  assert.equal(run('--ftp-mode', 'neither').status, 2);
});
