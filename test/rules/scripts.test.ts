import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeRule, needsOutputHook, ruleSpec, TableId } from '../../src/rules/index.ts';
import { block, errorOf, load, ruleSetOf } from './support.ts';

const script = (...lines: string[]) => `${lines.join('\n')}\n`;
const setOf = (...lines: string[]) => ruleSetOf(script(...lines), {}, 'fw.sh');
const specsOf = (...lines: string[]) =>
  setOf(...lines)
    .allTables()
    .flatMap((table) =>
      [...table.chains.values()].flatMap((chain) =>
        chain.rules.map((rule) => `${chain.name}${ruleSpec(rule)}`),
      ),
    );
const messageOf = (...lines: string[]) => errorOf(script(...lines), {}, 'fw.sh').message;

describe('scripts of plain iptables lines', () => {
  test('comments, blank lines, continuation lines, quoting', () => {
    const specs = specsOf(
      '#!/bin/sh',
      '',
      '# a comment',
      'iptables -A INPUT -p tcp \\',
      '  --dport 21 -j ACCEPT   # and one behind a line',
      'iptables -A INPUT -m comment --comment \'single "quoted"\' -j DROP',
      'iptables -A INPUT -m comment --comment "a # b" ; iptables -A INPUT "-j" AC"CE"PT',
      '\t/sbin/iptables -A INPUT -s 1.1.1.1 && /usr/sbin/iptables-legacy -A INPUT -s 2.2.2.2',
      'iptables -w -A INPUT -s 3.3.3.3 >/dev/null 2>&1',
    );
    assert.deepEqual(specs, [
      'INPUT -p tcp -m tcp --dport 21 -j ACCEPT',
      'INPUT -m comment --comment "single \\"quoted\\"" -j DROP',
      'INPUT -m comment --comment "a # b"',
      'INPUT -j ACCEPT',
      'INPUT -s 1.1.1.1/32',
      'INPUT -s 2.2.2.2/32',
      'INPUT -s 3.3.3.3/32',
    ]);
  });

  test('variables', () => {
    const specs = specsOf(
      'IPT=/sbin/iptables LAN="192.168.1.0/24"',
      'OPTS="-p tcp --dport 21"',
      'export WAN=eth0',
      '$IPT -A FORWARD -s $LAN $OPTS -o $'.concat('{WAN} -j ACCEPT'),
      '"$IPT" -A FORWARD -o "$'.concat('{OTHER:-eth9}" -j DROP'),
    );
    assert.deepEqual(specs, [
      'FORWARD -s 192.168.1.0/24 -o eth0 -p tcp -m tcp --dport 21 -j ACCEPT',
      'FORWARD -o eth9 -j DROP',
    ]);
    assert.equal(
      messageOf('set -u', 'iptables -A INPUT -s $NOSUCH'),
      "variable `NOSUCH' is not set",
    );
  });

  test('both families', () => {
    const set = setOf('iptables -A INPUT -s 1.1.1.1', 'ip6tables -A INPUT -s ::1');
    assert.equal(set.familyTables(4).length, 1);
    assert.equal(set.familyTables(6)[0]!.chains.get('INPUT')!.rules.length, 1);
  });

  test('modprobe, echo and sysctl', () => {
    const { modules } = setOf(
      'modprobe ip_conntrack_ftp ports=21,2121 loose=1',
      '/sbin/modprobe ip_nat_ftp',
      'modprobe ip_tables',
      'echo "1" > /proc/sys/net/ipv4/ip_forward',
      'sysctl -w net.ipv6.conf.all.forwarding=1',
      'echo done',
    );
    assert.deepEqual(modules.ftpPorts, [21, 2121]);
    assert.equal(modules.ftpLoose, true);
    assert.equal(modules.natFtp, true);
    assert.equal(modules.ipForward, true);
    assert.equal(modules.ip6Forward, true);
    assert.deepEqual(modules.others, ['ip_tables']);
    assert.deepEqual(setOf('modprobe nf_conntrack_ftp').modules.ftpPorts, [21]);
    assert.equal(setOf('modprobe nf-nat-ftp').modules.natFtp, true);
    assert.equal(setOf('echo 0 > /proc/sys/net/ipv4/ip_forward').modules.ipForward, false);
    assert.equal(setOf('exit 0').modules.ftpPorts, null);
  });

  test('settings of connection tracking, under the names of all times', () => {
    const { modules } = setOf(
      'sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1',
      'echo 131072 > /proc/sys/net/ipv4/ip_conntrack_max',
      'echo 3600 > /proc/sys/net/ipv4/netfilter/ip_conntrack_tcp_timeout_established',
      'sysctl net.nf_conntrack_max=65536',
    );
    assert.deepEqual(modules.conntrack, [
      { name: 'nf_conntrack_tcp_be_liberal', value: '1' },
      { name: 'nf_conntrack_max', value: '131072' },
      { name: 'nf_conntrack_tcp_timeout_established', value: '3600' },
      { name: 'nf_conntrack_max', value: '65536' },
    ]);
    const bad = load('iptables -F\nsysctl -w net.netfilter.nf_conntrack_tcp_loose=2\n', {}, 'x.sh');
    assert.deepEqual(
      bad.errors.map(({ line, message }) => [line, message]),
      [[2, 'sysctl: nf_conntrack_tcp_loose: "2": a number from 0 to 1 expected']],
    );
    const unknown = load('sysctl -w net.netfilter.nf_conntrack_tcp_window_scale=1\n', {}, 'x.sh');
    assert.match(unknown.warnings[0]!.message, /a setting of the kernel, without effect here/);
  });

  test('parameters of the FTP helper: the limits', () => {
    const ports = (text: string) =>
      load(`modprobe ip_conntrack_ftp ports=${text}\n`, {}, 'x.sh').errors.length;
    assert.equal(ports('1,65535'), 0);
    assert.equal(ports('0'), 1);
    assert.equal(ports('65536'), 1);
    assert.equal(ports(''), 1);
    assert.equal(ports('21,x'), 1);
    assert.equal(ports('1,2,3,4,5,6,7,8'), 0);
    assert.equal(ports('1,2,3,4,5,6,7,8,9'), 1);
  });

  test('loose=1 has no effect, and that is said', () => {
    const warnings = (text: string) => load(`${text}\n`, {}, 'x.sh').warnings.map((w) => w.message);
    assert.match(warnings('modprobe ip_conntrack_ftp loose=1')[0] ?? '', /^loose=1 has no effect/);
    assert.deepEqual(warnings('modprobe ip_conntrack_ftp loose=0'), []);
  });

  test('saving and restarting have no effect, and that is said; waiting is nothing', () => {
    const read = (...lines: string[]) => load(script(...lines), {}, 'x.sh');
    const guide = read(
      '/sbin/iptables-save > /etc/sysconfig/iptables',
      'service iptables save',
      '/etc/init.d/iptables restart',
      'sleep 1',
    );
    assert.equal(guide.errors.length, 0);
    assert.deepEqual(
      guide.warnings.map(({ line, message }) => [line, /has no effect here/.test(message)]),
      [1, 2, 3].map((line) => [line, true]),
    );
    // What a restart would load is not known unless the rules were stored before.
    assert.equal(read('service iptables restart').errors.length, 1);
    assert.equal(read('iptables -A INPUT', 'service iptables stop').errors.length, 1);
    assert.equal(read('service iptables stop').errors.length, 0, 'nothing is there to be stopped');
    assert.equal(read('service httpd restart').errors.length, 0);
  });

  test('exit ends the script', () => {
    assert.deepEqual(specsOf('exit 0', 'rm -rf /'), []);
  });

  test('what is not understood is an error at its place, never skipped', () => {
    assert.equal(messageOf('frobnicate -x'), "command `frobnicate' is not understood");
    assert.equal(
      messageOf('X=$(frob)', 'iptables -A INPUT -s $X'),
      "this rule depends on what `frob' says (line 1), which is not known",
    );
    assert.equal(
      messageOf('X=$(hostname)', 'iptables -A INPUT -s $X'),
      "this rule depends on what `hostname' says (line 1), which is not known",
    );
    assert.equal(
      messageOf('iptables -A INPUT -s `ifconfig eth0 | grep inet`'),
      "this rule depends on what `grep' says, which is not known",
    );
    assert.equal(messageOf("echo 'open"), 'a single quote is not closed');
    assert.equal(messageOf('echo "open'), 'a double quote is not closed');
    const error = errorOf(script('iptables -F', '  while read x', ''), {}, 'fw.sh');
    assert.deepEqual([error.line, error.column, error.code], [2, 3, 'not-understood']);
  });

  test('what does nothing to rules is passed over', () => {
    const { errors, warnings } = load(
      script(
        'rm -f /tmp/*',
        'modprobe dummy',
        'sysctl -w kernel.panic=1',
        'echo x > /tmp/x',
        'iptables -L | grep x',
        'logger "rules loaded"',
      ),
      {},
      'fw.sh',
    );
    assert.deepEqual(errors, []);
    assert.deepEqual(warnings, []);
  });

  test('a carriage return is part of a word, and reading ends', () => {
    const { errors } = load('iptables -A INPUT -j DROP\r\n\riptables -F\n', {}, 'fw.sh');
    assert.deepEqual(
      errors.map((error) => error.line),
      [1, 2],
    );
  });

  test('an error on a continued line stands at its own line', () => {
    const error = errorOf(
      script('iptables -A INPUT \\', '  -p tcp \\', '  --dport x', 'iptables -F'),
      {},
      'fw.sh',
    );
    assert.deepEqual([error.line, error.column], [3, 11]);
    assert.equal(error.sourceLine, '  --dport x');
  });

  test('what has no effect here is said', () => {
    const { warnings, errors } = load(
      script(
        'modprobe ip_conntrack_irc',
        'echo 1 > /proc/sys/net/ipv4/tcp_syncookies',
        'modprobe ip_nat_ftp || modprobe nf_nat_ftp',
      ),
      {},
      'fw.sh',
    );
    assert.deepEqual(errors, []);
    assert.deepEqual(
      warnings.map((warning) => warning.line),
      [1, 2],
    );
  });
});

