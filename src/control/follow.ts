import type { EventName } from './entry-types.ts';
import type { EventHub } from './events.ts';
import { LineBuffer } from './line-buffer.ts';
import type { Reply } from './serve-lines.ts';

/** Bytes of events kept for a reader that is too slow; beyond that it is cut off. */
const MAX_WAITING_BYTES = 1 << 25;

/** `conntrack.events`: those named in `args.events`, or all. */
export function followConnections(
  events: EventHub,
  args: Record<string, unknown>,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  const names = args.events;
  const wanted = Array.isArray(names) ? new Set<EventName>(names as EventName[]) : null;
  return follow(
    (tell) =>
      events.watchConnections((name, text) => {
        if (wanted === null || wanted.has(name)) tell(text);
      }),
    reply,
    signal,
  );
}

/** `expect.events`: expectations, and announcements that were not followed. */
export function followExpectations(
  events: EventHub,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  return follow(
    (tell) => events.watchExpectations((event) => tell(JSON.stringify(event))),
    reply,
    signal,
  );
}

/**
 * Passes events on, as the JSON texts that they are, until the client goes. The packet path never
 * waits for a reader: events queue up to a limit, then the reader is cut off with a word.
 */
async function follow(
  watch: (tell: (text: string) => void) => () => void,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  const waiting = new LineBuffer();
  let isLost = false;
  let wake = () => {};
  const stop = watch((text) => {
    if (waiting.bytes > MAX_WAITING_BYTES) isLost = true;
    else waiting.push(`${reply.itemHead}${text}}\n`);
    wake();
  });
  signal.addEventListener('abort', () => wake(), { once: true });
  try {
    while (!signal.aborted && !isLost) {
      if (waiting.bytes === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      for (const chunk of waiting.take()) {
        if (!signal.aborted) await reply.lines(chunk);
      }
    }
  } finally {
    stop();
  }
  if (isLost) reply.error('EVENTS_LOST', 'events come faster than they are read');
  else reply.done();
}
