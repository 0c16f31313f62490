/** The cases of the reference's list (c), column K: third parties, evasions, malformed lines. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../../../src/engine/index.ts';
import type { FtpOptions } from '../ftp-session.ts';
import { talk } from './talk.ts';

const PORT = 'PORT 10,0,1,2,200,10\r\n';
const TO_CLIENT = '192.0.2.2>10.0.1.2:51210';
const TO_SERVER = '10.0.1.2>192.0.2.2:51210';

/** Verdicts of segments on a warm connection, each with `C` or `S` in front, and what is expected. */
function after(spoken: readonly string[], ftp: FtpOptions = {}, warm = true) {
  const session = talk(ftp, { warm });
  return { verdicts: session.steps(...spoken), expected: session.expected() };
}

const passes = (...expected: string[]) => ({ verdicts: ['pass'], expected });
const DROPPED = { verdicts: ['drop'], expected: [] };

function eachIs(lines: readonly string[], outcome: object, ftp: FtpOptions = {}): void {
  for (const line of lines) assert.deepEqual(after([line], ftp), outcome, JSON.stringify(line));
}

describe('third parties', () => {
  test('case 37: PORT names another host', () => {
    eachIs(['CPORT 10,0,1,3,200,10\r\n'], passes());
  });

  test('case 38: PORT names the server', () => {
    eachIs(['CPORT 192,0,2,2,200,10\r\n'], passes());
  });

  test('case 39: PORT names 0.0.0.0', () => {
    eachIs(['CPORT 0,0,0,0,200,10\r\n'], passes());
  });

  test('case 40: EPRT names another host', () => {
    eachIs(['CEPRT |1|10.0.1.9|51210|\r\n'], passes());
  });

  test('case 41: EPRT over IPv6 names another host', () => {
    eachIs(['CEPRT |2|2001:db8:1::9|51210|\r\n'], passes(), { ipv6: true });
  });

  test('case 42: 227 names another host', () => {
    eachIs(['S227 hi (192,168,1,9,200,10)\r\n'], passes());
  });

  test('cases 37 to 42 under NAT: unchanged too', () => {
    eachIs(['CPORT 10,0,1,3,200,10\r\n', 'CEPRT !1!010.0.1.9!51210!\r\n'], passes(), {
      nat: 'snat',
    });
  });

  test('case 43: with loose=1 all of them open', () => {
    const loose = { loose: true };
    eachIs(['CPORT 10,0,1,3,200,10\r\n'], passes('192.0.2.2>10.0.1.3:51210'), loose);
    eachIs(['CPORT 192,0,2,2,200,10\r\n'], passes('192.0.2.2>192.0.2.2:51210'), loose);
    eachIs(['CPORT 0,0,0,0,200,10\r\n'], passes('192.0.2.2>0.0.0.0:51210'), loose);
    eachIs(['CEPRT |1|10.0.1.9|51210|\r\n'], passes('192.0.2.2>10.0.1.9:51210'), loose);
    eachIs(['S227 hi (192,168,1,9,200,10)\r\n'], passes('10.0.1.2>192.168.1.9:51210'), loose);
    eachIs(['CEPRT |2|2001:db8:1::9|51210|\r\n'], passes('2001:db8:2::2>2001:db8:1::9:51210'), {
      loose: true,
      ipv6: true,
    });
  });

  test('case 43: with loose=1 under NAT the text names the gateway, the expectation does not', () => {
    const verdicts = ['PORT 192,0,2,1,200,10\r\n'];
    const expected = ['192.0.2.2>10.0.1.3:51210'];
    const ftp = { loose: true, nat: 'snat' } as const;
    assert.deepEqual(after(['CPORT 10,0,1,3,200,10\r\n'], ftp), { verdicts, expected });
  });
});

describe('somebody else, and the client itself', () => {
  test('case 44: PORT to port 80 of a third party opens nothing, an honest one does', () => {
    eachIs(['CPORT 2,2,2,3,0,80\r\n'], passes());
    eachIs(['CPORT 10,0,1,2,232,157\r\n'], passes('192.0.2.2>10.0.1.2:59549'));
  });
});