describe('which format, which family', () => {
  const family = (name: string, text: string) => ruleSetOf(text, {}, name).allTables()[0]!.family;

  test('format by content', () => {
    assert.equal(load(block('filter', '-A INPUT'), {}, 'noname').errors.length, 0);
    assert.equal(load('iptables -A INPUT\n', {}, 'noname').errors.length, 0);
    const config = ruleSetOf('# x\nIPTABLES_MODULES="ip_conntrack_ftp"\n', {}, 'iptables-config');
    assert.deepEqual(config.modules.ftpPorts, [21]);
    const conf = ruleSetOf('options ip_conntrack_ftp ports=21,2121\n', {}, 'modprobe.conf');
    assert.deepEqual(conf.modules.ftpPorts, [21, 2121]);
    const here = `iptables-restore <<EOF\n${block('filter', '-A INPUT')}EOF\n`;
    assert.equal(load(here, {}, 'noname').errors.length, 0);
    assert.equal(load('# only a comment\n', {}, 'noname').errors.length, 0);
    assert.equal(load('#!/bin/sh\n*filter\n', {}, 'noname').errors[0]!.code, 'not-understood');
    assert.equal(load('#!/bin/sh\n', { format: 'save' }, 'noname').errors.length, 0);
  });

  test('family by header, name and command', () => {
    assert.equal(family('a.rules', block('filter')), 4);
    assert.equal(family('rules.v6', block('filter')), 6);
    assert.equal(family('/etc/sysconfig/ip6tables', block('filter')), 6);
    assert.equal(
      family('a.rules', `# Generated by ip6tables-save v1.8.9 on x\n${block('filter')}`),
      6,
    );
    assert.equal(
      family('rules.v6', `# Generated by iptables-save v1.8.9 on x\n${block('filter')}`),
      4,
    );
  });

  test('-4 and -6 before a rule are for that family alone', () => {
    const set = ruleSetOf(
      block('filter', '-4 -A INPUT -s 1.1.1.1', '-6 -A INPUT -s ::1', '-A INPUT -i lo'),
    );
    const specs = (f: 4 | 6) =>
      set.table(f, TableId.Filter)!.chains.get('INPUT')!.rules.map(ruleSpec);
    assert.deepEqual(specs(4), [' -s 1.1.1.1/32', ' -i lo']);
    assert.deepEqual(specs(6), [' -s ::1/128']);
  });
});

