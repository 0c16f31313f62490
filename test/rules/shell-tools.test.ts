// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is the language of shells
/** grep, sed, awk and their like in scripts: what they make of text that is known. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { saidHere } from './shell-support.ts';
import { errorOf, load } from './support.ts';

const input = [
  'alpha beta',
  '# a comment',
  '',
  '1.2.3.4/24;tcp,udp',
  '  lead  trail  ',
  'eth0:192.168.0.1 mask:255.255.255.0',
].join('\n');

/** As GNU grep 3.8, sed 4.9 and mawk 1.3 have it. */
const made: Readonly<Record<string, string>> = {
  "grep -v '^#' | wc -l": '5',
  'grep -c .': '5',
  "egrep -v '^#|^$' | head -1": 'alpha beta',
  "grep -i ALPHA | sed 's/a$/X/'": 'alpha betX',
  'grep -w alph': '',
  "grep -F '['": '',
  "grep eth0 | sed 's/.*:\\([0-9.]*\\) .*/\\1/'": '192.168.0.1',
  "sed -e 's/#.*//' -e '/^ *$/d' | tail -n 1": 'eth0:192.168.0.1 mask:255.255.255.0',
  'sed -n 2p': '# a comment',
  "tail -n 2 | head -n 1 | tr -s ' '": ' lead trail ',
  "grep tcp | tr -s '.;' ' '": '1 2 3 4/24 tcp,udp',
  "grep tcp | tee /tmp/x | cut -d';' -f1": '1.2.3.4/24',
  "sed -n '/tcp/s/.*;//p'": 'tcp,udp',
  "awk '{print $1}' | head -n 1": 'alpha',
  "awk -F: '/eth0/ {print $2}'": '192.168.0.1 mask',
  "awk -F';' '/tcp/ {print $2 \"-\" $1}'": 'tcp,udp-1.2.3.4/24',
  "tail -n +5 | sed 's/^[ \\t]*//;s/[ \\t]*$//' | head -1": 'lead  trail',
  "grep -E '^[0-9]{1,3}(\\.[0-9]{1,3}){3}/' | tr -d ';,'": '1.2.3.4/24tcpudp',
};

describe('programs that make text of text', () => {
  for (const [command, expected] of Object.entries(made)) {
    test(command, () => {
      const script = `T='${input}'\nsay "$(echo "$T" | ${command})"\n`;
      assert.deepEqual(saidHere(script), { said: [expected], errors: [] });
    });
  }

  test('the status of grep decides', () => {
    const script = [
      'echo tcp | grep -q tcp && say yes || say no',
      'if echo udp | grep -q ^t; then say yes; else say no; fi',
      'echo x | grep -vq x; say $?',
    ].join('\n');
    assert.deepEqual(saidHere(script), { said: ['yes', 'no', '1'], errors: [] });
  });

  test('expr fails where its result is nought', () => {
    const script = 'n=1; n=`expr $n - 1` || say "none $n"; n=`expr 2 + 1` && say $n';
    assert.deepEqual(saidHere(script), { said: ['none 0', '3'], errors: [] });
  });

  test('what is not surely the same is not known', () => {
    for (const command of [
      "sed 's/a*/x/g'",
      "sed 's/a\\|b/x/'",
      "sed 'y/a/b/'",
      "awk '{n++} END {print n}'",
      "awk -F'[ :]' '{print $2}'",
      'grep -o a',
      "grep -E '(a+)+b'",
    ]) {
      const error = errorOf(`x=$(echo aab | ${command})\niptables -A INPUT -i $x\n`, {}, 'fw.sh');
      assert.match(error.message, /depends on what/, command);
    }
  });

  test('an expression that would take too long is not searched with', () => {
    const text = 'a'.repeat(900);
    const script = `x=$(echo ${text} | grep 'a*a*a*b')\niptables -A INPUT -i "x$x"\n`;
    assert.match(errorOf(script, {}, 'fw.sh').message, /depends on what `grep' says/);
  });

  test('sed -i changes files, which are then not known', () => {
    const files: Readonly<Record<string, string>> = { './fw.conf': 'IF=eth0\n' };
    const readIncluded = (path: string) => {
      const found = files[path];
      if (found === undefined) throw new Error('no such file');
      return found;
    };
    const rule = 'iptables -A INPUT -i $IF\n';
    const plain = "sed -i 's/a/iptables/' /etc/rc.local\n. ./fw.conf\n";
    assert.deepEqual(load(plain + rule, { readIncluded }, 'fw.sh').errors, []);
    const edited = "sed -i 's/eth0/eth1/' ./fw.conf\nIF=$(cat ./fw.conf)\n";
    assert.match(errorOf(edited + rule, { readIncluded }, 'fw.sh').message, /`\.\/fw\.conf'/);
  });
});

describe('ways that come to the same', () => {
  test('what clears away changes nothing while there is nothing', () => {
    const clearing = [
      "for c in $(iptables -n -L | awk '/^Chain/ {print $2}'); do",
      '  iptables -F $c; iptables -t nat -X "$c"',
      'done',
    ].join('\n');
    assert.deepEqual(saidHere(`${clearing}\nsay on`), { said: ['on'], errors: [] });
    const first = 'iptables -A INPUT -j DROP\n';
    assert.match(errorOf(first + clearing, {}, 'fw.sh').message, /^this loop depends on/);
    const making = clearing.replace('-F $c', '-N A');
    assert.match(errorOf(making, {}, 'fw.sh').message, /^this loop depends on/);
  });

  test('a setting that is made where it is not there yet', () => {
    const script = [
      'old=$(cat /proc/sys/net/ipv4/ip_forward)',
      'if [ "$old" -eq 0 ]; then echo 1 > /proc/sys/net/ipv4/ip_forward; fi',
      'say on',
    ].join('\n');
    assert.deepEqual(saidHere(script), { said: ['on'], errors: [] });
  });

  test('a file that can be read is there', () => {
    const readIncluded = (path: string) => {
      if (path === './bad.txt') return '# list\n1.2.3.4\n';
      throw new Error('no such file');
    };
    const script = (name: string) =>
      `if [ -f ${name} ]; then iptables -A INPUT -s $(grep -v '^#' ${name}) -j DROP; fi\n`;
    const { ruleSet } = load(script('./bad.txt'), { readIncluded }, 'fw.sh');
    assert.equal(ruleSet?.table(4, 3)?.chains.get('INPUT')?.rules.length, 1);
    assert.match(errorOf(script('/none'), { readIncluded }, 'fw.sh').message, /is there/);
  });

  test('rules of iptables are for Linux', () => {
    const script = 'case `uname -s` in Linux) say on;; *) exit 1;; esac';
    assert.deepEqual(saidHere(script), { said: ['on'], errors: [] });
  });
});

describe('arrays', () => {
  test('places left out are refused', () => {
    for (const script of ['a=([3]=x)', 'a=(x y); unset "a[0]"']) {
      assert.match(errorOf(`${script}\n`, {}, 'fw.sh').message, /places left out/);
    }
  });
});
