import type { Tuple } from '../../conntrack/index.ts';
import type { HomeWatch } from '../../engine/index.ts';
import { asInPacket } from './flows/keys.ts';
import { ConfigWord, WATCH_KEY_WORDS, WatchKeyWord } from './layout.ts';
import { type Bpf, type GateMaps, SysError } from './sys/index.ts';

/** Tells the program at `lo` which packets to give to the engine: a system call a connection. */
export class LoopbackWatch implements HomeWatch {
  private readonly bpf: Bpf;
  private readonly maps: GateMaps;
  private readonly words = new Int32Array(WATCH_KEY_WORDS);
  private readonly key = new Uint8Array(this.words.buffer);
  private readonly value = new Uint8Array(4);

  constructor(bpf: Bpf, maps: GateMaps) {
    this.bpf = bpf;
    this.maps = maps;
  }

  watch(ends: Tuple): boolean {
    this.setKey(ends);
    try {
      this.bpf.update(this.maps.fds.watched, this.key, this.value);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      return false;
    }
    this.maps.config.words[ConfigWord.Watched]! += 1;
    return true;
  }

  forget(ends: Tuple): void {
    this.setKey(ends);
    if (!this.bpf.delete(this.maps.fds.watched, this.key)) return;
    this.maps.config.words[ConfigWord.Watched]! -= 1;
  }

  private setKey(ends: Tuple): void {
    const { words } = this;
    const { s0, s1, s2, s3, d0, d1, d2, d3 } = ends;
    const { Source, Destination } = WatchKeyWord;
    for (const [n, word] of [s0, s1, s2, s3].entries()) words[Source + n] = asInPacket(word);
    for (const [n, word] of [d0, d1, d2, d3].entries()) words[Destination + n] = asInPacket(word);
    words[WatchKeyWord.Ports] = asInPacket(ends.ports);
    words[WatchKeyWord.Kind] = ends.meta & 0xffff;
  }
}
