/** Names in rules: services, protocols, hosts; numbers as inet_aton has them; both families. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type LoadOptions, ruleSpec, ServiceTable, TableId } from '../../src/rules/index.ts';
import { ProtocolTable } from '../../src/rules/protocols.ts';
import { block, errorOf, load, ruleSetOf } from './support.ts';

const specs = (line: string, options: LoadOptions = {}, family: 4 | 6 = 4) =>
  ruleSetOf(block('filter', line), { family, ...options })
    .table(family, TableId.Filter)!
    .chains.get('INPUT')!
    .rules.map(ruleSpec);
const source = (text: string, options: LoadOptions = {}, family: 4 | 6 = 4) =>
  specs(`-A INPUT -s ${text}`, options, family).map((spec) => spec.replace(' -s ', ''));

describe('addresses as iptables 1.8.9 reads them', () => {
  test('short, hexadecimal and octal forms', () => {
    // Each as iptables-legacy -S shows it.
    const forms: readonly (readonly [string, string])[] = [
      ['10.1', '10.1.0.0/32'],
      ['10.1.2', '10.1.2.0/32'],
      ['256', '0.0.1.0/32'],
      ['0', '0.0.0.0/32'],
      ['010', '8.0.0.0/32'],
      ['010.1.2.3', '8.1.2.3/32'],
      ['0x0a000001', '10.0.0.1/32'],
      ['10.0x10.1.1', '10.16.1.1/32'],
      ['10.256', '10.0.1.0/32'],
      ['1.2.65535', '1.2.255.255/32'],
      ['4294967295', '255.255.255.255/32'],
      ['10.1/16', '10.1.0.0/16'],
      ['1.2.3.4/0x10', '1.2.0.0/16'],
      ['1.2.3.4/033', '1.2.3.0/27'],
    ];
    for (const [text, shown] of forms) assert.deepEqual(source(text), [shown], text);
    for (const text of ['4294967296', '1.2.3.256', '1.2.3.4.5', '1..2', '.1', '1.2.3.4.', '08']) {
      const { message } = errorOf(block('filter', `-A INPUT -s ${text}`));
      assert.equal(message, `host/network \`${text}' not found`);
    }
  });

  test('with a null mask the name does not matter', () => {
    assert.deepEqual(specs('-A INPUT -s any/0'), ['']);
    assert.deepEqual(specs('-A INPUT -s 0/0', {}, 6), ['']);
    assert.equal(errorOf(block('filter', '-A INPUT -s 1'), { family: 6 }).code, 'bad-address');
  });
});

describe('host names', () => {
  const asked: string[] = [];
  const hosts: LoadOptions = {
    resolveHost: (name, family) => {
      asked.push(`${name} ${family}`);
      if (name === 'slow.example') return 'the name server did not answer';
      if (name === 'two.example' && family === 4) return [[0x0a000002], [0x0a000001]];
      if (name === 'two.example') return [[0x20010db8 | 0, 0, 0, 1]];
      return null;
    },
  };

  test('several addresses give several rules, in the order of the answer', () => {
    assert.deepEqual(source('two.example', hosts), ['10.0.0.2/32', '10.0.0.1/32']);
    assert.deepEqual(source('two.example', hosts, 6), ['2001:db8::1/128']);
    assert.deepEqual(source('1.1.1.1,two.example', hosts).length, 3);
  });

  test('hosts of one network count once', () => {
    assert.deepEqual(source('two.example/24', hosts), ['10.0.0.0/24']);
    assert.deepEqual(source('two.example/24,10.0.0.9/24', hosts), ['10.0.0.0/24', '10.0.0.0/24']);
    assert.deepEqual(specs('-A INPUT ! -s two.example/8', hosts), [' ! -s 10.0.0.0/8']);
    assert.equal(
      errorOf(block('filter', '-A INPUT ! -s two.example'), hosts).message,
      '! not allowed with multiple source or destination IP addresses',
    );
  });

  test('a name that is not found, a server that does not answer, no resolver', () => {
    const unknown = errorOf(block('filter', '-A INPUT -s no.example'), hosts);
    assert.deepEqual(
      [unknown.message, unknown.detail],
      ["host/network `no.example' not found", ''],
    );
    assert.equal(
      errorOf(block('filter', '-A INPUT -s slow.example'), hosts).detail,
      'the name server did not answer',
    );
    assert.equal(
      errorOf(block('filter', '-A INPUT -s two.example')).detail,
      'names are not looked up here; write the address',
    );
    assert.deepEqual(source('localhost'), ['127.0.0.1/32']);
  });

  test('what cannot be a name is not asked for', () => {
    asked.length = 0;
    for (const text of ['<private_ip>', '-x', 'a/33', '1.2.3.4.5', 'a$b', `${'a'.repeat(300)}`]) {
      load(block('filter', `-A INPUT -s ${text}`), hosts);
    }
    assert.deepEqual(asked, []);
  });

  test('in scripts too', () => {
    const set = ruleSetOf('H=two.example\niptables -A INPUT -s $H -j DROP\n', hosts, 'a.sh');
    assert.equal(set.table(4, TableId.Filter)!.chains.get('INPUT')!.rules.length, 2);
  });
});

describe('tables of names', () => {
  test('services: comments hold no names, the first name counts', () => {
    const table = ServiceTable.parse(
      '# old; ssh 99/tcp\nssh 22/tcp # secure; x 1/tcp\nsecsh 22/tcp\n',
    );
    assert.equal(table.port('ssh', 'tcp'), 22);
    assert.equal(table.name(22, 'tcp'), 'ssh');
    assert.equal(table.port('x', 'tcp'), null);
    assert.equal(table.port('secsh', 'tcp'), 22);
  });

  test('protocols: the file first, built-in names behind it', () => {
    const table = ProtocolTable.parse('ipv4 4 IPv4\nbad x\nmptcp 262\n# no 9\n');
    assert.equal(table.name(4), 'ipv4');
    assert.equal(table.number('IPV4'), 4);
    assert.equal(table.number('ipencap'), 4);
    assert.equal(table.number('mptcp'), undefined);
    assert.equal(table.number('no'), undefined);
    assert.equal(table.number('tcp'), 6);
    assert.equal(table.number('all'), 0);
    assert.equal(ProtocolTable.parse('').name(58), 'ipv6-icmp');
  });
});

describe('the old form of negation', () => {
  const both = (old: string, today: string) => {
    const { ruleSet, warnings } = load(block('filter', `-A INPUT ${old}`));
    const rules = ruleSet?.table(4, TableId.Filter)?.chains.get('INPUT')?.rules ?? [];
    assert.deepEqual(rules.map(ruleSpec), specs(`-A INPUT ${today}`), old);
    assert.equal(warnings.length, 1, old);
    assert.match(warnings[0]!.message, /old form/);
    assert.equal(warnings[0]!.column, `-A INPUT ${old}`.indexOf('!') + 1);
  };

  test('is read with a warning', () => {
    both('-s ! 10.0.0.1', '! -s 10.0.0.1');
    // With an option behind it, `!` is the argument itself, odd as it is.
    assert.match(errorOf(block('filter', '-A INPUT -p ! -j DROP')).message, /unknown protocol "!"/);
    both('--destination ! 10.0.0.0/8', '! -d 10.0.0.0/8');
    both('-i ! eth0', '! -i eth0');
    both('-p ! tcp', '! -p tcp');
    both('-p tcp --dport ! 80', '-p tcp ! --dport 80');
    both('-p tcp --tcp-flags ! SYN,RST SYN', '-p tcp ! --tcp-flags SYN,RST SYN');
    both('-p icmp --icmp-type ! 8', '-p icmp ! --icmp-type 8');
    both('-m state --state ! NEW', '-m state ! --state NEW');
  });

  test('only where the option can be negated, and once', () => {
    const refused = (rule: string) => errorOf(block('filter', `-A INPUT ${rule}`)).code;
    assert.equal(refused('-m limit --limit ! 1/s'), 'bad-value');
    assert.equal(refused('-j ! DROP'), 'bad-argument');
    assert.equal(refused('! -s ! 1.1.1.1'), 'bad-argument');
    assert.equal(refused('-s !'), 'bad-address');
    assert.equal(refused('-s ! ! 1.1.1.1'), 'bad-argument');
  });
});

describe('mixed files', () => {
  test('chains and policies are there for both families', () => {
    const set = ruleSetOf(
      block(
        'filter',
        ':INPUT DROP [0:0]',
        ':LOG4 - [0:0]',
        '-6 -A INPUT -j LOG4',
        ':LATER - [0:0]',
        '-6 -A LATER -s ::1 -j ACCEPT',
        '-A LOG4 -j DROP',
        '-4 -A INPUT -j LOG4',
      ),
    );
    const chains = (family: 4 | 6) => set.table(family, TableId.Filter)!.chains;
    assert.equal(chains(6).get('INPUT')!.policy, 'DROP');
    assert.deepEqual([...chains(6).keys()].slice(3), ['LOG4', 'LATER']);
    assert.equal(chains(6).get('LOG4')!.rules.length, 0);
    assert.equal(chains(4).get('LOG4')!.rules.length, 1);
    assert.equal(chains(6).get('INPUT')!.rules.length, 1);
  });

  test('in scripts -4 and -6 must fit the program', () => {
    const script =
      'iptables -6 -A INPUT -j DROP\niptables -4 -A INPUT -j ACCEPT\nip6tables -4 -F\n';
    const set = ruleSetOf(script, {}, 'a.sh');
    assert.equal(set.table(4, TableId.Filter)!.chains.get('INPUT')!.rules.length, 1);
    assert.equal(set.table(6, TableId.Filter), null);
  });
});
