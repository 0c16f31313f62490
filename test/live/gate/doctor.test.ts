/** `pinhole doctor`, and starts where a part of the gate is missing. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { interfaceArguments, ruleFile } from '../daemon.ts';
import {
  type Lab,
  mustRunIn,
  pinholeMain,
  repositoryRoot,
  requireLive,
  runIn,
  startIn,
} from '../harness.ts';
import { clientMayMasqueraded, gatePrograms, type Stage, withGate, withStage } from './stage.ts';

/** On a host where nothing is missing; VERSION and MAC for what differs from one to the next. */
const wellText = `good  rights           root
good  kernel           Linux VERSION
good  ip               ip utility, VERSION
good  tc               tc utility, VERSION
good  ethtool          ethtool version VERSION
good  koffi            loads (datapath gate)
good  cap              loads (datapath capture)
good  raw-socket       loads (datapath capture)
good  eBPF             the kernel takes the gate's program
good  eBPF compiler    on
good  other firewalls  none has rules here
good  lan0             MTU 1500, address MAC
good  lan0 offloads    stay as they are with the gate; capture switches them off
good  wan0             MTU 1500, address MAC
good  wan0 offloads    stay as they are with the gate; capture switches them off
datapath: gate
`;

function withoutVersions(text: string): string {
  return text
    .replace(/(Linux|utility,|ethtool version) .*/g, '$1 VERSION')
    .replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, 'MAC');
}

const doctorArguments = ['doctor', ...interfaceArguments];

async function doctor(lab: Lab, main = pinholeMain, as: readonly string[] = []) {
  return runIn(lab, 'gateway', [...as, process.execPath, main, ...doctorArguments]);
}

async function allIsWell({ lab }: Stage): Promise<void> {
  const { code, stdout } = await doctor(lab);
  assert.equal(withoutVersions(stdout), wellText);
  assert.equal(code, 0);
  // Its own programs are no strangers to a gate that runs.
  await withGate(lab, clientMayMasqueraded, [], async () => {
    assert.equal(withoutVersions((await doctor(lab)).stdout), wellText);
  });
}

async function nobody({ lab }: Stage): Promise<void> {
  const as = ['setpriv', '--reuid=65534', '--clear-groups'];
  const { code, stdout } = await doctor(lab, pinholeMain, as);
  assert.equal(code, 1);
  assert.match(stdout, /^bad {3}rights +user 65534\n +run it as root \(sudo\)$/m);
  assert.match(
    stdout,
    /^bad {3}eBPF +bpf\(MAP_CREATE ph_config\): EPERM\n +run as root, or with CAP_BPF/m,
  );
  assert.match(stdout, /^datapath: none can run$/m);
}

async function qdiscInTheWay({ lab }: Stage): Promise<void> {
  await mustRunIn(lab, 'gateway', ['tc', 'qdisc', 'add', 'dev', 'lan0', 'ingress']);
  const { code, stdout } = await doctor(lab);
  await mustRunIn(lab, 'gateway', ['tc', 'qdisc', 'del', 'dev', 'lan0', 'ingress']);
  assert.equal(code, 1);
  assert.match(
    stdout,
    /^bad +lan0 qdisc +somebody's ingress .*\n +tc qdisc del dev lan0 ingress$/m,
  );
}

/** A copy of what was built, from which something can be taken away; its `main.js`. */
function copyOfBuild(lab: Lab, name: string, withoutPackages: readonly string[]): string {
  const built = join(dirname(pinholeMain), '..', '..');
  const copy = join(lab.runDir, name);
  cpSync(join(built, 'src'), join(copy, 'src'), { recursive: true });
  cpSync(join(repositoryRoot, 'rules'), join(copy, 'rules'), { recursive: true });
  cpSync(join(repositoryRoot, 'package.json'), join(copy, 'package.json'));
  mkdirSync(join(copy, 'node_modules'));
  for (const entry of readdirSync(join(repositoryRoot, 'node_modules'))) {
    if (withoutPackages.includes(entry)) continue;
    const link = join(copy, 'node_modules', entry);
    symlinkSync(join(repositoryRoot, 'node_modules', entry), link);
  }
  return join(copy, 'src', 'cli', 'main.js');
}

/** `--datapath gate` is refused, `auto` goes on with capture; both say why. */
async function partMissing({ lab }: Stage, main: string, why: RegExp): Promise<void> {
  const diagnosis = await doctor(lab, main);
  assert.equal(diagnosis.code, 0);
  assert.match(diagnosis.stdout, why);
  assert.match(diagnosis.stdout, /^datapath: capture$/m);

  const rules = ruleFile(lab, clientMayMasqueraded);
  const argv = ['node', main, 'run', '--rules', rules, ...interfaceArguments];
  argv.push('--socket', join(lab.runDir, 'part.sock'));
  const refused = await runIn(lab, 'gateway', [...argv, '--datapath', 'gate']);
  assert.equal(refused.code, 1, refused.stderr);
  assert.match(refused.stderr, why);
  assert.doesNotMatch(refused.stderr, /^\s+at /m);

  const daemon = await startIn(lab, 'gateway', argv, /ready: datapath capture/);
  assert.match(daemon.output(), /no gate here: /);
  assert.match(daemon.output(), why);
  assert.equal(await daemon.stop(), 0);
}

test('the doctor, and what is missing', async (t) => {
  if (!requireLive(t, ['setpriv', ...gatePrograms])) return;
  await withStage('lt-gd', {}, async (stage) => {
    await t.test('all is well', () => allIsWell(stage));
    await t.test('not root', () => nobody(stage));
    await t.test('an ingress qdisc in the way', () => qdiscInTheWay(stage));
    await t.test("no program of the gate's", async () => {
      const main = copyOfBuild(stage.lab, 'no-object', []);
      rmSync(join(dirname(main), '..', 'datapath', 'gate', 'bpf', 'gate.bpf.o'));
      await partMissing(stage, main, /cannot read .*gate\.bpf\.o/);
    });
    await t.test('no koffi', async () => {
      const main = copyOfBuild(stage.lab, 'no-koffi', ['koffi', '@koromix']);
      await partMissing(stage, main, /koffi/);
    });
  });
});
