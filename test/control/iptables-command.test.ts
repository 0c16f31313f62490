/** `pinhole iptables` against a gateway: messages, exit codes and screens of iptables-legacy 1.8.9. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildUdp } from '../support/packets.ts';
import { RuleGateway } from './rule-gateway.ts';
import { runLine, shellWords } from './transcripts.ts';

const HELP = "Try `iptables -h' or 'iptables --help' for more information.\n";
const NO_NAME = 'iptables: No chain/target/match by that name.\n';
const NO_RULE = 'iptables: Bad rule (does a matching rule exist in that chain?).\n';
const INVALID = "iptables: Invalid argument. Run `dmesg' for more information.\n";
const said = (message: string) => `iptables v1.8.9 (legacy): ${message}\n${HELP}`;

const START = `*filter
:INPUT DROP [12:720]
:USER - [0:0]
:EMPTY - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -j USER
-A USER -p tcp --dport 21 -j ACCEPT
COMMIT
`;

const gatewayOf = (rules = START) => new RuleGateway({ rules });

/** A command, what it says on standard error, its exit code. Each on a gateway of its own. */
const cases: readonly (readonly [string, string, number])[] = [
  ['-A INPUT -j ACCEPT', '', 0],
  ['-C INPUT -i lo -j ACCEPT', '', 0],
  ['-C INPUT -i eth9 -j ACCEPT', NO_RULE, 1],
  ['-C NOSUCH -j ACCEPT', NO_RULE, 1],
  ['-D INPUT -i eth9 -j ACCEPT', NO_RULE, 1],
  ['-D NOSUCH -j ACCEPT', NO_RULE, 1],
  ['-D INPUT 99', 'iptables: Index of deletion too big.\n', 1],
  ['-D NOSUCH 1', NO_NAME, 1],
  ['-C INPUT -j LOG', NO_NAME, 1],
  ['-D INPUT -p udp -j USER', NO_NAME, 1],
  ['-D INPUT -j OUTPUT', INVALID, 1],
  ['-D INPUT -j ACCEPT -c 1 2', said("Illegal option `-c' with this command"), 2],
  ['-A NOSUCH -j INPUT', NO_NAME, 1],
  ['-I INPUT 99 -j INPUT', 'iptables: Index of insertion too big.\n', 1],
  ['-R INPUT 99 -j ACCEPT', 'iptables: Index of replacement too big.\n', 1],
  ['-R INPUT -j ACCEPT', said('-R requires a rule number'), 2],
  ['-R INPUT 1 -s 1.1.1.1,2.2.2.2', said('Replacement rule does not specify a unique address'), 2],
  ['-I INPUT 99 -j ACCEPT', 'iptables: Index of insertion too big.\n', 1],
  ['-D INPUT 0', said("Invalid rule number `0'"), 2],
  ['-D INPUT -1', said('unknown option "-1"'), 2],
  ['-D INPUT 1 -j ACCEPT', said("Illegal option `-j' with this command"), 2],
  ['-N USER', 'iptables: Chain already exists.\n', 1],
  ['-N LOG', said('chain name may not clash with target name'), 2],
  ['-N -foo', said("chain name not allowed to start with `-'"), 2],
  ["-N ''", said('chain name may not clash with target name'), 2],
  ["-N 'a b'", said("Invalid chain name `a b'"), 2],
  [
    `-N ${'N'.repeat(29)}`,
    said(`chain name \`${'N'.repeat(29)}' too long (must be under 29 chars)`),
    2,
  ],
  ['-X USER', 'iptables: Too many links.\n', 1],
  ['-X INPUT', INVALID, 1],
  ['-X NOSUCH', NO_NAME, 1],
  ['-X', 'iptables: Too many links.\n', 1],
  ['-E USER OTHER', '', 0],
  ['-E USER LOG', '', 0],
  ['-E USER ACCEPT', 'iptables: File exists.\n', 1],
  ['-E USER INPUT', 'iptables: File exists.\n', 1],
  ['-E NOSUCH NEW', NO_NAME, 1],
  ['-E INPUT NEW', NO_NAME, 1],
  ['-E USER', said('-E requires old-chain-name and new-chain-name'), 2],
  ['-P USER DROP', 'iptables: Bad built-in chain name.\n', 1],
  ['-P INPUT REJECT', "iptables: Bad policy name. Run `dmesg' for more information.\n", 1],
  ['-P INPUT', said('-P requires a chain and a policy'), 2],
  ['-F NOSUCH', NO_NAME, 1],
  ['-A NOSUCH -j ACCEPT', NO_NAME, 1],
  ['-L NOSUCH', NO_NAME, 1],
  ["-L ''", NO_NAME, 1],
  ['-S NOSUCH', NO_NAME, 1],
  ['-S INPUT 99', '', 0],
  ['-Z INPUT 9', 'iptables: Index of counter too big.\n', 1],
  ['-A INPUT -j INPUT', INVALID, 1],
  ['-A USER -j INPUT', INVALID, 1],
  ['-A EMPTY -j USER', '', 0],
  ['-A USER -j USER', 'iptables: Too many levels of symbolic links.\n', 1],
  ['-A INPUT -j MASQUERADE', INVALID, 1],
  ['-A INPUT -j NOSUCH', said("Couldn't load target `NOSUCH':No such file or directory\n"), 2],
  ['-A INPUT -m nosuch --foo', said("Couldn't load match `nosuch':No such file or directory\n"), 2],
  ['-A INPUT -g nosuch', said("goto 'nosuch' is not a chain"), 2],
  ["-A INPUT -j ''", said('Invalid target name (too short)'), 2],
  ['-A OUTPUT -i eth0 -j ACCEPT', said("Can't use -i with OUTPUT\n"), 2],
  [
    '-t nosuch -L',
    "iptables v1.8.9 (legacy): can't initialize iptables table `nosuch': Table does not exist " +
      '(do you need to insmod?)\nPerhaps iptables or your kernel needs to be upgraded.\n',
    3,
  ],
  ['-t nosuch -A INPUT --foo', said('unknown option "--foo"'), 2],
  ['-t nosuch -A INPUT -n', said("Illegal option `-n' with this command"), 2],
  [
    '-t nat -P PREROUTING DROP',
    said(
      '\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n',
    ),
    2,
  ],
  ['', said('no command specified'), 2],
  ['-m state', said('state: option "--state" must be specified\n'), 2],
  ['-A', said('option "-A" requires an argument'), 2],
  ['-A INPUT -D INPUT 1', said('Cannot use -D with -A'), 2],
  ['-L -Z -L', said('Cannot use -L with -L'), 2],
  ['-A INPUT foo', `Bad argument \`foo'\n${HELP}`, 2],
  ['-A INPUT -s ! 1.1.1.1 -j DROP', `Bad argument \`1.1.1.1'\n${HELP}`, 2],
  ['-A INPUT --', '', 0],
  ['-A INPUT -- foo', said('unknown arguments found on commandline'), 2],
  ['-A INPUT --verbose=3', said('unknown option "--verbose=3"'), 2],
  ['-A INPUT --protocol=tcp -s1.2.3.4 -jACCEPT', '', 0],
  ['-A INPUT -m tcp -m tcp -p tcp --dport 5', '', 0],
  ['-A INPUT -j REJECT -p tcp --reject-with tcp-reset --dport 3', '', 0],
  ['-A INPUT -f -f', said('multiple -f flags not allowed'), 2],
  ['-A INPUT -c 1 2 -c 3 4', said('multiple -c flags not allowed'), 2],
  ['-A INPUT -c 1', said('-c requires packet and byte counter'), 2],
  ['-A INPUT -c 1 x', said('-c byte counter not numeric'), 2],
  ['-A INPUT ! ! -s 1.2.3.4', said('multiple consecutive ! not allowed'), 2],
  ['-A INPUT -f !', said('nothing appropriate following !'), 2],
  ['! -A INPUT', said("unexpected '!' flag"), 2],
  ['! -t filter -A INPUT', said('unexpected ! flag before --table'), 2],
  ['! -v -A INPUT', said('cannot have ! before -v'), 2],
  [
    '-A INPUT -s 1.1.1.1,2.2.2.2 ! -d 1.2.3.4',
    said('! not allowed with multiple source or destination IP addresses'),
    2,
  ],
  [
    "-A INPUT -i 'a b' -j ACCEPT",
    "Warning: weird character in interface `a b' ('/' and ' ' are not allowed by the kernel).\n",
    0,
  ],
  ["-A INPUT -i '' -j ACCEPT", said('Empty interface is likely to be undesired'), 2],
  ['-w -L INPUT', '', 0],
  ['-w5 -L INPUT', '', 0],
  ['-w x -L INPUT', said('wait seconds not numeric'), 2],
  [
    '-W 5 -L INPUT',
    `Ignoring deprecated --wait-interval option.\n${said('--wait-interval only makes sense with --wait\n')}`,
    2,
  ],
  ['-M /bin/true -L INPUT', '', 0],
  ['-4 -L INPUT', '', 0],
  ['-6 -L INPUT', HELP, 2],
];

