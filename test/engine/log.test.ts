import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LinkType } from '../../src/wire/index.ts';
import { makeGateway } from '../support/gateway.ts';
import {
  authentication,
  destinationOptions,
  fragmentHeader,
  hopByHop,
  type Ipv6Extension,
} from '../support/ipv6-extensions.ts';
import {
  buildIcmp,
  buildIcmpv6,
  buildIp,
  buildIpv4Fragment,
  buildTcp,
  buildUdp,
} from '../support/packets.ts';
import { slowChecksum } from '../support/slow-checksum.ts';

const out = { src: '192.168.1.10', dst: '198.51.100.9', sport: 5000, dport: 53 };
const out6 = { src: 'fd00:1::10', dst: '2001:db8:9::9', sport: 5000, dport: 53 };
const mac4 = '02:00:00:00:00:02:02:00:00:00:00:01:08:00';
const mac6 = '02:00:00:00:00:02:02:00:00:00:00:01:86:dd';

/** The line that a LOG rule with these options writes. */
function logged(frame: Uint8Array, options = '', chain = 'FORWARD', table = 'filter'): string {
  const rules = `*${table}\n-A ${chain} -j LOG ${options}\nCOMMIT\n`;
  const gateway = makeGateway({ rules, rules6: rules });
  gateway.datapath.inject('lan', frame);
  assert.equal(gateway.eventTexts('logged').length, 1);
  return gateway.eventTexts('logged')[0]!;
}

/** Sets the header checksum right after a field was changed. */
function mendIpv4(frame: Uint8Array): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset);
  view.setUint16(14 + 10, 0);
  view.setUint16(14 + 10, slowChecksum(frame.subarray(14, 34)));
  return frame;
}

