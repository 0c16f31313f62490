/** The rows of the table: which figure of which test, and what is asked of it. */

/** What is asked: a factor to the side compared with, or a limit of the figure itself. */
export type Demand =
  | { readonly kind: 'more' | 'less'; readonly atLeast: number; readonly aim: number }
  | { readonly kind: 'limit'; readonly atLeast: number; readonly aim: number }
  | { readonly kind: 'none' };

export interface Row {
  /** Name of the test. */
  readonly test: string;
  /** Name of its figure. */
  readonly figure: string;
  readonly title: string;
  readonly digits: number;
  readonly demand: Demand;
}

const more = (atLeast: number, aim: number): Demand => ({ kind: 'more', atLeast, aim });
const less = (atLeast: number, aim: number): Demand => ({ kind: 'less', atLeast, aim });
const limit = (atLeast: number, aim: number): Demand => ({ kind: 'limit', atLeast, aim });
const none: Demand = { kind: 'none' };

/** With 10,000 rules: ten times the kernel, aim 25 times; for a time, the tenth part of it. */
const tenfold = more(10, 25);
const tenth = less(0.1, 0.04);

const row = (test: string, figure: string, title: string, digits: number, demand: Demand): Row => ({
  test,
  figure,
  title,
  digits,
  demand,
});

export const rows: readonly Row[] = [
  row('bulk', 'gbitPerSecond', 'TCP bulk, Gbit/s', 1, more(1, 1.15)),
  row('file', 'gbitPerSecond', 'FTP, 1 GiB file, Gbit/s', 1, more(1, 1.15)),
  row('bulk-plain', 'gbitPerSecond', 'TCP bulk, offloads off, Gbit/s', 2, more(1.15, 1.3)),
  row('udp', 'packetsPerSecond', 'UDP, 64-byte frames, packets/s', 0, more(1, 1.3)),
  row('latency', 'p50Micros', 'request and answer, p50, us', 1, less(1, 0.9)),
  row('latency', 'p99Micros', 'request and answer, p99, us', 1, less(1, 0.9)),
  row('bulk-rules', 'gbitPerSecond', '10,000 rules: TCP bulk, Gbit/s', 1, tenfold),
  row('file-rules', 'gbitPerSecond', '10,000 rules: FTP file, Gbit/s', 1, tenfold),
  row('bulk-plain-rules', 'gbitPerSecond', '10,000 rules: bulk, offloads off', 2, tenfold),
  row('udp-rules', 'packetsPerSecond', '10,000 rules: UDP, packets/s', 0, tenfold),
  row('latency-rules', 'p50Micros', '10,000 rules: answer, p50, us', 1, tenth),
  row('latency-rules', 'p99Micros', '10,000 rules: answer, p99, us', 1, tenth),
  row('pasv', 'sessionsPerSecond', 'FTP sessions/s, PASV, 4 KiB', 0, more(0.6, 1)),
  row('pasv', 'p50Millis', 'FTP session, PASV, p50, ms', 2, none),
  row('pasv', 'p99Millis', 'FTP session, PASV, p99, ms', 2, none),
  row('port', 'sessionsPerSecond', 'FTP sessions/s, PORT, 4 KiB', 0, more(0.6, 1)),
  row('port', 'p50Millis', 'FTP session, PORT, p50, ms', 2, none),
  row('port', 'p99Millis', 'FTP session, PORT, p99, ms', 2, none),
  row('connects', 'connectsPerSecond', 'connect, 1 byte, close, per s', 0, more(0.5, 1)),
  row('flows', 'bytes', 'memory per connection, bytes', 0, limit(382, 300)),
  row('flows', 'fewFlows', 'UDP over 1,000 flows, packets/s', 0, none),
  row('flows', 'manyFlows', 'UDP over 500,000 flows, packets/s', 0, none),
  row('flows', 'costRatio', 'cost of a packet, 500,000 to 1,000', 2, limit(1.5, 1.2)),
];
