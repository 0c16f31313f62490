/** A network namespace of its own with some Ethernet interfaces, and the kernel's answers from it. */
import { spawnSync } from 'node:child_process';

/** Managed ends; the other ends are x0, x1, … in the same namespace. */
export const devices = ['e0', 'e1', 'e2', 'e3'] as const;

/** What the kernel says of one packet. */
export interface KernelAnswer {
  /** `local`, `broadcast`, `unicast`, or how it refuses. */
  readonly kind: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly mtu?: number;
}

interface GetJson {
  readonly type?: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly via?: { readonly host: string };
  readonly metrics?: readonly { readonly mtu?: number }[];
}

/** Error texts of `ip route get`, which are those of the errno that a lookup ends with. */
const refusals: readonly (readonly [RegExp, string])[] = [
  [/Network is unreachable|No route to host/, 'unreachable'],
  [/Permission denied/, 'prohibit'],
  [/Invalid argument/, 'blackhole'],
];

export class RoutingNamespace {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
    mustRun(['netns', 'add', name]);
    const setUp = ['link set lo up'];
    for (const [i, dev] of devices.entries()) {
      setUp.push(
        `link add ${dev} mtu ${1500 - 20 * i} type veth peer name x${i}`,
        `link set x${i} up`,
        `link set ${dev} group ${i} up`,
        `addr add 10.0.${i}.1/24 dev ${dev}`,
        `addr add fd00:${i}::1/64 dev ${dev} nodad`,
      );
    }
    const complaint = this.batch(setUp).stderr;
    if (complaint !== '') throw new Error(complaint);
    this.sysctl('net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
    for (const dev of ['all', 'default', ...devices])
      this.sysctl(`net.ipv4.conf.${dev}.rp_filter=0`);
  }

  delete(): void {
    mustRun(['netns', 'del', this.name]);
  }

  /** Runs `ip` in here and answers with what it prints. */
  ip(argv: readonly string[]): string {
    return mustRun(['-n', this.name, ...argv]);
  }

  /** Runs lines of `ip` at once; those that fail are told in `stderr`, the others are in force. */
  batch(lines: readonly string[], options: readonly string[] = []) {
    const argv = ['-n', this.name, ...options, '-force', '-batch', '-'];
    const input = `${lines.join('\n')}\n`;
    return spawnSync('ip', argv, { input, encoding: 'utf8', maxBuffer: 1 << 28 });
  }

  /** Asks the kernel for the ways of many packets: arguments of `ip route get`. */
  routesOf(family: 4 | 6, questions: readonly string[]): KernelAnswer[] {
    const lines = questions.map((question) => `route get ${question}`);
    const { stderr, stdout } = this.batch(lines, [`-${family}`, '-j']);
    const refused = refusedLines(stderr);
    const answers = stdout.split('\n').filter((line) => line.startsWith('['));
    if (answers.length + refused.size !== lines.length) {
      throw new Error(`${lines.length} questions, ${answers.length} answers: ${stderr}`);
    }
    let next = 0;
    return lines.map((_, index) => {
      const refusal = refused.get(index + 1);
      if (refusal !== undefined) return { kind: refusal };
      return answerOf((JSON.parse(answers[next++]!) as GetJson[])[0]!);
    });
  }

  private sysctl(...settings: readonly string[]): void {
    const argv = [`--net=/var/run/netns/${this.name}`, 'sysctl', '-qw', ...settings];
    const { status, stderr } = spawnSync('nsenter', argv, { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  }
}

/** `RTNETLINK answers: Permission denied`, then `Command failed -:17`. */
function refusedLines(stderr: string): Map<number, string> {
  const refused = new Map<number, string>();
  let text = '';
  for (const line of stderr.split('\n')) {
    const number = /^Command failed -:(\d+)$/.exec(line)?.[1];
    if (number === undefined) {
      text += line;
      continue;
    }
    const known = refusals.find(([pattern]) => pattern.test(text));
    refused.set(Number(number), known?.[1] ?? text);
    text = '';
  }
  return refused;
}

function answerOf({ dev, gateway, metrics, type, via }: GetJson): KernelAnswer {
  const kind = type ?? 'unicast';
  const hop = gateway ?? via?.host;
  const mtu = metrics?.find((metric) => metric.mtu !== undefined)?.mtu;
  return {
    kind,
    ...(dev === undefined ? {} : { dev }),
    ...(hop === undefined ? {} : { gateway: hop }),
    ...(mtu === undefined ? {} : { mtu }),
  };
}

function mustRun(argv: readonly string[]): string {
  const { status, stderr, stdout } = spawnSync('ip', argv, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`ip ${argv.join(' ')}: ${stderr}`);
  return stdout;
}
