/** The talks of the tracking oracle as flows of the rule oracle: ends that follow translations. */
import type { SeenPacket } from '../../support/seen.ts';
import type { EndNumber, Message, Talk } from '../tracking/talk.ts';
import { answering, type Ends, type Flow, type Maker, network, type Step } from './dialogue.ts';
import { otherSide } from './words.ts';

export class TalkFlow implements Flow {
  private readonly maker: Maker;
  private readonly messages: Iterator<Message>;
  /** The second end is known when something has arrived there. */
  private readonly ends: [Ends, Ends | null];
  private from: EndNumber = 0;
  private lost = 0;

  constructor(maker: Maker, talk: Talk, ends: Ends) {
    this.maker = maker;
    this.messages = talk.messages();
    this.ends = [ends, null];
  }

  next(): Step | null {
    // Somebody who hears nothing gives up after a while.
    if (this.lost > 2) return null;
    for (;;) {
      const message = this.messages.next();
      if (message.done) return null;
      const ends = this.ends[message.value.from];
      if (ends === null) continue;
      this.from = message.value.from;
      const { side, src, dst } = ends;
      const frame = message.value.frame({ ...ends, ...network(this.maker, side, src, dst) });
      return { side, frame };
    }
  }

  arrived(packet: SeenPacket | null): void {
    if (packet === null) this.lost++;
    else if (this.from === 0) this.ends[1] = answering(otherSide[this.ends[0].side], packet);
  }
}