describe('IPv4', () => {
  test('TCP, forwarded', () => {
    const frame = buildTcp({ ...out, flags: 'S', window: 8192, id: 8796, ttl: 128 });
    assert.equal(
      logged(frame),
      `IN=lan OUT=wan MAC=${mac4} SRC=192.168.1.10 DST=198.51.100.9 LEN=40 TOS=0x00 PREC=0x00 ` +
        'TTL=127 ID=8796 DF PROTO=TCP SPT=5000 DPT=53 WINDOW=8192 RES=0x00 SYN URGP=0 ',
    );
  });

  test('prefix, and no way out yet in PREROUTING', () => {
    const line = logged(
      buildTcp({ ...out, flags: 'S' }),
      '--log-prefix "in: "',
      'PREROUTING',
      'raw',
    );
    assert.match(line, /^in: IN=lan OUT= MAC=02:/);
  });

  test('all flags in the order of the kernel; sequence numbers and options where asked for', () => {
    const frame = buildTcp({
      ...out,
      flags: 'FSRPAUEC',
      seq: 0xffff_fffe,
      ack: 7,
      urgent: 9,
      options: Uint8Array.of(2, 4, 5, 0xb4),
    });
    assert.match(logged(frame), / RES=0x00 CWR ECE URG ACK PSH RST SYN FIN URGP=9 $/);
    assert.match(
      logged(frame, '--log-tcp-sequence --log-tcp-options'),
      / DPT=53 SEQ=4294967294 ACK=7 WINDOW=65535 RES=0x00 .* URGP=9 OPT \(020405B4\) $/,
    );
  });

  test('reserved bits', () => {
    const frame = buildTcp({ ...out, flags: 'S' });
    frame[14 + 20 + 12] = 0x5f;
    assert.match(logged(frame), / RES=0x3c /);
  });

  test('type of service and precedence', () => {
    assert.match(logged(buildUdp({ ...out, tos: 0xb8 })), / TOS=0x18 PREC=0xA0 /);
  });

  test('IP options where asked for', () => {
    const frame = buildUdp({ ...out, ipOptions: Uint8Array.of(0x94, 4, 0, 0) });
    assert.doesNotMatch(logged(frame), /OPT/);
    assert.match(logged(frame, '--log-ip-options'), / DF OPT \(94040000\) PROTO=UDP /);
  });

  test('UDP says its own length', () => {
    const line = logged(buildUdp({ ...out, payload: 'abc', dontFragment: false }));
    assert.match(line, / LEN=31 .* ID=1 PROTO=UDP SPT=5000 DPT=53 LEN=11 $/);
  });

  test('fragments show in what an error quotes only: the rest is whole', () => {
    const piece = { ...out, protocol: 17, payload: new Uint8Array(16), link: 'raw' } as const;
    const quoting = (inner: Uint8Array) => logged(buildIcmp({ ...out, type: 3, code: 3, inner }));
    const first = quoting(buildIpv4Fragment({ ...piece, offsetBytes: 0, more: true }));
    assert.match(first, / MF PROTO=UDP SPT=0 DPT=0 LEN=0 \]/);
    const later = quoting(buildIpv4Fragment({ ...piece, offsetBytes: 1480, more: false }));
    assert.match(later, / ID=1 FRAG:185 PROTO=UDP \]/);
  });

  test('ICMP echo has id and sequence, an error has not', () => {
    const echo = logged(buildIcmp({ ...out, id16: 77, seq16: 3 }));
    assert.match(echo, / PROTO=ICMP TYPE=8 CODE=0 ID=77 SEQ=3 $/);
    const body = new Uint8Array(12);
    const stamp = logged(buildIcmp({ ...out, type: 13, id16: 77, payload: body }));
    assert.match(stamp, / PROTO=ICMP TYPE=13 CODE=0 $/);
  });

  test('--log-macdecode', () => {
    const mac = 'MACSRC=02:00:00:00:00:01 MACDST=02:00:00:00:00:02 MACPROTO=0800';
    assert.ok(logged(buildUdp(out), '--log-macdecode').startsWith(`IN=lan OUT=wan ${mac} SRC=`));
  });

  test('AH and ESP by their SPI', () => {
    const ah = Uint8Array.of(17, 4, 0, 0, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 1);
    assert.match(logged(buildIp(out, 51, ah)), / PROTO=AH SPI=0xdeadbeef $/);
    assert.match(logged(buildIp(out, 51, ah.slice(0, 11))), / PROTO=AH INCOMPLETE \[11 bytes\] $/);
    const esp = Uint8Array.of(0, 0, 0x12, 0x34, 0, 0, 0, 1);
    assert.match(logged(buildIp(out, 50, esp)), / PROTO=ESP SPI=0x1234 $/);
    assert.match(logged(buildIp(out, 50, esp.slice(0, 4))), / PROTO=ESP INCOMPLETE \[4 bytes\] $/);
  });

  test('the reserved bit beside DF', () => {
    const frame = buildUdp(out);
    frame[14 + 6]! |= 0x80;
    assert.match(logged(mendIpv4(frame)), / ID=1 CE DF PROTO=UDP /);
  });

  test('a message that is too short for its type', () => {
    const stamp = buildIcmp({ ...out, type: 13, payload: new Uint8Array(4) });
    assert.match(logged(stamp), / TYPE=13 CODE=0 INCOMPLETE \[12 bytes\] $/);
  });

  test('owner and mark of what this host sends', () => {
    const gateway = makeGateway({
      rules:
        '*mangle\n-A OUTPUT -j MARK --set-mark 0x1f\nCOMMIT\n' +
        '*filter\n-A OUTPUT -j LOG --log-uid\nCOMMIT\n',
    });
    const { datapath, engine } = gateway;
    engine.context.socketGid = 44;
    datapath.packet.load(buildUdp({ ...out, src: '203.0.113.1' }), LinkType.Ethernet);
    engine.processOutput(datapath.packet, datapath.interfaces.id('wan'), 33);
    assert.match(gateway.eventTexts('logged')[0]!, / LEN=8 UID=33 GID=44 MARK=0x1f $/);
  });

  test('other protocols by number', () => {
    assert.match(logged(buildIp(out, 47, new Uint8Array(8))), / PROTO=47 $/);
  });
});

describe('IPv6', () => {
  test('TCP', () => {
    const frame = buildTcp({ ...out6, flags: 'SA', tos: 0x12, payload: 'abc', window: 100 });
    assert.equal(
      logged(frame),
      `IN=lan OUT=wan MAC=${mac6} SRC=fd00:0001:0000:0000:0000:0000:0000:0010 ` +
        'DST=2001:0db8:0009:0000:0000:0000:0000:0009 LEN=63 TC=18 HOPLIMIT=63 FLOWLBL=0 ' +
        'PROTO=TCP SPT=5000 DPT=53 WINDOW=100 RES=0x00 ACK SYN URGP=0 ',
    );
  });

  test('ICMPv6 echo', () => {
    const line = logged(buildIcmpv6({ ...out6, id16: 77, seq16: 3 }));
    assert.match(line, / PROTO=ICMPv6 TYPE=128 CODE=0 ID=77 SEQ=3 $/);
  });
});

