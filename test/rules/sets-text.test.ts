import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { printList, printSpecs } from '../../src/rules/index.ts';
import { compileBoth, loadBoth } from './sets-support.ts';
import { block } from './support.ts';

/** The error of a file of sets. */
function setError(text: string): string {
  const { errors } = loadBoth(text, '');
  assert.equal(errors.length, 1, errors.map((error) => error.format()).join('\n'));
  assert.deepEqual([errors[0]!.code, errors[0]!.exitCode], ['bad-set', 1]);
  return errors[0]!.message;
}

describe('texts', () => {
  const sets =
    'create a hash:ip\ncreate p hash:ip,port\ncreate n hash:net\ncreate t hash:ip timeout 3\ncreate six hash:ip family inet6\n';

  test('normal form and -L as iptables 1.8.9 prints them', () => {
    const cases: [string, string, string][] = [
      ['-m set --match-set a src', '', 'match-set a src'],
      ['-m set ! --set p src,dst', '-m set ! --match-set p src,dst', '! match-set p src,dst'],
      [
        '-m set --match-set n src --return-nomatch ! --update-counters ! --update-subcounters --packets-eq 0x3 --bytes-lt 9',
        '-m set --match-set n src --return-nomatch ! --update-counters ! --update-subcounters --packets-eq 3 --bytes-lt 9',
        'match-set n src return-nomatch ! update-counters ! update-subcounters packets-eq 3 bytes-lt 9',
      ],
      ['-m set --match-set a src --update-counters', '-m set --match-set a src', 'match-set a src'],
      ['-j SET ! --add-set a src', '-j SET --add-set a src', 'add-set a src'],
      [
        '-j SET --del-set n src --add-set t src --timeout 6 --exist',
        '-j SET --add-set t src --exist --timeout 6 --del-set n src',
        'add-set t src exist timeout 6 del-set n src',
      ],
    ];
    for (const [given, saved, listed] of cases) {
      const { compiled } = compileBoth(sets, block('filter', `-A INPUT ${given}`));
      const specs = printSpecs(compiled, { family: 4, chain: 'INPUT' })!;
      assert.equal(specs.split('\n')[1], `-A INPUT ${saved === '' ? given : saved}`);
      const list = printList(compiled, { family: 4, chain: 'INPUT', numeric: true })!;
      assert.ok(list.endsWith(` ${listed}\n`), `${list} ${listed}`);
    }
  });

  test('what is read and not carried out is warned of, marked in -L, and an error when strict', () => {
    const rules = block(
      'mangle',
      '-A FORWARD -j SET --map-set t src --map-prio',
      '-A FORWARD -j ACCEPT',
    );
    const { warnings } = loadBoth(sets, rules);
    assert.deepEqual(
      warnings.map(({ code, line, file }) => [code, line, file]),
      [['not-enforced', 2, 'fw.rules']],
    );
    const { compiled } = compileBoth(sets, rules);
    const list = printList(compiled, { family: 4, table: 'mangle', chain: 'FORWARD' })!;
    assert.deepEqual(
      list.split('\n').map((line) => line.endsWith(' [not enforced]')),
      [false, false, true, false, false],
    );
    assert.ok(!printSpecs(compiled, { family: 4, table: 'mangle' })!.includes('enforced'));
    const { ruleSet, errors } = loadBoth(sets, rules, { strict: true });
    assert.equal(ruleSet, null);
    assert.deepEqual([errors[0]!.code, errors[0]!.exitCode], ['not-enforced', 1]);
  });

  test('refusals of iptables', () => {
    const cases: [string, string, number][] = [
      ['-m set --match-set no src', "Set no doesn't exist.", 2],
      ['-m set', "You must specify `--match-set' with proper arguments", 2],
      ['-m set --match-set a', '--match-set requires two args.', 2],
      [
        '-m set --match-set a foo',
        "You must spefify (the comma separated list of) 'src' or 'dst'.",
        2,
      ],
      [
        '-m set --match-set a src,',
        "You must spefify (the comma separated list of) 'src' or 'dst'.",
        2,
      ],
      [
        '-m set --match-set a src,src,src,src,src,src,src',
        "Can't be more src/dst options than 6.",
        2,
      ],
      [
        '-m set --match-set six src',
        'The protocol family of set six is IPv6, which is not applicable.',
        2,
      ],
      ['-m set --match-set a src --match-set n src', '--match-set can be specified only once', 2],
      ['-m set --match-set a src --packets-eq x', 'Cannot parse x as a counter value', 2],
      [
        '-m set --match-set a src --packets-eq 18446744073709551616',
        'Cannot parse 18446744073709551616 as a counter value',
        2,
      ],
      ['-m set --match-set a src ! --bytes-lt 9', '--bytes-lt option cannot be inverted', 2],
      [
        '-m set --match-set a src --packets-gt 3 --packets-lt 9',
        'only one of the --packets-[eq|lt|gt] is allowed',
        2,
      ],
      [
        '-m set --match-set a src ! --return-nomatch',
        '--return-nomatch flag cannot be inverted',
        2,
      ],
      ['-j SET', "You must specify either `--add-set' or `--del-set' or `--map-set'", 2],
      ['-j SET --del-set a src --exist', "Flag `--exist' can be used with `--add-set' only", 2],
      [
        '-j SET --del-set a src --timeout 3',
        "Option `--timeout' can be used with `--add-set' only",
        2,
      ],
      [
        '-j SET --add-set a src --map-mark',
        "Flag `--map-mark' can be used with `--map-set' only",
        2,
      ],
      [
        '-j SET --map-set a src',
        "You must specify flags `--map-mark' or '--map-prio` or `--map-queue'",
        2,
      ],
      [
        '-j SET --add-set a src --timeout 4294967295',
        'Invalid value for option --timeout or out of range 0-4294967294',
        2,
      ],
      ['-j SET --add-set a src --add-set n src', '--add-set can be specified only once', 2],
      [
        '-j SET --map-set a src --map-mark',
        "Invalid argument. Run `dmesg' for more information.",
        1,
      ],
    ];
    for (const [rule, message, exit] of cases) {
      const { errors } = loadBoth(sets, block('filter', `-A INPUT ${rule}`));
      assert.deepEqual([errors[0]?.message, errors[0]?.exitCode], [message, exit], rule);
    }
    const prio = block('mangle', '-A PREROUTING -j SET --map-set a src --map-prio');
    assert.equal(loadBoth(sets, prio).errors[0]?.code, 'invalid-place');
  });
});

