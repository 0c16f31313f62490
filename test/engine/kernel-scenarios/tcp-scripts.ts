/**
 * What the kernel's packetdrill tests of connection tracking are about, seen by a gateway that has both
 * ends on its sides; the numbers are our own. Each line was compared with Linux 6.18.
 */

const oldAnswer = `
    client S  0 win 65535 <mss 1460,sack,ws 8>     | NEW         | SYN_SENT 120 UNREPLIED | new
    server SA 146000000 ack 640000500 win 240 <mss 1440,ws 0> | INVALID dropped | SYN_SENT 120 UNREPLIED |
    wait 1
    client S  0 win 65535 <mss 1460,sack,ws 8>     | NEW         | SYN_SENT 119 UNREPLIED |`;

/** Script by the name of the kernel's test. */
export const tcpScripts: Readonly<Record<string, string>> = {
  // More than a whole window has been acknowledged, but the client has not heard of it: it goes back to
  // its first segment. That lies below the window, and has to pass, or the two would wait for ever.
  conntrack_ack_loss_stall: `
    client S  0       win 32000 <mss 1400>  | NEW         | SYN_SENT 120 UNREPLIED     | new
    server SA 0 ack 1 win 65535 <mss 1460>  | ESTABLISHED | SYN_RECV 60                | update
    client A  1 ack 1 win 65535             | ESTABLISHED | ESTABLISHED 432000 ASSURED | update
    ${acknowledged(51, 1400)}
    wait 3
    client PA 1+1400     ack 1 win 260      | ESTABLISHED | ESTABLISHED 431997 ASSURED |
    server A  1 ack 71401                   | ESTABLISHED | ESTABLISHED 432000 ASSURED |
    # Part of it is new: not the retransmission of something acknowledged.
    client PA 71401+100  ack 1 win 260      | ESTABLISHED | ESTABLISHED 300 ASSURED    |
    client PA 1+1400     ack 1 win 260      | ESTABLISHED | ESTABLISHED 300 ASSURED    |
    server A  1 ack 71501                   | ESTABLISHED | ESTABLISHED 432000 ASSURED |
    client PA 537501+100 ack 1 win 260      | INVALID dropped | ESTABLISHED 432000 ASSURED |
  `,
  // The server has said FIN; the client closes with data unread, by a reset. The connection is over then,
  // and a late reset of the server, which knows nothing any more, is not INVALID though it fits nowhere.
  conntrack_inexact_rst: `
    client S  0 win 65535 <mss 1460,ws 8>   | NEW         | SYN_SENT 120 UNREPLIED     | new
    server SA 0 ack 1 <mss 1460>            | ESTABLISHED | SYN_RECV 60                | update
    client A  1 ack 1                       | ESTABLISHED | ESTABLISHED 432000 ASSURED | update
    server A  1+900    ack 1                | ESTABLISHED | ESTABLISHED 300 ASSURED    |
    server A  901+900  ack 1                | ESTABLISHED | ESTABLISHED 300 ASSURED    |
    server A  1801+900 ack 1                | ESTABLISHED | ESTABLISHED 300 ASSURED    |
    client A  1 ack 901                     | ESTABLISHED | ESTABLISHED 300 ASSURED    |
    client A  1 ack 1801                    | ESTABLISHED | ESTABLISHED 300 ASSURED    |
    client A  1 ack 2701                    | ESTABLISHED | ESTABLISHED 432000 ASSURED |
    client PA 1+800  ack 2701               | ESTABLISHED | ESTABLISHED 300 ASSURED    |
    server FA 2701   ack 801                | ESTABLISHED | FIN_WAIT 120 ASSURED       | update
    client A  801    ack 2702               | ESTABLISHED | CLOSE_WAIT 60 ASSURED      | update
    wait 1
    client RA 801    ack 2702               | ESTABLISHED | CLOSE 10 ASSURED           | update
    wait 0.1
    server R  1801   win 0                  | ESTABLISHED | CLOSE 10 ASSURED           |
    wait 11
    client A  801    ack 2702               | NEW         | ESTABLISHED 300 UNREPLIED  | destroy new
  `,
  // Only a reset with exactly the next number ends a connection (RFC 5961 section 3).
  conntrack_rst_invalid: `
    client S  0 win 65535 <mss 1460,ws 8>   | NEW         | SYN_SENT 120 UNREPLIED     | new
    server SA 0 ack 1 <mss 1460>            | ESTABLISHED | SYN_RECV 60                | update
    client A  1 ack 1                       | ESTABLISHED | ESTABLISHED 432000 ASSURED | update
    server A  1+1200    ack 1               | ESTABLISHED | ESTABLISHED 300 ASSURED    |
    server A  1201+1200 ack 1               | ESTABLISHED | ESTABLISHED 300 ASSURED    |
    client A  1 ack 1201                    | ESTABLISHED | ESTABLISHED 300 ASSURED    |
    client A  1 ack 2401                    | ESTABLISHED | ESTABLISHED 432000 ASSURED |
    wait 5
    # Below the window, above it, and within it but not the next number.
    server R  0       win 0                 | INVALID dropped | ESTABLISHED 431995 ASSURED |
    server R  1000000 win 0                 | INVALID dropped | ESTABLISHED 431995 ASSURED |
    server R  77      win 0                 | INVALID dropped | ESTABLISHED 431995 ASSURED |
    client PA 1+1000 ack 2401               | ESTABLISHED | ESTABLISHED 300 ASSURED    |
    server A  2401   ack 1001               | ESTABLISHED | ESTABLISHED 432000 ASSURED |
    server RA 2400   ack 1001 win 0         | INVALID dropped | ESTABLISHED 432000 ASSURED |
    server RA 2401   ack 1001 win 0         | ESTABLISHED | CLOSE 10 ASSURED           | update
    wait 11
    client A  1001   ack 2401               | NEW         | ESTABLISHED 300 UNREPLIED  | destroy new
  `,
  // A reset ahead of the next number may be one: it passes, but its end has to confirm it first. Until
  // something else is heard, the connection has as long to live as a closed one. What lies between counts
  // as data that the client has not acknowledged.
  'conntrack_rst_invalid, ahead of the next number': `
    client S  0 win 65535 <mss 1460,ws 8>   | NEW         | SYN_SENT 120 UNREPLIED     | new
    server SA 0 ack 1 <mss 1460>            | ESTABLISHED | SYN_RECV 60                | update
    client A  1 ack 1                       | ESTABLISHED | ESTABLISHED 432000 ASSURED | update
    client A  1+500 ack 1                   | ESTABLISHED | ESTABLISHED 300 ASSURED    |
    server R  90 win 0                      | ESTABLISHED | ESTABLISHED 10 ASSURED     |
    wait 2
    client A  501 ack 1                     | ESTABLISHED | ESTABLISHED 300 ASSURED    |
    server A  1 ack 501                     | ESTABLISHED | ESTABLISHED 300 ASSURED    |
    server R  90 win 0                      | ESTABLISHED | ESTABLISHED 10 ASSURED     |
    server R  1 win 0                       | ESTABLISHED | CLOSE 10 ASSURED           | update
  `,
  // The server still has a connection of the same ports and answers the SYN by an acknowledgement of it
  // (RFC 5961 section 4); the client resets that one and asks again. The gateway knew nothing of it.
  conntrack_syn_challenge_ack: `
    client S  0 win 65535 <mss 1460,sack,ws 8>     | NEW         | SYN_SENT 120 UNREPLIED | new
    server A  146000000 ack 640000500 win 240      | ESTABLISHED | SYN_SENT 120           | update
    client R  640000500 win 0                      | ESTABLISHED | CLOSE 10               | update
    wait 1
    client S  0 win 65535 <mss 1460,sack,ws 8>     | NEW         | SYN_SENT 120 UNREPLIED | destroy new
    server SA 0 ack 1 win 250 <mss 1460,ws 0>      | ESTABLISHED | SYN_RECV 60            | update
    client A  1 ack 1 win 256                      | ESTABLISHED | ESTABLISHED 432000 ASSURED | update
  `,
  // The answer to a SYN of long ago comes in between; it must not stand in the way of the right one,
  // whose number may lie before the old one's or behind it.
  conntrack_synack_old: synackOld(145_940_000),
  'conntrack_synack_old, a greater number': synackOld(162_700_000),
  // Too far before: it passes as something acknowledged long ago, and the state does not move.
  'conntrack_synack_old, a much smaller number': `
    ${oldAnswer}
    server SA 145900000 ack 1 win 250 <mss 1460,ws 0> | ESTABLISHED | SYN_SENT 119           | update
    client A  1 ack 145900001 win 256              | INVALID dropped | SYN_SENT 119           |
  `,
  // The client begins anew while the server's connection stands: challenge, reset, and the SYN again.
  conntrack_synack_reuse: `
    client S  0 win 32000 <mss 1000,ws 7>          | NEW         | SYN_SENT 120 UNREPLIED | new
    server SA 0 ack 1 <mss 1460,ws 8>              | ESTABLISHED | SYN_RECV 60            | update
    client A  1 ack 1 win 257                      | ESTABLISHED | ESTABLISHED 432000 ASSURED | update
    client PA 1+100 ack 1 win 257                  | ESTABLISHED | ESTABLISHED 300 ASSURED |
    server A  1 ack 101 win 256                    | ESTABLISHED | ESTABLISHED 432000 ASSURED |
    wait 1
    client S  3000 win 32000 <mss 1000,ws 7>       | ESTABLISHED | ESTABLISHED 431999 ASSURED |
    server A  1 ack 101 win 256                    | ESTABLISHED | ESTABLISHED 432000 ASSURED |
    client RA 101 ack 1 win 257                    | ESTABLISHED | CLOSE 10 ASSURED       | update
    wait 1.5
    client S  3000 win 32000 <mss 1000,ws 0>       | NEW         | SYN_SENT 120 UNREPLIED | destroy new
    server SA 70000 ack 3001 <mss 1460,ws 8>       | ESTABLISHED | SYN_RECV 60            | update
    client A  3001 ack 70001 win 257               | ESTABLISHED | ESTABLISHED 432000 ASSURED | update
  `,
};

/** Segments of the client, each acknowledged at once. */
function acknowledged(count: number, length: number): string {
  const pairs = Array.from({ length: count }, (_, n) => {
    const seq = 1 + n * length;
    return `
      client PA ${seq}+${length} ack 1 win 260 | ESTABLISHED | ESTABLISHED 300 ASSURED    |
      server A  1 ack ${seq + length}          | ESTABLISHED | ESTABLISHED 432000 ASSURED |`;
  });
  return pairs.join('\n');
}

/** The right answer, with this number, after the old one. */
function synackOld(seq: number): string {
  return `
    ${oldAnswer}
    server SA ${seq} ack 1 win 250 <mss 1460,ws 0> | ESTABLISHED | SYN_RECV 60            | update
    client PA 1+1 ack ${seq + 1} win 256           | ESTABLISHED | ESTABLISHED 300 ASSURED | update
    server A  ${seq + 1} ack 2 win 250             | ESTABLISHED | ESTABLISHED 432000 ASSURED |`;
}
