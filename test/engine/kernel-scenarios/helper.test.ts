/**
 * After nft_conntrack_helper.sh: a rule assigns the FTP helper to connections of another port; none is
 * assigned to port 21 by itself where that is switched off, as it is in kernels since 6.0.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultEngineSettings } from '../../../src/engine/index.ts';
import { makeGateway } from '../../support/gateway.ts';
import { buildTcp } from '../../support/packets.ts';
import { back, entryOf, entryText, places } from './play.ts';

const rules = `*raw
-A PREROUTING -p tcp --dport 2121 -j CT --helper ftp
-A OUTPUT -p tcp --dport 2121 -j CT --helper ftp
COMMIT
`;

for (const family of [4, 6] as const) {
  const at = places[family];
  describe(`the FTP helper, IPv${family}`, () => {
    for (const [from, src] of [
      ['through the gateway', at.client],
      ['of the gateway itself', at.outside],
    ] as const) {
      const helperOf = (dport: number, ftpPorts: readonly number[]) => {
        const settings = { ...defaultEngineSettings(), ftpPorts };
        const gateway = makeGateway({ rules, rules6: rules, settings });
        const line = { src, dst: at.server, sport: 46_000, dport };
        const client = (frame: Uint8Array) =>
          src === at.client ? gateway.inject('lan', frame) : gateway.output('wan', frame);
        client(buildTcp({ ...line, flags: 'S', seq: 1 }));
        gateway.inject('wan', buildTcp({ ...back(line), flags: 'SA', seq: 5, ack: 2 }));
        client(buildTcp({ ...line, flags: 'A', seq: 2, ack: 6 }));
        const entry = entryOf(gateway, line);
        assert.equal(entryText(entry), 'ESTABLISHED 432000 ASSURED');
        return entry?.helper ?? '';
      };

      test(`is assigned by a rule to a connection ${from}`, () => {
        assert.equal(helperOf(2121, []), 'ftp');
      });

      test(`is not assigned to port 21 by itself ${from}, unless that is a port of the helper`, () => {
        assert.equal(helperOf(21, []), '');
        assert.equal(helperOf(21, [21]), 'ftp');
      });
    }
  });
}
