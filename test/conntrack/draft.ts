/** Expectation drafts for tests: what an FTP helper would announce, in text addresses. */
import type { ExpectationDraft } from '../../src/conntrack/index.ts';
import { addressBytes } from '../support/bytes.ts';

type Words = readonly [number, number, number, number];

/** A text address as four signed words, an IPv4 one in the first of them. */
export function addressWords(text: string): Words {
  const padded = Buffer.alloc(16);
  padded.set(addressBytes(text));
  return [0, 4, 8, 12].map((at) => padded.readInt32BE(at)) as unknown as Words;
}

export interface DraftOptions {
  readonly src: string;
  readonly dst: string;
  readonly dport: number;
  readonly master: { readonly row: number; readonly id: number };
}

/** Master's peer at `src` will connect to `dst`:`dport`, over TCP. */
export function draft({ src, dst, dport, master }: DraftOptions): ExpectationDraft {
  return {
    family: src.includes(':') ? 6 : 4,
    protocol: 6,
    src: addressWords(src),
    dst: addressWords(dst),
    dport,
    masterRow: master.row,
    masterId: master.id,
    helper: 1,
    kind: 2,
    direction: 1,
    savedAddress: addressWords(dst),
    savedPort: dport,
    followsMasterNat: false,
  };
}
