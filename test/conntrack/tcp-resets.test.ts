/** When a reset closes a connection, and when it is not believed, as Linux 6.18 has it. */
import { describe, test } from 'node:test';
import type { ConntrackSettings } from '../../src/conntrack/index.ts';
import { Bench, play, tcp } from './script.ts';

const handshake = `
      0 > S seq=100          | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501  | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`;

const scripts: readonly (readonly [string, string, Partial<ConntrackSettings>?])[] = [
  [
    'at the number that the receiver has acknowledged it closes',
    `${handshake}
      0 < PA seq=501 ack=101 len=100 | ESTABLISHED ESTABLISHED 300
      0 > A seq=101 ack=601          | ESTABLISHED ESTABLISHED 432000
      0 < R seq=601                  | ESTABLISHED CLOSE 10 [UPDATE]ASSURED`,
  ],
  [
    'under it, it is INVALID',
    `${handshake}
      0 < PA seq=501 ack=101 len=100 | ESTABLISHED ESTABLISHED 300
      0 > A seq=101 ack=601          | ESTABLISHED ESTABLISHED 432000
      0 < R seq=600                  | INVALID invalid-tcp-reset
      0 < RA seq=0 ack=101           | INVALID invalid-tcp-reset
      0 < PA seq=601 ack=101 len=10  | ESTABLISHED ESTABLISHED 300`,
  ],
  [
    'above it, within the window, the end may challenge it: ten seconds, and the state stays',
    `${handshake}
      0 < R seq=700         | ESTABLISHED ESTABLISHED 10
      0 > A seq=101 ack=501 | ESTABLISHED ESTABLISHED 300
      0 < R seq=501         | ESTABLISHED CLOSE 10 [UPDATE]ASSURED`,
  ],
  [
    'right behind data of the same sender it closes',
    `${handshake}
      0 < PA seq=501 ack=101 len=100 | ESTABLISHED ESTABLISHED 300
      0 < R seq=601                  | ESTABLISHED CLOSE 10 [UPDATE]ASSURED`,
  ],
  [
    'over the window it is INVALID',
    `
      0 > S seq=100                  | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101         | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501 win=1000 | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 < R seq=200000               | INVALID invalid-tcp-seq-over`,
  ],
  [
    'ignore_invalid_rst: under the acknowledged number it is valid, and closes nothing',
    `${handshake}
      0 < PA seq=501 ack=101 len=100 | ESTABLISHED ESTABLISHED 300
      0 > A seq=101 ack=601          | ESTABLISHED ESTABLISHED 432000
      0 < R seq=590                  | ESTABLISHED ESTABLISHED 10`,
    { tcpIgnoreInvalidRst: true },
  ],
  [
    'while the connection is closing any reset closes it',
    `${handshake}
      0 > FA seq=101 ack=501 | ESTABLISHED FIN_WAIT 120 [UPDATE]ASSURED
      0 < R seq=3000000000   | ESTABLISHED CLOSE 10 [UPDATE]ASSURED`,
  ],
  [
    'in CLOSE another one is let in, wherever it lies',
    `${handshake}
      0 > R seq=101        | ESTABLISHED CLOSE 10 [UPDATE]ASSURED
      0 < R seq=3000000000 | ESTABLISHED CLOSE 10`,
  ],
  [
    'number 0 before the handshake is done may answer a SYN that was let pass',
    `
      0 > S seq=100          | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=105 ack=501  | ESTABLISHED ESTABLISHED 300 [UPDATE]ASSURED
      0 < RA seq=0 ack=101   | INVALID invalid-tcp-reset`,
  ],
  [
    'the answer to a SYN has no number of its own',
    `
      0 > S seq=4000000000        | NEW SYN_SENT 120 [NEW]
      0 < RA seq=0 ack=4000000001 | ESTABLISHED CLOSE 0`,
  ],
  [
    'with an acknowledgement of 0 the acknowledgement does not count',
    `${handshake}
      0 > RA seq=101 ack=0 | ESTABLISHED CLOSE 10 [UPDATE]ASSURED`,
  ],
  [
    'the answer to a SYN that was let pass closes, though its number fits nothing',
    `${handshake}
      0 > S seq=900000        | ESTABLISHED ESTABLISHED 432000
      0 < RA seq=0 ack=900001 | ESTABLISHED CLOSE 10 [UPDATE]ASSURED`,
  ],
  [
    'from the side of the SYN itself it is no answer',
    `${handshake}
      0 > S seq=900000        | ESTABLISHED ESTABLISHED 432000
      0 > RA seq=0 ack=900001 | INVALID invalid-tcp-ack-over`,
  ],
  [
    "the reset to a half-open connection's ACK that was let pass",
    `
      0 > S seq=100                | NEW SYN_SENT 120 [NEW]
      0 < A seq=900000 ack=5000    | ESTABLISHED SYN_SENT 120 [UPDATE]
      0 > R seq=7000000 ack=900000 | ESTABLISHED CLOSE 10 [UPDATE]`,
  ],
  [
    'the reset to a challenge ACK bears the number that it acknowledged',
    `
      0 > S seq=100             | NEW SYN_SENT 120 [NEW]
      0 < A seq=900000 ack=5000 | ESTABLISHED SYN_SENT 120 [UPDATE]
      0 > R seq=5000            | ESTABLISHED CLOSE 10 [UPDATE]`,
  ],
  [
    'a reset that answers neither is checked as any segment',
    `
      0 > S seq=100             | NEW SYN_SENT 120 [NEW]
      0 < A seq=900000 ack=5000 | ESTABLISHED SYN_SENT 120 [UPDATE]
      0 > R seq=7000000         | INVALID invalid-tcp-seq-over`,
  ],
];

describe('TCP resets', () => {
  for (const [name, script, settings] of scripts) {
    test(name, () => {
      play(tcp, script, new Bench(settings));
    });
  }
});