/** What Linux 6.18 wrote of the same headers. */
describe('IPv6 extension headers', () => {
  const all = '--log-ip-options';
  const cases: readonly [string, readonly Ipv6Extension[], string, string][] = [
    ['hop by hop', [hopByHop()], 'OPT ( ) PROTO=UDP SPT', 'PROTO=UDP SPT'],
    [
      'first fragment',
      [fragmentHeader({ offsetBytes: 0, more: true, id: 42 })],
      'OPT ( FRAG:0 INCOMPLETE ID:0000002a ) PROTO=UDP SPT',
      'FRAG:0 INCOMPLETE ID:0000002a PROTO=UDP SPT',
    ],
    [
      'later fragment',
      [fragmentHeader({ offsetBytes: 1448, more: true, id: 42 })],
      'OPT ( FRAG:1448 INCOMPLETE ID:0000002a ) PROTO=UDP $',
      'FRAG:1448 INCOMPLETE ID:0000002a PROTO=UDP $',
    ],
    [
      'later fragment, with something that would be a header',
      [fragmentHeader({ offsetBytes: 1448, more: true, id: 42 }), destinationOptions()],
      'OPT ( FRAG:1448 INCOMPLETE ID:0000002a ) OPT ( )$',
      'FRAG:1448 INCOMPLETE ID:0000002a $',
    ],
    ['AH', [authentication()], 'OPT ( AH SPI=0x5a5a5a5a ) PROTO=UDP SPT', 'PROTO=UDP SPT'],
  ];
  for (const [name, extensions, withOptions, without] of cases) {
    test(name, () => {
      // Of an odd length: such fragments are not put together, and go by as they are.
      const frame = buildUdp({ ...out6, extensions, payload: 'abc' });
      const text = (options: string) => `${logged(frame, options)}$`.split('FLOWLBL=0 ')[1]!;
      assert.ok(text(all).startsWith(withOptions), text(all));
      assert.ok(text('').startsWith(without), text(''));
    });
  }

  test('ESP ends the line', () => {
    const frame = buildIp(out6, 50, Uint8Array.of(0, 0, 0x12, 0x34, 0, 0, 0, 1));
    assert.ok(logged(frame, all).endsWith(' FLOWLBL=0 OPT ( ESP SPI=0x1234 )'));
    assert.ok(logged(frame).endsWith(' FLOWLBL=0 '));
  });

  test('inside an error', () => {
    const inner = buildUdp({ ...out6, extensions: [hopByHop()], link: 'raw' });
    const ends = { src: out6.dst, dst: out6.src };
    assert.match(
      logged(buildIcmpv6({ ...ends, type: 1, code: 4, inner })),
      /FLOWLBL=0 PROTO=UDP SPT=5000 DPT=53 LEN=8 \] $/,
    );
  });
});

describe('TRACE lines', () => {
  test('all there is to tell, at level warning', () => {
    const gateway = makeGateway();
    const { engine } = gateway;
    const lines: [string, number][] = [];
    engine.listener = {
      ...engine.listener!,
      logged: (line, level) => lines.push([line, level]),
    };
    const options = Uint8Array.of(2, 4, 5, 0xb4);
    gateway.inject('lan', buildTcp({ ...out, flags: 'S', seq: 5, ack: 6, window: 100, options }));
    engine.context.actions.trace('raw', 'PREROUTING', 'policy', 2);
    engine.context.actions.trace('filter', 'u', 'return', 3);
    assert.deepEqual(
      lines.map(([line, level]) => [line.replace(/IN=.* PROTO/, '… PROTO'), level]),
      [
        [`TRACE: raw:PREROUTING:policy:2 ${tcpWords}`, 4],
        [`TRACE: filter:u:return:3 ${tcpWords}`, 4],
      ],
    );
  });
});

const tcpWords =
  '… PROTO=TCP SPT=5000 DPT=53 SEQ=5 ACK=6 WINDOW=100 RES=0x00 SYN URGP=0 OPT (020405B4) ';