describe('checks of the kernel', () => {
  const errorsOf = (...lines: string[]) =>
    load(block('nat', ...lines)).errors.map((e) => [e.line, e.code]);

  test('hooks are followed through user chains', () => {
    assert.deepEqual(errorsOf(':A - [0:0]', '-A POSTROUTING -j A', '-A A -j MASQUERADE'), []);
    assert.deepEqual(
      errorsOf(':A - [0:0]', ':B - [0:0]', '-A PREROUTING -j A', '-A A -g B', '-A B -j MASQUERADE'),
      [[6, 'invalid-place']],
    );
    assert.deepEqual(errorsOf(':A - [0:0]', '-A A -j MASQUERADE'), [], 'reached from nowhere');
    assert.deepEqual(
      errorsOf(
        ':A - [0:0]',
        '-A POSTROUTING -j A',
        '-A PREROUTING -j A',
        '-A A -j SNAT --to 1.1.1.1',
      ),
      [[5, 'invalid-place']],
    );
  });

  test('loops', () => {
    assert.deepEqual(errorsOf(':A - [0:0]', '-A OUTPUT -j A', '-A A -j A'), [[4, 'loop']]);
    assert.deepEqual(
      errorsOf(
        ':A - [0:0]',
        ':B - [0:0]',
        '-A OUTPUT -j A',
        '-A A -j B',
        '-A B -j A',
        '-A INPUT -j B',
      ),
      [
        [5, 'loop'],
        [6, 'loop'],
      ],
    );
    assert.deepEqual(
      errorsOf(':A - [0:0]', '-A A -j A'),
      [],
      'a loop that nothing reaches is no harm',
    );
    assert.deepEqual(
      errorsOf(':A - [0:0]', ':B - [0:0]', '-A OUTPUT -j A', '-A OUTPUT -j B', '-A A -j B'),
      [],
      'a chain reached twice is no loop',
    );
  });

  test('chains nested a thousand deep', () => {
    const names = Array.from({ length: 1000 }, (_, i) => `C${i}`);
    const lines = [...names.map((name) => `:${name} - [0:0]`), '-A OUTPUT -j C0'];
    for (let i = 0; i < 999; i++) lines.push(`-A C${i} -j C${i + 1}`);
    assert.deepEqual(errorsOf(...lines), []);
  });
});

