// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is the language of shells
/** Scripts as gateways have them: what is taken, what is passed over, what is refused and how. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadRuleFiles, ruleSpec, TableId } from '../../src/rules/index.ts';
import { errorOf, load, ruleSetOf, services, sharedFile } from './support.ts';

const text = (...lines: string[]) => `${lines.join('\n')}\n`;
const setOf = (...lines: string[]) => ruleSetOf(text(...lines), {}, 'fw.sh');
const inputOf = (...lines: string[]) =>
  setOf(...lines)
    .table(4, TableId.Filter)!
    .chains.get('INPUT')!
    .rules.map((rule) => ruleSpec(rule).trim());
const warningsOf = (...lines: string[]) =>
  load(text(...lines), {}, 'fw.sh').warnings.map(({ message }) => message);
const refusal = (...lines: string[]) => errorOf(text(...lines), {}, 'fw.sh');

describe('what iptables answers is known', () => {
  test('refusals that the script expects are no errors', () => {
    assert.deepEqual(
      inputOf(
        'iptables -D INPUT -i eth9 2>/dev/null || true',
        'iptables -N A || iptables -F A',
        'iptables -N A 2>/dev/null',
        'if iptables -C INPUT -i lo; then iptables -A INPUT -j DROP; fi',
        'iptables -C INPUT -i lo || iptables -A INPUT -i lo',
        'iptables -C INPUT -i lo && iptables -A INPUT -i eth0',
        'while iptables -D INPUT -i eth0 2>/dev/null; do :; done',
        '! iptables -L NOSUCH >/dev/null 2>&1 && iptables -A INPUT -j A',
      ),
      ['-i lo', '-j A'],
    );
  });

  test('clearing away what is not there is told and goes on; anything else is an error', () => {
    assert.equal(warningsOf('iptables -F NOSUCH', 'iptables -X NOSUCH').length, 2);
    assert.equal(refusal('iptables -P NOSUCH DROP').code, 'bad-policy');
    assert.equal(refusal('iptables -A INPUT -j NOSUCH && true').code, 'unknown-target');
    assert.equal(refusal('set -e', 'iptables -F NOSUCH', 'iptables -A x').line, 2);
  });

  test('set -e ends the script at an error, which is the only one', () => {
    assert.equal(refusal('set -e', 'iptables -A INPUT -j X', 'iptables -A INPUT -j Y').line, 2);
  });
});

describe('spellings of the program', () => {
  test('paths, variables, prefixes', () => {
    const rules = inputOf(
      'IPT="$(which iptables) --wait"; IPTABLES=`command -v iptables`',
      'set -- -A INPUT',
      '$IPT "$@" -s 1.1.1.1; $IPTABLES "$@" -s 2.2.2.2; sudo -n iptables "$@" -s 3.3.3.3',
      'env LANG=C /usr/sbin/iptables-legacy "$@" -s 4.4.4.4; LC_ALL=C iptables-nft "$@" -s 5.5.5.5',
      'command iptables -w 5 "$@" -s 6.6.6.6; run() { "$@" || exit 1; }; run iptables "$@" -s 7.7.7.7',
      'CMD="echo iptables"; sh -c "iptables -A INPUT -s 8.8.8.8"; bash -c \'iptables -A INPUT -s $1\' x 9.9.9.9',
      '[ -x /sbin/iptables ] || exit 0; [ "$(id -u)" -ne 0 ] && exit 1; [[ $EUID == 0 ]] || exit 1',
      'if [ `whoami` != root ]; then echo no; exit 1; fi; iptables -A INPUT -s 10.0.0.1',
    );
    assert.deepEqual(
      rules.map((rule) => rule.replace(/-s (\d+)\..*/, '$1')),
      ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10'],
    );
  });
});

