import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Clock } from '../../src/base/index.ts';
import {
  bucketsForMemory,
  Conntrack,
  defaultConntrackSettings,
  type FragmentLimits,
  readSysctl,
  type SysctlError,
  type SysctlSubject,
  sysctlNames,
  sysctlsOfStart,
  sysctlsOfTracker,
  writeSysctls,
} from '../../src/conntrack/index.ts';

/** `sysctl -a` of Linux 6.18 in a fresh network namespace of a machine with 24 GB. */
const LISTED = `
acct = 0
buckets = 262144
checksum = 1
count = 0
events = 2
expect_max = 4096
frag6_high_thresh = 4194304
frag6_low_thresh = 3145728
frag6_timeout = 60
generic_timeout = 600
gre_timeout = 30
gre_timeout_stream = 180
icmp_timeout = 30
icmpv6_timeout = 30
log_invalid = 0
max = 262144
sctp_timeout_closed = 10
sctp_timeout_cookie_echoed = 3
sctp_timeout_cookie_wait = 3
sctp_timeout_established = 210
sctp_timeout_heartbeat_sent = 30
sctp_timeout_shutdown_ack_sent = 3
sctp_timeout_shutdown_recd = 3
sctp_timeout_shutdown_sent = 3
tcp_be_liberal = 0
tcp_ignore_invalid_rst = 0
tcp_loose = 1
tcp_max_retrans = 3
tcp_timeout_close = 10
tcp_timeout_close_wait = 60
tcp_timeout_established = 432000
tcp_timeout_fin_wait = 120
tcp_timeout_last_ack = 30
tcp_timeout_max_retrans = 300
tcp_timeout_syn_recv = 60
tcp_timeout_syn_sent = 120
tcp_timeout_time_wait = 120
tcp_timeout_unacknowledged = 300
timestamp = 0
udp_timeout = 30
udp_timeout_stream = 120
`
  .trim()
  .split('\n')
  .map((line) => `nf_conntrack_${line}`);

function fragmentLimits(): FragmentLimits {
  return { ipv6TimeoutSec: 60, memoryBytes: 4_194_304, ipv6LowBytes: 3_145_728 };
}

function beforeStart(): SysctlSubject {
  return sysctlsOfStart(defaultConntrackSettings(), fragmentLimits());
}

function running(maximum = 262_144): { conntrack: Conntrack; subject: SysctlSubject } {
  const conntrack = new Conntrack(new Clock(), { ...defaultConntrackSettings(), maximum }, 1);
  return { conntrack, subject: sysctlsOfTracker(conntrack, fragmentLimits()) };
}

function full(name: string): string {
  return `nf_conntrack_${name}`;
}

/** What is there after a write, or the code of the refusal. */
function written(subject: SysctlSubject, name: string, value: string): string {
  const before = readSysctl(subject, full(name));
  try {
    writeSysctls(subject, [{ name: full(name), value }]);
    return readSysctl(subject, full(name));
  } catch (error) {
    assert.equal(readSysctl(subject, full(name)), before, 'a refused write changes nothing');
    return (error as SysctlError).code;
  }
}

test('names, order and defaults are those of the kernel, but for accounting, which costs nothing', () => {
  const { subject } = running();
  const listed = sysctlNames.map((name) => `${name} = ${readSysctl(subject, name)}`);
  const ours = LISTED.map((line) => line.replace('acct = 0', 'acct = 1'));
  assert.deepEqual(listed, ours);
});

test('each is set to what it was not, and says so; none changes another', () => {
  const { subject } = running(1024);
  const settable = sysctlNames.filter((name) => !/count|frag6_high/.test(name));
  for (const name of settable) {
    const others = () => sysctlNames.filter((n) => n !== name).map((n) => readSysctl(subject, n));
    const before = others();
    const value = /buckets/.test(name) ? '1024' : readSysctl(subject, name) === '1' ? '0' : '1';
    const old = readSysctl(subject, name);
    const changes = writeSysctls(subject, [{ name, value }]);
    assert.deepEqual(changes, old === value ? [] : [{ name, before: old, value }]);
    assert.equal(readSysctl(subject, name), value, name);
    assert.deepEqual(others(), before, name);
  }
});

