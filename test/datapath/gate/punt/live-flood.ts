/**
 * Floods from a namespace, by one thread: `node live-flood.js GATEWAY-MAC MILLISECONDS`. SYNs to
 * 10.78.2.9:9000, every one of another connection. Prints how many were sent.
 */
import { execFileSync } from 'node:child_process';
import { loadLibc, PacketSocket } from '../../../../src/datapath/gate/sys/index.ts';
import { macBytes } from '../../../support/bytes.ts';
import { buildTcp } from '../../../support/packets.ts';

const [mac, forMs] = process.argv.slice(2) as [string, string];
const shown = execFileSync('ip', ['-o', 'link', 'show', 'dev', 'eth0'], { encoding: 'utf8' });
const ifindex = Number(shown.split(':')[0]);
const socket = new PacketSocket(await loadLibc(), { bypassQdisc: true });
const ends = { src: '10.78.1.2', dst: '10.78.2.9', sport: 1024, dport: 9000 };
const frame = buildTcp({ ...ends, flags: 'S', dstMac: mac });
frame.set(macBytes('02:00:00:00:00:77'), 6);
for (let slot = 0; slot < socket.slots; slot++) socket.slab.set(frame, socket.slotOffset(slot));

/** The sum of what changes stays the same: one half goes up where the other goes down. */
function vary(at: number, n: number): void {
  socket.view.setUint16(at + 34, 1024 + n);
  socket.view.setUint16(at + 14 + 20 + 4, 0xffff - n);
}

const base = socket.view.getUint16(34);
const sequence = socket.view.getUint16(38);
const bytes = new DataView(frame.buffer);
const end = performance.now() + Number(forMs);
let sent = 0;
for (let n = 0; performance.now() < end; ) {
  for (let slot = 0; slot < socket.slots; slot++, n = (n + 1) % 60_000) {
    const at = socket.slotOffset(slot);
    vary(at, n);
    // Checksum: RFC 1624, over the two halves that differ from the first frame.
    let sum = (~bytes.getUint16(50) & 0xffff) + (~base & 0xffff) + (~sequence & 0xffff);
    sum += 1024 + n + 0xffff - n;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    socket.view.setUint16(at + 50, ~sum & 0xffff);
    socket.queue(slot, 0, frame.length, ifindex);
  }
  sent += socket.flush();
}
process.stdout.write(`${sent}\n`);
socket.close();
