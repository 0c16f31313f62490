/**
 * The gateways that a live test can put between client and server: Pinhole, and the kernel with
 * nf_conntrack_ftp and nf_nat_ftp, which serves as the oracle. Both take the same rule files.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertCarried, datapathArguments } from './datapath.ts';
import { type Background, type Lab, mustRunIn, pinholeMain, runIn, startIn } from './harness.ts';

export interface GatewayRules {
  /** iptables-save text. */
  readonly v4?: string;
  /** ip6tables-save text. */
  readonly v6?: string;
}

export interface GatewayOptions {
  /** Ports whose control connections the FTP helper reads. Default: 21. Empty: no helper. */
  readonly ftpPorts?: readonly number[];
  /** More arguments for `pinhole run`; the kernel gateway refuses them. */
  readonly pinholeArguments?: readonly string[];
}

export interface GatewayUnderTest {
  readonly name: string;
  /** Resolves when the rules are in force. */
  start(rules: GatewayRules, options?: GatewayOptions): Promise<void>;
  /** Forgets rules and connections. Throws when the gateway had failed meanwhile. */
  stop(): Promise<void>;
  /** Asserts that established flows took the fast way, where this gateway has one. */
  assertCarried(): Promise<void>;
  /** The gateway's own view, for the message of a failed test. */
  describe(): Promise<string>;
}

// A restore empties the tables it names but leaves the policies of chains it does not name.
const noRules = `*raw
COMMIT
*nat
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
COMMIT
`;

function helperTable(ports: readonly number[]): string {
  const rules = ports.map((port) => `-A PREROUTING -p tcp --dport ${port} -j CT --helper ftp\n`);
  return `*raw\n${rules.join('')}COMMIT\n`;
}

/** iptables-legacy in the gateway namespace, with the helper attached by the CT target. */
export class KernelGateway implements GatewayUnderTest {
  readonly name = 'kernel';
  readonly #lab: Lab;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  async start(rules: GatewayRules, options: GatewayOptions = {}): Promise<void> {
    if (options.pinholeArguments !== undefined) throw new Error('the kernel takes no arguments');
    const helper = helperTable(options.ftpPorts ?? [21]);
    await this.#restore('iptables-legacy-restore', (rules.v4 ?? noRules) + helper);
    await this.#restore('ip6tables-legacy-restore', (rules.v6 ?? noRules) + helper);
  }

  async stop(): Promise<void> {
    for (const program of ['iptables-legacy-restore', 'ip6tables-legacy-restore']) {
      await this.#restore(program, noRules);
    }
    await mustRunIn(this.#lab, 'gateway', ['conntrack', '-F']);
  }

  async assertCarried(): Promise<void> {}

  async describe(): Promise<string> {
    const views = [
      ['iptables-legacy', '-nvL'],
      ['ip6tables-legacy', '-nvL'],
      ['conntrack', '-L'],
      ['conntrack', '-L', 'expect'],
    ];
    const texts: string[] = [];
    for (const view of views) {
      const result = await runIn(this.#lab, 'gateway', view);
      texts.push(`$ ${view.join(' ')}\n${result.stdout}`);
    }
    return texts.join('\n');
  }

  async #restore(program: string, text: string): Promise<void> {
    await mustRunIn(this.#lab, 'gateway', [program], { input: text });
  }
}

/** `pinhole run` in the gateway namespace, on both interfaces. */
export class PinholeGateway implements GatewayUnderTest {
  readonly name = 'pinhole';
  readonly #lab: Lab;
  #daemon: Background | undefined;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  async start(rules: GatewayRules, options: GatewayOptions = {}): Promise<void> {
    const argv = ['node', pinholeMain, 'run'];
    if (rules.v4 !== undefined) argv.push('--rules', this.#ruleFile('rules.v4', rules.v4));
    if (rules.v6 !== undefined) argv.push('--rules', this.#ruleFile('rules.v6', rules.v6));
    argv.push('--interface', 'lan0', '--interface', 'wan0', ...datapathArguments);
    argv.push('--socket', this.#socket);
    if (options.ftpPorts !== undefined) {
      // Without a helper: it watches a port that nobody uses (1, tcpmux).
      const ports = options.ftpPorts.length > 0 ? options.ftpPorts : [1];
      argv.push('--ftp-ports', ports.join(','));
    }
    argv.push(...(options.pinholeArguments ?? []));
    this.#daemon = await startIn(this.#lab, 'gateway', argv, /\bready\b/, { timeoutMs: 15_000 });
  }

  async stop(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined) return;
    const early = daemon.exitCode();
    const code = early ?? (await daemon.stop());
    if (early === undefined && code === 0) return;
    const when = early === undefined ? 'after SIGTERM' : 'on its own';
    throw new Error(`pinhole ended ${when} with ${code}\n${daemon.output()}`);
  }

  assertCarried(): Promise<void> {
    return assertCarried(this.#socket);
  }

  describe(): Promise<string> {
    return Promise.resolve(this.#daemon?.output() ?? 'pinhole is not running');
  }

  get #socket(): string {
    return join(this.#lab.runDir, 'pinhole.sock');
  }

  #ruleFile(name: string, text: string): string {
    const path = join(this.#lab.runDir, name);
    writeFileSync(path, text);
    return path;
  }
}

/** Pinhole, or the kernel when PINHOLE_TEST_GATEWAY=kernel. */
export function gatewayFromEnvironment(lab: Lab): GatewayUnderTest {
  const wanted = process.env.PINHOLE_TEST_GATEWAY ?? 'pinhole';
  if (wanted === 'kernel') return new KernelGateway(lab);
  if (wanted === 'pinhole') return new PinholeGateway(lab);
  throw new Error(`PINHOLE_TEST_GATEWAY is pinhole or kernel, not ${wanted}`);
}

/** The programs that the chosen gateway needs, for `requireLive`. */
export function gatewayPrograms(): readonly string[] {
  return process.env.PINHOLE_TEST_GATEWAY === 'kernel'
    ? ['iptables-legacy-restore', 'ip6tables-legacy-restore', 'conntrack']
    : ['tc', 'ethtool'];
}
