/** Corners of the window rules where a wrong bound would show only once, as Linux 6.18 has them. */
import { describe, test } from 'node:test';
import { Bench, play, tcp } from './script.ts';

const handshake = `
      0 > S seq=100          | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501  | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`;

const scripts: readonly (readonly [string, string])[] = [
  [
    'a SYN that announces no window is known all the same',
    `
      0 > S seq=100 win=0      | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101   | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=700000 ack=501 | INVALID invalid-tcp-seq-over
      0 > A seq=101 ack=501    | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`,
  ],
  [
    'behind a closed window one byte fits',
    `
      0 > S seq=100                 | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 win=10 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501         | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 > PA seq=101 ack=501 len=10 | ESTABLISHED ESTABLISHED 300
      0 < A seq=501 ack=111 win=0   | ESTABLISHED ESTABLISHED 300
      1 > A seq=112 ack=501 len=1   | ESTABLISHED ESTABLISHED 300
      2 > A seq=114 ack=501 len=1   | ESTABLISHED ESTABLISHED 299`,
  ],
  [
    'a reset with number 0 in the handshake, below what is acknowledged',
    `
      0 > S seq=100          | NEW SYN_SENT 120 [NEW]
      0 < S seq=500          | ESTABLISHED SYN_SENT2 120 [UPDATE]
      0 > SA seq=100 ack=501 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 < R seq=0            | ESTABLISHED CLOSE 10 [UPDATE]`,
  ],
  [
    'a reset that acknowledges 0, where that is far away',
    `
      0 > S seq=1000000              | NEW SYN_SENT 120 [NEW]
      0 < SA seq=5000000 ack=1000001 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=1000001 ack=5000001  | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 > RA seq=1000001 ack=0       | ESTABLISHED CLOSE 10 [UPDATE]ASSURED`,
  ],
  [
    'a reset with number 0 to a SYN, where that is far away',
    `
      0 > S seq=4000000000 | NEW SYN_SENT 120 [NEW]
      0 > R seq=0          | NEW CLOSE 0`,
  ],
  [
    'the window of an ignored SYN bounds what its answerer may send too much',
    `${handshake}
      0 > S seq=900000 win=10             | ESTABLISHED ESTABLISHED 432000
      0 < SA seq=4000000 ack=900001       | ESTABLISHED SYN_RECV 60 [UPDATE]ASSURED
      0 < PA seq=4000002 ack=900001 len=9 | INVALID invalid-tcp-seq-over
      0 < PA seq=4000002 ack=900001 len=8 | ESTABLISHED SYN_RECV 60`,
  ],
];

describe('TCP corners', () => {
  for (const [name, script] of scripts) {
    test(name, () => {
      play(tcp, script, new Bench());
    });
  }
});
