/**
 * The datapath contract over real interfaces: each scenario in a network namespace of its own, with
 * `gateway.ts` in it.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadAddons } from '../../../src/datapath/capture/native.ts';
import type { LiveDatapathName } from '../../../src/datapath/index.ts';
import { formatAddress, type Packet, Proto } from '../../../src/wire/index.ts';
import { requireLive, run } from '../../live/harness.ts';
import { buildUdp, loadPacket } from '../../support/packets.ts';
import { type ContractInput, type ContractSetup, datapathContract } from '../contract.ts';
import type { Port, Scenario, ScenarioResult } from './gateway.ts';

const program = fileURLToPath(new URL('./gateway.js', import.meta.url));

let namespacesMade = 0;
/** Namespaces not deleted yet, each with its directory. */
const standing = new Map<string, string>();
process.once('exit', () => {
  for (const [namespace, runDir] of standing) takeDown(namespace, runDir);
});

function takeDown(namespace: string, runDir: string): void {
  spawnSync('ip', ['netns', 'del', namespace]);
  rmSync(runDir, { recursive: true, force: true });
  standing.delete(namespace);
}

/** Plays a scenario in a namespace that exists no longer than that. */
export async function playScenario(
  datapath: LiveDatapathName,
  setup: ContractSetup,
  inputs: readonly ContractInput[],
): Promise<ScenarioResult> {
  const namespace = `ph-contract-${process.pid}-${++namespacesMade}`;
  const runDir = mkdtempSync(join(tmpdir(), 'pinhole-contract-'));
  standing.set(namespace, runDir);
  try {
    const scenario = describeScenario(datapath, setup, inputs, runDir);
    await mustRun(['ip', 'netns', 'add', namespace]);
    const batch = linkCommands(setup, scenario.ports, inputs).join('\n');
    const keys = ['ipv6.conf.all.disable_ipv6=1', 'ipv6.conf.default.disable_ipv6=1'];
    const sysctls = [...keys, 'ipv4.ip_forward=0'].map((setting) => `net.${setting}`);
    await mustRun(['ip', 'netns', 'exec', namespace, 'sysctl', '-q', '-w', ...sysctls]);
    await mustRun(['ip', '-n', namespace, '-batch', '-'], batch);
    const argv = ['ip', 'netns', 'exec', namespace, process.execPath, program];
    const result = JSON.parse(await mustRun(argv, JSON.stringify(scenario))) as ScenarioResult;
    assert.deepEqual(readdirSync(runDir), [], 'the host is as it was');
    assert.equal(result.counted.faults, 0);
    return result;
  } finally {
    takeDown(namespace, runDir);
  }
}

