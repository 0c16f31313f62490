/** What conntrack 1.4.7 printed, and what of it two runs may differ in. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The text of a file in test/cli/conntrack, which compilation leaves where it is. */
export function recordedText(name: string): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir);
  return readFileSync(join(dir, 'test', 'cli', 'conntrack', name), 'utf8');
}

export function linesOf(text: string): string[] {
  return text.split('\n').slice(0, -1);
}

/** Without what differs between two runs: identifiers, and seconds that have passed. */
export function masked(line: string): string {
  return line
    .replace(/^\[\d+\.\d+\]\t/, '[time]\t')
    .replace(/(?<!code=\d+ )\bid=\d+/, 'id=')
    .replace(/<id>\d+/, '<id>')
    .replace(/delta-time=\d+/, 'delta-time=')
    .replace(/\[(start|stop)=[^\]]+\]/g, '[$1=]')
    .replace(/<(start|stop|deltatime)>\d+/g, '<$1>')
    .replace(/portid=\d+( progname=\w+)?/, 'portid=')
    .replace(
      /^((?:\[time\]\t)?(?: *\[[A-Z]+\] )?(?:ipv[46] +\d+ )?\w+ +\d+ )(\d+)/,
      (_, head, n) => head + near(n),
    )
    .replace(/^(-[AUD] -t )(\d+)/, (_, head, n) => head + near(n))
    .replace(/<timeout>(\d+)/, (_, n) => `<timeout>${near(n)}`)
    .replace(
      /^((?:\[time\]\t)?(?: *\[[A-Z]+\] )?)(\d+)(?= proto=)/,
      (_, head, n) => head + near(n),
    );
}

/** The timeouts of the recording are multiples of five, less a second or two. */
function near(seconds: string): string {
  const n = Number(seconds);
  return String(Math.round(n / 5) * 5);
}
