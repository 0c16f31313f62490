import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { examine, type HostProbe } from '../../../src/datapath/doctor/index.ts';

const link = {
  ifindex: 2,
  ifname: 'lan0',
  flags: ['UP'],
  mtu: 1500,
  link_type: 'ether',
  address: '02:00:00:00:00:01',
};
const loopback = { ifindex: 1, ifname: 'lo', flags: ['UP'], mtu: 65536, link_type: 'loopback' };

const commands: Readonly<Record<string, string>> = {
  'ip -V': 'ip utility, iproute2-6.1.0\n',
  'tc -V': 'tc utility, iproute2-6.1.0\n',
  'ethtool --version': 'ethtool version 6.1\n',
  'ip -j -d addr show': JSON.stringify([loopback, link]),
  'ethtool -k lan0': 'large-receive-offload: off [fixed]\n',
  'tc filter show dev lan0 ingress': '',
  'tc filter show dev lan0 egress': '',
};

interface Changes {
  readonly commands?: Readonly<Record<string, string | null>>;
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly failing?: readonly string[];
  readonly refusal?: string;
  readonly uid?: number;
  readonly kernelRelease?: string;
}

/** A host where everything is as it should be, but for the changes. */
function host(changes: Changes = {}): HostProbe {
  const answers: Record<string, string | null> = { ...commands, ...changes.commands };
  return {
    uid: changes.uid ?? 0,
    kernelRelease: changes.kernelRelease ?? '6.1.0-18-amd64',
    run(argv) {
      const answer = answers[argv.join(' ')] ?? null;
      if (answer === null) throw new Error(`spawn ${argv[0]} ENOENT`);
      return answer;
    },
    sysctl: (path) => changes.sysctls?.[path] ?? '',
    loadFailure: async (name) => (changes.failing?.includes(name) ? 'not built' : null),
    gateRefusal: async () =>
      changes.refusal === undefined ? null : { message: changes.refusal, mend: 'mend it' },
  };
}

async function findingsOf(changes: Changes, subject: string, names = ['lan0']) {
  const { findings } = await examine(host(changes), names);
  return findings.filter((finding) => finding.subject === subject);
}

async function chosen(changes: Changes): Promise<string | null> {
  return (await examine(host(changes), ['lan0'])).datapath;
}

describe('doctor', () => {
  test('a host that has everything: nothing bad, the gate', async () => {
    const { findings, datapath } = await examine(host(), ['lan0']);
    assert.equal(datapath, 'gate');
    assert.deepEqual(
      findings.filter(({ state }) => state !== 'good'),
      [],
    );
  });

  test('what the gate lacks leaves capture', async () => {
    assert.equal(await chosen({ kernelRelease: '5.9.16' }), 'capture');
    assert.equal(await chosen({ kernelRelease: '4.19.0-26-amd64' }), 'capture');
    assert.equal(await chosen({ failing: ['koffi'] }), 'capture');
    assert.equal(await chosen({ refusal: 'bpf: EPERM' }), 'capture');
    assert.equal(await chosen({ commands: { 'ethtool --version': null } }), 'capture');
    assert.equal(await chosen({ kernelRelease: '5.10.0' }), 'gate');
  });

  test('what both lack leaves none, and each finding has its mend', async () => {
    assert.equal(await chosen({ uid: 1000 }), null);
    assert.equal(await chosen({ commands: { 'tc -V': null } }), null);
    assert.equal(await chosen({ failing: ['koffi', 'cap'] }), null);
    const { findings } = await examine(host({ uid: 1000, failing: ['cap'] }), ['nowhere']);
    const bad = findings.filter(({ state }) => state === 'bad');
    assert.deepEqual(
      bad.map(({ subject }) => subject),
      ['rights', 'cap', 'nowhere'],
    );
    assert.ok(bad.every(({ mend }) => mend !== ''));
  });

  test('an interface that cannot be managed', async () => {
    const [missing] = await findingsOf({}, 'eth7', ['eth7']);
    assert.match(missing!.mend, /name one of: lo, lan0/);
    const [wrong] = await findingsOf({}, 'lo', ['lo']);
    assert.match(wrong!.found, /link type is loopback/);
    const down = JSON.stringify([{ ...link, flags: [] }]);
    const [notUp] = await findingsOf({ commands: { 'ip -j -d addr show': down } }, 'lan0');
    assert.equal(notUp!.state, 'note');
    assert.equal(notUp!.mend, 'ip link set lan0 up');
  });

  test('without names it says what could be managed', async () => {
    const [candidates] = await findingsOf({}, 'interfaces', []);
    assert.match(candidates!.found, /could be managed: lan0$/);
  });

  test('another firewall, another filter, LRO, strict rp_filter, no JIT are noted', async () => {
    const rules = '*filter\n:INPUT DROP [0:0]\nCOMMIT\n';
    const legacy = await findingsOf(
      { commands: { 'iptables-legacy-save': rules } },
      'iptables-legacy',
    );
    assert.equal(legacy[0]?.state, 'note');
    const empty = { 'iptables-legacy-save': '*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n' };
    assert.deepEqual(await findingsOf({ commands: empty }, 'iptables-legacy'), []);
    const nft = { 'nft list ruleset': 'table inet filter {\n}\n' };
    assert.equal((await findingsOf({ commands: nft }, 'nftables')).length, 1);
    const stranger =
      'filter protocol all pref 7 bpf chain 0 handle 0x1 cilium-lan0 direct-action\n';
    const hook = { 'tc filter show dev lan0 ingress': stranger };
    assert.match((await findingsOf({ commands: hook }, 'lan0 ingress'))[0]!.found, /cilium/);
    const ours = 'filter protocol all pref 3 bpf chain 0 handle 0x1 pinhole_ingress\n';
    const own = { 'tc filter show dev lan0 ingress': ours };
    assert.deepEqual(await findingsOf({ commands: own }, 'lan0 ingress'), []);
    const named =
      'filter protocol all pref 3 bpf chain 0 \n' +
      'filter protocol all pref 3 bpf chain 0 handle 0x1 ingress:[*fsobj] direct-action name ph_ingress\n';
    const running = { 'tc filter show dev lan0 ingress': named };
    assert.deepEqual(await findingsOf({ commands: running }, 'lan0 ingress'), []);
    const qdisc = { 'tc qdisc show dev lan0': 'qdisc ingress ffff: parent ffff:fff1 ---\n' };
    assert.equal((await findingsOf({ commands: qdisc }, 'lan0 qdisc'))[0]!.state, 'bad');
    assert.equal(await chosen({ commands: qdisc }), null);
    const lro = { 'ethtool -k lan0': 'large-receive-offload: on\n' };
    assert.equal((await findingsOf({ commands: lro }, 'lan0 lro'))[0]!.state, 'note');
    const strict = { 'net/ipv4/conf/lan0/rp_filter': '1' };
    assert.equal((await findingsOf({ sysctls: strict }, 'lan0 rp_filter')).length, 1);
    const off = { 'net/core/bpf_jit_enable': '0' };
    assert.equal((await findingsOf({ sysctls: off }, 'eBPF compiler'))[0]!.state, 'note');
  });
});