describe('ICMP errors name the datagram they speak of', () => {
  const cause = buildUdp({ ...out, payload: 'x'.repeat(40), ttl: 3, link: 'raw' });
  const back = { src: out.dst, dst: out.src };
  const quoted =
    'SRC=192.168.1.10 DST=198.51.100.9 LEN=68 TOS=0x00 PREC=0x00 TTL=3 ID=1 DF PROTO=UDP ';

  test('unreachable', () => {
    const line = logged(buildIcmp({ ...back, type: 3, code: 1, inner: cause }));
    assert.ok(line.endsWith(` PROTO=ICMP TYPE=3 CODE=1 [${quoted}SPT=5000 DPT=53 LEN=48 ] `), line);
  });

  test('too big, with its MTU and a quotation cut to 28 bytes', () => {
    const inner = cause.slice(0, 28);
    const line = logged(buildIcmp({ ...back, type: 3, code: 4, rest: 1400, inner }));
    assert.ok(line.endsWith(`[${quoted}SPT=5000 DPT=53 LEN=48 ] MTU=1400 `), line);
  });

  test('a quotation that ends within the transport or the IP header', () => {
    const tcp = buildTcp({ ...out, link: 'raw' }).slice(0, 28);
    assert.match(
      logged(buildIcmp({ ...back, type: 11, inner: tcp })),
      / PROTO=TCP INCOMPLETE \[8 bytes\] \] $/,
    );
    // Without a whole IP header inside, the kernel does not look there.
    const short = logged(buildIcmp({ ...back, type: 11, inner: cause.slice(0, 19) }));
    assert.match(short, / TYPE=11 CODE=0 INCOMPLETE \[27 bytes\] $/);
  });

  test('redirect and parameter problem', () => {
    const redirect = logged(buildIcmp({ ...back, type: 5, rest: 0x0a000001, inner: cause }));
    assert.match(redirect, / TYPE=5 CODE=0 GATEWAY=10\.0\.0\.1 \[SRC=/);
    const problem = logged(buildIcmp({ ...back, type: 12, rest: 0x14000000, inner: cause }));
    assert.match(problem, / TYPE=12 CODE=0 PARAMETER=20 $/);
  });

  test('an error that quotes an error goes no deeper', () => {
    const inner = buildIcmp({ ...out, type: 3, code: 3, inner: cause, link: 'raw' });
    const line = logged(buildIcmp({ ...back, type: 3, code: 1, inner }));
    assert.match(line, /\[SRC=[^[]* PROTO=ICMP TYPE=3 CODE=3 \] $/);
  });

  test('ICMPv6', () => {
    const inner = buildUdp({ ...out6, payload: 'abc', link: 'raw' });
    const ends = { src: out6.dst, dst: out6.src };
    const line = logged(buildIcmpv6({ ...ends, type: 2, rest: 1280, inner }));
    assert.match(
      line,
      / TYPE=2 CODE=0 \[SRC=fd00:0001:.* LEN=51 .* PROTO=UDP SPT=5000 DPT=53 LEN=11 \] MTU=1280 $/,
    );
    const problem = logged(buildIcmpv6({ ...ends, type: 4, rest: 40, inner }));
    assert.match(problem, / TYPE=4 CODE=0 POINTER=00000028 \[SRC=/);
  });
});

test('a way in without link header has an empty MAC', () => {
  const gateway = makeGateway({ rules: '*filter\n-A FORWARD -j LOG\nCOMMIT\n' });
  gateway.datapath.inject('lan', buildUdp({ ...out, link: 'raw' }), LinkType.RawIp);
  assert.match(gateway.eventTexts('logged')[0]!, /^IN=lan OUT=wan MAC= SRC=192/);
});

test('a packet of the gateway has no MAC at all', () => {
  const gateway = makeGateway({ rules: '*filter\n-A OUTPUT -j LOG\nCOMMIT\n' });
  gateway.output('wan', buildUdp({ ...out, src: '203.0.113.1' }));
  assert.match(gateway.eventTexts('logged')[0]!, /^IN= OUT=wan SRC=203/);
});

test('levels reach the listener', () => {
  const gateway = makeGateway({
    rules: '*filter\n-A FORWARD -j LOG --log-level debug\n-A FORWARD -j LOG\nCOMMIT\n',
  });
  const levels: number[] = [];
  gateway.engine.listener = {
    ...gateway.engine.listener!,
    logged: (_line, level) => levels.push(level),
  };
  gateway.inject('lan', buildUdp(out));
  assert.deepEqual(levels, [7, 4]);
});