describe('evasions', () => {
  test('case 46: a port below 1024', () => {
    eachIs(['CPORT 10,0,1,2,0,22\r\n'], passes('192.0.2.2>10.0.1.2:22'));
  });

  test('case 47: PORT in the first segment of the client', () => {
    assert.deepEqual(after([`C${PORT}`], {}, false), passes());
    const second = after([`C${PORT}`, `C${PORT}`], {}, false);
    assert.deepEqual(second.expected, [TO_CLIENT]);
  });

  test('case 48: PORT behind another line of its segment', () => {
    eachIs([`CNOOP\r\n${PORT}`], passes());
  });

  test('case 49: PORT at the start of a segment, in the middle of a line', () => {
    assert.deepEqual(after(['CNOOP ', `C${PORT}`]), { verdicts: ['pass', 'pass'], expected: [] });
  });

  test('case 50: PO + RT .., or split in the number', () => {
    for (const at of [1, 2, 4, 5, 8, 18]) {
      const session = talk();
      const seq = session.client.next;
      assert.equal(session.step('C', PORT.slice(0, at)), 'drop', `split at ${at}`);
      // Nothing is learnt of it: the rest is no line, and what is sent again is dropped again.
      assert.equal(session.step('C', PORT.slice(at)), 'pass');
      assert.equal(session.stepAt(session.client, seq, PORT.slice(0, at)), 'drop');
      assert.deepEqual(session.expected(), []);
    }
  });

  test('case 51: Telnet commands before or inside PORT', () => {
    eachIs([`C\xff\xf4\xff\xf2${PORT}`, `CPO\xff\xf1RT 10,0,1,2,200,10\r\n`], passes());
  });

  test('case 52: a space before PORT; a TAB behind it', () => {
    eachIs([`C ${PORT}`], passes());
    eachIs(['CPORT\t10,0,1,2,200,10\r\n'], DROPPED);
  });

  test('case 53: PORT from the server, 227 from the client', () => {
    eachIs([`S${PORT}`, 'SEPRT |1|192.0.2.2|51210|\r\n'], passes());
    eachIs(['C227 hi (10,0,1,2,200,10)\r\n', 'C229 hi (|||51210|)\r\n'], passes());
  });

  test('case 54: 227 that nobody asked for', () => {
    eachIs(['S227 hi (192,0,2,2,200,10)\r\n'], passes(TO_SERVER));
  });

  test('case 55: 227 echoed inside an error', () => {
    eachIs(["S500 '227 hi (192,0,2,2,200,10)'\r\n"], passes());
  });

  test('case 56: 227 in a segment behind an error', () => {
    assert.deepEqual(after(['S550 no\r\n', 'S227 hi (192,0,2,2,0,22)\r\n']), {
      verdicts: ['pass', 'pass'],
      expected: ['10.0.1.2>192.0.2.2:22'],
    });
  });

  test('case 57: 227 inside a reply of several lines', () => {
    assert.deepEqual(after(['S211-x\r\n', 'S227 (192,0,2,2,200,10)\r\n']), {
      verdicts: ['pass', 'pass'],
      expected: [TO_SERVER],
    });
    eachIs(['S211-x\r\n227 (192,0,2,2,200,10)\r\n'], passes());
  });

  test('case 58: 227-', () => {
    eachIs(['S227-Entering (192,0,2,2,200,10)\r\n'], passes());
  });

  test('case 59: 256 in the upper half of the port', () => {
    eachIs(['CPORT 10,0,1,2,256,22\r\n'], passes('192.0.2.2>10.0.1.2:22'));
  });

  test('case 60: a whole port in the lower half', () => {
    eachIs(['CPORT 10,0,1,2,0,8080\r\n'], passes('192.0.2.2>10.0.1.2:8080'));
  });

  test('case 61: 10,0,0,258 is 10.0.1.2', () => {
    eachIs(['CPORT 10,0,0,258,200,10\r\n'], passes(TO_CLIENT));
  });

  test('case 62: 4294967306 is 10', () => {
    eachIs(['CPORT 4294967306,0,1,2,200,10\r\n'], passes(TO_CLIENT));
  });

  test('case 63: port 65558 is 22', () => {
    eachIs(['S229 hi (|||65558|)\r\n'], passes('10.0.1.2>192.0.2.2:22'));
    eachIs(['CEPRT |1|10.0.1.2|65558|\r\n'], passes('192.0.2.2>10.0.1.2:22'));
  });

  test('case 64: PORT over IPv6 says the first word of the address', () => {
    const line = 'CPORT 32,1,13,184,200,10\r\n';
    eachIs([line], passes('2001:db8:2::2>2001:db8:1::2:51210'), { ipv6: true });
    eachIs(['CPORT 32,1,13,185,200,10\r\n'], passes(), { ipv6: true });
    const verdicts = ['PORT 32,1,13,184,200,10\r\n'];
    const expected = ['2001:db8:2::2>2001:db8:2::1:51210'];
    const zeros = 'CPORT 032,01,013,184,200,10\r\n';
    assert.deepEqual(after([zeros], { ipv6: true, nat: 'snat' }), { verdicts, expected });
  });

  test('case 65: PORT after EPSV ALL', () => {
    const { expected } = after(['CEPSV ALL\r\n', 'S200 ok\r\n', `C${PORT}`]);
    assert.deepEqual(expected, [TO_CLIENT]);
  });

  test('case 66: PORT after AUTH TLS', () => {
    const { expected } = after(['CAUTH TLS\r\n', 'S234 go\r\n', `C${PORT}`]);
    assert.deepEqual(expected, [TO_CLIENT]);
  });

  test('case 67: PORT that the server refuses', () => {
    const session = talk();
    session.steps(`C${PORT}`, 'S500 no\r\n');
    const syn = session.dataSyn(session.server, 20, '10.0.1.2', 51_210);
    assert.equal(syn.outcome, Outcome.Forward);
  });

  test('case 68: data after the end of the control connection', () => {
    const closed = talk();
    closed.step('C', PORT);
    closed.close();
    closed.around.now(119);
    assert.deepEqual(closed.expected(), [TO_CLIENT]);
    const syn = closed.dataSyn(closed.server, 20, '10.0.1.2', 51_210);
    assert.equal(syn.outcome, Outcome.Forward);

    const reset = talk();
    reset.step('C', PORT);
    reset.inject(reset.client, { flags: 'RA' });
    reset.around.now(9);
    assert.deepEqual(reset.expected(), [TO_CLIENT]);
    reset.around.now(11);
    assert.deepEqual(reset.expected(), []);
  });
});

