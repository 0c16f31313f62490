import { bad, type Finding, good, note } from './finding.ts';
import type { HostProbe } from './probe.ts';

/** bpf_redirect_neigh with a next hop given: Linux 5.10. The ring buffer is older (5.8). */
const GATE_KERNEL = [5, 10] as const;

/** The machine as a whole: rights, kernel, programs, addons. */
export async function checkHost(probe: HostProbe): Promise<Finding[]> {
  return [
    checkRoot(probe),
    checkKernel(probe),
    ...checkPrograms(probe),
    await checkLoads(probe, 'koffi', 'gate', 'npm ci'),
    await checkLoads(
      probe,
      'cap',
      'capture',
      'apt-get install libpcap-dev g++ make python3 && npm ci',
    ),
    await checkLoads(probe, 'raw-socket', 'capture', 'apt-get install g++ make python3 && npm ci'),
    await checkGateProgram(probe),
    checkJit(probe),
  ];
}

function checkRoot(probe: HostProbe): Finding {
  if (probe.uid === 0) return good('rights', 'root');
  return bad('rights', `user ${probe.uid}`, 'run it as root (sudo)', 'gate', 'capture');
}

function checkKernel(probe: HostProbe): Finding {
  const [major = 0, minor = 0] = probe.kernelRelease
    .split('.')
    .map((part) => Number.parseInt(part, 10));
  const [needMajor, needMinor] = GATE_KERNEL;
  const isEnough = major > needMajor || (major === needMajor && minor >= needMinor);
  const found = `Linux ${probe.kernelRelease}`;
  if (isEnough) return good('kernel', found);
  return bad('kernel', found, 'the gate needs Linux 5.10 or later', 'gate');
}

function checkPrograms(probe: HostProbe): Finding[] {
  const findings: Finding[] = [];
  for (const program of ['ip', 'tc']) {
    const version = versionOf(probe, [program, '-V']);
    findings.push(
      version === null
        ? bad(program, 'cannot be run', 'apt-get install iproute2', 'gate', 'capture')
        : good(program, version),
    );
  }
  const ethtool = versionOf(probe, ['ethtool', '--version']);
  findings.push(
    ethtool === null
      ? bad('ethtool', 'cannot be run', 'apt-get install ethtool', 'gate')
      : good('ethtool', ethtool),
  );
  return findings;
}

async function checkLoads(
  probe: HostProbe,
  name: string,
  datapath: 'gate' | 'capture',
  mend: string,
): Promise<Finding> {
  const why = await probe.loadFailure(name);
  if (why === null) return good(name, `loads (datapath ${datapath})`);
  return bad(name, `does not load: ${why}`, mend, datapath);
}

/** The program is really given to the kernel's verifier, and thrown away again. */
async function checkGateProgram(probe: HostProbe): Promise<Finding> {
  const refusal = await probe.gateRefusal();
  if (refusal === null) return good('eBPF', "the kernel takes the gate's program");
  return bad('eBPF', refusal.message, refusal.mend, 'gate');
}

function checkJit(probe: HostProbe): Finding {
  const jit = probe.sysctl('net/core/bpf_jit_enable');
  if (jit !== '0') return good('eBPF compiler', 'on');
  return note(
    'eBPF compiler',
    'off: the gate works, several times slower',
    'sysctl -w net.core.bpf_jit_enable=1',
  );
}

/** Other firewalls: what is handed up to this host passes them too. Only root can see them. */
export function checkFirewalls(probe: HostProbe): Finding[] {
  if (probe.uid !== 0) return [note('other firewalls', 'only root can see their rules')];
  const findings: Finding[] = [];
  for (const program of ['iptables-legacy-save', 'ip6tables-legacy-save']) {
    const rules = textOf(probe, [program]);
    if (rules === null || !/^(-A |:\S+ DROP)/m.test(rules)) continue;
    findings.push(inTheWay(program.replace('-save', ''), `${program.replace('-save', '')} -F`));
  }
  const nft = textOf(probe, ['nft', 'list', 'ruleset']);
  if (nft !== null && /^table /m.test(nft))
    findings.push(inTheWay('nftables', 'nft flush ruleset'));
  if (findings.length > 0) return findings;
  return [good('other firewalls', 'none has rules here')];
}

function inTheWay(name: string, flush: string): Finding {
  return note(
    name,
    'has rules: what is forwarded does not meet them, but what goes up to this host does as well',
    `move them into the rule file; then ${flush}`,
  );
}

/** What a program prints; null where it cannot be run. */
function textOf(probe: HostProbe, argv: readonly string[]): string | null {
  try {
    return probe.run(argv);
  } catch {
    return null;
  }
}

function versionOf(probe: HostProbe, argv: readonly string[]): string | null {
  return textOf(probe, argv)?.split('\n')[0] ?? null;
}