test('what iptables says, and its exit codes', async () => {
  for (const [line, stderr, code] of cases) {
    const gateway = gatewayOf();
    const before = await gateway.saved('-c');
    const ran = await gateway.run('iptables', shellWords(line));
    assert.deepEqual([ran.stderr, ran.code], [stderr, code], line);
    if (code !== 0) assert.equal(await gateway.saved('-c'), before, `${line}: nothing changes`);
  }
});

test('ip6tables speaks of itself', async () => {
  const gateway = gatewayOf();
  const { stderr, code } = await gateway.run('ip6tables', ['-A', 'INPUT', '-f']);
  const message = "ip6tables v1.8.9 (legacy): `-f' is not supported in IPv6, use -m frag instead";
  assert.equal(stderr.split('\n')[0], message);
  assert.equal(code, 2);
  const added = await gateway.run('ip6tables', [
    '-vA',
    'INPUT',
    '-s',
    'fe80::/10',
    '!',
    '-d',
    '::1',
  ]);
  assert.equal(added.stdout, '  all opt -- in * out *  fe80::/10 !-> ::1  \n');
  const table = await gateway.run('ip6tables', ['-t', 'nosuch', '-L']);
  assert.match(table.stderr, /can't initialize ip6tables table `nosuch'/);
  const header = await gateway.run('ip6tables', shellWords('-A INPUT -p ipv6-frag'));
  assert.equal(
    header.stderr,
    'Warning: never matched protocol: ipv6-frag. use extension match instead.\n',
  );
});

