import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AddressKind, Hook, Verdict } from '../../src/rules/index.ts';
import { LinkType } from '../../src/wire/index.ts';
import { buildTcp, buildUdp, loadPacket } from '../support/packets.ts';
import { expectMatches, verdictOf } from './match-packets.ts';

const ends = { src: '10.1.2.3', dst: '192.168.1.1' };
const SOURCE = 0x0a010203;
const DESTINATION = 0xc0a80101 | 0;
const udp = (more = {}) => loadPacket(buildUdp({ ...ends, sport: 1, dport: 2, ...more }));
const udp6 = (src: string, dst: string) => loadPacket(buildUdp({ src, dst, sport: 1, dport: 2 }));

describe('mac', () => {
  test('the source of the Ethernet frame', () => {
    const packet = udp({ srcMac: '02:00:5e:10:00:fe', dstMac: '02:00:00:00:00:01' });
    expectMatches(
      packet,
      ['-m mac --mac-source 02:00:5e:10:00:fe', '-m mac ! --mac-source 02:00:5e:10:00:ff'],
      [
        '-m mac --mac-source 02:00:5e:10:00:ff',
        '-m mac --mac-source 03:00:5e:10:00:fe',
        '-m mac ! --mac-source 02:00:5e:10:00:fe',
      ],
    );
  });

  test('a packet without a link header matches neither way', () => {
    const packet = loadPacket(buildUdp({ ...ends, sport: 1, dport: 2, link: 'raw' }), 'raw');
    const address = '02:00:5e:10:00:fe';
    expectMatches(
      packet,
      [],
      [`-m mac --mac-source ${address}`, `-m mac ! --mac-source ${address}`],
    );
  });
});

describe('pkttype', () => {
  const kinds = ['unicast', 'broadcast', 'multicast', 'otherhost'];
  const rules = (kind: string) => [
    [`-m pkttype --pkt-type ${kind}`, ...others(kind, '! ')],
    [`-m pkttype ! --pkt-type ${kind}`, ...others(kind, '')],
  ];
  const others = (kind: string, bang: string) =>
    kinds.filter((k) => k !== kind).map((k) => `-m pkttype ${bang}--pkt-type ${k}`);

  test('by the destination of the frame', () => {
    for (const [dstMac, kind] of [
      ['02:00:00:00:00:01', 'unicast'],
      ['ff:ff:ff:ff:ff:ff', 'broadcast'],
      ['01:00:5e:00:00:01', 'multicast'],
      ['ff:ff:ff:ff:ff:fe', 'multicast'],
    ] as const) {
      const [yes = [], no = []] = rules(kind);
      expectMatches(udp({ dstMac }), yes, no);
    }
  });

  test('a tunnel has no addresses: all is for this host', () => {
    const [yes = [], no = []] = rules('unicast');
    expectMatches(
      loadPacket(buildUdp({ ...ends, sport: 1, dport: 2, link: 'raw' }), 'raw'),
      yes,
      no,
    );
  });

  test('a cooked capture says it itself', () => {
    const packet = udp();
    packet.linkType = LinkType.LinuxCooked;
    packet.view.setUint16(packet.frameOffset, 3);
    const [yes = [], no = []] = rules('otherhost');
    expectMatches(packet, yes, no);
  });
});