describe('limits as recorded from /proc/sys of Linux 6.18', () => {
  const flags = ['acct', 'checksum', 'tcp_be_liberal', 'tcp_ignore_invalid_rst', 'tcp_loose'];
  for (const name of [...flags, 'timestamp']) {
    test(`${name}: 0 or 1`, () => {
      const got = ['0', '1', '2', '255', '256', '-1', '-0'].map((value) =>
        written(beforeStart(), name, value),
      );
      assert.deepEqual(got, ['0', '1', 'INVALID', 'INVALID', 'INVALID', 'INVALID', 'INVALID']);
    });
  }

  const rows: readonly [string, string, string][] = [
    ['events', '2', '3'],
    ['log_invalid', '255', '256'],
    ['tcp_max_retrans', '255', '256'],
    ['max', '2147483647', '2147483648'],
    ['expect_max', '2147483647', '2147483648'],
    ['buckets', '2147483647', '2147483648'],
    ['frag6_low_thresh', '4194304', '4194305'],
  ];
  for (const [name, most, more] of rows) {
    test(`${name}: up to ${most}`, () => {
      assert.equal(written(beforeStart(), name, most), most);
      assert.equal(written(beforeStart(), name, more), 'INVALID');
      assert.equal(written(beforeStart(), name, '-1'), 'INVALID');
    });
  }

  test('zero: no limit for max, refused for expect_max and buckets', () => {
    assert.equal(written(beforeStart(), 'max', '0'), '0');
    assert.equal(written(beforeStart(), 'max', '-0'), '0');
    for (const zero of ['0', '-0']) {
      assert.equal(written(beforeStart(), 'expect_max', zero), 'INVALID');
      assert.equal(written(beforeStart(), 'buckets', zero), 'INVALID');
    }
  });

  test('frag6_high_thresh: not below frag6_low_thresh', () => {
    const write = (value: string) => written(beforeStart(), 'frag6_high_thresh', value);
    assert.deepEqual(['3145728', '3145727', '0', '-0', '5000000'].map(write), [
      ...['3145728', 'INVALID', 'INVALID', 'INVALID', '5000000'],
    ]);
    // Ours: the memory is reserved.
    assert.equal(write(String(2 ** 30)), String(2 ** 30));
    assert.equal(write(String(2 ** 30 + 1)), 'INVALID');
  });

  test('a timeout: zero to what the clock can hold (ours: below zero is refused, and 8589934)', () => {
    const names = sysctlNames.filter((name) => /timeout/.test(name));
    assert.equal(names.length, 26);
    for (const name of names) {
      const write = (value: string) =>
        written(beforeStart(), name.slice('nf_conntrack_'.length), value);
      assert.deepEqual(['0', '-0', '2147483', '2147484', '-1'].map(write), [
        ...['0', '0', '2147483', 'INVALID', 'INVALID'],
      ]);
    }
  });

  test('count is read only, frag6_high_thresh once the memory has been taken', () => {
    const { subject } = running(1024);
    assert.equal(written(subject, 'count', '0'), 'READ_ONLY');
    assert.equal(written(subject, 'frag6_high_thresh', '4194304'), 'READ_ONLY');
    assert.equal(written(beforeStart(), 'count', '0'), 'READ_ONLY');
  });

  test('what is not there', () => {
    const error = { code: 'UNKNOWN_SYSCTL', sysctl: 'nf_conntrack_nope' };
    assert.throws(() => readSysctl(beforeStart(), 'nf_conntrack_nope'), error);
    assert.throws(() => writeSysctls(beforeStart(), [{ name: 'nf_conntrack_nope', value: '1' }]), {
      ...error,
      message: 'nf_conntrack_nope: no such setting',
    });
  });

  test('buckets are rounded up to whole pages while the tracker runs', () => {
    const { subject } = running(1024);
    const got = ['513', '512', '1', '1025'].map((value) => written(subject, 'buckets', value));
    assert.deepEqual(got, ['1024', '512', '512', '1536']);
  });
});