async function mustRun(argv: readonly string[], input = ''): Promise<string> {
  const result = await run(argv, { input, timeoutMs: 15_000 });
  assert.equal(result.code, 0, `${argv.join(' ')}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

function describeScenario(
  datapath: LiveDatapathName,
  setup: ContractSetup,
  inputs: readonly ContractInput[],
  runDir: string,
): Scenario {
  const ports = Object.entries(setup.interfaces).map(([name, address], index) => ({
    name,
    mac: `02:00:00:00:01:0${index}`,
    peer: `${name}-peer`,
    peerMac: `02:00:00:00:02:0${index}`,
    markHost: address.replace(/\d+\/.*$/, '254'),
  }));
  const frames = inputs.map(({ interfaceName, frame, atSec = 0 }) => {
    return { port: interfaceName, frame: Buffer.from(frame).toString('base64'), atSec };
  });
  return {
    datapath,
    rules: setup.rules,
    runDir,
    ports,
    listeners: listenersFor(setup, inputs),
    inputs: frames,
  };
}

/** Where datagrams for the gateway go: unheard, its kernel would answer that nobody listens. */
function listenersFor(
  setup: ContractSetup,
  inputs: readonly ContractInput[],
): { address: string; port: number }[] {
  const own = Object.values(setup.interfaces).map((text) => text.split('/')[0]);
  const found = new Map<string, { address: string; port: number }>();
  for (const { frame } of inputs) {
    const packet = loadPacket(frame);
    const address = destinationOf(packet);
    const port = packet.dstPortOrIcmpTypeCode;
    if (packet.protocol === Proto.Udp && own.includes(address)) {
      found.set(`${address}:${port}`, { address, port });
    }
  }
  return [...found.values()];
}

/** Lines for `ip -batch`: the cables, addresses at the gateway's ends, and its neighbours. */
function linkCommands(
  setup: ContractSetup,
  ports: readonly Port[],
  inputs: readonly ContractInput[],
): string[] {
  const lines = ['link set lo up'];
  const hosts = new Set(inputs.flatMap(({ frame }) => addressesOf(loadPacket(frame))));
  for (const { name, mac, peer, peerMac, markHost } of ports) {
    const address = setup.interfaces[name]!;
    const own = address.split('/')[0]!;
    lines.push(
      `link add ${name} address ${mac} type veth peer name ${peer} address ${peerMac}`,
      `link set ${peer} arp off`,
      `address add ${address} dev ${name}`,
      `link set ${peer} up`,
      `link set ${name} up`,
    );
    // The contract has networks of 24 bits only.
    const network = own.replace(/\d+$/, '');
    assert.ok(address.endsWith('/24'), address);
    for (const host of [...hosts, markHost]) {
      if (host === own || !host.startsWith(network)) continue;
      lines.push(`neigh add ${host} lladdr ${peerMac} dev ${name} nud permanent`);
    }
  }
  return lines;
}

function addressesOf(packet: Packet): string[] {
  const { family, src0, src1, src2, src3 } = packet;
  return [formatAddress(family, src0, src1, src2, src3), destinationOf(packet)];
}

function destinationOf({ family, dst0, dst1, dst2, dst3 }: Packet): string {
  return formatAddress(family, dst0, dst1, dst2, dst3);
}

/** Whether scenarios cannot be played here; the test `t` is skipped then, with the reason. */
async function cannotRun(t: TestContext): Promise<boolean> {
  if (!requireLive(t, ['tc', 'ethtool', 'sysctl'])) return true;
  try {
    // The peers are captures, whatever the datapath is.
    await loadAddons();
    return false;
  } catch (error) {
    t.skip(String(error));
    return true;
  }
}

/** Declares the contract's tests for a live datapath, where it can run: whether it can. */
export async function liveContract(datapath: LiveDatapathName): Promise<boolean> {
  // Not asked, for a name filter left the question out, counts as yes.
  let isLive = true;
  await test(`the ${datapath} datapath can run here`, async (t) => {
    isLive = !(await cannotRun(t));
  });
  if (!isLive) return false;

  datapathContract(datapath, async (setup, inputs) => {
    const { outcomes, datagrams } = await playScenario(datapath, setup, inputs);
    return { outcomes, datagrams: datagrams.map((text) => Buffer.from(text, 'base64')) };
  });

  test(`what ${datapath} delivers arrives at a socket, what it drops does not`, async () => {
    const rules = '*filter\n:INPUT DROP [0:0]\n-A INPUT -s 192.168.1.10 -j ACCEPT\nCOMMIT\n';
    const interfaces = { lan: '192.168.1.1/24', wan: '198.51.100.1/24' };
    const query = { dst: '192.168.1.1', sport: 5000, dport: 53 };
    const { outcomes, received } = await playScenario(datapath, { rules, interfaces }, [
      { interfaceName: 'lan', frame: buildUdp({ ...query, src: '192.168.1.11', payload: 'no' }) },
      { interfaceName: 'lan', frame: buildUdp({ ...query, src: '192.168.1.10', payload: 'yes' }) },
    ]);
    assert.deepEqual(outcomes, ['drop', 'deliver']);
    assert.deepEqual(
      received.map((text) => Buffer.from(text, 'base64').toString()),
      ['yes'],
    );
  });
  return true;
}
