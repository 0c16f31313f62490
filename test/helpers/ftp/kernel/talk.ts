/** A control connection through a gateway in memory whose FTP helper is the kernel's twin. */
import {
  type ControlOptions,
  ControlSession,
  type FtpOptions,
  ftpGateway,
} from '../ftp-session.ts';

export const CLIENT = '10.0.1.2';
export const SERVER = '192.0.2.2';
export const OUTSIDE = '192.0.2.1';

export class KernelTalk extends ControlSession {
  /**
   * One segment, and what became of it. The end goes on behind one that was dropped, as a sender
   * does that has not noticed yet; the other end's books take it for received.
   */
  override step(from: 'C' | 'S', text: string): string {
    const verdict = super.step(from, text);
    const to = from === 'C' ? this.server : this.client;
    if (verdict === 'drop') to.expected = (to.expected + text.length) >>> 0;
    return verdict;
  }

  /** The same for several segments, `C` or `S` in front of each. */
  steps(...spoken: readonly string[]): string[] {
    return spoken.map((line) => this.step(line[0] as 'C' | 'S', line.slice(1)));
  }
}

export function talk(ftp: FtpOptions = {}, options: ControlOptions = {}): KernelTalk {
  const all = { ...ftp, mode: 'kernel' } as const;
  return new KernelTalk(ftpGateway(all), all, options);
}
