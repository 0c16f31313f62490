/**
 * The windows of both directions, as Linux 6.18 answered the same segments: what fits, what is let
 * pass without a trace, and what is INVALID.
 */
import { describe, test } from 'node:test';
import type { ConntrackSettings } from '../../src/conntrack/index.ts';
import { Bench, play, tcp } from './script.ts';

const scripts: readonly (readonly [string, string, Partial<ConntrackSettings>?])[] = [
  [
    'data up to the edge of the window fit, a little more is let pass and remembered, much more is INVALID',
    `
      0 > S seq=100                   | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 win=1000 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501           | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 > PA seq=101 ack=501 len=1000 | ESTABLISHED ESTABLISHED 300
      0 > PA seq=1101 ack=501 len=1   | ESTABLISHED ESTABLISHED 300
      0 > PA seq=1103 ack=501 len=10  | ESTABLISHED ESTABLISHED 300
      0 > PA seq=3000 ack=501 len=10  | INVALID invalid-tcp-seq-over
      0 < A seq=501 ack=3010 win=1000 | INVALID invalid-tcp-ack-over
      0 < A seq=501 ack=1113 win=1000 | ESTABLISHED ESTABLISHED 432000`,
  ],
  [
    'an overshoot is let pass only as far as the window is wide',
    `
      0 > S seq=100                    | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 win=1000  | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501            | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 > PA seq=1102 ack=501 len=998  | ESTABLISHED ESTABLISHED 432000
      0 > PA seq=1102 ack=501 len=999  | INVALID invalid-tcp-seq-over
      0 > PA seq=1102 ack=501 len=1000 | INVALID invalid-tcp-seq-over`,
  ],
  [
    'an overshoot with an acknowledgement of nothing that was sent is INVALID',
    `
      0 > S seq=100                   | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 win=1000 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501           | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 > PA seq=1102 ack=502 len=10  | INVALID invalid-tcp-seq-over
      0 > PA seq=1102 ack=501 len=10  | ESTABLISHED ESTABLISHED 432000`,
  ],
  [
    'what lies wholly under the window was acknowledged long ago: let pass, without a refresh',
    `
      0 > S seq=100                    | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 win=1000  | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501            | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 > PA seq=101 ack=501 len=1000  | ESTABLISHED ESTABLISHED 300
      0 < A seq=501 ack=1101 win=1000  | ESTABLISHED ESTABLISHED 432000
      0 > PA seq=1101 ack=501 len=1000 | ESTABLISHED ESTABLISHED 300
      0 < A seq=501 ack=2101 win=1000  | ESTABLISHED ESTABLISHED 432000
      1 > PA seq=101 ack=501 len=999   | ESTABLISHED ESTABLISHED 431999
      2 > PA seq=101 ack=501 len=1000  | ESTABLISHED ESTABLISHED 432000`,
  ],
  [
    'an acknowledgement may lie 66000 bytes back and no more',
    `
      0 > S seq=100                     | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101            | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501 win=30000   | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 < PA seq=501 ack=101 len=8000   | ESTABLISHED ESTABLISHED 300
      0 < PA seq=8501 ack=101 len=8000  | ESTABLISHED ESTABLISHED 300
      0 < PA seq=16501 ack=101 len=8000 | ESTABLISHED ESTABLISHED 300
      0 > A seq=101 ack=24501 win=30000 | ESTABLISHED ESTABLISHED 432000
      0 < PA seq=24501 ack=101 len=8000 | ESTABLISHED ESTABLISHED 300
      0 < PA seq=32501 ack=101 len=8000 | ESTABLISHED ESTABLISHED 300
      0 < PA seq=40501 ack=101 len=8000 | ESTABLISHED ESTABLISHED 300
      0 > A seq=101 ack=48501 win=30000 | ESTABLISHED ESTABLISHED 432000
      0 < PA seq=48501 ack=101 len=8000 | ESTABLISHED ESTABLISHED 300
      0 < PA seq=56501 ack=101 len=8000 | ESTABLISHED ESTABLISHED 300
      0 < PA seq=64501 ack=101 len=8000 | ESTABLISHED ESTABLISHED 300
      1 > A seq=101 ack=6500 win=30000  | ESTABLISHED ESTABLISHED 299
      2 > A seq=101 ack=6501 win=30000  | ESTABLISHED ESTABLISHED 300`,
  ],
  [
    'window scaling: both offer it, so windows are shifted, those of SYNs not',
    `
      0 > S seq=100 wscale=7                     | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 win=1000 wscale=3   | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501 win=1000             | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 < PA seq=128502 ack=101 win=10000 len=10 | ESTABLISHED ESTABLISHED 432000
      0 < PA seq=501 ack=101 win=10000 len=1000  | ESTABLISHED ESTABLISHED 300
      0 > PA seq=80102 ack=1501 win=1000 len=10  | ESTABLISHED ESTABLISHED 300
      0 > PA seq=80101 ack=1501 win=1000 len=10  | ESTABLISHED ESTABLISHED 300`,
  ],
  [
    "window scaling: the server does not offer it, so nobody's windows are shifted",
    `
      0 > S seq=100 wscale=7                  | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 win=1000         | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501 win=1000          | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 < PA seq=3502 ack=101 win=1000 len=10 | ESTABLISHED ESTABLISHED 432000
      0 > PA seq=8101 ack=501 win=1000 len=10 | INVALID invalid-tcp-seq-over
      0 > PA seq=1101 ack=501 win=1000 len=10 | ESTABLISHED ESTABLISHED 300`,
  ],
  [
    'a SACK edge is an acknowledgement, too: of what was never sent it is INVALID',
    `
      0 > S seq=100 sackperm           | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 sackperm  | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501            | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 < PA seq=501 ack=101 len=1000  | ESTABLISHED ESTABLISHED 300
      0 < PA seq=2501 ack=101 len=1000 | ESTABLISHED ESTABLISHED 300
      0 > A seq=101 ack=1501 sack=3502 | INVALID invalid-tcp-ack-over
      0 > A seq=101 ack=1501 sack=3501 | ESTABLISHED ESTABLISHED 300`,
  ],
  [
    'SACK that the receiver did not permit is not looked at',
    `
      0 > S seq=100 sackperm           | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101           | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501            | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 < PA seq=501 ack=101 len=1000  | ESTABLISHED ESTABLISHED 300
      0 > A seq=101 ack=1501 sack=9999 | ESTABLISHED ESTABLISHED 432000`,
  ],
  [
    'be_liberal: no segment out of its window is INVALID, except resets',
    `
      0 > S seq=100                   | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 win=1000 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501           | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 > PA seq=90000 ack=501 len=10 | ESTABLISHED ESTABLISHED 432000
      0 > A seq=101 ack=90000         | ESTABLISHED ESTABLISHED 432000
      0 < R seq=50                    | INVALID invalid-tcp-reset`,
    { tcpBeLiberal: true },
  ],
  [
    'a closed window lets a probe of one byte in',
    `
      0 > S seq=100                 | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 win=10 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501         | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 > PA seq=101 ack=501 len=10 | ESTABLISHED ESTABLISHED 300
      0 < A seq=501 ack=111 win=0   | ESTABLISHED ESTABLISHED 300
      0 > A seq=111 ack=501 len=1   | ESTABLISHED ESTABLISHED 300
      0 > A seq=113 ack=501 len=1   | ESTABLISHED ESTABLISHED 300
      0 > A seq=150 ack=501 len=1   | INVALID invalid-tcp-seq-over`,
  ],
  [
    'picked up in mid-stream both ends are believed, whatever their windows say',
    `
      0 > PA seq=5000 ack=90000 len=10 win=100   | NEW ESTABLISHED 300 [NEW]
      0 < A seq=90000 ack=5010 win=100           | ESTABLISHED ESTABLISHED 300 [UPDATE]
      0 > PA seq=700000 ack=90000 len=10 win=100 | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 < PA seq=900000 ack=1 len=10 win=100     | ESTABLISHED ESTABLISHED 432000`,
  ],
  [
    'a keep-alive was picked up, and its answer acknowledges one more',
    `
      0 > A seq=5000 ack=90000 | NEW ESTABLISHED 300 [NEW]
      0 < A seq=90000 ack=5001 | ESTABLISHED ESTABLISHED 300 [UPDATE]
      0 > A seq=5001 ack=90000 | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`,
  ],
  [
    'a SYN that starts afresh takes higher numbers, and its offer counts; a lower one is old',
    `
      0 > S seq=100 wscale=2           | NEW SYN_SENT 120 [NEW]
      0 > S seq=50 wscale=9            | NEW SYN_SENT 120
      0 > S seq=8000 wscale=5          | NEW SYN_SENT 120
      0 < SA seq=500 ack=8001 wscale=1 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=8001 ack=501           | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`,
  ],
  [
    "another SYN/ACK of the client's in the simultaneous open begins its side again",
    `
      0 > S seq=100                    | NEW SYN_SENT 120 [NEW]
      0 < S seq=500                    | ESTABLISHED SYN_SENT2 120 [UPDATE]
      0 > SA seq=100 ack=501           | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > SA seq=7000 ack=501 win=1000 | ESTABLISHED SYN_RECV 60
      0 < A seq=501 ack=7001           | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 > PA seq=7001 ack=501 len=10   | ESTABLISHED ESTABLISHED 300`,
  ],
  [
    'distances of exactly half the number space are before and after at once',
    `
      0 > S seq=2147483647 sackperm          | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=2147483648 sackperm | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=2147483648 ack=2147484149    | INVALID invalid-tcp-ack-over
      0 > A seq=2147483648 ack=501           | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`,
  ],
  [
    'numbers wrap, and windows with them',
    `
      0 > S seq=4294967290                          | NEW SYN_SENT 120 [NEW]
      0 < SA seq=4294967295 ack=4294967291 win=1000 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=4294967291 ack=0                    | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 > PA seq=4294967291 ack=0 len=100           | ESTABLISHED ESTABLISHED 300
      0 < A seq=0 ack=95 win=1000                   | ESTABLISHED ESTABLISHED 432000
      0 > PA seq=95 ack=0 len=10                    | ESTABLISHED ESTABLISHED 300
      0 > PA seq=5000 ack=0 len=10                  | INVALID invalid-tcp-seq-over`,
  ],
  [
    'a misfit in the handshake leaves it alone',
    `
      0 > S seq=100          | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=900 | INVALID invalid-tcp-ack-over
      0 < SA seq=500 ack=101 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=900  | INVALID invalid-tcp-ack-over
      0 > A seq=101 ack=501  | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`,
  ],
];

describe('TCP windows', () => {
  for (const [name, script, settings] of scripts) {
    test(name, () => {
      play(tcp, script, new Bench(settings));
    });
  }
});
