/**
 * The capture datapath with the simplest engine there is, as a program for the live test:
 * `pass-all.js forward|drop RUNDIR INTERFACE...`. Forwards or drops everything; says "ready", and at
 * the end, on SIGTERM, its totals as JSON.
 */
import { Clock } from '../../../src/base/index.ts';
import { type CaptureEngine, prepareCapture } from '../../../src/datapath/capture/index.ts';
import { IpFragmenter, Outcome, RouteKind, type Routes } from '../../../src/engine/index.ts';
import { Decode, decodeFrame, type Packet, updateChecksum16 } from '../../../src/wire/index.ts';

class PassAll implements CaptureEngine {
  readonly clock = new Clock(Math.floor(Date.now() / 1000));
  readonly assembly = { fragmenter: new IpFragmenter() };
  outIf = -1;
  private readonly routes: Routes;
  private readonly forwards: boolean;

  constructor(routes: Routes, forwards: boolean) {
    this.routes = routes;
    this.forwards = forwards;
  }

  process(packet: Packet, inIf: number): number {
    if (!this.forwards || decodeFrame(packet) !== Decode.Ok) return Outcome.Drop;
    const kind = this.routes.lookup(packet, inIf, 0);
    if (kind === RouteKind.Local) return Outcome.Deliver;
    if (kind !== RouteKind.Forward) return Outcome.Ignore;
    this.outIf = this.routes.outIf;
    decrementTtl(packet);
    return Outcome.Forward;
  }

  observeOutput(): void {}

  sweep(): void {}
}

function decrementTtl(packet: Packet): void {
  const { view, l3Offset } = packet;
  if (packet.family === 6) {
    view.setUint8(l3Offset + 7, view.getUint8(l3Offset + 7) - 1);
    return;
  }
  const before = view.getUint16(l3Offset + 8);
  view.setUint16(l3Offset + 8, before - 0x100);
  const sum = updateChecksum16(view.getUint16(l3Offset + 10), before, before - 0x100);
  view.setUint16(l3Offset + 10, sum);
}

const [mode, runDir, ...interfaces] = process.argv.slice(2);
const log = (line: string): void => void process.stderr.write(`${line}\n`);
const datapath = await prepareCapture({ interfaces, log, ...(runDir ? { runDir } : {}) });
datapath.attach(new PassAll(datapath.routes, mode === 'forward'));
process.on('exit', () => process.stdout.write(`${JSON.stringify(datapath.stats)}\n`));
process.stdout.write('ready\n');