describe('iptables-restore in scripts', () => {
  const body = ['*filter', ':INPUT DROP [0:0]', '-A INPUT -s $NET -j ACCEPT', 'COMMIT', 'EOF'];

  test('here-documents and pipes', () => {
    const expected = ['-s 10.0.0.0/8 -j ACCEPT'];
    assert.deepEqual(inputOf('NET=10.0.0.0/8', 'iptables-restore <<EOF', ...body), expected);
    assert.deepEqual(inputOf('NET=10.0.0.0/8', 'cat <<EOF | iptables-restore', ...body), expected);
    assert.deepEqual(
      inputOf(
        'iptables -A INPUT -i lo',
        'NET=10.0.0.0/8',
        'cat > /tmp/r <<EOF',
        ...body.slice(0, -1),
        'EOF',
        'cat /tmp/r | iptables-restore --noflush',
      ),
      ['-i lo', ...expected],
    );
  });

  test('errors stand at the line and column of the script', () => {
    const error = refusal(
      'iptables -F',
      "iptables-restore <<'EOF'",
      '*filter',
      '-A INPUT -j NO',
      'COMMIT',
      'EOF',
    );
    assert.deepEqual([error.line, error.column, error.code], [4, 13, 'unknown-target']);
  });

  test('a file is named, to be loaded instead', () => {
    const error = refusal('iptables-restore < /etc/iptables.rules');
    assert.match(error.message, /stand elsewhere: \/etc\/iptables\.rules/);
    assert.equal(error.detail, 'load /etc/iptables.rules itself');
  });
});

