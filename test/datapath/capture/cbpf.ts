/** A tiny classic BPF machine for tests: what the kernel does with the programs of the filter. */
import type { Instruction } from '../../../src/datapath/capture/ingress-filter.ts';

export interface Skb {
  readonly frame: Uint8Array;
  /** PACKET_HOST 0, PACKET_BROADCAST 1, PACKET_MULTICAST 2, PACKET_OTHERHOST 3. */
  readonly packetType: number;
  /** Tag control information of the tag that was taken off the frame. */
  readonly tag?: number;
}

const LOADED_BYTES: Readonly<Record<number, number>> = { 32: 4, 40: 2, 48: 1 };

/** What the program returns as a signed number; 0 for a read beyond the frame, as in the kernel. */
export function runBpf(program: readonly Instruction[], skb: Skb): number {
  let a = 0;
  for (let pc = 0; pc < program.length; pc++) {
    const [code, jt, jf, k] = program[pc]!;
    if (code === 0x06) return k | 0;
    const size = LOADED_BYTES[code];
    if (size !== undefined) {
      const loaded = load(skb, k, size);
      if (loaded === undefined) return 0;
      a = loaded;
    } else if (code === 0x54) a = (a & k) >>> 0;
    else pc += compare(code, a, k) ? jt : jf;
  }
  throw new Error('the program runs off its end');
}

function compare(code: number, a: number, k: number): boolean {
  if (code === 0x15) return a === k;
  if (code === 0x25) return a > k;
  if (code === 0x35) return a >= k;
  throw new Error(`instruction ${code.toString(16)} is not known here`);
}

function load(skb: Skb, at: number, size: number): number | undefined {
  if (at === 0xfffff004) return skb.packetType;
  if (at === 0xfffff02c) return skb.tag ?? 0;
  if (at + size > skb.frame.length) return undefined;
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + skb.frame[at + i]!;
  return value;
}