describe('what commands do', () => {
  /** Runs lines one after another, and gives the filter table that is left. */
  async function after(...lines: string[]): Promise<string[]> {
    const gateway = gatewayOf('*filter\nCOMMIT\n');
    for (const line of lines) {
      const { stderr, code } = await gateway.run('iptables', shellWords(line));
      assert.deepEqual([stderr, code], ['', 0], line);
    }
    const { stdout } = await gateway.run('iptables', ['-S']);
    return stdout.split('\n').filter((line) => line !== '' && !/^-P \S+ ACCEPT$/.test(line));
  }

  test('-A -I -R -D -F -P', async () => {
    const made = ['-A INPUT -s 1.1.1.1', '-A INPUT -s 2.2.2.2', '-I INPUT 2 -s 3.3.3.3'];
    assert.deepEqual(await after(...made), [
      '-A INPUT -s 1.1.1.1/32',
      '-A INPUT -s 3.3.3.3/32',
      '-A INPUT -s 2.2.2.2/32',
    ]);
    assert.deepEqual(await after(...made, '-R INPUT 2 -p udp', '-D INPUT 1', '-P INPUT DROP'), [
      '-P INPUT DROP',
      '-A INPUT -p udp',
      '-A INPUT -s 2.2.2.2/32',
    ]);
    assert.deepEqual(await after(...made, '-D INPUT -s 2.2.2.2/32', '-F OUTPUT'), [
      '-A INPUT -s 1.1.1.1/32',
      '-A INPUT -s 3.3.3.3/32',
    ]);
    assert.deepEqual(await after(...made, '-F'), []);
  });

  test('-N -E -X: names in jumps follow', async () => {
    const made = ['-N A', '-N B', '-A A -p udp -j ACCEPT', '-A INPUT -j A', '-A FORWARD -g A'];
    assert.deepEqual(await after(...made, '-E A LOG', '-X B'), [
      '-N LOG',
      '-A INPUT -j LOG',
      '-A FORWARD -g LOG',
      '-A LOG -p udp -j ACCEPT',
    ]);
  });

  test('-v shows the rule, or the chains', async () => {
    const gateway = gatewayOf();
    const shows = async (line: string) => (await gateway.run('iptables', shellWords(line))).stdout;
    assert.equal(
      await shows('-v -A INPUT -p tcp -s 10.0.0.1 --dport 21 -j ACCEPT -c 3 180'),
      'ACCEPT  tcp opt -- in * out *  10.0.0.1  -> 0.0.0.0/0   tcp dpt:21\n',
    );
    assert.equal(
      await shows('-v -A USER ! -s 1.2.3.4/24 ! -i eth0 ! -f -g EMPTY'),
      'EMPTY  all opt !f in !eth0 out * !1.2.3.0/24  -> 0.0.0.0/0  [goto] \n',
    );
    assert.equal(
      await shows('-v -C FORWARD ! -p udp -o eth+ -d 1.2.3.4,5.6.7.8 -j LOG --log-prefix x'),
      ['1.2.3.4', '5.6.7.8']
        .map(
          (to) =>
            `LOG !udp opt -- in * out eth+  0.0.0.0/0  -> ${to}   LOG flags 0 level 4 prefix "x"\n`,
        )
        .join(''),
    );
    assert.equal(await shows('-v -F USER'), "Flushing chain `USER'\n");
    assert.equal(await shows('-v -X EMPTY'), "Deleting chain `EMPTY'\n");
    assert.equal(
      await shows('-v -Z'),
      ['INPUT', 'FORWARD', 'OUTPUT', 'USER'].map((name) => `Zeroing chain \`${name}'\n`).join(''),
    );
    assert.equal(await shows('-v -N OTHER'), '');
  });

  test('-L and -S with -Z', async () => {
    const gateway = gatewayOf();
    const zeroing = await gateway.run('iptables', shellWords('-n -L INPUT 1 -v -Z INPUT'));
    assert.equal(zeroing.code, 0);
    assert.match(zeroing.stdout, /ACCEPT .*lo/);
    assert.match(zeroing.stdout, /Zeroing chain `INPUT'\n$/);
    const { stdout } = await runLine(gateway, 'iptables -v -S INPUT | head -1');
    assert.equal(stdout, '-P INPUT DROP -c 12 720\n'.replace('12 720', '0 0'));
  });
});

describe('counters', () => {
  const rules = `*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -p udp --dport 5000 -j ACCEPT
-A FORWARD -p udp --dport 6000 -j ACCEPT
COMMIT
*mangle
-A FORWARD -p udp -j ACCEPT
COMMIT
`;
  const packet = () =>
    buildUdp({ src: '192.168.1.10', dst: '203.0.113.9', sport: 4000, dport: 5000, payload: 'x' });

  test('an edit keeps them, of its own table and of others; -R begins at zero', async () => {
    const gateway = new RuleGateway({ rules });
    for (let i = 0; i < 3; i++) gateway.gateway.inject('lan', packet());
    const run = (line: string) => gateway.run('iptables', shellWords(line));
    await run('-I FORWARD -p icmp -j DROP');
    await run('-N NEW');
    gateway.gateway.inject('lan', packet());
    assert.equal(gateway.gateway.count('filter', 'FORWARD', 2), 4);
    assert.equal(gateway.gateway.count('mangle', 'FORWARD', 1), 4);
    await run('-R FORWARD 2 -p udp --dport 5000 -j ACCEPT');
    assert.equal(gateway.gateway.count('filter', 'FORWARD', 2), 0);
    gateway.gateway.inject('lan', packet());
    assert.equal(gateway.gateway.count('filter', 'FORWARD', 2), 1);
    await run('-D FORWARD 1');
    assert.equal(gateway.gateway.count('filter', 'FORWARD', 1), 1);
  });

  test('-P sets those of the policy, -A -c those of the rule', async () => {
    const gateway = gatewayOf();
    await gateway.run('iptables', shellWords('-P INPUT ACCEPT -c 7 700'));
    await gateway.run('iptables', shellWords('-A INPUT -p udp -c 5,500'));
    const shown = (await gateway.run('iptables', shellWords('-v -S INPUT'))).stdout;
    assert.match(shown, /^-P INPUT ACCEPT -c 7 700\n/);
    assert.match(shown, /-A INPUT -p udp -c 5 500\n/);
    await gateway.run('iptables', shellWords('-P INPUT DROP'));
    assert.match((await gateway.run('iptables', shellWords('-v -S INPUT'))).stdout, /DROP -c 0 0/);
  });

  test('a rule in force decides about the next packet', async () => {
    const gateway = new RuleGateway({ rules });
    assert.equal(gateway.gateway.inject('lan', packet()).reason, '');
    await gateway.run('iptables', shellWords('-I FORWARD -p udp -j DROP'));
    assert.notEqual(gateway.gateway.inject('lan', packet()).reason, '');
    assert.match(gateway.log.join(), /rules changed: iptables -I FORWARD -p udp -j DROP/);
  });
});

test('help comes from the option tables, and needs no gateway', async () => {
  const gateway = gatewayOf();
  const help = async (...argv: string[]) => {
    const { stdout, stderr, code } = await gateway.run('iptables', argv);
    assert.deepEqual([stderr, code], ['', 0], argv.join(' '));
    return stdout;
  };
  assert.equal(await help('-V'), 'iptables v1.8.9 (legacy)\n');
  assert.equal(await help('-t', 'nosuch', '--version'), 'iptables v1.8.9 (legacy)\n');
  assert.match(await help('--help'), /SIGHUP/);
  assert.match(await help('-m', 'limit', '-h'), /\nlimit match options:\n.*--limit /);
  assert.match(await help('-j', 'CT', '-h'), /\nCT target options:\n(.*\n)* +--helper /);
  assert.match(await help('-m', 'rateest', '-h'), /\n {6}--rateest-bps \[RATE\] /);
  assert.match(await help('-p', 'tcp', '-h'), /\ntcp match options:\n/);
});