describe('malformed lines', () => {
  test('case 69: numbers, ends and spaces of PORT', () => {
    eachIs(
      [
        'CPORT 10,0,1,2,200\r\n',
        'CPORT 10,0,1,2,200,10,1\r\n',
        'CPORT 10,0,1,2,200,10\n',
        'CPORT 10,0,1,2,200,10 \r\n',
        'CPORT  10,0,1,2,200,10\r\n',
        'CPORT\r\n',
        'CPORT \r\n',
        'CPORT 10,0,1,2,200,10',
      ],
      DROPPED,
    );
  });

  test('case 70: 227 Logout.', () => {
    const session = talk();
    const seq = session.server.next;
    assert.equal(session.step('S', '227 Logout.\r\n'), 'drop');
    for (let i = 0; i < 3; i++) {
      assert.equal(session.stepAt(session.server, seq, '227 Logout.\r\n'), 'drop');
    }
  });

  test('case 71: a number in the text before, spaces behind commas', () => {
    eachIs(['S227 Ok 1 (192,0,2,2,200,10)\r\n', 'S227 hi (192, 0, 2, 2, 200, 10)\r\n'], DROPPED);
  });

  test('case 72: 229 in other forms', () => {
    eachIs(
      [
        'S229 hi (||51210|)\r\n',
        'S229 hi |||51210|\r\n',
        'S229 hi (|||51210)\r\n',
        'S229 hi (|||0|)\r\n',
        'S229 hi (|1|192.0.2.2|51210|)\r\n',
      ],
      DROPPED,
    );
  });

  test('case 73: a lone first letter', () => {
    eachIs(['CP', 'CE', 'Ce', 'S2', 'S22', 'S229'], DROPPED);
    eachIs(['CQ', 'S1', 'SP', 'C2'], passes());
  });

  test('case 74: EPRT with the wrong family, delimiter or spelling', () => {
    eachIs(
      [
        'CEPRT |2|2001:db8:1::2|51210|\r\n',
        'CEPRT |2|10.0.1.2|51210|\r\n',
        'CEPRT 111110.0.1.2151210111\r\n',
        'CEPRT |1|10.0.1.2|0|\r\n',
        'CEPRT |1|10.0.1.2|51210\r\n',
      ],
      DROPPED,
    );
    eachIs(
      [
        'CEPRT |1|10.0.1.2|51210|\r\n',
        'CEPRT |2|[2001:db8:1::2]|51210|\r\n',
        'CEPRT |2|2001:db8:1::2%eth0|51210|\r\n',
      ],
      DROPPED,
      { ipv6: true },
    );
  });

  test('case 75: an empty number is 0', () => {
    eachIs(['CPORT 10,0,1,2,,5\r\n'], passes('192.0.2.2>10.0.1.2:5'));
  });

  test('case 76: port 0', () => {
    eachIs(['S227 hi (192,0,2,2,0,0)\r\n'], passes('10.0.1.2>192.0.2.2:0'));
    eachIs(['CPORT 10,0,1,2,0,0\r\n'], passes('192.0.2.2>10.0.1.2:0'));
  });

  test('case 77: endless lines, NULs and a burst of PORTs', () => {
    const session = talk();
    for (let i = 0; i < 5; i++) assert.equal(session.step('C', 'x'.repeat(1000)), 'pass');
    assert.equal(session.step('C', `${'x'.repeat(100)}\r\n`), 'pass');
    assert.equal(session.step('C', '\0PORT 10,0,1,2,200,10\r\n'), 'pass');
    assert.deepEqual(session.expected(), []);
    for (let i = 0; i < 500; i++) {
      assert.equal(session.step('C', `PORT 10,0,1,2,${100 + (i % 100)},${i % 256}\r\n`), 'pass');
      if (i % 50 === 0) session.step('S', '200 ok\r\n');
    }
    assert.deepEqual(session.expected(), [`192.0.2.2>10.0.1.2:${(100 + 99) * 256 + 243}`]);
  });
});
