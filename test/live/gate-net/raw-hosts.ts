/** Two hosts without a stack at the ends of a lab; see raw-hosts.py. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Lab, mustRunIn, repositoryRoot } from '../harness.ts';

/** Their addresses. The gateway's neighbour table leads to them; nothing else answers there. */
export const rawClient = { 4: '192.168.77.77', 6: 'fd77:1::77' } as const;
export const rawServer = { 4: '203.0.113.77', 6: '2001:db8:77::77' } as const;

export type End = 'client' | 'server';

/** A packet to send. Payload: `text`, or `bytes` of a pattern that `salt` shifts. */
export interface RawPacket {
  readonly from: End;
  readonly kind: 'tcp' | 'udp' | 'icmp';
  readonly src: string;
  readonly dst: string;
  readonly sport?: number;
  readonly dport?: number;
  readonly seq?: number;
  readonly ack?: number;
  /** Letters of FSRPAUEC. */
  readonly flags?: string;
  readonly window?: number;
  readonly urgent?: number;
  readonly tcpOptions?: string;
  readonly text?: string;
  readonly bytes?: number;
  readonly salt?: number;
  readonly ttl?: number;
  readonly id?: number;
  readonly dontFragment?: boolean;
  readonly ipOptions?: string;
  /** Only this part of what follows the IP header, as a fragment. */
  readonly piece?: readonly [begin: number, end: number];
  readonly more?: boolean;
  /** ICMP; `quote` is the hexadecimal of the datagram that an error is about. */
  readonly type?: number;
  readonly code?: number;
  readonly rest?: number;
  readonly quote?: string;
  /** Tag control information of a VLAN tag, and of one within. */
  readonly tag?: number;
  readonly inner?: number;
  /** Their EtherType. Default: 0x8100, 802.1Q. */
  readonly tagType?: number;
  readonly times?: number;
  /** True: goes out with the next one, without waiting for what it causes. */
  readonly quiet?: boolean;
}

/** What arrived, by name of the field, and `at` which end. */
export type Arrival = Readonly<Record<string, unknown>>;

export class RawHosts {
  readonly #child: ChildProcess;
  readonly #waiting: ((line: string | null) => void)[] = [];
  #errors = '';

  private constructor(lab: Lab) {
    const script = join(repositoryRoot, 'test', 'live', 'gate-net', 'raw-hosts.py');
    const namespaces = [`ph-${lab.name}-client`, `ph-${lab.name}-server`];
    this.#child = spawn('python3', ['-Bu', script, ...namespaces], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.stdin?.on('error', () => undefined);
    this.#child.stderr?.on('data', (text) => {
      this.#errors += String(text);
    });
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on('line', (line) => this.#waiting.shift()?.(line));
    lines.on('close', () => {
      for (const wake of this.#waiting.splice(0)) wake(null);
    });
  }

  static async with<T>(lab: Lab, fn: (hosts: RawHosts) => Promise<T>): Promise<T> {
    const hosts = new RawHosts(lab);
    try {
      const macs = (await hosts.#line()) as unknown as Record<End, string>;
      await introduce(lab, macs);
      const gateway = { client: await macOf(lab, 'lan0'), server: await macOf(lab, 'wan0') };
      await hosts.#ask(gateway);
      return await fn(hosts);
    } finally {
      await hosts.#stop();
    }
  }

  /** Sends packets one after the other; what arrived because of each. */
  async play(packets: readonly RawPacket[]): Promise<Arrival[][]> {
    return (await this.#ask(packets)) as Arrival[][];
  }

  async #ask(request: object): Promise<unknown> {
    const answer = this.#line();
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const { ok, error } = await answer;
    if (error !== undefined) throw new Error(`raw hosts: ${String(error)}`);
    return ok;
  }

  async #line(): Promise<Record<string, unknown>> {
    const line = await new Promise<string | null>((resolve) => {
      this.#waiting.push(resolve);
    });
    if (line === null) throw new Error(`raw hosts ended\n${this.#errors}`);
    return JSON.parse(line) as Record<string, unknown>;
  }

  async #stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 2_000);
    await ended;
    clearTimeout(timer);
  }
}

async function macOf(lab: Lab, name: string): Promise<string> {
  return (await mustRunIn(lab, 'gateway', ['cat', `/sys/class/net/${name}/address`])).trim();
}

/** The gateway is told where the hosts are: they answer no question of its. */
async function introduce(lab: Lab, macs: Record<End, string>): Promise<void> {
  const lines = [
    ...Object.values(rawClient).map(
      (host) => `neigh replace ${host} lladdr ${macs.client} dev lan0`,
    ),
    ...Object.values(rawServer).map(
      (host) => `neigh replace ${host} lladdr ${macs.server} dev wan0`,
    ),
  ];
  await mustRunIn(lab, 'gateway', ['ip', '-batch', '-'], { input: lines.join('\n') });
}
