/**
 * A small engine for `live.test.ts`, run inside the gateway's namespace: the gate's program at real
 * interfaces, and behind it the simplest that can be: everything punted goes on, translated where it
 * belongs to the one translated connection.
 *
 *     node live-engine.js DIRECTORY taken|punted
 *
 * Prints "ready"; at end of input it prints the counters as JSON and leaves.
 */
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import {
  ConfigWord,
  FlowAction,
  HopFlag,
  PuntFlag,
  ReentryOp,
} from '../../../../src/datapath/gate/layout.ts';
import {
  addClsact,
  attachProgram,
  type Hook,
  loadLibc,
  PacketSocket,
  Pins,
  PUNT0,
  PUNT1,
  puntPair,
  puntPairSettings,
} from '../../../../src/datapath/gate/sys/index.ts';
import { addressBytes, be16, be32 } from '../../../support/bytes.ts';
import { buildTcp } from '../../../support/packets.ts';
import { slowChecksum, slowL4Checksum } from '../../../support/slow-checksum.ts';
import { Machine, type PuntRecord } from './machine.ts';

const client = '10.77.1.2';
const server = '10.77.2.2';
const inside = '10.77.1.1';
const outside = '10.77.2.1';
const ports = { sport: 40_000, dport: 9000 };
const translatedPort = 41_000;
const toServer = 1;
const toClient = 2;

const run = (command: readonly string[]): string =>
  execFileSync(command[0]!, command.slice(1), { encoding: 'utf8' });
const ifindexOf = (device: string): number =>
  Number(run(['ip', '-o', 'link', 'show', 'dev', device]).split(':')[0]);
const macOf = (device: string): Buffer =>
  Buffer.from(
    /ether ([\da-f:]+)/.exec(run(['ip', 'link', 'show', 'dev', device]))![1]!.replaceAll(':', ''),
    'hex',
  );

/** Rewrites addresses of a TCP segment over IPv4, checksums anew: partial ones become whole. */
function rewrite(frame: Uint8Array, src: string, dst: string): void {
  const [from, to] = [addressBytes(src), addressBytes(dst)];
  frame.set(from, 26);
  frame.set(to, 30);
  frame.set([0, 0], 24);
  frame.set(be16(slowChecksum(frame.subarray(14, 34))), 24);
  const end = 14 + frame[16]! * 256 + frame[17]!;
  frame.set([0, 0], 50);
  frame.set(be16(slowL4Checksum(from, to, 6, frame.subarray(34, end))), 50);
}

function prepare(machine: Machine, directory: string): void {
  const pins = new Pins(machine.bpf, directory);
  pins.mount();
  for (const [name, fd] of Object.entries(machine.programs)) pins.pin(name, fd);
  run(puntPair().run);
  puntPairSettings(false).forEach(run);
  const attach = (device: string, hook: Hook, program: string): void => {
    run(attachProgram(device, hook, pins.path(program)).run);
  };
  for (const device of ['g-c', 'g-s', PUNT0, PUNT1]) run(addClsact(device).run);
  attach(PUNT0, 'ingress', 'reentry');
  attach(PUNT1, 'ingress', 'segments');
  for (const device of ['g-c', 'g-s']) {
    attach(device, 'ingress', 'entry_ingress');
    attach(device, 'egress', 'entry_egress');
  }
}

function takeOver(machine: Machine, action: number): void {
  const flags = HopFlag.Managed;
  machine.set(ConfigWord.PuntIfindex, ifindexOf(PUNT0));
  const address = [Buffer.from(addressBytes(server)).readInt32LE()];
  machine.hop(toServer, { ifindex: ifindexOf('g-s'), flags, family: 2, address });
  machine.hop(toClient, { ifindex: ifindexOf('g-c'), flags });
  machine.install({
    original: buildTcp({ src: client, dst: server, ...ports }),
    reply: buildTcp({ src: server, dst: outside, sport: ports.dport, dport: translatedPort }),
    directions: [
      { action, ifindex: ifindexOf('g-c'), hop: toServer },
      { action, ifindex: ifindexOf('g-s'), hop: toClient },
    ],
  });
}

const [directory, mode] = process.argv.slice(2) as [string, string];
const machine = await Machine.open(1 << 24);
if (typeof machine === 'string') throw new Error(machine);
prepare(machine, directory);
takeOver(machine, mode === 'taken' ? FlowAction.Forward : FlowAction.Punt);
const socket = new PacketSocket(await loadLibc());
const punt1 = ifindexOf(PUNT1);
const macs = new Map(['g-c', 'g-s'].map((device) => [ifindexOf(device), macOf(device)]));
const seen = { largest: 0, segments: 0, outputUids: new Set<number>() };

/** Writes the instruction into the MACs. */
function instruct(frame: Uint8Array, record: PuntRecord): void {
  const at = (byte: number, address: string): boolean =>
    Buffer.from(addressBytes(address)).equals(frame.subarray(byte, byte + 4));
  let hop = at(30, server) ? toServer : toClient;
  if (at(26, client) && at(30, server)) {
    frame.set(be16(translatedPort), 34);
    rewrite(frame, outside, server);
  } else if (at(26, server) && at(30, outside)) {
    frame.set(be16(ports.sport), 36);
    rewrite(frame, server, client);
  } else {
    rewrite(frame, inet(frame, 26), inet(frame, 30));
  }
  if (at(30, client)) hop = toClient;
  if (at(30, inside)) {
    frame.set([2, ReentryOp.Up, ...be32(record.ifindex), ...macs.get(record.ifindex)!]);
    return;
  }
  frame.set([2, ReentryOp.Forward, 0, 0, 0, 0, 2, 0, ...be32(hop)]);
}

const inet = (frame: Uint8Array, at: number): string => frame.subarray(at, at + 4).join('.');

function handOn(record: PuntRecord): void {
  const { frame, flags } = record;
  seen.largest = Math.max(seen.largest, frame.length);
  if ((flags & PuntFlag.Segment) !== 0) seen.segments++;
  if ((flags & PuntFlag.Output) !== 0) seen.outputUids.add(record.uid);
  // Only TCP is tried here; multicast of the kernel's own is not.
  if (frame[12] !== 8 || frame[13] !== 0 || frame[23] !== 6) return;
  instruct(frame, record);
  if (socket.queued === socket.slots) socket.flush();
  const slot = socket.queued;
  socket.slab.set(frame, socket.slotOffset(slot));
  socket.queue(slot, 0, frame.length, punt1);
}

const echo = createServer((peer) => peer.pipe(peer)).listen(9001, inside);
let isOver = false;
process.stdin.resume().on('end', () => {
  isOver = true;
});
process.stdout.write('ready\n');
while (!isOver) {
  for (const record of [...machine.records('known'), ...machine.records('other')]) handOn(record);
  socket.flush();
  await setImmediate();
}
const bytes = machine.counted(0, 0).bytes + machine.counted(0, 1).bytes;
const uids = [...seen.outputUids];
process.stdout.write(`${JSON.stringify({ ...machine.counters(), ...seen, uids, bytes })}\n`);
for (const device of ['g-c', 'g-s']) run(addClsact(device).undo);
run(puntPair().undo);
new Pins(machine.bpf, directory).remove();
echo.close();
process.exit(0);
