/**
 * The kernel as the oracle of rules: a gateway namespace with iptables-legacy, and an agent that
 * sends frames into it from both sides and collects what comes out.
 */
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Lab, mustRunIn, type Place, repositoryRoot, runIn } from '../harness.ts';

export type Side = 'lan' | 'wan';

/** Frames that arrived at each side, in order. */
export type Arrivals = Readonly<Record<Side, readonly Uint8Array[]>>;

/** Ethernet addresses of the lab's four interface ends. */
export const macs = {
  client: '02:00:00:00:77:10',
  lan: '02:00:00:00:77:01',
  wan: '02:00:00:00:99:01',
  server: '02:00:00:00:99:21',
} as const;

/** Hosts that exist on neither side: nobody answers for them but the test. */
export const hosts: Readonly<Record<Side, readonly string[]>> = {
  lan: [100, 101, 102, 103, 130].map((last) => `192.168.77.${last}`),
  wan: [100, 101, 102, 103, 130].map((last) => `203.0.113.${last}`),
};

export class KernelOracle {
  private readonly lab: Lab;
  private readonly agent: ChildProcessWithoutNullStreams;
  private readonly lines: AsyncIterator<string>;

  private constructor(lab: Lab) {
    this.lab = lab;
    const script = join(repositoryRoot, 'test', 'live', 'oracle', 'agent.py');
    const namespaces = [`ph-${lab.name}-client`, `ph-${lab.name}-server`];
    const addresses = ['192.168.77.10', '192.168.77.1', '203.0.113.21', '203.0.113.1'];
    this.agent = spawn('python3', [script, ...namespaces, ...addresses]);
    this.agent.stderr.pipe(process.stderr);
    this.lines = createInterface({ input: this.agent.stdout })[Symbol.asyncIterator]();
  }

  static async open(lab: Lab): Promise<KernelOracle> {
    await prepare(lab);
    const oracle = new KernelOracle(lab);
    assert.equal(await oracle.nextLine(), 'ready');
    return oracle;
  }

  close(): void {
    this.agent.stdin.end();
  }

  /** Puts rules in force and forgets all connections. Returns iptables' complaint, '' for none. */
  async load(rules: string): Promise<string> {
    const everything = ['raw', 'mangle', 'nat', 'filter', 'security'];
    const empty = everything.map((table) => `*${table}\nCOMMIT\n`).join('');
    await mustRunIn(this.lab, 'gateway', ['iptables-legacy-restore'], { input: empty });
    const loaded = await runIn(this.lab, 'gateway', ['iptables-legacy-restore'], { input: rules });
    await mustRunIn(this.lab, 'gateway', ['conntrack', '-F']);
    return loaded.code === 0 ? '' : loaded.stderr;
  }

  /** Rules with their counters. */
  async save(): Promise<string> {
    return mustRunIn(this.lab, 'gateway', ['iptables-legacy-save', '-c']);
  }

  async exchange(side: Side, frame: Uint8Array): Promise<Arrivals> {
    this.agent.stdin.write(
      `${JSON.stringify({ side, frame: Buffer.from(frame).toString('hex') })}\n`,
    );
    const answer = JSON.parse(await this.nextLine()) as Record<Side, string[]>;
    const bytes = (texts: string[]) =>
      texts.map((text) => Uint8Array.from(Buffer.from(text, 'hex')));
    return { lan: bytes(answer.lan), wan: bytes(answer.wan) };
  }

  private async nextLine(): Promise<string> {
    const line = await this.lines.next();
    assert.ok(!line.done, 'the agent has ended');
    return line.value;
  }
}

/** Fixed link addresses, neighbours that need no asking, and nothing that rations or doubts. */
async function prepare(lab: Lab): Promise<void> {
  const sysctls = [
    'net.ipv4.conf.all.rp_filter=0',
    'net.ipv4.conf.lan0.rp_filter=0',
    'net.ipv4.conf.wan0.rp_filter=0',
    'net.ipv4.conf.all.send_redirects=0',
    'net.ipv4.conf.lan0.send_redirects=0',
    'net.ipv4.conf.wan0.send_redirects=0',
    'net.ipv4.icmp_ratemask=0',
  ];
  const set = async (place: Place, device: string, mac: string) => {
    await mustRunIn(lab, place, ['ip', 'link', 'set', 'dev', device, 'address', mac]);
  };
  await set('client', 'eth0', macs.client);
  await set('gateway', 'lan0', macs.lan);
  await set('gateway', 'wan0', macs.wan);
  await set('server', 'eth0', macs.server);
  for (const device of ['lan0', 'wan0']) {
    // What the kernel answers itself is to have its checksums on the wire.
    await mustRunIn(lab, 'gateway', ['ethtool', '-K', device, 'tx', 'off']);
  }
  for (const setting of sysctls) {
    const [key = '', value = ''] = setting.split('=');
    const file = `/proc/sys/${key.replaceAll('.', '/')}`;
    await mustRunIn(lab, 'gateway', ['sh', '-c', `echo ${value} > ${file}`]);
  }
  for (const [side, device, mac] of [
    ['lan', 'lan0', macs.client],
    ['wan', 'wan0', macs.server],
  ] as const) {
    // All that rules translate to, too.
    const net = hosts[side][0]!.replace(/\d+$/, '');
    for (const host of Array.from({ length: 36 }, (_, i) => `${net}${96 + i}`)) {
      const entry = [host, 'lladdr', mac, 'dev', device, 'nud', 'permanent'];
      await mustRunIn(lab, 'gateway', ['ip', 'neigh', 'replace', ...entry]);
    }
  }
}
