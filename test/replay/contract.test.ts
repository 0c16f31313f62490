import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Clock, InterfaceTable } from '../../src/base/index.ts';
import { parseInterfaceOption } from '../../src/cli/replay/interface-option.ts';
import { CaptureWriter, openCaptureFile, ReplayDatapath } from '../../src/datapath/index.ts';
import { defaultEngineSettings, Engine, Outcome } from '../../src/engine/index.ts';
import { compileRuleSet, loadRuleFiles } from '../../src/rules/index.ts';
import { type ContractOutcome, datapathContract } from '../datapath/contract.ts';
import { drain } from '../datapath/pcapfile/build.ts';
import { loadPacket } from '../support/packets.ts';

const names: Readonly<Record<number, ContractOutcome>> = {
  [Outcome.Drop]: 'drop',
  [Outcome.Forward]: 'forward',
  [Outcome.Deliver]: 'deliver',
};

/** The capture-file datapath: inputs become a file, a replay of it another, and that the result. */
datapathContract('capture file', ({ rules, interfaces: given }, inputs) => {
  const directory = mkdtempSync(join(tmpdir(), 'pinhole-contract-'));
  try {
    const path = (name: string) => join(directory, name);
    const writer = new CaptureWriter(path('in.pcap'));
    for (const { frame, atSec = 0 } of inputs) {
      writer.write(frame, 0, frame.length, frame.length, 1_700_000_000 + atSec, 0);
    }
    writer.close();
    const { ruleSet } = loadRuleFiles(['rules'], () => rules, { format: 'save' });
    assert.ok(ruleSet);
    const interfaces = new InterfaceTable();
    const prefixes = Object.entries(given).map(([n, cidr]) => parseInterfaceOption(`${n}=${cidr}`));
    const reader = openCaptureFile(path('in.pcap'));
    const datapath = new ReplayDatapath(reader, prefixes, interfaces, path('out.pcap'));
    const engine = new Engine({
      clock: new Clock(),
      interfaces,
      routes: datapath.routes,
      output: datapath.output,
      rules: compileRuleSet(ruleSet, interfaces),
      settings: defaultEngineSettings(),
      seed: 1,
    });
    const outcomes: ContractOutcome[] = [];
    datapath.run(engine, { packetDone: (_n, _t, outcome) => outcomes.push(names[outcome]!) });
    const datagrams = drain(openCaptureFile(path('out.pcap'))).map(({ data }) => {
      const packet = loadPacket(Uint8Array.from(data));
      return packet.bytes.slice(packet.l3Offset, packet.l3End);
    });
    return { outcomes, datagrams };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