describe('files of ipset save', () => {
  test('all that real ipset 7.17 prints of a set is read', () => {
    const text =
      'create a hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x570b3f02\n' +
      'create t hash:ip family inet hashsize 1024 maxelem 65536 timeout 300 counters comment skbinfo bucketsize 12 initval 0x6c5a2007\n' +
      'add t 1.1.1.1 timeout 0 packets 3 bytes 99 comment "hello x" skbmark 0x1/0xff\n' +
      'add t 9.9.9.8 timeout 299 packets 0 bytes 0 skbprio 1:2 skbqueue 3\n' +
      'create l list:set size 4\nadd l t\n# a comment\n\n' +
      'create bp bitmap:port range 10-5\nadd bp 7\nCOMMIT\n';
    const { ruleSet, errors } = loadBoth(text, '');
    assert.deepEqual(
      errors.map((error) => error.format()),
      [],
    );
    assert.deepEqual(
      ruleSet!.sets.all().map(({ name, body }) => [name, body.type.name, body.count]),
      [
        ['a', 'hash:ip', 0],
        ['t', 'hash:ip', 2],
        ['l', 'list:set', 1],
        ['bp', 'bitmap:port', 1],
      ],
    );
  });

  test('del, flush, destroy, rename, swap, -exist, and names of ipset 4', () => {
    const text =
      'create a hash:ip\nadd a 1.1.1.1\nadd a 1.1.1.2\ndel a 1.1.1.1\n-exist del a 9.9.9.9\n' +
      'create b hash:ip\nadd b 2.2.2.2\nswap a b\nrename b c\ncreate a hash:ip -exist\n' +
      'add a 2.2.2.2 -exist\ncreate d hash:ip\ndestroy d\n-N tt nethash --hashsize 64\n' +
      '-N uu portmap --from 1 --to 99\ncreate f hash:ip\nadd f 3.3.3.3\nflush f\n';
    const { ruleSet, errors } = loadBoth(text, '');
    assert.deepEqual(
      errors.map((error) => error.format()),
      [],
    );
    assert.deepEqual(
      ruleSet!.sets.all().map(({ name, body }) => [name, body.type.name, body.count]),
      [
        ['a', 'hash:ip', 1],
        ['c', 'hash:ip', 1],
        ['tt', 'hash:net', 0],
        ['uu', 'bitmap:port', 0],
        ['f', 'hash:ip', 0],
      ],
    );
  });

  test('refusals in the words of ipset', () => {
    const base = 'create a hash:ip\n';
    const cases: [string, string][] = [
      ['create a hash:bogus', "Syntax error: typename 'hash:bogus' is unknown"],
      [`${base}create a hash:ip`, 'Set cannot be created: set with the same name already exists'],
      [
        `${base}-exist create a hash:ip maxelem 3`,
        'Set cannot be created: set with the same name already exists',
      ],
      ['add a 10.0.0.1 timeout 3\n', 'The set with the given name does not exist'],
      [
        `${base}add a 10.0.0.1 timeout 3`,
        'Timeout cannot be used: set was created without timeout support',
      ],
      [
        `${base}add a 10.0.0.1 comment x`,
        'Comment cannot be used: set was created without comment support',
      ],
      [
        `${base}add a 10.0.0.1\nadd a 10.0.0.1`,
        "Element cannot be added to the set: it's already added",
      ],
      [`${base}del a 10.0.0.1`, "Element cannot be deleted from the set: it's not added"],
      [
        `${base}add a 10.0.0.300`,
        'Syntax error: cannot parse 10.0.0.300: resolving to IPv4 address failed',
      ],
      [`${base}add a 10.0.0.2 nomatch`, "Unknown argument: `nomatch'"],
      [`${base}add a 0.0.0.0`, 'Null-valued element, cannot be stored in a hash type of set'],
      [`${base}add a 10.0.0.0/8`, 'Hash is full, cannot add more elements'],
      [`${base}add a`, 'Missing second mandatory argument to command add'],
      ['create y hash:ip bogus 3', "Unknown argument: `bogus'"],
      ['create y hash:ip timeout abc', "Syntax error: 'abc' is invalid as number"],
      ['create y hash:ip timeout 99999999', "Syntax error: '99999999' is out of range 0-2147483"],
      ['create y hash:ip netmask 33', "Syntax error: '33' is out of range 1-32"],
      ['create y hash:net family inet5', 'Syntax error: unknown inet family inet5'],
      ['create y bitmap:port', "Mandatory option `range' is missing"],
      [
        'create y bitmap:ip range 10.0.0.0/8',
        'The range you specified exceeds the size limit of the set type',
      ],
      ['create b bitmap:port range 0-9\nadd b 1024', 'Element is out of the range of the set'],
      [
        'create n hash:net\nadd n 0.0.0.0/0',
        'The value of the CIDR parameter of the IP address is invalid',
      ],
      ['create n hash:net\nadd n 10.0.0.0/33', "Syntax error: '33' is out of range 0-32"],
      [
        'create p hash:ip,port\nadd p 10.0.0.1',
        'Syntax error: Second element is missing from 10.0.0.1.',
      ],
      [
        'create p hash:ip,port\nadd p 10.0.0.1,foo:80',
        "Syntax error: cannot parse 'foo' as a protocol",
      ],
      ['create p hash:ip,port\nadd p 10.0.0.1,icmp:80', 'Cannot parse 80 as an ICMP type/code.'],
      [
        'create p hash:ip,port\nadd p 10.0.0.1,gre:80',
        'Syntax error: Protocol gre can be used with pseudo port value 0 only.',
      ],
      [
        'create l list:set\nadd l nosuch',
        'Set to be added/deleted/tested as element does not exist.',
      ],
      [
        'create l list:set\ncreate m list:set\nadd l m',
        'Sets with list:set type cannot be added to the set.',
      ],
      [
        `${base}create l list:set\nadd l a\ndestroy a`,
        'Set cannot be destroyed: it is in use by a kernel component',
      ],
      [
        `${base}create n hash:net\nswap a n`,
        'The sets cannot be swapped: their type does not match',
      ],
      [
        'create six hash:ip family inet6\nadd six 2001:db8::/126',
        'Syntax error: plain IP address must be supplied: 2001:db8::/126',
      ],
      [
        'create f hash:net,iface\nadd f 10.0.0.0/8,averyveryverylongname',
        "Syntax error: interface name 'averyveryverylongname' is longer than 15 characters",
      ],
    ];
    for (const [text, message] of cases) assert.equal(setError(`${text}\n`), message, text);
  });

  test('all or nothing over sets and rules, whatever comes first', () => {
    const { ruleSet, errors } = loadBoth(
      'create a hash:ip\nadd a x.\n',
      block('filter', '-A INPUT -j DROP'),
    );
    assert.equal(ruleSet, null);
    assert.deepEqual([errors[0]!.file, errors[0]!.line], ['all.sets', 2]);
  });
});
