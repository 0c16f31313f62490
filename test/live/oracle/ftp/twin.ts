/**
 * Dialogues through the kernel's FTP helper and through the engine in kernel mode, many at a time and
 * step by step: what comes out of the gateway, and what is expected then.
 */
import { setTimeout } from 'node:timers/promises';
import { type SeenPacket, seen } from '../../../support/seen.ts';
import { otherSide } from '../words.ts';
import {
  comparable,
  described,
  excused,
  isChance,
  isSame,
  noExcuse,
  type Result,
} from './compare.ts';
import { RandomDialogue } from './dialogue.ts';
import type { Play, Shot } from './ends.ts';
import { FtpEngine } from './engine.ts';
import type { FtpKernel, Outcome } from './kernel.ts';
import { OldNumbers } from './old-numbers.ts';
import { SLOTS } from './paths.ts';

/** One wave of so many has pauses, and where: in front of these steps of each dialogue. */
const SLOW_WAVES = 20;
const PAUSE_AT = [14, 19, 25];
const PAUSE_MS = 2100;

/** One dialogue that is going on. */
interface Running {
  readonly name: string;
  readonly play: Play;
  /** What was said so far, for complaints. */
  readonly story: string[];
  readonly old: OldNumbers;
  shot: Shot;
}

export interface Playable {
  readonly name: string;
  play(): Play;
}

export class FtpTwin {
  steps = 0;
  /** What the kernel did, so that it is known that the dialogues say enough. */
  readonly tally = {
    said: 0,
    dropped: 0,
    rewritten: 0,
    expected: 0,
    related: 0,
    refused: 0,
    leftToChance: 0,
    oldNumbers: 0,
  };
  /** One text for each dialogue in which the two differ. */
  readonly differences: string[] = [];
  private readonly kernel: FtpKernel;
  private readonly engine: FtpEngine;

  constructor(kernel: FtpKernel, loose = false) {
    this.kernel = kernel;
    this.engine = new FtpEngine(loose);
  }

  /** Random dialogues by their numbers. */
  async run(seed: number, serials: readonly number[]): Promise<void> {
    for (let at = 0; at < serials.length; at += SLOTS) {
      const wave = serials.slice(at, at + SLOTS).map((serial) => {
        const dialogue = new RandomDialogue(seed, serial, serial % SLOTS);
        return { name: `dialogue ${serial}, ${dialogue.path.name}`, play: () => dialogue.play() };
      });
      const isSlow = Math.floor(at / SLOTS) % SLOW_WAVES === 0;
      await this.together(wave, isSlow ? PAUSE_AT : []);
    }
  }

  /**
   * A step of each, then the next of each. They must not get in each other's way. In front of some
   * steps so much time goes by that renewed expectations can be told from old ones.
   */
  async together(dialogues: readonly Playable[], pauses: readonly number[] = []): Promise<void> {
    await this.kernel.forget();
    this.engine.forget();
    let running: Running[] = [];
    for (const dialogue of dialogues) {
      const { name } = dialogue;
      const play = dialogue.play();
      const first = play.next();
      if (first.done) continue;
      running.push({ name, play, story: [], old: new OldNumbers(), shot: first.value });
    }
    for (let step = 0; running.length > 0; step++) {
      if (pauses.includes(step)) await setTimeout(PAUSE_MS);
      const outcomes = await this.kernel.shoot(running.map(({ shot }) => shot));
      running = running.filter((each, i) => this.step(each, outcomes[i]!));
    }
  }

  /** False where the dialogue is over. */
  private step(running: Running, kernel: Outcome): boolean {
    this.steps++;
    const { shot, story, play, old } = running;
    const [ours, theirs] = [comparable(this.engine.shoot(shot, kernel.atSec)), comparable(kernel)];
    const sent = seen(shot.frame);
    const [frame] = kernel.out[otherSide[shot.side]];
    const packet = frame === undefined ? null : seen(Buffer.from(frame, 'hex'));
    story.push(shot.about, ...described(theirs));
    this.count(shot, packet, theirs);
    if (!isSame(ours, theirs)) {
      if (isChance(sent, ours, theirs)) {
        this.tally.leftToChance++;
        return false;
      }
      const excuse = shot.control === null ? noExcuse : old.excuse(sent, shot.control);
      if (!isSame(excused(ours, excuse), excused(theirs, excuse))) {
        story.push(`the engine instead, ${this.engine.reason}:`, ...described(ours));
        this.differences.push(`${running.name}\n    ${story.join('\n    ')}\n`);
        return false;
      }
      if (excuse.seq || excuse.ack) this.tally.oldNumbers++;
    }
    if (shot.control !== null && packet !== null) old.note(sent, packet, shot.control);
    const next = play.next({ packet, expectations: kernel.expectations });
    if (next.done) return false;
    running.shot = next.value;
    return true;
  }

  private count(shot: Shot, packet: SeenPacket | null, { expectations }: Result): void {
    const { tally } = this;
    if (shot.control === null) {
      if (packet === null) tally.refused++;
      else if (stateMark(packet) === RELATED) tally.related++;
      return;
    }
    if (shot.said === '') return;
    tally.said++;
    if (packet === null) tally.dropped++;
    else if (packet.text !== shot.said) tally.rewritten++;
    if (expectations.flat().some(({ timeout }) => timeout === 300)) tally.expected++;
  }
}

/** As the rules write it. */
const RELATED = 4;

/** The differentiated services code point. */
function stateMark({ datagram, family }: SeenPacket): number {
  const word = (datagram[0]! << 8) | datagram[1]!;
  return (word >> (family === 4 ? 2 : 6)) & 63;
}
