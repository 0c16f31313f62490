/** When a connection lives for less than its state's timeout, as Linux 6.18 has it. */
import { describe, test } from 'node:test';
import {
  type ConntrackSettings,
  defaultTimeouts,
  TcpState,
  type Timeouts,
} from '../../src/conntrack/index.ts';
import { Bench, play, tcp } from './script.ts';

const handshake = `
      0 > S seq=100          | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101 | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501  | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`;

function establishedFor(seconds: number): Timeouts {
  const timeouts = defaultTimeouts();
  timeouts.tcp[TcpState.Established] = seconds;
  return timeouts;
}

const scripts: readonly (readonly [string, string, Partial<ConntrackSettings>?])[] = [
  [
    'data that nobody has acknowledged: 300 s, until it is',
    `${handshake}
      0 > PA seq=101 ack=501 len=10 | ESTABLISHED ESTABLISHED 300
      0 < A seq=501 ack=106         | ESTABLISHED ESTABLISHED 300
      0 < A seq=501 ack=111         | ESTABLISHED ESTABLISHED 432000`,
  ],
  [
    "either side's data",
    `${handshake}
      0 > PA seq=101 ack=501 len=10 | ESTABLISHED ESTABLISHED 300
      0 < PA seq=501 ack=111 len=10 | ESTABLISHED ESTABLISHED 300
      0 > A seq=111 ack=511         | ESTABLISHED ESTABLISHED 432000`,
  ],
  [
    'the same acknowledging segment three times again: 300 s, until another one comes',
    `${handshake}
      0 > A seq=101 ack=501 | ESTABLISHED ESTABLISHED 432000
      0 > A seq=101 ack=501 | ESTABLISHED ESTABLISHED 432000
      0 > A seq=101 ack=501 | ESTABLISHED ESTABLISHED 300
      0 < A seq=501 ack=101 | ESTABLISHED ESTABLISHED 432000`,
  ],
  [
    'a segment of the other side begins the count anew',
    `${handshake}
      0 > A seq=101 ack=501 | ESTABLISHED ESTABLISHED 432000
      0 > A seq=101 ack=501 | ESTABLISHED ESTABLISHED 432000
      0 < A seq=501 ack=101 | ESTABLISHED ESTABLISHED 432000
      0 > A seq=101 ack=501 | ESTABLISHED ESTABLISHED 432000`,
  ],
  [
    'with another window it is another segment',
    `${handshake}
      0 > A seq=101 ack=501           | ESTABLISHED ESTABLISHED 432000
      0 > A seq=101 ack=501           | ESTABLISHED ESTABLISHED 432000
      0 > A seq=101 ack=501 win=65534 | ESTABLISHED ESTABLISHED 432000`,
  ],
  [
    'a window of 0: 300 s',
    `${handshake}
      0 < A seq=501 ack=101 win=0 | ESTABLISHED ESTABLISHED 300
      0 < A seq=501 ack=101 win=1 | ESTABLISHED ESTABLISHED 432000`,
  ],
  [
    'a shorter timeout of the state stays',
    `
      0 > S seq=100                 | NEW SYN_SENT 120 [NEW]
      0 < SA seq=500 ack=101        | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=101 ack=501         | ESTABLISHED ESTABLISHED 200 [UPDATE]ASSURED
      0 > PA seq=101 ack=501 len=10 | ESTABLISHED ESTABLISHED 200
      0 < A seq=501 ack=111 win=0   | ESTABLISHED ESTABLISHED 200`,
    { timeouts: establishedFor(200) },
  ],
  [
    'out of their windows a FIN and the reset that answers it shorten the five days',
    `${handshake}
      0 > FA seq=900000 ack=501 | INVALID invalid-tcp-seq-over
      0 < FA seq=900000 ack=101 | INVALID invalid-tcp-seq-over`,
  ],
  [
    'from the same side they do not',
    `${handshake}
      0 > FA seq=900000 ack=501 | INVALID invalid-tcp-seq-over
      0 > FA seq=900000 ack=501 | INVALID invalid-tcp-seq-over`,
  ],
];

describe('TCP timeouts', () => {
  for (const [name, script, settings] of scripts) {
    test(name, () => {
      play(tcp, script, new Bench(settings));
    });
  }
});