describe('what only a run could tell', () => {
  test('is an error that names the place and the way out', () => {
    const error = refusal(
      'IP=$(ifconfig eth0 | grep inet)',
      'echo $IP',
      'iptables -A INPUT -s $IP',
    );
    assert.deepEqual([error.line, error.column], [3, 22]);
    assert.match(error.message, /^this rule depends on what `grep' says \(line 1\)/);
    assert.match(error.detail, /iptables-save/);
    const branch = 'then iptables -A INPUT -i lo; else iptables -A INPUT -i eth0; fi';
    assert.match(refusal(`if grep -q x /etc/y; ${branch}`).message, /^this branch depends on/);
    assert.match(refusal(`if [ -f /etc/nosuch ]; ${branch}`).message, /is there/);
    assert.match(refusal(`if [ "$1" = x ]; ${branch}`).message, /\$1/);
    assert.match(
      refusal('for f in /etc/fw.d/*; do iptables -A INPUT -i $f; done').message,
      /patterns/,
    );
    assert.match(refusal('while read x; do iptables -A INPUT -i $x; done').message, /this loop/);
  });

  test('does no harm where nothing depends on it', () => {
    assert.deepEqual(
      inputOf(
        'NAME=$(hostname); echo "rules of $NAME"; logger -t fw "$(date)"',
        'if [ -f /etc/motd ]; then echo there; else echo not; fi',
        'grep -q lo /proc/net/dev || echo "no loopback"',
        '[ -d /var/lock ] && touch /var/lock/fw',
        'if [ "$1" = "stop" ]; then iptables -F; exit 0; fi',
        'if [ $# -gt 3 ]; then echo usage; exit 1; fi',
        '[ -f /etc/off ] && exit 0',
        'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 > $f; done',
        'iptables -A INPUT -i ${1:-eth0}',
      ),
      ['-i eth0'],
    );
  });

  test('scripts for init are read as with start', () => {
    const script = [
      'start() { iptables -A INPUT -i lo; }',
      'stop() { iptables -F; }',
      'case "$1" in',
      '  start) start ;;',
      '  stop) stop ;;',
      '  restart) stop; start ;;',
      '  *) echo "usage: $0 {start|stop|restart}"; exit 1 ;;',
      'esac',
    ];
    assert.deepEqual(inputOf(...script), ['-i lo']);
    assert.match(warningsOf(...script).join(), /read as with `start'/);
  });

  test('what most init scripts ask', () => {
    const set = setOf(
      '. /lib/lsb/init-functions',
      'MODPROBE=/sbin/modprobe',
      'lsmod | grep -q ip_conntrack_ftp || $MODPROBE ip_conntrack_ftp',
      'if ! grep -q nat /proc/modules; then modprobe ip_nat_ftp; fi',
      'while [ $# -gt 0 ]; do case $1 in -v) V=1 ;; esac; shift; done',
      'while getopts "v" o; do iptables -F; done',
      'iptables -t nat -A POSTROUTING -j MASQUERADE; iptables -A INPUT -i lo',
      'for t in $(cat /proc/net/ip_tables_names); do iptables -t $t -F; done',
    );
    assert.deepEqual([set.modules.ftpPorts, set.modules.natFtp], [[21], true]);
    const chains = set.allTables().flatMap((table) => [...table.chains.values()]);
    assert.equal(chains.length, 7);
    assert.ok(chains.every((chain) => chain.rules.length === 0));
  });

  test('an undefined variable is empty, said once; with set -u an error', () => {
    const warnings = warningsOf('iptables -A INPUT $X -i lo', 'iptables -A INPUT $X -i eth0');
    assert.deepEqual(warnings, ["variable `X' is not set; it is taken as empty"]);
    assert.equal(refusal('set -u', 'echo $X').message, "variable `X' is not set");
  });
});

describe('other commands', () => {
  test('effects on the network are told once for each kind', () => {
    const warnings = warningsOf(
      'ip route add default via 10.0.0.1',
      'ip route add x',
      'tc qdisc add',
    );
    assert.deepEqual(warnings, [
      "`ip route' is not carried out: it is no part of the rules",
      "`tc' is not carried out: it is no part of the rules",
    ]);
  });

  test('sets and timeouts', () => {
    const set = setOf(
      'ipset create bad hash:net',
      'ipset add bad 10.0.0.0/8',
      'ipset restore -! <<EOF',
      'add bad 192.168.0.0/16',
      'EOF',
      'nfct add timeout long inet tcp ESTABLISHED 1000 close_wait 10',
      'nfct add timeout six inet6 udp replied 20',
    );
    assert.deepEqual(
      [...set.sets.all()].map(({ name }) => name),
      ['bad'],
    );
    assert.deepEqual(set.timeouts.get('long'), {
      name: 'long',
      family: 4,
      protocol: 6,
      seconds: new Map([
        ['established', 1000],
        ['close_wait', 10],
      ]),
    });
    assert.equal(set.timeouts.get('six')!.family, 6);
    assert.match(refusal('nfct add timeout x inet tcp nosuch 1').message, /no state `nosuch'/);
  });

  test('modules: insmod, options, IPTABLES_MODULES, removal', () => {
    const ports = (...lines: string[]) => setOf(...lines).modules.ftpPorts;
    assert.deepEqual(ports('insmod /lib/modules/2.4/ip_conntrack_ftp.o ports=21,2121'), [21, 2121]);
    assert.deepEqual(ports('options ip_conntrack_ftp ports=2121'), [2121]);
    assert.deepEqual(ports('modprobe -a ip_tables nf_conntrack_ftp'), [21]);
    assert.deepEqual(ports('modprobe nf_conntrack_ftp', 'rmmod nf_conntrack_ftp -r'), null);
    const set = setOf(
      'IPTABLES_MODULES="ip_conntrack_ftp ip_nat_ftp"',
      'IPTABLES_STATUS_NUMERIC="yes"',
    );
    assert.deepEqual([set.modules.ftpPorts, set.modules.natFtp], [[21], true]);
    assert.deepEqual(ports('for m in ip_conntrack_ftp; do modprobe $m; done'), [21]);
  });

  test('rules in another language are refused', () => {
    assert.match(refusal('nft add rule x').message, /nft/);
    assert.match(refusal('awk \'{system("iptables -F")}\' x').message, /awk/);
    assert.match(refusal('echo 80 | xargs -n1 iptables -A INPUT --dport').message, /xargs/);
  });
});

describe('other files', () => {
  const files: Readonly<Record<string, string>> = {
    'etc/fw.sh': text(
      '. ./settings.conf',
      '[ -f "$DIR/local.conf" ] && . $DIR/local.conf',
      'if [ -r /etc/absent.conf ]; then . /etc/absent.conf; fi',
      'allow $LAN',
      './more.sh 80',
      'for net in $(cat nets.txt); do iptables -A INPUT -s $net; done',
    ),
    'etc/settings.conf': text(
      'LAN=10.0.0.0/8',
      'DIR=/opt',
      'allow() {',
      '  iptables -A INPUT -s $1 $OPT',
      '}',
    ),
    '/opt/local.conf': text('OPT="-j ACCEPT"'),
    'etc/more.sh': text('#!/bin/sh', 'iptables -A INPUT -p tcp --dport $1'),
    'etc/nets.txt': text('1.1.1.1', '2.2.2.2'),
  };
  const read = (all: Readonly<Record<string, string>>) =>
    loadRuleFiles(
      ['etc/fw.sh'],
      (path) => {
        const found = all[path];
        if (found === undefined) throw new Error('no such file');
        return found;
      },
      { services },
    );

  test('are included beside the script', () => {
    const { ruleSet, errors } = read(files);
    assert.deepEqual(errors, []);
    const rules = ruleSet!.table(4, TableId.Filter)!.chains.get('INPUT')!.rules;
    assert.deepEqual(
      rules.map((rule) => `${rule.file}:${rule.line}${ruleSpec(rule)}`),
      [
        './settings.conf:4 -s 10.0.0.0/8 -j ACCEPT',
        './more.sh:2 -p tcp -m tcp --dport 80',
        'etc/fw.sh:6 -s 1.1.1.1/32',
        'etc/fw.sh:6 -s 2.2.2.2/32',
      ],
    );
  });

  test('are errors at their own place, and where they are missing', () => {
    const wrong = { ...files, 'etc/more.sh': text('#!/bin/sh', '', 'iptables -A INPUT -j NO') };
    assert.deepEqual(
      read(wrong).errors.map(({ file, line, column }) => [file, line, column]),
      [['./more.sh', 3, 22]],
    );
    const { errors } = read({ 'etc/fw.sh': '. ./nosuch.sh\n' });
    assert.deepEqual(
      errors.map(({ code, line }) => [code, line]),
      [['unreadable-file', 1]],
    );
  });
});

test('errors keep their place in functions and loops, one per line', () => {
  const { errors } = load(
    text(
      'f() {',
      '  iptables -A INPUT \\',
      '    -j $1',
      '}',
      'for t in A B C; do',
      '  f $t',
      'done',
    ),
    {},
    'fw.sh',
  );
  assert.deepEqual(
    errors.map(({ line, column, message }) => [line, column, /`A'/.test(message)]),
    [[3, 8, true]],
  );
});

test('the scripts in shared/rulefiles that can be known load', (t) => {
  const names = [
    '0xc0defeed+iptables__iptables.sh',
    'Comp8006FirewallGroup+StandAloneFirewall__firewall.sh',
    'FreekKalter+firewall__iptables.sh',
    'b00men+scripts__mr__forward__forward_snm.sh',
    'dk-net__configs_medium-sized-company__iptables_mainfw_31.01.2016.sh',
    'dk-net__found_online__rlworkman.net__rc.firewall.gateway.generic.txt',
    'onoclea+onoclea-qos__bin__iptables-new_client.sh',
  ];
  // How many rules iptables-legacy has after each was run for real in an empty namespace.
  const counts = [30, 45, 17, 8, 598, 28, 16];
  for (const [i, name] of names.entries()) {
    const content = sharedFile(`rulefiles/${name}`);
    if (content === null) {
      t.skip('shared/rulefiles is not beside the checkout');
      return;
    }
    const tables = ruleSetOf(content, {}, name).allTables();
    const rules = tables.flatMap((table) => [...table.chains.values()].flatMap((c) => c.rules));
    assert.equal(rules.length, counts[i], name);
  }
});
