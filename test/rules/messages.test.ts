import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type RuleErrorCode, TableId } from '../../src/rules/index.ts';
import { block, errorOf, load } from './support.ts';

/** A line in a script, the first line of what iptables says to it, its code, its exit code. */
type Case = readonly [line: string, message: string, code: RuleErrorCode, exit: 1 | 2 | 3];

const INVALID = "Invalid argument. Run `dmesg' for more information.";
const NO_NAME = 'No chain/target/match by that name.';
const NAT_DROP =
  'The "nat" table is not intended for filtering, the use of DROP is therefore inhibited.';
const NEED_PORTS = 'Need TCP, UDP, SCTP or DCCP with port specification';

const cases: readonly Case[] = [
  ['', 'no command specified', 'bad-command', 2],
  ['-A', 'option "-A" requires an argument', 'missing-argument', 2],
  ['-A INPUT -D INPUT 1', 'Cannot use -D with -A', 'option-conflict', 2],
  ['--foo', 'unknown option "--foo"', 'unknown-option', 2],
  ['-A INPUT foo -j ACCEPT', "Bad argument `foo'", 'bad-argument', 2],
  ['-A INPUT --dport 21', 'unknown option "--dport"', 'unknown-option', 2],
  ['-A INPUT -p udp --syn', 'unknown option "--syn"', 'unknown-option', 2],
  ['-A INPUT -p tcp --dport -j ACCEPT', "invalid port/service `-j' specified", 'bad-value', 2],
  ['-A INPUT -p tcp --dport 65536', "invalid port/service `65536' specified", 'bad-value', 2],
  ['-A INPUT -p tcp --dport nosuch', "invalid port/service `nosuch' specified", 'bad-value', 2],
  ['-A INPUT -p tcp --dport 30:20', 'invalid portrange (min > max)', 'bad-value', 2],
  ['-A INPUT -p tcp --dport', 'option "--dport" requires an argument', 'missing-argument', 2],
  ['-A INPUT -p tcp -dport 21', "Bad argument `21'", 'bad-argument', 2],
  ['-A INPUT -p tcp –dport 21', "Bad argument `–dport'", 'bad-argument', 2],
  ['-A INPUT -p nosuch', 'unknown protocol "nosuch" specified', 'unknown-protocol', 2],
  ['-A INPUT ! -p all', 'rule would never match protocol', 'bad-value', 2],
  ['-A INPUT -p tcp -p udp', 'multiple -p flags not allowed', 'option-conflict', 2],
  ['-A INPUT -s 1.1.1.1 -s 2.2.2.2', 'multiple -s flags not allowed', 'option-conflict', 2],
  ['-A INPUT -j ACCEPT -j DROP', 'multiple -j flags not allowed', 'option-conflict', 2],
  [
    '-A INPUT -p tcp --dport 21 --dport 22',
    "Only one `--destination-port' allowed",
    'option-conflict',
    2,
  ],
  ['-A INPUT -p tcp --tcp-flags SYN', '--tcp-flags requires two args.', 'missing-argument', 2],
  ['-A INPUT -p tcp --tcp-flags SYN FOO', "Unknown TCP flag `FOO'", 'bad-value', 2],
  ['-A INPUT -s 300.1.1.1', "host/network `300.1.1.1' not found", 'bad-address', 2],
  ['-A INPUT -s nosuch.invalid', "host/network `nosuch.invalid' not found", 'bad-address', 2],
  ['-A INPUT -s ::1', "host/network `::1' not found", 'bad-address', 2],
  ['-A INPUT -s 10.0.0.0/33', "invalid mask `33' specified", 'bad-address', 2],
  [
    '-A INPUT ! -s 1.1.1.1,2.2.2.2',
    '! not allowed with multiple source or destination IP addresses',
    'bad-value',
    2,
  ],
  [
    '-A INPUT -i averyveryverylongifname',
    "interface name `averyveryverylongifname' must be shorter than IFNAMSIZ (15)",
    'bad-value',
    2,
  ],
  ['-A INPUT ! -j DROP', 'cannot have ! before -j', 'bad-argument', 2],
  ['-A INPUT ! ! -f', 'multiple consecutive ! not allowed', 'bad-argument', 2],
  ['-A INPUT -f !', 'nothing appropriate following !', 'bad-argument', 2],
  ['-A INPUT -m state --state BOGUS', 'Bad state "BOGUS"', 'bad-value', 2],
  ['-A INPUT -m state', 'state: option "--state" must be specified', 'missing-option', 2],
  ['-A INPUT -m conntrack', 'conntrack: At least one option is required', 'missing-option', 2],
  ['-A INPUT -m conntrack --ctstate x', 'Bad ctstate "x"', 'bad-value', 2],
  ['-A INPUT -p icmp --icmp-type nosuch', "Unknown ICMP type `nosuch'", 'bad-value', 2],
  ['-A INPUT -p icmp --icmp-type 3/300', "Unknown ICMP code `3/300'", 'bad-value', 2],
  [
    '-A INPUT -p icmp --icmp-type echo-re',
    "Ambiguous ICMP type `echo-re': `echo-reply' or `echo-request'?",
    'bad-value',
    2,
  ],
  ['-A INPUT -m limit --limit 0/s', 'bad rate "0/s"\'', 'bad-value', 2],
  ['-A INPUT -m limit --limit 20000/s', 'Rate too fast "20000/s"', 'bad-value', 2],
  [
    '-A INPUT -m limit --limit-burst 20000',
    'limit: bad value for option "--limit-burst", or out of range (0-10000).',
    'bad-value',
    2,
  ],
  ['-A INPUT -m limit --limit-burst 0', 'Numerical result out of range.', 'out-of-range', 1],
  [
    '-A INPUT -m limit ! --limit 1/s',
    'limit: option "--limit" cannot be inverted.',
    'option-conflict',
    2,
  ],
  [
    '-A INPUT -m limit --limit 1/s --limit 2/s',
    'limit: option "--limit" can only be used once.',
    'option-conflict',
    2,
  ],
  [
    '-A INPUT -m multiport --dports 1,2',
    "multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'",
    'bad-value',
    2,
  ],
  [
    '-A INPUT -p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16',
    'too many ports specified',
    'bad-value',
    2,
  ],
  [
    '-A INPUT -p tcp -m multiport --dports 21 --sports 20',
    'multiport: option "--source-ports" cannot be used together with "--destination-ports".',
    'option-conflict',
    2,
  ],
  ['-A INPUT -p tcp -m multiport', 'multiport expection an option', 'missing-option', 2],
  ['-A INPUT -m tcp --dport 21', INVALID, 'invalid-rule', 1],
  ['-A INPUT ! -p tcp -m tcp --dport 21', INVALID, 'invalid-rule', 1],
  ['-A INPUT -j REJECT --reject-with bogus', 'unknown reject type "bogus"', 'bad-value', 2],
  ['-A INPUT -j REJECT --reject-with tcp-reset', INVALID, 'invalid-rule', 1],
  [
    '-A INPUT -j NOSUCH',
    "Couldn't load target `NOSUCH':No such file or directory",
    'unknown-target',
    2,
  ],
  ['-A INPUT -g ACCEPT', "goto 'ACCEPT' is not a chain", 'unknown-target', 2],
  [
    '-A INPUT -m nosuch',
    "Couldn't load match `nosuch':No such file or directory",
    'unknown-match',
    2,
  ],
  [
    '-t nosuch -L',
    "can't initialize iptables table `nosuch': Table does not exist (do you need to insmod?)",
    'unknown-table',
    3,
  ],
  [
    '-t nat -A POSTROUTING -j SNAT',
    'SNAT: option "--to-source" must be specified',
    'missing-option',
    2,
  ],
  [
    '-t nat -A POSTROUTING -j SNAT --to-source 1.2.3.999',
    'Bad IP address "1.2.3.999"',
    'bad-address',
    2,
  ],
  ['-t nat -A PREROUTING -j DNAT --to-destination 1.2.3.4:80', NEED_PORTS, 'bad-value', 2],
  [
    '-t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 70000',
    "Port `70000' not valid",
    'bad-value',
    2,
  ],
  [
    '-t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 9-5',
    "Port range `5' funky",
    'bad-value',
    2,
  ],
  ['-t nat -A PREROUTING -j DROP', NAT_DROP, 'nat-drop', 2],
  ['-t nat -P PREROUTING DROP', NAT_DROP, 'nat-drop', 2],
  ['-A OUTPUT -i eth0', "Can't use -i with OUTPUT", 'invalid-interface', 2],
  ['-A INPUT -o eth0', "Can't use -o with INPUT", 'invalid-interface', 2],
  ['-t nat -A PREROUTING -o eth0', "Can't use -o with PREROUTING", 'invalid-interface', 2],
  ['-A INPUT -j MASQUERADE', INVALID, 'invalid-place', 1],
  ['-t nat -A INPUT -j MASQUERADE', INVALID, 'invalid-place', 1],
  ['-t nat -A POSTROUTING -j DNAT --to 1.2.3.4', INVALID, 'invalid-place', 1],
  ['-t nat -A PREROUTING -j SNAT --to 1.2.3.4', INVALID, 'invalid-place', 1],
  ['-t nat -A PREROUTING -j REJECT', INVALID, 'invalid-place', 1],
  ['-A INPUT -j CT --helper ftp', INVALID, 'invalid-place', 1],
  ['-t raw -A PREROUTING -p tcp -j CT --helper nosuch', NO_NAME, 'unknown-helper', 1],
  ['-t raw -A PREROUTING -j CT --helper ftp', NO_NAME, 'unknown-helper', 1],
  ['-A NOSUCH -j ACCEPT', NO_NAME, 'unknown-chain', 1],
  ['-F NOSUCH', NO_NAME, 'unknown-chain', 1],
  ['-X INPUT', INVALID, 'invalid-place', 1],
  ['-N UC', 'Chain already exists.', 'chain-exists', 1],
  ['-P UC DROP', 'Bad built-in chain name.', 'bad-policy', 1],
  ['-P INPUT drop', "Bad policy name. Run `dmesg' for more information.", 'bad-policy', 1],
  ['-N -foo', "chain name not allowed to start with `-'", 'bad-chain-name', 2],
  ['-N LOG', 'chain name may not clash with target name', 'bad-chain-name', 2],
  [
    '-N 12345678901234567890123456789',
    "chain name `12345678901234567890123456789' too long (must be under 29 chars)",
    'bad-chain-name',
    2,
  ],
  ['-D INPUT -i eth9', 'Bad rule (does a matching rule exist in that chain?).', 'no-such-rule', 1],
  ['-D INPUT 99', 'Index of deletion too big.', 'bad-index', 1],
  ['-R INPUT 99 -j ACCEPT', 'Index of replacement too big.', 'bad-index', 1],
  ['-I INPUT 99 -j ACCEPT', 'Index of insertion too big.', 'bad-index', 1],
  ['-D INPUT 0', "Invalid rule number `0'", 'bad-value', 2],
  ['-F -s 1.1.1.1', "Illegal option `-s' with this command", 'option-conflict', 2],
  ['-A UC -j INPUT', INVALID, 'invalid-rule', 1],
];

