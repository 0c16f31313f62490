import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Family, LoadOptions } from '../rules/index.ts';
import { parseIpv4, parseIpv6 } from '../wire/index.ts';

type HostResolver = NonNullable<LoadOptions['resolveHost']>;
type Answer = ReturnType<HostResolver>;

/** A name server that does not answer shall not hold a load up for longer. */
const TIMEOUT_MS = 5000;
/** getent's exit code where a name is not known; others are failures. */
const NOT_FOUND = 2;

/**
 * Looks up host names of rules as the system does (nsswitch.conf: files, DNS, …), by getent. Each
 * name is asked for once; after a timeout no other name is looked up, so that a dead name server
 * costs a load one timeout.
 */
export function systemHostResolver(): HostResolver {
  const known = new Map<string, Answer>();
  let silent = false;
  return (name, family) => {
    const key = `${family} ${name}`;
    let answer = known.get(key);
    if (answer === undefined) {
      answer = silent ? 'the name server has not answered before' : lookUp(name, family);
      if (answer === timedOut) silent = true;
      known.set(key, answer);
    }
    return answer;
  };
}

const timedOut = `the name server did not answer within ${TIMEOUT_MS / 1000} s`;

function lookUp(name: string, family: Family): Answer {
  const network = family === 4 ? networkWord(name) : null;
  if (network !== null) return [[network]];
  const run = spawnSync('getent', [`ahostsv${family}`, name], {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (run.error !== undefined) {
    const timeout = 'code' in run.error && run.error.code === 'ETIMEDOUT';
    return timeout ? timedOut : `getent cannot be run: ${run.error.message}`;
  }
  if (run.status === NOT_FOUND) return null;
  if (run.status !== 0) return `getent ended with ${run.status ?? run.signal}`;
  return addressesOf(run.stdout, family);
}

/** `192.0.2.1 STREAM www.example.org`: each address comes three times, once per socket type. */
function addressesOf(text: string, family: Family): (readonly number[])[] {
  const seen = new Set<string>();
  const found: (readonly number[])[] = [];
  for (const line of text.split('\n')) {
    const address = line.split(/\s/, 1)[0] ?? '';
    // getent gives IPv4 hosts in this disguise where IPv6 is asked for.
    if (address === '' || seen.has(address) || address.startsWith('::ffff:')) continue;
    seen.add(address);
    const words = family === 6 ? parseIpv6(address) : wordsOf(parseIpv4(address));
    if (words !== null) found.push(words);
  }
  return found;
}

const wordsOf = (word: number | null) => (word === null ? null : [word]);

/** A name of networks(5), which iptables asks before hosts. */
function networkWord(name: string): number | null {
  let text: string;
  try {
    text = readFileSync('/etc/networks', 'utf8');
  } catch {
    return null;
  }
  for (const line of text.replace(/#.*/g, '').split('\n')) {
    const [first, address = '', ...aliases] = line.trim().split(/\s+/);
    if (first === name || aliases.includes(name)) {
      const parts = address.split('.');
      return parseIpv4([...parts, '0', '0', '0'].slice(0, 4).join('.'));
    }
  }
  return null;
}