describe('what others ask', () => {
  test('where a rule stands', () => {
    const set = ruleSetOf(block('filter', '-A INPUT -i lo', '-A INPUT -j DROP'), {}, 'a.rules');
    const rule = set.table(4, TableId.Filter)!.chains.get('INPUT')!.rules[1]!;
    assert.deepEqual(describeRule(set, rule), {
      file: 'a.rules',
      line: 3,
      table: 'filter',
      chain: 'INPUT',
      number: 2,
    });
  });

  test('what only OUTPUT could enforce', () => {
    const set = ruleSetOf(
      block('filter', ':OUTPUT DROP [0:0]', '-A INPUT -i lo', '-A OUTPUT -j ACCEPT'),
      {},
      'a.rules',
    );
    assert.deepEqual(needsOutputHook(set), [
      { file: 'a.rules', line: 2, what: 'filter OUTPUT policy DROP' },
      { file: 'a.rules', line: 4, what: 'filter OUTPUT rule 1' },
    ]);
    assert.deepEqual(needsOutputHook(ruleSetOf(block('filter', '-A INPUT -i lo'))), []);
    const redirect = block('nat', '-A PREROUTING -p tcp --dport 2121 -j REDIRECT --to-ports 21');
    assert.deepEqual(
      needsOutputHook(ruleSetOf(redirect)).map(({ line, what }) => [line, what]),
      [[2, 'nat PREROUTING rule 1, REDIRECT: its answers']],
    );
    const scripted = ruleSetOf('iptables -P OUTPUT DROP\n', {}, 'b.sh');
    assert.deepEqual(needsOutputHook(scripted), [
      { file: 'b.sh', line: 1, what: 'filter OUTPUT policy DROP' },
    ]);
  });
});
