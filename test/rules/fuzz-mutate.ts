/** Small changes to rule text: words of the language put in, pieces cut out, moved and garbled. */
import type { Prng } from '../../src/base/index.ts';

const separators = `! | ! |-|--|"|'|\\|\n|\r|\t|#|;|,|:|/|+|=|>|<|\0|é|0|65536|4294967296|-1`.split(
  '|',
);

/** What mutation puts in: words of the language, separators, and bytes that are none. */
const scraps: readonly string[] = [
  ...separators,
  ...['99999999999999999999', '0x', '010', '1:0', '::', '::/0', '0/0', '255.255', '1.2.3.4/', '|'],
  ...['*filter\n', '*nat\n', 'COMMIT\n', ':A - [0:0]\n', '[1:', ']', '-6 ', '-4 ', '[0:0] '],
  ...['-A INPUT', '-j', '-g A', '-m', '-m limit', '-m multiport', '--dports 1,2', '--to', '-d ::1'],
  ...['-p', '-p tcp', '-f', '-i', '-i +', '-t nat', '-D INPUT 1', '-R INPUT 1', '-X', '-F', '-s !'],
  ...['-E A B', '-N A', '-P INPUT DROP', '-c 1', '-Z', '-C', '-j DROP', '-j A', '-m state', '-w'],
  ...[
    'modprobe ',
    'exit',
    'iptables ',
    'ip6tables ',
    'ipset ',
    'sysctl -w ',
    'return',
    'set -eu\n',
  ],
  ...[
    '&&',
    '||',
    ';;',
    '|',
    '&',
    '(',
    ')',
    '{',
    '}',
    '$',
    '$(',
    '`',
    '${',
    '$((',
    '))',
    '${#',
    '$@',
  ],
  ...[
    'if ',
    ' then ',
    ' else ',
    ' fi',
    'for i in ',
    ' do ',
    ' done',
    'while ',
    'case $1 in ',
    'esac',
  ],
  ...[
    '<<EOF\n',
    'EOF\n',
    '<<<',
    '2>/dev/null',
    '> x',
    '< x',
    '[ ',
    ' ]',
    '[[ ',
    ' ]]',
    '*',
    '?',
    '~',
  ],
  ...['{1..9}', '{a,b}', 'x=1 ', 'f() {', 'local x', 'read x', 'eval ', '. x', 'break', 'continue'],
  ...[
    'hash:ip',
    'create a ',
    'add a ',
    'timeout 0',
    'range 0-9',
    'family inet6',
    '-exist',
    'nomatch',
  ],
];

/** The text with one or two changes. */
export function mutate(text: string, random: Prng): string {
  let result = text;
  for (let n = 1 + random.below(2); n > 0; n--) {
    const at = random.below(result.length + 1);
    const length = random.below(12);
    switch (random.below(4)) {
      case 0:
        result = result.slice(0, at) + scraps[random.below(scraps.length)]! + result.slice(at);
        break;
      case 1:
        result = result.slice(0, at) + result.slice(at + length);
        break;
      case 2: {
        const from = random.below(result.length + 1);
        result = result.slice(0, at) + result.slice(from, from + 40) + result.slice(at);
        break;
      }
      default:
        result =
          result.slice(0, at) + String.fromCharCode(random.below(256)) + result.slice(at + 1);
    }
  }
  return result;
}
