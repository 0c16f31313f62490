/** Waiting for something that other processes bring about: asked again and again, with a limit. */
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Resolves to the first answer of `ask` that is not null. `what` is named where none comes within
 * `timeoutMs`; `describe` adds what there was instead.
 */
export async function until<T>(
  what: string,
  ask: () => T | null | Promise<T | null>,
  timeoutMs = 5_000,
  describe: () => string = () => '',
): Promise<T> {
  const limit = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (Date.now() > limit) {
      throw new Error(`waited ${timeoutMs} ms in vain for ${what}\n${describe()}`);
    }
    await pause(10);
  }
}

/** As `until`, for a question of yes and no. */
export async function untilTrue(
  what: string,
  ask: () => boolean | Promise<boolean>,
  timeoutMs = 5_000,
  describe?: () => string,
): Promise<void> {
  await until(what, async () => ((await ask()) ? true : null), timeoutMs, describe);
}
