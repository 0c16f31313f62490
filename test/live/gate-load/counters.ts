/** Counters of rules, of the policy and of connections, to be compared. */
import assert from 'node:assert/strict';
import type { Daemon } from '../daemon.ts';
import { mustRunIn } from '../harness.ts';

export interface Sum {
  readonly packets: number;
  readonly bytes: number;
}

/** Of the rules of FORWARD, and its policy's. */
export interface Shown {
  readonly rules: Sum;
  readonly policy: Sum;
}

export function sumOf(parts: readonly Sum[]): Sum {
  const total = (of: keyof Sum): number => parts.reduce((sum, part) => sum + part[of], 0);
  return { packets: total('packets'), bytes: total('bytes') };
}

function counted(text: RegExpExecArray | RegExpMatchArray): Sum {
  return { packets: Number(text[1]), bytes: Number(text[2]) };
}

export async function forwardCounters(daemon: Daemon): Promise<Shown> {
  const saved = await daemon.show('iptables-save', '-c', '-t', 'filter');
  const rules = [...saved.matchAll(/^\[(\d+):(\d+)\] -A FORWARD /gm)].map(counted);
  const policy = /^:FORWARD \w+ \[(\d+):(\d+)\]$/m.exec(saved);
  assert.ok(policy, saved);
  return { rules: sumOf(rules), policy: counted(policy) };
}

export async function connectionSums(daemon: Daemon): Promise<Sum> {
  const all = await daemon.connections();
  return sumOf(all.flatMap(({ orig, reply }) => [orig, reply]));
}

/** A segment that was acknowledged before is the rules', and no connection's (NFCT_TCP_IGNORE). */
export function mustAgree(rules: Sum, connections: Sum, sentAgain: number): void {
  const ignored = rules.packets - connections.packets;
  assert.ok(
    ignored >= 0 && ignored <= sentAgain,
    `${ignored} packets more, ${sentAgain} sent again`,
  );
  if (ignored === 0) assert.equal(rules.bytes, connections.bytes);
}

/** Segments that client and server have sent a second time so far. */
export async function retransmitted({ lab }: Daemon): Promise<number> {
  let sum = 0;
  for (const place of ['client', 'server'] as const) {
    const rows =
      (await mustRunIn(lab, place, ['cat', '/proc/net/snmp'])).match(/^Tcp: .*$/gm) ?? [];
    const [names = [], values = []] = rows.map((row) => row.split(' '));
    sum += Number(values[names.indexOf('RetransSegs')]);
  }
  return sum;
}
