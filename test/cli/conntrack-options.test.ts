import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseConntrackOptions, UsageError } from '../../src/cli/conntrack/index.ts';

const words = (line: string) =>
  line === '' ? [] : line.split(' ').map((word) => (word === "''" ? '' : word));
const parse = (line: string) => parseConntrackOptions(words(line));

function refusal(line: string): { message: string; exitCode: number } {
  try {
    parse(line);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return { message: error.message, exitCode: error.exitCode };
  }
  throw new assert.AssertionError({ message: `conntrack ${line} was accepted` });
}

describe('messages of conntrack 1.4.7', () => {
  const illegal = (option: string) => `Illegal option \`--${option}' with this command`;
  const needed = (option: string) =>
    `You need to supply the \`--${option}' option for this command`;
  const either = (a: string, b: string) => `you have to specify \`--${a}' and \`--${b}'`;
  const anyNat = "cannot specify `--src-nat' or `--dst-nat' with `--any-nat'";
  const tables = "Can't do that command with tables `dying' and `unconfirmed'";

  const cases: Record<string, string> = {
    '-L -L': 'Invalid commands combination',
    '-L -D': 'Invalid commands combination',
    '-h -V': 'Invalid commands combination',
    '-L bogus': "unknown type `bogus'",
    '-L EXPECT': "unknown type `EXPECT'",
    '-S foo': "unknown type `foo'",
    '-s 1.1.1.1': illegal('src'),
    '-p tcp': illegal('protonum'),
    '-L expect -d 1.1.1.1': illegal('dst'),
    '-L expect -p tcp -d 203.0.113.21': illegal('dst'),
    '-L expect -p tcp --dport 21': illegal('protonum'),
    '-L expect -z': illegal('zero'),
    '-L expect -w 1': illegal('zone'),
    '-L expect --tuple-src 1.1.1.1': illegal('tuple-src'),
    '-L -t 5': illegal('timeout'),
    '-L -e NEW': illegal('event-mask'),
    '-L -b 5': illegal('buffer-size'),
    '-L -i 5': illegal('id'),
    '-L --label-del': illegal('label-del'),
    '-C -s 1.1.1.1': illegal('src'),
    '-C -f ipv4': illegal('family'),
    '-C -o xml': illegal('output'),
    '-F -p tcp': illegal('protonum'),
    '-F expect -f ipv4': illegal('family'),
    '-S -z -s 1.1.1.1': illegal('src'),
    '-E -z': illegal('zero'),
    '-E -u ASSURED': illegal('status'),
    '-E expect -f ipv4': illegal('family'),
    '-E expect -e NEW': illegal('event-mask'),
    '-D -z': illegal('zero'),
    '-D -j': illegal('any-nat'),
    '-D -c 1': illegal('secmark'),
    '-D expect': needed('src'),
    '-D expect -p tcp --orig-src 192.168.1.10': needed('dst'),
    '-G': needed('protonum'),
    '-G -m 1': needed('protonum'),
    '-G expect -s 1.1.1.1': needed('dst'),
    '-G -p tcp -s 1.1.1.1 -d 2.2.2.2 -m 1': illegal('mark'),
    '-G -p tcp -s 1.1.1.0/24 -d 2.2.2.2 --sport 1 --dport 2': illegal('mask-src'),
    '-G -p tcp': either('src', 'dst'),
    '-G -p tcp -r 1.1.1.1': either('reply-src', 'reply-dst'),
    '-G -p tcp -s 1.1.1.1 -q 1.1.1.1': either('src', 'dst'),
    '-G -p tcp -s 1.1.1.1 -d 2.2.2.2 --sport 1': either('sport', 'dport'),
    '-G -p icmp -s 1.1.1.1 -d 2.2.2.2': needed('icmp-type'),
    '-C dying': tables,
    '-E unconfirmed': tables,
    '-D dying': tables,
    '--bogus': "unknown option `--bogus'",
    '-X': "unknown option `-X'",
    '-L -zX': "unknown option `-zX'",
    '-L --zero=1': "unknown option `--zero=1'",
    '-L --s 1.1.1.1': "unknown option `--s'",
    '-L --sr 1.1.1.1': "unknown option `--sr'",
    '-L --orig 1.1.1.1': "unknown option `--orig'",
    '-L --dport 21': "unknown option `--dport'",
    '-L --sport 10 -p tcp': "unknown option `--sport'",
    '-L -p tcp --orig-p 10': "unknown option `--orig-p'",
    '-L -p tcp --icmp-type 2': "unknown option `--icmp-type'",
    '-E --state ESTABLISHED -p tcp': "unknown option `--state'",
    '-L -p udp --state ESTABLISHED': "unknown option `--state'",
    '-L -o': "option `-o' requires an argument",
    '-L --src': "option `--src' requires an argument",
    '-L -p nosuch': "`nosuch' unsupported protocol",
    '-L -p -1': "`-1' unsupported protocol",
    '-L -p 256': "`256' unsupported protocol",
    '-L -p 20foo': "`20foo' unsupported protocol",
    "-L -p ''": "`' unsupported protocol",
    '-L -f ipv5': "`ipv5' unsupported protocol",
    '-L -f IPV4': "`IPV4' unsupported protocol",
    '-L -s 300.1.1.1': "Invalid IP address `300.1.1.1'",
    '-L -s localhost': "Invalid IP address `localhost'",
    '-L -s fe80::1%lo': "Invalid IP address `fe80::1%lo'",
    '-L -s /24': "Invalid IP address `/24'",
    "-L -s ''": "Invalid IP address `'",
    '-L -s 1.1.1.1/33': 'Invalid netmask',
    '-L -s 1.1.1.1/-1': 'Invalid netmask',
    '-L -s 1.1.1.1/24x': 'Invalid netmask',
    '-L -s 1.1.1.1/24/24': 'Invalid netmask',
    '-L -s 1.1.1.1/255.255.255.0': 'Invalid netmask',
    '-L -s 2001:db8::/129': 'Invalid netmask',
    '-L -r 2.2.2.0/24': "CIDR notation unavailable for `--reply-src'",
    '-L --mask-src 255.0.0.0/8 -s 1.1.1.1': "CIDR notation unavailable for `--mask-src'",
    '-L --mask-src 255.0.0.0': "Can't use --mask-src without --src",
    '-L -r 2.2.2.2 --mask-dst 255.255.255.0': "Can't use --mask-dst without --dst",
    '-L -f ipv6 -s 1.1.1.1': 'mismatched address family',
    '-L -s ::1 -d 1.1.1.1': 'mismatched address family',
    '-L -s 1.1.1.0 --mask-src ffff::': 'mismatched address family',
    '-L -p tcp --state BOGUS': "unknown TCP state `BOGUS'",
    '-L -p tcp --state established': "unknown TCP state `established'",
    '-L -u BOGUS': "Bad parameter `BOGUS'",
    '-L -u CONFIRMED': "Bad parameter `CONFIRMED'",
    '-L -u ASSURED,': "Bad parameter `'",
    '-L -u ,ASSURED': "Bad parameter `,ASSURED'",
    '-L -o bogus': "Bad parameter `bogus'",
    '-L -o id,,extended': "Bad parameter `,extended'",
    "-L -o ''": "Bad parameter `'",
    '-E -e BOGUS': "Bad parameter `BOGUS'",
    '-E -e DESTROY,BOGUS,NEW': "Bad parameter `BOGUS,NEW'",
    '-L -n -j': anyNat,
    '-L -g -j 1.1.1.1': anyNat,
    '-L -g 1.1.1.1:': "No port specified after `:'",
    '-L -g 1.1.1.1::': "Invalid IP address `1.1.1.1::'",
    '-L -g 1.1.1.1:80:80': "Invalid IP address `1.1.1.1:80:80'",
    '-L -g 1.1.1.1:65536': "Invalid port `65536'",
    '-L -g :80': "Invalid IP address `'",
    '-L -g 3.3.3.0/24': "CIDR notation unavailable for `--dst-nat'",
    '-L -l x': "unknown label 'x'",
  };
  for (const [line, message] of Object.entries(cases)) {
    test(`conntrack ${line}`, () => assert.deepEqual(refusal(line), { message, exitCode: 2 }));
  }

  test('two that end with 1', () => {
    assert.deepEqual(refusal('-L -o save,id'), {
      message: 'cannot combine save output with any other output type, use -o save only',
      exitCode: 1,
    });
    const message = 'Operation failed: invalid parameters';
    assert.deepEqual(refusal('-L -u UNSET'), { message, exitCode: 1 });
    assert.deepEqual(refusal('-L -u SRC_NAT'), { message, exitCode: 1 });
  });

  test('the hint follows a wrong use only', () => {
    const text = (exitCode: number) => new UsageError('x', exitCode).screenText();
    assert.equal(
      text(2),
      "conntrack v1.4.7 (conntrack-tools): x\nTry `conntrack -h' or 'conntrack --help' for more information.\n",
    );
    assert.equal(text(1), 'conntrack v1.4.7 (conntrack-tools): x\n');
  });
});