describe('messages of iptables', () => {
  test('line by line', () => {
    for (const [line, message, code, exit] of cases) {
      const error = errorOf(`set -e; iptables -N UC\niptables ${line}\n`, {}, 'test.sh');
      assert.equal(error.message, message, line);
      assert.equal(error.code, code, line);
      assert.equal(error.exitCode, exit, line);
      assert.equal(error.line, 2, line);
    }
  });

  test('chains that cannot be deleted', () => {
    const script = (...lines: string[]) => errorOf(`${lines.join('\n')}\n`, {}, 'x.sh').message;
    assert.equal(
      script('iptables -N A', 'iptables -A FORWARD -j A', 'iptables -X A'),
      'Too many links.',
    );
    assert.equal(
      script('iptables -N A', 'iptables -A A -j ACCEPT', 'iptables -X A'),
      'Directory not empty.',
    );
  });
});

describe('messages of iptables-restore', () => {
  const message = (text: string) => errorOf(text).message;

  test('structure of the file', () => {
    assert.equal(message('-A INPUT -j ACCEPT\n'), 'line 1 failed');
    assert.equal(message('hello\n'), 'line 1 failed');
    assert.equal(message('  # indented\n*filter\nCOMMIT\n'), 'line 1 failed');
    assert.equal(message('*nosuch\n:A - [0:0]\nCOMMIT\n'), "unable to initialize table 'nosuch'");
    assert.equal(message('*filter\n-A INPUT\n'), 'COMMIT expected at line 3');
    assert.equal(message('*filter\n*nat\nCOMMIT\n'), "Bad argument `*nat'");
    assert.equal(message('*filter\nCOMMIT \nCOMMIT\n'), "Bad argument `COMMIT'");
    assert.equal(message(block('filter', '-A INPUT -j ACCEPT # x')), "Bad argument `#'");
    assert.equal(
      message(block('filter', "-A INPUT -j LOG --log-prefix 'a b'")),
      "Bad argument `b''",
    );
    assert.equal(
      message(block('filter', '-t nat -A INPUT')),
      'The -t option cannot be used in iptables-restore.',
    );
    assert.equal(message(block('filter', '[1:2 -A INPUT')), 'Bad line 2: need ]');
    const counted = block('filter', '[7:x] -A INPUT');
    assert.equal(errorOf(counted, { counters: true }).message, '-c byte counter not numeric');
    assert.notEqual(load(counted).ruleSet, null, 'without -c nobody looks at it');
    assert.equal(message(block('filter', '  ')), 'no command specified');
    assert.equal(
      message(block('filter', '-A INPUT -j LOG --log-prefix "open')),
      'Newlines not allowed in --log-prefix',
    );
    const long = 'x'.repeat(1024);
    assert.equal(
      message(block('filter', `-A INPUT -m comment --comment ${long}`)),
      'Parameter too long!',
    );
    const many = ' -m comment --comment x'.repeat(64);
    assert.equal(
      message(block('filter', `-A INPUT${many}`)),
      'Parser cannot handle more arguments',
    );
    assert.equal(
      message(block('filter', '-w -A INPUT')),
      "You cannot use `-w' from iptables-restore",
    );
  });

  test('chain lines', () => {
    assert.equal(message(block('filter', ':INPUT')), 'line 2 policy invalid');
    assert.equal(
      message(block('filter', ':INPUT BOGUS [0:0]')),
      "Can't set policy `BOGUS' on `INPUT' line 2: Bad policy name",
    );
    assert.equal(
      message(block('filter', ':MY ACCEPT [0:0]')),
      "Can't set policy `ACCEPT' on `MY' line 2: Bad built-in chain name",
    );
    assert.equal(
      message(block('filter', ':A - [0:0]', ':A - [0:0]')),
      "error creating chain 'A':File exists",
    );
  });

  test('what iptables accepts is accepted', () => {
    const accepted = [
      block('filter', ':INPUT ACCEPT', ':FORWARD DROP 0:0', '', '\t-A INPUT -j ACCEPT', '# c'),
      '\n# c\n*filter\nCOMMIT\n\n# end\n',
      '',
      block('filter', '-A INPUT -j LOG --log-prefix "a"'),
      block('filter', ':INPUT - [0:0]'),
    ];
    for (const text of accepted) assert.deepEqual(load(text).errors, [], text);
  });

  test('lines that end in CR LF are one warning', () => {
    const { ruleSet, warnings } = load('*filter\r\n-A INPUT -j LOG --log-prefix "a"\r\nCOMMIT\r\n');
    assert.equal(ruleSet?.table(4, TableId.Filter)?.chains.get('INPUT')?.rules.length, 1);
    assert.deepEqual(
      warnings.map(({ code, line }) => `${code} ${line}`),
      ['carriage-returns 1'],
    );
  });

  test('a missing final newline is a warning', () => {
    const { ruleSet, warnings } = load('*filter\nCOMMIT');
    assert.ok(ruleSet);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!.message, /no newline at the end/);
  });
});
