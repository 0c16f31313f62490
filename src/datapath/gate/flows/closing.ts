import { Direction, type DirectionCode } from '../../../conntrack/index.ts';
import { Closing, DIRECTION_WORDS, DirectionWord, FlowWord, WAY_CLOSES } from '../layout.ts';

const WAY_ORIGINAL = FlowWord.Directions + DirectionWord.Way;
const WAY_REPLY = WAY_ORIGINAL + DIRECTION_WORDS;

/**
 * A FIN of this direction was passed on by the engine. False, and nothing noted, where the program does
 * not pass FINs of both directions.
 */
export function noteFin(flows: Int32Array, at: number, direction: DirectionCode): boolean {
  if ((flows[at + WAY_ORIGINAL]! & flows[at + WAY_REPLY]! & WAY_CLOSES) === 0) return false;
  const by = direction === Direction.Original ? Closing.ByOriginal : Closing.ByReply;
  const isFirst = (Atomics.load(flows, at + FlowWord.Closing) & Closing.FinsMask) === 0;
  Atomics.add(flows, at + FlowWord.Closing, isFirst ? Closing.Fins + by : Closing.Fins);
  return true;
}
