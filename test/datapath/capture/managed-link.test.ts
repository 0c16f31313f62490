import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isVirtual, ManagedLink } from '../../../src/datapath/capture/managed-link.ts';
import { offloadsInUse } from '../../../src/datapath/capture/offloads.ts';
import { DatapathUnavailable, type HostChanges } from '../../../src/datapath/host/index.ts';
import type { LinkJson } from '../../../src/datapath/routes/index.ts';

import { FakeHost } from '../host/fake-host.ts';

const link: LinkJson = {
  ifindex: 2,
  ifname: 'eth0',
  flags: ['UP'],
  mtu: 1500,
  link_type: 'ether',
  addr_info: [
    { family: 'inet6', local: '2001:db8::1', prefixlen: 64, scope: 'global' },
    { family: 'inet6', local: 'fe80::1', prefixlen: 64, scope: 'link' },
    { family: 'inet', local: '10.0.0.1', prefixlen: 24, scope: 'global' },
  ],
};

function managedLink(host: FakeHost): { managed: ManagedLink; changes: HostChanges } {
  const changes = host.changes();
  const managed = new ManagedLink('eth0', changes, host.run, (line) => host.log.push(line));
  return { managed, changes };
}

describe('ManagedLink', () => {
  test('drops behind the tap, and takes all of it back', (t) => {
    const host = new FakeHost(t);
    const { managed, changes } = managedLink(host);
    managed.dropBehindTap(link);
    changes.undoAll();
    const verbs = host.commands.map((command) => command.split(' ').slice(0, 3).join(' '));
    assert.deepEqual(verbs, [
      'tc qdisc show',
      'tc qdisc add',
      ...Array(4).fill('tc filter add'),
      ...Array(4).fill('tc filter del'),
      'tc qdisc del',
    ]);
  });

  test('a clsact that somebody else put there stays', (t) => {
    const host = new FakeHost(t);
    host.answers['tc qdisc show dev eth0'] = 'qdisc clsact ffff: parent ffff:fff1 \n';
    const { managed, changes } = managedLink(host);
    managed.dropBehindTap(link);
    changes.undoAll();
    assert.ok(!host.commands.some((command) => /qdisc (add|del)/.test(command)));
  });

  test('what tc says is in the error', (t) => {
    const host = new FakeHost(t);
    host.failing = ['filter add'];
    const { managed } = managedLink(host);
    assert.throws(
      () => managed.dropBehindTap(link),
      (error: DatapathUnavailable) => {
        assert.ok(error instanceof DatapathUnavailable);
        assert.equal(error.code, 'command-failed');
        return /no: tc filter add/.test(error.message);
      },
    );
  });

  test('a new own address renews the filter, an unchanged one does not', (t) => {
    const host = new FakeHost(t);
    const { managed } = managedLink(host);
    managed.dropBehindTap(link);
    host.commands.length = 0;
    managed.followAddresses(link);
    assert.deepEqual(host.commands, []);
    managed.followAddresses({ ...link, addr_info: [] });
    const renewed = host.commands.map((command: string) =>
      command.split(' ').slice(0, 10).join(' '),
    );
    const protocols = ['ipv6 pref 2', '802.1Q pref 4', '802.1ad pref 5'];
    assert.deepEqual(
      renewed,
      protocols.map((key) => `tc filter replace dev eth0 ingress protocol ${key}`),
    );
  });

  test('switches offloads one by one, and says what refused', (t) => {
    const host = new FakeHost(t);
    host.answers['ethtool -k eth0'] = features;
    host.failing = ['-K eth0 tso off'];
    const { managed, changes } = managedLink(host);
    managed.switchOffloadsOff(false);
    changes.undoAll();
    assert.deepEqual(host.commands.slice(1), [
      'ethtool -K eth0 rx off',
      'ethtool -K eth0 tso off',
      'ethtool -K eth0 gso off',
      'ethtool -K eth0 gso on',
      'ethtool -K eth0 rx on',
    ]);
    assert.match(host.log[0]!, /eth0: tso stays on: no: ethtool/);
  });

  test('keeps gso on virtual links, whose ring needs long slots', (t) => {
    const host = new FakeHost(t);
    host.answers['ethtool -k eth0'] = features;
    managedLink(host).managed.switchOffloadsOff(true);
    assert.ok(!host.commands.includes('ethtool -K eth0 gso off'));
    assert.equal(isVirtual(link), false);
    assert.equal(isVirtual({ ...link, linkinfo: { info_kind: 'veth' } }), true);
    assert.equal(isVirtual({ ...link, parentbus: 'virtio' }), true);
  });

  test('no ethtool: offloads stay, in one line of the log', (t) => {
    const host = new FakeHost(t);
    host.failing = ['ethtool'];
    managedLink(host).managed.switchOffloadsOff(false);
    assert.deepEqual(host.log.length, 1);
  });
});

const features = `Features for eth0:
rx-checksumming: on
tx-checksumming: off
\ttx-checksum-ip-generic: on
scatter-gather: on
tcp-segmentation-offload: on
generic-segmentation-offload: on
generic-receive-offload: off
large-receive-offload: on [fixed]
rx-gro-hw: off [fixed]
`;

test('offloadsInUse: on, and not fixed', () => {
  assert.deepEqual(offloadsInUse(features), ['rx', 'tso', 'gso']);
  assert.deepEqual(offloadsInUse(''), []);
});
