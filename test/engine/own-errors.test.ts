import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Left, makeGateway, type TestGateway } from '../support/gateway.ts';
import { places, quotedBy } from '../support/icmp-errors.ts';
import { buildUdp } from '../support/packets.ts';
import type { SeenPacket } from '../support/seen.ts';

const raw = { link: 'raw' } as const;

const masquerade = '*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n';

function gatewayFor(family: 4 | 6, rules: string): TestGateway {
  return makeGateway(family === 4 ? { rules } : { rules6: rules });
}

function ends(packet: SeenPacket): string {
  return `${packet.src} > ${packet.dst}`;
}

for (const family of [4, 6] as const) {
  const h = places[family];
  const endpoint = (address: string, port: number) =>
    family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
  const question = { src: h.client, dst: h.server, sport: 5000, dport: 53, payload: 'question' };
  const publish = (target: string) =>
    `*nat\n-A PREROUTING -i wan -p udp -d ${h.gateway} --dport 53 -j ${target}\nCOMMIT\n`;
  const published = publish(`DNAT --to-destination ${endpoint(h.client, 5353)}`);
  const asked = { src: h.server, dst: h.gateway, sport: 5000, dport: 53, payload: 'question' };

  describe(`errors of the gateway itself under translation, IPv${family}`, () => {
    const exceeded = family === 4 ? 11 : 3;
    const only = (left: Left): SeenPacket => {
      assert.equal(left.answers.length, 1);
      return left.answers[0]!.seen;
    };

    test('time exceeded for a published service: in the name and with the address asked for', () => {
      const gateway = gatewayFor(family, published);
      const left = gateway.inject('wan', buildUdp({ ...asked, ttl: 1 }));
      assert.equal(left.reason, 'ttl-exceeded');
      const answer = only(left);
      assert.equal(answer.icmpType, exceeded);
      assert.equal(ends(answer), `${h.gateway} > ${h.server}`);
      assert.deepEqual([...quotedBy(answer).datagram], [...buildUdp({ ...asked, ...raw, ttl: 1 })]);
    });

    test('the same where the service has an address that is none of the gateway', () => {
      const other = family === 4 ? '203.0.113.77' : '2001:db8:1::77';
      const rules = `*nat\n-A PREROUTING -i wan -d ${other} -j DNAT --to-destination ${h.client}\nCOMMIT\n`;
      const gateway = gatewayFor(family, rules);
      const answer = only(gateway.inject('wan', buildUdp({ ...asked, dst: other, ttl: 1 })));
      assert.equal(ends(answer), `${other} > ${h.server}`);
      assert.equal(quotedBy(answer).dst, other);
    });

    test('time exceeded on the way back to a masqueraded client', () => {
      const gateway = gatewayFor(family, masquerade);
      gateway.inject('lan', buildUdp(question));
      const reply = { src: h.server, dst: h.gateway, sport: 53, dport: 5000, ttl: 1 };
      const answer = only(gateway.inject('wan', buildUdp(reply)));
      assert.equal(ends(answer), `${h.gateway} > ${h.server}`);
      assert.deepEqual([...quotedBy(answer).datagram], [...buildUdp({ ...reply, ...raw })]);
    });

    test('traceroute from inside sees the inner address of the gateway', () => {
      const gateway = gatewayFor(family, masquerade);
      const answer = only(gateway.inject('lan', buildUdp({ ...question, ttl: 1 })));
      assert.equal(ends(answer), `${h.gatewayInside} > ${h.client}`);
    });

    test('REJECT behind destination NAT', () => {
      const kind = family === 4 ? 'icmp-host-prohibited' : 'icmp6-adm-prohibited';
      const reject = `*filter\n-A FORWARD -j REJECT --reject-with ${kind}\nCOMMIT\n`;
      const gateway = gatewayFor(family, published + reject);
      const answer = only(gateway.inject('wan', buildUdp(asked)));
      assert.equal(ends(answer), `${h.gateway} > ${h.server}`);
      const own = buildUdp({ ...asked, ...raw, ttl: 63 });
      assert.deepEqual([...quotedBy(answer).datagram], [...own]);
    });

    test('path MTU: a masqueraded client learns that of the way out', () => {
      const gateway = gatewayFor(family, masquerade);
      gateway.datapath.routes.setMtu(gateway.datapath.interfaces.id('wan'), 1300);
      const big = { ...question, payload: 'x'.repeat(1350) };
      gateway.inject('lan', buildUdp(question));
      const answer = only(gateway.inject('lan', buildUdp(big)));
      assert.deepEqual([answer.icmpType, answer.icmpCode], family === 4 ? [3, 4] : [2, 0]);
      const at = family === 4 ? 24 : 44;
      assert.deepEqual([...answer.datagram.slice(at, at + 4)], [0, 0, 1300 >> 8, 1300 & 255]);
      const head = buildUdp({ ...big, ...raw });
      assert.deepEqual([...answer.payload], [...head.slice(0, answer.payload.length)]);
    });
  });
}