describe('addrtype', () => {
  test('kinds of IPv4 addresses', () => {
    const prepare = (ctx: { routes: { kinds: Map<number, number> } }) => {
      ctx.routes.kinds.set(SOURCE, AddressKind.Local).set(DESTINATION, AddressKind.Broadcast);
    };
    expectMatches(
      udp(),
      [
        '-m addrtype --src-type LOCAL',
        '-m addrtype --src-type UNICAST,LOCAL',
        '-m addrtype --dst-type BROADCAST',
        '-m addrtype ! --dst-type LOCAL,UNICAST',
        '-m addrtype --src-type LOCAL ! --dst-type MULTICAST',
      ],
      [
        '-m addrtype --src-type UNICAST',
        '-m addrtype ! --src-type LOCAL',
        '-m addrtype --dst-type LOCAL',
        '-m addrtype --src-type LOCAL --dst-type LOCAL',
      ],
      { prepare },
    );
  });

  test('one interface alone is asked for with --limit-iface', () => {
    const seen: number[] = [];
    const packet = udp();
    for (const option of ['', '--limit-iface-in', '--limit-iface-out']) {
      verdictOf(`-m addrtype --src-type LOCAL ${option}`, packet, {
        inIf: 'in0',
        outIf: 'out0',
        prepare: (ctx) => {
          const id = option === '' ? -1 : option === '--limit-iface-in' ? ctx.inIf : ctx.outIf;
          ctx.routes.addressKind = (...args: number[]) => {
            seen.push(args[5]! - id);
            return AddressKind.Local;
          };
        },
      });
    }
    assert.deepEqual(seen, [0, 0, 0, 0, 0, 0]);
  });

  test('IPv6: properties of the address must all hold, of the routed kinds one', () => {
    const local = (ctx: { routes: { kind: number } }) => {
      ctx.routes.kind = AddressKind.Local;
    };
    expectMatches(
      udp6('2001:db8::1', 'ff02::1'),
      [
        '-m addrtype --src-type UNICAST',
        '-m addrtype --src-type UNICAST,LOCAL',
        '-m addrtype --src-type LOCAL,ANYCAST',
        '-m addrtype --dst-type MULTICAST',
        '-m addrtype ! --src-type MULTICAST',
      ],
      ['-m addrtype --src-type MULTICAST,UNICAST', '-m addrtype --dst-type UNICAST'],
      { prepare: local },
    );
    expectMatches(
      udp6('::', '::ffff:a00:1'),
      ['-m addrtype --src-type UNSPEC', '-m addrtype ! --dst-type UNICAST'],
      ['-m addrtype --src-type UNICAST', '-m addrtype --src-type LOCAL'],
    );
    expectMatches(
      udp6('2001:db8::1', '2001:db8::2'),
      ['-m addrtype --src-type UNICAST'],
      ['-m addrtype --src-type UNICAST,LOCAL', '-m addrtype --dst-type UNICAST,ANYCAST'],
      {
        prepare: (ctx) => {
          ctx.routes.kind = AddressKind.Unicast;
        },
      },
    );
    expectMatches(
      udp6('2001:db8::1', '2001:db8::2'),
      ['-m addrtype --dst-type UNREACHABLE'],
      ['-m addrtype --dst-type LOCAL'],
      {
        prepare: (ctx) => {
          ctx.routes.kind = AddressKind.Prohibit;
        },
      },
    );
  });
});

describe('rpfilter', () => {
  const at = { table: 'raw', chain: 'PREROUTING', hook: Hook.Prerouting, inIf: 'eth0' } as const;
  const failing = {
    ...at,
    prepare: (ctx: { routes: { reverse: boolean } }) => {
      ctx.routes.reverse = false;
    },
  };

  test('asks the routes', () => {
    expectMatches(udp(), ['-m rpfilter'], ['-m rpfilter --invert'], at);
    expectMatches(udp(), ['-m rpfilter --invert'], ['-m rpfilter', '-m rpfilter --loose'], failing);
  });

  test('hands --loose and --accept-local on', () => {
    const asked: unknown[] = [];
    verdictOf('-m rpfilter --loose --accept-local', udp(), {
      ...at,
      prepare: (ctx) => {
        ctx.routes.reversePathHolds = (...args: unknown[]) => {
          asked.push(...args.slice(1));
          return true;
        };
      },
    });
    assert.deepEqual(asked.slice(1, 3), [true, true]);
  });

  test('loopback, groups of the own link, and the unspecified address need no route', () => {
    expectMatches(udp(), ['-m rpfilter'], [], { ...failing, inIf: 'lo' });
    const zero = (dst: string) => loadPacket(buildUdp({ src: '0.0.0.0', dst, sport: 1, dport: 2 }));
    expectMatches(zero('224.0.0.22'), ['-m rpfilter'], [], failing);
    expectMatches(zero('239.1.1.1'), [], ['-m rpfilter'], at);
    expectMatches(zero('255.255.255.255'), [], ['-m rpfilter'], failing);
    expectMatches(udp6('::', 'ff02::16'), ['-m rpfilter'], [], failing);
  });
});

