/**
 * The scenarios of the kernel's own tests of TCP tracking (tools/testing/selftests/net/netfilter,
 * packetdrill/conntrack_*.pkt), with numbers in the same relation; the results are those of 6.18.
 */
import { describe, test } from 'node:test';
import { Bench, play, tcp } from './script.ts';

const scripts: readonly (readonly [string, string])[] = [
  [
    'conntrack_ack_loss_stall: data that was acknowledged, sent again, is let pass',
    `
      0 < S seq=1000 win=32792                   | NEW SYN_SENT 120 [NEW]
      0 > SA seq=7000 ack=1001                   | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 < A seq=1001 ack=7001                    | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 < PA seq=1001 ack=7001 len=8000 win=257  | ESTABLISHED ESTABLISHED 300
      0 > A seq=7001 ack=9001                    | ESTABLISHED ESTABLISHED 432000
      0 < PA seq=9001 ack=7001 len=8000 win=257  | ESTABLISHED ESTABLISHED 300
      0 > A seq=7001 ack=17001                   | ESTABLISHED ESTABLISHED 432000
      0 < PA seq=17001 ack=7001 len=8000 win=257 | ESTABLISHED ESTABLISHED 300
      0 > A seq=7001 ack=25001                   | ESTABLISHED ESTABLISHED 432000
      0 < PA seq=25001 ack=7001 len=8000 win=257 | ESTABLISHED ESTABLISHED 300
      0 > A seq=7001 ack=33001                   | ESTABLISHED ESTABLISHED 432000
      0 < PA seq=33001 ack=7001 len=8000 win=257 | ESTABLISHED ESTABLISHED 300
      0 > A seq=7001 ack=41001                   | ESTABLISHED ESTABLISHED 432000
      0 < PA seq=41001 ack=7001 len=8000 win=257 | ESTABLISHED ESTABLISHED 300
      0 > A seq=7001 ack=49001                   | ESTABLISHED ESTABLISHED 432000
      0 < PA seq=49001 ack=7001 len=8000 win=257 | ESTABLISHED ESTABLISHED 300
      0 > A seq=7001 ack=57001                   | ESTABLISHED ESTABLISHED 432000
      0 < PA seq=57001 ack=7001 len=8000 win=257 | ESTABLISHED ESTABLISHED 300
      0 > A seq=7001 ack=65001                   | ESTABLISHED ESTABLISHED 432000
      0 < PA seq=65001 ack=7001 len=8000 win=257 | ESTABLISHED ESTABLISHED 300
      0 > A seq=7001 ack=73001                   | ESTABLISHED ESTABLISHED 432000
      0 < PA seq=1001 ack=7001 len=1460 win=257  | ESTABLISHED ESTABLISHED 432000
      0 > A seq=7001 ack=73001                   | ESTABLISHED ESTABLISHED 432000`,
  ],
  [
    'conntrack_inexact_rst: a closing connection takes a reset that does not match exactly',
    `
      0 > S seq=1000 wscale=8 sackperm  | NEW SYN_SENT 120 [NEW]
      0 < SA seq=2001 ack=1001          | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=1001 ack=2002           | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 < A seq=2002 ack=1001 len=1000  | ESTABLISHED ESTABLISHED 300
      0 < A seq=3002 ack=1001 len=1000  | ESTABLISHED ESTABLISHED 300
      0 < A seq=4002 ack=1001 len=1000  | ESTABLISHED ESTABLISHED 300
      0 > A seq=1001 ack=3002           | ESTABLISHED ESTABLISHED 300
      0 > A seq=1001 ack=4002           | ESTABLISHED ESTABLISHED 300
      0 > A seq=1001 ack=5002           | ESTABLISHED ESTABLISHED 432000
      0 > PA seq=1001 ack=5002 len=1000 | ESTABLISHED ESTABLISHED 300
      0 < FA seq=5002 ack=2001          | ESTABLISHED FIN_WAIT 120 [UPDATE]ASSURED
      0 > A seq=2001 ack=5003           | ESTABLISHED CLOSE_WAIT 60 [UPDATE]ASSURED
      0 > RA seq=2001 ack=5003          | ESTABLISHED CLOSE 10 [UPDATE]ASSURED
      0 < R seq=4002 win=0              | ESTABLISHED CLOSE 10`,
  ],
  [
    'conntrack_rst_invalid: only the exact number closes',
    `
      0 > S seq=1000 wscale=8 sackperm  | NEW SYN_SENT 120 [NEW]
      0 < SA seq=2001 ack=1001          | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=1001 ack=2002           | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 < A seq=2002 ack=1001 len=1000  | ESTABLISHED ESTABLISHED 300
      0 < A seq=3002 ack=1001 len=1000  | ESTABLISHED ESTABLISHED 300
      0 < A seq=4002 ack=1001 len=1000  | ESTABLISHED ESTABLISHED 300
      0 > A seq=1001 ack=3002           | ESTABLISHED ESTABLISHED 300
      0 > A seq=1001 ack=4002           | ESTABLISHED ESTABLISHED 300
      0 > A seq=1001 ack=5002           | ESTABLISHED ESTABLISHED 432000
      0 < R seq=2001 win=0              | INVALID invalid-tcp-reset
      0 < R seq=1002001 win=0           | INVALID invalid-tcp-seq-over
      0 < R seq=2043 win=0              | INVALID invalid-tcp-reset
      0 > PA seq=1001 ack=5002 len=1000 | ESTABLISHED ESTABLISHED 300
      0 < A seq=5002 ack=2001           | ESTABLISHED ESTABLISHED 432000
      0 < RA seq=5001 ack=2001 win=0    | INVALID invalid-tcp-reset
      0 < RA seq=5002 ack=2001 win=0    | ESTABLISHED CLOSE 10 [UPDATE]ASSURED`,
  ],
  [
    'conntrack_syn_challenge_ack: the challenge ACK of an old connection, its reset, and the SYN again',
    `
      0 > S seq=1000 wscale=8 sackperm          | NEW SYN_SENT 120 [NEW]
      0 < A seq=145825453 ack=643161523 win=240 | ESTABLISHED SYN_SENT 120 [UPDATE]
      0 > R seq=643161523 win=0                 | ESTABLISHED CLOSE 10 [UPDATE]
      0 > S seq=1000 wscale=8 sackperm          | NEW SYN_SENT 120 [DESTROY] [NEW]
      0 < SA seq=3000 ack=1001 win=250          | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=1001 ack=3001 win=256           | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED`,
  ],
  [
    'conntrack_synack_old: the SYN/ACK of an old connection is INVALID, the right one fits',
    `
      0 > S seq=1000 wscale=8 sackperm                    | NEW SYN_SENT 120 [NEW]
      0 < SA seq=145825453 ack=643161523 win=240 wscale=0 | INVALID invalid-tcp-ack-over
      0 > S seq=1000 wscale=8 sackperm                    | NEW SYN_SENT 120
      0 < SA seq=145759918 ack=1001 win=250 wscale=0      | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 > A seq=1001 ack=145759919 win=256                | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 > PA seq=1001 ack=145759919 win=256 len=1         | ESTABLISHED ESTABLISHED 300`,
  ],
  [
    'conntrack_synack_reuse: a SYN in ESTABLISHED, the challenge ACK, its reset, and the SYN again',
    `
      0 < S seq=1000 win=32792 wscale=7        | NEW SYN_SENT 120 [NEW]
      0 > SA seq=5000 ack=1001 wscale=8        | ESTABLISHED SYN_RECV 60 [UPDATE]
      0 < A seq=1001 ack=5001 win=257          | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
      0 < PA seq=1001 ack=5001 len=100 win=257 | ESTABLISHED ESTABLISHED 300
      0 > A seq=5001 ack=1101 win=256          | ESTABLISHED ESTABLISHED 432000
      0 < S seq=3000 win=32792 wscale=7        | ESTABLISHED ESTABLISHED 432000
      0 > A seq=5001 ack=1101 win=256          | ESTABLISHED ESTABLISHED 432000
      0 < RA seq=1101 ack=5001 win=257         | ESTABLISHED CLOSE 10 [UPDATE]ASSURED
      0 < S seq=3000 win=32792 wscale=0        | NEW SYN_SENT 120 [DESTROY] [NEW]
      0 > SA seq=9000 ack=3001                 | ESTABLISHED SYN_RECV 60 [UPDATE]`,
  ],
];

describe('TCP scenarios of the tests of Linux', () => {
  for (const [name, script] of scripts) {
    test(name, () => {
      play(tcp, script, new Bench());
    });
  }
});
