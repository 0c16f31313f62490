/** A gateway that says it is ready loses nothing: libpcap would throw the first frame away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Agent } from './agent.ts';
import { withDaemon } from './daemon.ts';
import { gatewayPrograms } from './gateways.ts';
import { requireLive, withLab } from './harness.ts';

const rules = `*filter
:FORWARD DROP [0:0]
-A FORWARD -p icmp -j ACCEPT
COMMIT
`;

test('the very first packet of each interface passes, start after start', async (t) => {
  if (!requireLive(t, gatewayPrograms())) return;
  await withLab('lt-first', { ftpd: false }, async (lab) => {
    const client = await Agent.start(lab, 'client');
    try {
      for (let start = 0; start < 3; start++) {
        await withDaemon(lab, rules, {}, async () => {
          // One echo request and one answer, neither of which anybody repeats.
          assert.equal((await client.ping('203.0.113.21', 2)).by, '203.0.113.21');
        });
      }
    } finally {
      await client.stop();
    }
  });
});