describe('refused here', () => {
  for (const [line, word] of [
    ['-D -m foo', 'foo'],
    ['-L -m 1/x', '1/x'],
    ['-L -m 4294967296', '4294967296'],
    ['-L -w 65536', '65536'],
    ['-L -p tcp --dport http', 'http'],
    ['-L -p tcp --dport 65536', '65536'],
    ['-L -p tcp --dport 20x', '20x'],
    ['-L -p icmp --icmp-type 256', '256'],
  ] as const) {
    test(`conntrack ${line}: no guess at what is not a number`, () => {
      const { message } = refusal(line);
      assert.match(message, /^Bad parameter `/);
      assert.ok(word.includes(message.slice(15, -1)));
    });
  }
});

describe('accepted', () => {
  test('an empty command line asks for help', () => assert.equal(parse('').command, null));

  test('tables, shortened and as separate words', () => {
    assert.equal(parse('-L expect').table, 'expect');
    assert.equal(parse('--dump exp').table, 'expect');
    assert.equal(parse('-L con').table, 'conntrack');
    assert.equal(parse('-L dying').table, 'dying');
    assert.equal(parse('-C expect').command, 'count');
    assert.equal(parse('-L -- expect').table, 'conntrack');
    assert.equal(parse('extra -L conntrack more').command, 'list');
  });

  test('long options, shortened, with = and before the command', () => {
    for (const line of [
      '--orig-s 1.1.1.1 -L',
      '-L --orig-src=1.1.1.1',
      '-L -s1.1.1.1',
      '--du --src 1.1.1.1',
    ]) {
      assert.deepEqual(parse(line).filter, { family: 4, origSrc: { address: '1.1.1.1' } }, line);
    }
    assert.equal(parse('-zL').given.has('zero'), true);
    assert.equal(parse('-L -p tcp --spo 10').filter.origSport, 10);
  });

  test('protocols by name and number', () => {
    for (const word of ['tcp', 'TCP', '6', '0x6', '06']) {
      assert.equal(parse(`-L -p ${word}`).filter.proto, 6, word);
    }
    assert.equal(parse('-L -p icmpv6').filter.proto, 58);
    assert.equal(parse('-L -p ipv6-icmp').filter.proto, 58);
    assert.equal(parse('-L -p IGMP').filter.proto, 2);
    assert.equal(parse('-L -p 17 --dport 20').filter.origDport, 20);
    assert.equal(parse('-L -p 1 --icmp-type 8').filter.icmpType, 8);
  });

  test('addresses with prefix and mask, in canonical text', () => {
    assert.deepEqual(parse('-L -s 1.1.1.9/24').filter.origSrc, {
      address: '1.1.1.9',
      mask: '255.255.255.0',
    });
    assert.deepEqual(parse('-L -d 1.1.1.9/0').filter.origDst, {
      address: '1.1.1.9',
      mask: '0.0.0.0',
    });
    assert.deepEqual(parse('-L -s 2001:DB8::/33').filter.origSrc, {
      address: '2001:db8::',
      mask: 'ffff:ffff:8000::',
    });
    assert.equal(parse('-D -s 2001:DB8::1.1.1.1').filter.origSrc?.address, '2001:db8::101:101');
    assert.equal(
      parse('-L -s 1.1.1.0/24 --mask-src 255.255.0.0').filter.origSrc?.mask,
      '255.255.0.0',
    );
  });

  test('status, mark, zone and translation', () => {
    assert.deepEqual(parse('-L -u ASSURED').filter.status, { value: 4, mask: 4 });
    assert.deepEqual(parse('-L -u ass,seen').filter.status, { value: 6, mask: 6 });
    assert.deepEqual(parse('-L -u UNREPLIED').filter.status, { value: 0, mask: 2 });
    // The kernel asks for a bit outside of its mask, and finds none.
    assert.deepEqual(parse('-L -u ASSURED,UNREPLIED').filter.status, { value: 4, mask: 2 });
    assert.deepEqual(parse('-D -u ASSURED,UNREPLIED').filter.status, { value: 4, mask: 6 });
    assert.deepEqual(parse('-L -u SEEN_REPLY,UNREPLIED').filter.status, { value: 2, mask: 2 });
    assert.deepEqual(parse('-L -m 0x10/0xf0').filter.mark, { value: 16, mask: 240 });
    assert.deepEqual(parse('-L -m 020').filter.mark, { value: 16, mask: 0xffffffff });
    assert.equal(parse('-L --zone 5').filter.zone, 5);
    assert.deepEqual(parse('-L -n').filter.srcNat, {});
    assert.deepEqual(parse('-L -n -s 1.1.1.1').filter.srcNat, {});
    assert.deepEqual(parse('-L -n3.3.3.3').filter.srcNat, { address: '3.3.3.3' });
    assert.deepEqual(parse('-L -g 3.3.3.3:80').filter.dstNat, { address: '3.3.3.3', port: 80 });
    assert.deepEqual(parse('-L -j [2001:db8::1]:80').filter.anyNat, {
      address: '2001:db8::1',
      port: 80,
    });
    assert.deepEqual(parse('-L -g 2001:db8::1').filter.dstNat, { address: '2001:db8::1' });
  });

  test('events and output', () => {
    assert.deepEqual([...parse('-E').events], ['NEW', 'UPDATE', 'DESTROY']);
    assert.deepEqual([...parse('-E -e new,DESTROY').events], ['NEW', 'DESTROY']);
    assert.deepEqual([...parse('-E -e UPDATES').events], ['UPDATE']);
    const { format } = parse('-L -o ext,ID -o ktimestamp,labels,userspace');
    assert.equal(format.format, 'plain');
    assert.deepEqual(
      [format.extended, format.id, format.ktimestamp, format.timestamp],
      [true, true, true, false],
    );
    assert.equal(parse('-L -o xml,id').format.format, 'xml');
    assert.equal(parse('-L -o save').format.format, 'save');
    assert.equal(parse('-E expect -o json').format.format, 'json');
  });

  test('-a is passed over with a warning', () => {
    const warnings: string[] = [];
    const warn = (line: string) => warnings.push(line);
    parseConntrackOptions(['-L', '-a', '1.2.3.4'], { warn });
    assert.deepEqual(warnings, ['WARNING: ignoring -a, deprecated option.']);
  });
});