describe('numbers as the kernel reads them, live', () => {
  const read: readonly [string, string][] = [
    ['0x10', '16'],
    ['0X1f', '31'],
    ['010', '8'],
    [' 7', '7'],
    ['\t7', '7'],
    ['\v7', '7'],
    ['7 ', '7'],
    ['7\n', '7'],
    ['7 8', '7'],
    ['7\t8', '7'],
    ['7 x', '7'],
    ['7\n8\n', '7'],
    ['7\n x', '7'],
    [`${'0'.repeat(19)}7`, '7'],
  ];
  for (const [text, number] of read) {
    test(`${JSON.stringify(text)} is ${number}`, () => {
      assert.equal(written(beforeStart(), 'tcp_max_retrans', text), number);
      assert.equal(written(beforeStart(), 'udp_timeout', text), number);
    });
  }

  const refused = [
    ...['7x', 'x', ' ', '\n', '+7', '--7', '- 7', '-', '7,8', '0x', '08', '0x7g', '7k', '0b1'],
    ...['0o7', '7\0', '7\v', '7\r', '4294967295', '4294967296', '18446744073709551623', '1e1'],
    ...[`${'0'.repeat(20)}7`, '7.0', 'Infinity', 'NaN'],
  ];
  for (const text of refused) {
    test(`${JSON.stringify(text)} is none`, () => {
      assert.equal(written(beforeStart(), 'tcp_max_retrans', text), 'INVALID');
      assert.equal(written(beforeStart(), 'udp_timeout', text), 'INVALID');
    });
  }

  test('nothing at all is refused: what sysctl(8) writes then is a line end', () => {
    assert.equal(written(beforeStart(), 'udp_timeout', ''), 'INVALID');
  });

  test('a message names setting, text and range', () => {
    const write = () => writeSysctls(beforeStart(), [{ name: 'nf_conntrack_acct', value: '7x' }]);
    assert.throws(write, {
      name: 'SysctlError',
      message: 'nf_conntrack_acct: "7x": a number from 0 to 1 expected',
    });
  });
});

describe('all or nothing', () => {
  const setting = (name: string, value: string) => ({ name: full(name), value });

  test('one refused keeps the others as they were', () => {
    const { conntrack, subject } = running(1024);
    const before = sysctlNames.map((name) => readSysctl(subject, name));
    for (const last of [setting('acct', '5'), setting('count', '1')]) {
      const wanted = [
        ...[setting('max', '5'), setting('buckets', '512'), setting('expect_max', '3')],
        ...[setting('udp_timeout', '1'), setting('udp_timeout', '2'), last],
      ];
      assert.throws(() => writeSysctls(subject, wanted));
      assert.deepEqual(
        sysctlNames.map((name) => readSysctl(subject, name)),
        before,
      );
      assert.equal(conntrack.expectations.maximum, 4096);
    }
    assert.throws(() => writeSysctls(subject, [setting('udp_timeout', '1'), setting('no', '1')]));
    assert.equal(readSysctl(subject, full('udp_timeout')), '30');
  });

  test('limits that hang on each other are looked at in order', () => {
    const both = [setting('frag6_high_thresh', '1000000'), setting('frag6_low_thresh', '500000')];
    assert.throws(() => writeSysctls(beforeStart(), both), { code: 'INVALID' });
    assert.equal(writeSysctls(beforeStart(), both.toReversed()).length, 2);
  });

  test('the same one twice: the last holds', () => {
    const subject = beforeStart();
    const changes = writeSysctls(subject, [setting('max', '5'), setting('max', '6')]);
    assert.deepEqual(changes, [{ name: full('max'), before: '262144', value: '6' }]);
  });
});

test('the running tracker is what is read and set', () => {
  const { conntrack, subject } = running(1024);
  writeSysctls(subject, [{ name: 'nf_conntrack_expect_max', value: '7' }]);
  writeSysctls(subject, [{ name: 'nf_conntrack_max', value: '2000' }]);
  assert.equal(conntrack.expectations.maximum, 7);
  assert.equal(conntrack.settings.maximum, 2000);
  conntrack.setMaximum(3000);
  assert.equal(readSysctl(subject, 'nf_conntrack_max'), '3000');
});

test('sizes after the memory of the machine, as nf_conntrack_init_start has them', () => {
  const mib = 2 ** 20;
  const rows: readonly [number, number][] = [
    [16, 1024],
    [128, 1024],
    [256, 2048],
    [512, 4096],
    [700, 5632],
    [1024, 8192],
    [1025, 65_536],
    [4096, 65_536],
    [4097, 262_144],
    [24_106, 262_144],
  ];
  for (const [memory, buckets] of rows) assert.equal(bucketsForMemory(memory * mib), buckets);
});