describe('connmark', () => {
  const mark = (value: number) => ({
    prepare: (ctx: { connection: { exists: boolean; mark: number } }) => {
      ctx.connection.exists = true;
      ctx.connection.mark = value;
    },
  });

  test('the mark of the connection, under a mask', () => {
    expectMatches(
      udp(),
      [
        '-m connmark --mark 0x15',
        '-m connmark --mark 5/0xf',
        '-m connmark --mark 0/0xff00',
        '-m connmark ! --mark 5',
      ],
      ['-m connmark --mark 5', '-m connmark ! --mark 5/0xf', '-m connmark --mark 0x1f/0xf'],
      mark(0x15),
    );
    expectMatches(udp(), ['-m connmark --mark 0xffffffff'], [], mark(-1));
  });

  test('without a connection it matches neither way', () => {
    expectMatches(udp(), [], ['-m connmark --mark 0', '-m connmark ! --mark 1']);
  });
});

describe('owner', () => {
  const at = { chain: 'OUTPUT', hook: Hook.Output } as const;
  const rules = {
    user: '-m owner --uid-owner 1000',
    users: '-m owner --uid-owner 999-1001',
    group: '-m owner --gid-owner 100',
  };

  test('the socket of the packet', () => {
    const prepare = (ctx: { socketUid: number; socketGid: number }) => {
      ctx.socketUid = 1000;
      ctx.socketGid = 100;
    };
    expectMatches(
      udp(),
      [
        rules.user,
        rules.users,
        rules.group,
        '-m owner --socket-exists',
        '-m owner ! --uid-owner 0',
        '-m owner --uid-owner 1000 ! --gid-owner 0',
      ],
      [
        '-m owner --uid-owner root',
        '-m owner ! --uid-owner 999-1001',
        '-m owner --gid-owner 101-200',
        '-m owner ! --socket-exists',
        '-m owner --uid-owner 1000 --gid-owner 0',
      ],
      { ...at, prepare },
    );
  });

  test('a packet without a socket fits what is asked with ! alone', () => {
    expectMatches(
      udp(),
      ['-m owner ! --socket-exists', '-m owner ! --uid-owner 0'],
      [
        ...Object.values(rules),
        '-m owner --socket-exists',
        '-m owner ! --uid-owner 0 --gid-owner 0',
      ],
      at,
    );
  });
});

test('what is not known here is answered as for a packet that has none of it', () => {
  const tcp = loadPacket(buildTcp({ ...ends, sport: 1, dport: 2, flags: 'S' }));
  expectMatches(
    tcp,
    [
      '-m physdev ! --physdev-in eth0',
      '-m physdev ! --physdev-is-bridged ! --physdev-out eth1',
      '-m devgroup --src-group 0',
      '-m devgroup ! --dst-group 1/3',
      '-m realm ! --realm 1',
      '-m cpu --cpu 0',
      '-m nfacct --nfacct-name web',
      '-m connlabel ! --label 1',
      '-m ipvs ! --ipvs',
      '-m policy --dir in --pol none',
      '-m cluster --cluster-total-nodes 2 --cluster-local-node 1 --cluster-hash-seed 1',
    ],
    [
      '-m physdev --physdev-in eth0',
      '-m physdev ! --physdev-in eth0 --physdev-is-bridged',
      '-m devgroup --src-group 1',
      '-m realm --realm 1',
      '-m cpu --cpu 1',
      '-m connlabel --label 1',
      '-m ipvs --vproto tcp',
      '-m ipvs ! --vproto tcp',
      '-m policy --dir in --pol ipsec',
      '-p tcp -m osf --genre Linux',
      '-m bpf --bytecode "1,6 0 0 1"',
    ],
  );
  assert.equal(
    verdictOf('-m cgroup --cgroup 1', tcp, { chain: 'OUTPUT', hook: Hook.Output }),
    Verdict.Drop,
  );
  assert.equal(verdictOf('-m socket', tcp, { chain: 'INPUT', hook: Hook.Input }), Verdict.Drop);
});
