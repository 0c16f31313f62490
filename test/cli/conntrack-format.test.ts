import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  defaultFormat,
  formatDeleted,
  formatEntry,
  formatEvent,
  formatExpect,
  formatExpectEvent,
  formatStats,
  OutputFrame,
} from '../../src/cli/conntrack/index.ts';
import { Status } from '../../src/conntrack/index.ts';
import { entry, expectation, recorded } from './conntrack-support.ts';

process.env.TZ = 'UTC';

const child = entry({
  id: 2867240776,
  use: 1,
  helper: '',
  status: entry().status | Status.Expected,
  orig: { sport: 35072, dport: 50008, packets: 18, bytes: 944 },
  reply: { sport: 50008, dport: 35072, packets: 43, bytes: 63060 },
});
const head =
  'tcp      6 299 ESTABLISHED src=192.168.1.10 dst=203.0.113.21 sport=59464 dport=21 packets=8 bytes=480 ' +
  'src=203.0.113.21 dst=203.0.113.1 sport=21 dport=59464 packets=8 bytes=644 [ASSURED] mark=0';

describe('listed entries', () => {
  test('plain, of a connection that tells its times and of one that does not', () => {
    const timed = formatEntry(entry({ timestamped: true }), recorded);
    assert.equal(timed, `${head} delta-time=0 helper=ftp use=2`);
    assert.equal(formatEntry(entry(), defaultFormat), `${head} helper=ftp use=2`);
  });

  test('ktimestamp shows nothing of a connection without times', () => {
    const format = { ...defaultFormat, ktimestamp: true };
    assert.equal(formatEntry(entry(), format), `${head} helper=ftp use=2`);
  });

  test('without accounting there are no counters', () => {
    const line = formatEntry(entry({ accounting: false }), recorded);
    assert.equal(line.includes('packets='), false);
    assert.match(line, /dport=21 src=203/);
  });

  test('extended, id and ktimestamp', () => {
    const format = { ...recorded, extended: true, id: true, ktimestamp: true };
    const times = 'delta-time=0 [start=Sat Nov 21 08:11:10 2026]';
    const expected = `ipv4     2 ${head} ${times} helper=ftp use=2 id=293963086`;
    assert.equal(formatEntry(entry({ timestamped: true }), format), expected);
  });

  test('a start on the first day of a month is padded with a blank, as ctime(3) does', () => {
    const line = formatEntry(entry({ startSec: 1793520000, timestamped: true }), {
      ...recorded,
      ktimestamp: true,
    });
    assert.match(line, /\[start=Sun Nov {2}1 08:00:00 2026\]/);
  });

  test('zone, mark, unknown protocol, IPv6 and ICMP', () => {
    const udp = entry({
      ...{ proto: 17, state: '', timeout: 8999, mark: 16, zone: 5, use: 1, helper: '', status: 0 },
      orig: { src: '1.1.1.3', dst: '2.2.2.2', sport: 10, dport: 20, packets: 0, bytes: 0 },
      reply: { src: '3.3.3.3', dst: '1.1.1.3', sport: 80, dport: 10, packets: 0, bytes: 0 },
    });
    assert.equal(
      formatEntry(udp, defaultFormat),
      'udp      17 8999 src=1.1.1.3 dst=2.2.2.2 sport=10 dport=20 packets=0 bytes=0 [UNREPLIED] ' +
        'src=3.3.3.3 dst=1.1.1.3 sport=80 dport=10 packets=0 bytes=0 mark=16 zone=5 use=1',
    );
    const other = { ...udp, proto: 200, mark: 0, zone: 0 };
    other.orig = { src: '1.1.1.4', dst: '2.2.2.2', packets: 0, bytes: 0 };
    other.reply = { src: '2.2.2.2', dst: '1.1.1.4', packets: 0, bytes: 0 };
    assert.equal(
      formatEntry(other, defaultFormat),
      'unknown  200 8999 src=1.1.1.4 dst=2.2.2.2 packets=0 bytes=0 [UNREPLIED] ' +
        'src=2.2.2.2 dst=1.1.1.4 packets=0 bytes=0 mark=0 use=1',
    );
    const ping = { ...other, proto: 58, family: 6 as const };
    const query = { packets: 0, bytes: 0, icmpCode: 0, icmpId: 77 };
    ping.orig = { src: '2001:db8::1', dst: '2001:db8::2', icmpType: 128, ...query };
    ping.reply = { src: '2001:db8::2', dst: '2001:db8::1', icmpType: 129, ...query };
    assert.equal(
      formatEntry(ping, { ...defaultFormat, extended: true }),
      'ipv6     10 icmpv6   58 8999 src=2001:db8::1 dst=2001:db8::2 type=128 code=0 id=77 packets=0 bytes=0 ' +
        '[UNREPLIED] src=2001:db8::2 dst=2001:db8::1 type=129 code=0 id=77 packets=0 bytes=0 mark=0 use=1',
    );
    assert.equal(
      formatEntry(ping, { ...defaultFormat, format: 'save' }),
      '-A -t 8999 -u UNSET -s 2001:db8::1 -d 2001:db8::2 -r 2001:db8::2 -q 2001:db8::1 -p icmpv6 ' +
        '--icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 77',
    );
  });

  test('a mark with the highest bit set is printed unsigned', () => {
    assert.match(formatEntry(entry({ mark: -1 }), defaultFormat), / mark=4294967295 /);
  });

  test('zones of one direction', () => {
    // Where conntrack(8) 1.4.7 shows them, by a connection of `CT --zone-orig 5`.
    const original = entry({ origZone: 5 });
    const reply = entry({ replyZone: 6 });
    assert.match(formatEntry(original, defaultFormat), / dport=\d+ zone-orig=5 packets=.* src=/);
    assert.match(
      formatEntry(reply, defaultFormat),
      / src=.* src=.* dport=\d+ zone-reply=6 packets=/,
    );
    const xml = { ...defaultFormat, format: 'xml' as const };
    assert.match(formatEntry(original, xml), /"original">.*<\/layer4><zone>5<\/zone>.*"reply">/);
    assert.match(formatEntry(reply, xml), /"reply">.*<\/layer4><zone>6<\/zone>.*"independent">/);
    const save = { ...defaultFormat, format: 'save' as const };
    assert.match(formatEntry(original, save), / -u \S+ --orig-zone 5 -s /);
    assert.match(formatEntry(reply, save), / -u \S+ --reply-zone 6 -s /);
    const json = { ...defaultFormat, format: 'json' as const };
    assert.match(formatEntry(original, json), /"zone":0,"zoneOrig":5,"use"/);
    assert.match(formatEntry(reply, json), /"zone":0,"zoneReply":6,"use"/);
  });

  test('save, with translation, status and zone', () => {
    const save = { ...recorded, format: 'save' as const };
    assert.equal(
      formatEntry(child, save),
      '-A -t 299 -u EXPECTED,SEEN_REPLY,ASSURED -s 192.168.1.10 -d 203.0.113.21 -r 203.0.113.21 ' +
        '-n 203.0.113.1 -p tcp --sport 35072 --dport 50008 --reply-port-src 50008 ' +
        '--reply-port-dst 35072 --state ESTABLISHED',
    );
    const both = entry({
      ...{ status: Status.DstNat | Status.SrcNat, zone: 5 },
      orig: { src: '1.1.1.4', dst: '2.2.2.2', sport: 10, dport: 21 },
      reply: { src: '4.4.4.4', dst: '5.5.5.5', sport: 99, dport: 10 },
    });
    assert.equal(
      formatDeleted(both, save),
      '-D -t 299 -u UNSET -w 5 -s 1.1.1.4 -d 2.2.2.2 -g 4.4.4.4 -n 5.5.5.5 -p tcp --sport 10 ' +
        '--dport 21 --reply-port-src 99 --reply-port-dst 10 --state ESTABLISHED',
    );
    assert.match(formatEntry({ ...both, status: 0 }, save), / -r 4\.4\.4\.4 -q 5\.5\.5\.5 /);
  });

  test('xml', () => {
    const xml = { ...recorded, format: 'xml' as const };
    const meta = (name: string, addresses: string, ports: string, counters: string) =>
      `<meta direction="${name}"><layer3 protonum="2" protoname="ipv4">${addresses}</layer3>` +
      `<layer4 protonum="6" protoname="tcp">${ports}</layer4><counters>${counters}</counters></meta>`;
    const tuples =
      meta(
        'original',
        '<src>192.168.1.10</src><dst>203.0.113.21</dst>',
        '<sport>59464</sport><dport>21</dport>',
        '<packets>8</packets><bytes>480</bytes>',
      ) +
      meta(
        'reply',
        '<src>203.0.113.21</src><dst>203.0.113.1</dst>',
        '<sport>21</sport><dport>59464</dport>',
        '<packets>8</packets><bytes>644</bytes>',
      );
    const state = '<state>ESTABLISHED</state><timeout>299</timeout>';
    assert.equal(
      formatEntry(entry({ timestamped: true }), xml),
      `<flow>${tuples}<meta direction="independent">${state}<mark>0</mark><use>2</use>` +
        '<id>293963086</id><assured/><deltatime>0</deltatime></meta><helper>ftp</helper></flow>',
    );
    const update = { event: 'UPDATE' as const, time: 1795248829.5, entry: entry() };
    assert.equal(
      formatEvent(update, { ...xml, timestamp: true }),
      `<flow type="update">${tuples.replace(/<counters>.*?<\/counters>/g, '')}` +
        `<meta direction="independent">${state}<id>293963086</id><assured/></meta>` +
        '<when><hour>8</hour><min>13</min><sec>49</sec><wday>7</wday><day>21</day><month>11</month>' +
        '<year>2026</year></when><helper>ftp</helper></flow>',
    );
    const times = formatEvent(
      { event: 'DESTROY', time: 0, entry: entry({ deltaTime: 2, timestamped: true }) },
      { ...xml, ktimestamp: true },
    );
    const start = '<start>1795248670000000000</start><stop>1795248672000000000</stop>';
    assert.match(
      times,
      new RegExp(`<timestamp>${start}</timestamp><deltatime>2</deltatime></meta></flow>$`),
    );
  });

  test('json', () => {
    const object = JSON.parse(
      formatEntry({ ...child, timestamped: true }, { ...recorded, format: 'json' }),
    );
    assert.deepEqual(object, {
      id: 2867240776,
      family: 4,
      proto: 'tcp',
      state: 'ESTABLISHED',
      timeout: 299,
      orig: {
        ...{ src: '192.168.1.10', dst: '203.0.113.21', sport: 35072, dport: 50008 },
        ...{ packets: 18, bytes: 944 },
      },
      reply: {
        ...{ src: '203.0.113.21', dst: '203.0.113.1', sport: 50008, dport: 35072 },
        ...{ packets: 43, bytes: 63060 },
      },
      status: [
        ...['EXPECTED', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED', 'SRC_NAT'],
        ...['SRC_NAT_DONE', 'DST_NAT_DONE'],
      ],
      mark: 0,
      zone: 0,
      use: 1,
      helper: null,
      master: null,
      start: 1795248670,
    });
  });
});

describe('events', () => {
  test('microseconds below 100,000 keep their zeros', () => {
    const event = { event: 'NEW' as const, time: 1795254220.013883, entry: entry() };
    const line = formatEvent(event, { ...recorded, timestamp: true });
    assert.match(line, /^\[1795254220\.013883\]\t {4}\[NEW\] tcp /);
  });

  test('a mark is shown where there is one', () => {
    const event = { event: 'NEW' as const, time: 0, entry: entry({ mark: 7 }) };
    assert.match(formatEvent(event, recorded), / \[ASSURED\] mark=7 helper=ftp$/);
  });

  test('json carries the event and its time', () => {
    const event = { event: 'DESTROY' as const, time: 12.5, entry: entry(), cause: { portid: 9 } };
    const object = JSON.parse(formatEvent(event, { ...recorded, format: 'json' }));
    assert.equal(object.event, 'DESTROY');
    assert.equal(object.time, 12.5);
    assert.deepEqual(object.cause, { portid: 9 });
    assert.equal(object.orig.dport, 21);
  });
});

describe('expectations', () => {
  const line =
    '299 proto=6 src=192.168.1.10 dst=203.0.113.21 sport=0 dport=50008 mask-src=255.255.255.255 ' +
    'mask-dst=255.255.255.255 sport=0 dport=65535 master-src=192.168.1.10 master-dst=203.0.113.21 ' +
    'sport=59464 dport=21 class=0 helper=ftp';

  test('plain, with and without the time; save and id change nothing', () => {
    assert.equal(formatExpect(expectation(), recorded, 0), line);
    const stamped = { ...recorded, timestamp: true };
    assert.equal(
      formatExpect(expectation(), stamped, 1795248670.39352),
      `[1795248670.393520]\t${line}`,
    );
    const save = { ...recorded, format: 'save' as const, id: true };
    assert.equal(formatExpect(expectation(), save, 0), line);
  });

  test('xml, listed and as an event', () => {
    const xml = { ...recorded, format: 'xml' as const };
    const body =
      '<layer3 protonum="2" protoname="ipv4"><expected><src>192.168.1.10</src><dst>203.0.113.21</dst></expected>' +
      '<mask><src>255.255.255.255</src><dst>255.255.255.255</dst></mask>' +
      '<master><src>192.168.1.10</src><dst>203.0.113.21</dst></master></layer3>' +
      '<layer4 protonum="6" protoname="tcp"><expected><sport>0</sport><dport>50008</dport></expected>' +
      '<mask><sport>0</sport><dport>65535</dport></mask><master><sport>59464</sport><dport>21</dport></master></layer4>' +
      '<meta><helper-name>ftp</helper-name><timeout>299</timeout><class>0</class>';
    assert.equal(formatExpect(expectation(), xml, 0), `<flow>${body}</meta></flow>`);
    const event = { event: 'DESTROY' as const, time: 1795248829, entry: expectation() };
    const when = '<when><hour>8</hour><min>13</min><sec>49</sec><wday>7</wday><day>21</day>';
    assert.equal(
      formatExpectEvent(event, { ...xml, timestamp: true }),
      `<flow type="destroy">${body}${when}<month>11</month><year>2026</year></when></meta></flow>`,
    );
  });

  test('of a range of ports: its last one where nothing else is disturbed', () => {
    const span = { ...expectation(), dportLast: 50_099 };
    assert.equal(formatExpect(span, recorded, 0), `${line} dport-last=50099`);
    const json = JSON.parse(formatExpect(span, { ...recorded, format: 'json' }, 0));
    assert.deepEqual([json.dport, json.dportLast], [50_008, 50_099]);
    assert.match(
      formatExpect(span, { ...recorded, format: 'xml' }, 0),
      /<class>0<\/class><dport-last>50099<\/dport-last><\/meta>/,
    );
  });

  test('events and json', () => {
    const event = { event: 'NEW' as const, time: 1.25, entry: expectation() };
    assert.equal(formatExpectEvent(event, recorded), `    [NEW] ${line}`);
    const object = JSON.parse(formatExpectEvent(event, { ...recorded, format: 'json' }));
    assert.equal(object.event, 'NEW');
    assert.equal(object.kind, '229');
    assert.ok(!('dportLast' in object));
    assert.deepEqual(object.mask, {
      ...{ src: '255.255.255.255', dst: '255.255.255.255', sport: 0, dport: 65535 },
    });
  });

  test('a refused announcement', () => {
    const event = {
      ...{ event: 'REFUSED' as const, time: 1.5, helper: 'ftp', kind: 'PORT' },
      ...{ reason: 'foreign-address', line: 'PORT 10,0,0,9,4,1' },
      master: expectation().master,
    };
    assert.equal(
      formatExpectEvent(event, recorded),
      '[REFUSED] helper=ftp kind=PORT reason=foreign-address line="PORT 10,0,0,9,4,1" ' +
        'master-src=192.168.1.10 master-dst=203.0.113.21 sport=59464 dport=21',
    );
    assert.equal(
      JSON.parse(formatExpectEvent(event, { ...recorded, format: 'json' })).kind,
      'PORT',
    );
    const xml = formatExpectEvent({ ...event, line: 'PORT --> x' }, { ...recorded, format: 'xml' });
    assert.equal(xml.slice(4, -3).includes('--'), false);
  });
});

describe('around the entries', () => {
  const print = (frame: OutputFrame, texts: readonly string[]) =>
    texts.map((text) => frame.entry(text)).join('') + frame.end();

  test('plain and save have nothing, events in json neither', () => {
    assert.equal(print(new OutputFrame('plain', 'conntrack', 'list'), ['a', 'b']), 'a\nb\n');
    assert.equal(print(new OutputFrame('json', 'conntrack', 'events'), ['a', 'b']), 'a\nb\n');
  });

  test('xml has a root element, but not around nothing', () => {
    assert.equal(
      print(new OutputFrame('xml', 'expect', 'list'), ['a', 'b']),
      '<?xml version="1.0" encoding="utf-8"?>\n<expect>\na\nb\n</expect>\n',
    );
    assert.equal(print(new OutputFrame('xml', 'expect', 'list'), []), '');
  });

  test('a json listing is one array, also of nothing', () => {
    assert.deepEqual(
      JSON.parse(print(new OutputFrame('json', 'expect', 'list'), ['1', '2'])),
      [1, 2],
    );
    assert.deepEqual(JSON.parse(print(new OutputFrame('json', 'expect', 'list'), [])), []);
  });
});

test('counters', () => {
  const stats = {
    ...{ cpu: 0, found: 1, invalid: 2, insert: 3, insert_failed: 4, drop: 5, early_drop: 6 },
    ...{ error: 7, search_restart: 8, clash_resolve: 9, chaintoolong: 10 },
    ...{ expect_new: 11, expect_create: 12, expect_delete: 13 },
  };
  assert.equal(
    formatStats(stats, 'conntrack'),
    'cpu=0   \tfound=1 invalid=2 insert=3 insert_failed=4 drop=5 early_drop=6 error=7 ' +
      'search_restart=8 clash_resolve=9 chaintoolong=10 ',
  );
  const expected = 'cpu=0   \texpect_new=11 expect_create=12 expect_delete=13 ';
  assert.equal(formatStats(stats, 'expect'), expected);
});
