/** Segments that do not fit the state, and are let pass because the ends may know better. */
import { describe, test } from 'node:test';
import { Bench, play, tcp } from './script.ts';

const handshake = `
      0 > S seq=100          | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501  | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`;

const scripts: readonly (readonly [string, string])[] = [
  [
    'a SYN/ACK that answers an ignored SYN starts again from both',
    `
      0 > S seq=100 wscale=7 sackperm                          | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 wscale=7 sackperm                 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501 win=1000                           | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 > S seq=900000 win=2000 wscale=2 sackperm              | ESTABLISHED ESTABLISHED 432000
      0 < SA seq=4000000 ack=900001 win=3000 wscale=3 sackperm | ESTABLISHED SYN_RECV 60 [UPDATE]ASSURED
      0 > A seq=900001 ack=4000001 win=500                     | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 > PA seq=900001 ack=4000001 win=500 len=10             | ESTABLISHED ESTABLISHED 300
      0 < PA seq=4002002 ack=900001 win=375 len=10             | ESTABLISHED ESTABLISHED 300
      0 < PA seq=4002001 ack=900001 win=375 len=10             | ESTABLISHED ESTABLISHED 300`,
  ],
  [
    'a challenge ACK to a SYN in LAST_ACK is not that of the last FIN',
    `${handshake}
      0 > FA seq=101 ack=501 | ESTABLISHED FIN_WAIT 120 [UPDATE]ASSURED
      0 < FA seq=501 ack=102 | ESTABLISHED LAST_ACK 30 [UPDATE]ASSURED
      0 > S seq=70000        | ESTABLISHED LAST_ACK 30
      0 < A seq=502 ack=102  | ESTABLISHED LAST_ACK 30
      0 > R seq=102          | ESTABLISHED CLOSE 10 [UPDATE]ASSURED`,
  ],
  [
    'without the SYN it is',
    `${handshake}
      0 > FA seq=101 ack=501 | ESTABLISHED FIN_WAIT 120 [UPDATE]ASSURED
      0 < FA seq=501 ack=102 | ESTABLISHED LAST_ACK 30 [UPDATE]ASSURED
      0 > A seq=102 ack=502  | ESTABLISHED TIME_WAIT 120 [UPDATE]ASSURED`,
  ],
  [
    'and only once',
    `${handshake}
      0 > FA seq=101 ack=501 | ESTABLISHED FIN_WAIT 120 [UPDATE]ASSURED
      0 < FA seq=501 ack=102 | ESTABLISHED LAST_ACK 30 [UPDATE]ASSURED
      0 > S seq=70000        | ESTABLISHED LAST_ACK 30
      0 < A seq=502 ack=102  | ESTABLISHED LAST_ACK 30
      0 < A seq=502 ack=102  | ESTABLISHED TIME_WAIT 120 [UPDATE]ASSURED`,
  ],
  [
    'simultaneous open: the ACK of either side completes it',
    `
      0 > S seq=100                 | NEW SYN_SENT 120 [NEW]
      0 < S seq=500                 | ESTABLISHED SYN_SENT2 120 [UPDATE]
      0 > SA seq=100 ack=501        | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 < A seq=501 ack=101         | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 > PA seq=101 ack=501 len=10 | ESTABLISHED ESTABLISHED 300`,
  ],
  [
    "in an ordinary open the server's ACK does not",
    `
      0 > S seq=100          | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 < A seq=501 ack=101  | ESTABLISHED SYN_RECV 60
      0 > A seq=101 ack=501  | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`,
  ],
  [
    'a SYN in CLOSE without an orderly close, from the side that did not reset, is let pass',
    `${handshake}
      0 < R seq=501   | ESTABLISHED CLOSE 10 [UPDATE]ASSURED
      0 > S seq=90000 | ESTABLISHED CLOSE 10
      0 > S seq=90000 | ESTABLISHED CLOSE 10`,
  ],
  [
    'and from the side that did, it opens a new connection',
    `${handshake}
      0 > R seq=101   | ESTABLISHED CLOSE 10 [UPDATE]ASSURED
      0 > S seq=90000 | NEW SYN_SENT 120 [DESTROY] [NEW]`,
  ],
];

describe('TCP segments out of step', () => {
  for (const [name, script] of scripts) {
    test(name, () => {
      play(tcp, script, new Bench());
    });
  }
});
