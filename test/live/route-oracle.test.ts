/**
 * Routes and policy rules against the kernel's own: random rules and tables are set in a namespace,
 * read as the daemon reads them, and asked for random packets beside `ip route get`.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { InterfaceTable, Prng } from '../../src/base/index.ts';
import { KernelRoutes } from '../../src/datapath/routes/index.ts';
import { RouteKind } from '../../src/engine/index.ts';
import { formatIpv4, formatIpv6, Packet, parseIpv4, parseIpv6 } from '../../src/wire/index.ts';
import { hasProgram } from './harness.ts';
import { Configuration, type Question } from './routing/configuration.ts';
import { type KernelAnswer, RoutingNamespace } from './routing/namespace.ts';

/** Configurations of each family, and packets for each. */
const ROUNDS = Number(process.env.PINHOLE_ROUTE_ROUNDS ?? 12);
const PACKETS = Number(process.env.PINHOLE_ROUTE_PACKETS ?? 400);
const SEED = Number(process.env.PINHOLE_ROUTE_SEED ?? 20_261_121);
const ROUTES = 60;
const RULES = 14;

const kinds: Readonly<Record<number, string>> = {
  [RouteKind.Forward]: 'unicast',
  [RouteKind.Local]: 'local',
  [RouteKind.Unreachable]: 'unreachable',
  [RouteKind.Prohibited]: 'prohibit',
  [RouteKind.Blackhole]: 'blackhole',
  [RouteKind.Broadcast]: 'broadcast',
};

const why =
  process.getuid?.() !== 0
    ? 'live tests need root'
    : hasProgram('ip') && hasProgram('nsenter')
      ? false
      : 'live tests need ip and nsenter';

describe('policy routing beside ip route get', { skip: why }, () => {
  let namespace: RoutingNamespace;
  before(() => {
    namespace = new RoutingNamespace(`pr-${process.pid}`);
  });
  after(() => namespace.delete());

  for (const family of [4, 6] as const) {
    test(`IPv${family}: ${ROUNDS} configurations, ${PACKETS} packets each`, async (t) => {
      const met = new Map<string, number>();
      for (let round = 0; round < ROUNDS; round++) {
        const seed = SEED + round;
        const random = new Prng(seed);
        const configuration = new Configuration(random, family);
        // One without rules: then the local table is one with main.
        const rules = round === 0 ? [] : configuration.rules(RULES);
        configure(namespace, family, [...configuration.routes(ROUTES), ...rules]);
        const questions = Array.from({ length: PACKETS }, (_, index) => {
          return configuration.question(index % 4 === 0);
        });
        const texts = questions.map((question) => configuration.argumentsOf(question));
        const answers = namespace.routesOf(family, texts);
        const { interfaces, routes } = await read(namespace);
        for (const [index, question] of questions.entries()) {
          const ours = ask(routes, interfaces, family, question);
          const kernels = shown(routes, interfaces, question, answers[index]!);
          const said = `seed ${seed}: ip -${family} route get ${texts[index]}`;
          assert.equal(ours, kernels, said);
          const kind = ours.split(' ')[0]!;
          met.set(kind, (met.get(kind) ?? 0) + 1);
        }
      }
      t.diagnostic([...met].map(([kind, count]) => `${kind} ${count}`).join(', '));
      for (const kind of ['unicast', 'local', 'unreachable', 'prohibit', 'blackhole']) {
        assert.ok((met.get(kind) ?? 0) > 0, `no packet met ${kind}`);
      }
    });
  }
});

/** In place of what there was, but for the rules and routes of the system itself. */
function configure(namespace: RoutingNamespace, family: 4 | 6, lines: readonly string[]): void {
  const tables = ['100', '101', '1000', '70000', 'default'];
  const clean = tables.map((table) => `route flush table ${table}`);
  clean.push('route flush table main proto boot', 'rule flush');
  // `rule flush` leaves the rule of priority 0 alone.
  clean.push('rule add pref 32766 lookup main');
  if (family === 4) clean.push('rule add pref 32767 lookup default');
  namespace.batch([...clean, ...lines], [`-${family}`]);
}

async function read(namespace: RoutingNamespace) {
  const interfaces = new InterfaceTable();
  const runIp = async (argv: readonly string[]) => namespace.ip(argv);
  const routes = await KernelRoutes.open({ interfaces, runIp });
  routes.close();
  return { interfaces, routes };
}

function ask(
  routes: KernelRoutes,
  interfaces: InterfaceTable,
  family: 4 | 6,
  question: Question,
): string {
  const packet = new Packet(new ArrayBuffer(1024));
  packet.family = family;
  [packet.dst0, packet.dst1, packet.dst2, packet.dst3] = wordsOf(question.dst);
  [packet.src0, packet.src1, packet.src2, packet.src3] = wordsOf(question.src);
  packet.tos = question.tos;
  packet.protocol = question.protocol;
  packet.srcPortOrIcmpId = question.sport;
  packet.dstPortOrIcmpTypeCode = question.dport;
  const inIf = question.iif === '' ? -1 : interfaces.id(question.iif);
  const kind = kinds[routes.lookup(packet, inIf, question.mark | 0)]!;
  if (kind !== 'unicast') return kind;
  const { hop0, hop1, hop2, hop3, hopFamily, mtu, outIf } = routes;
  const hop = hopFamily === 4 ? formatIpv4(hop0) : formatIpv6(hop0, hop1, hop2, hop3);
  return `unicast ${interfaces.name(outIf)} ${hop} ${mtu}`;
}

function shown(
  routes: KernelRoutes,
  interfaces: InterfaceTable,
  question: Question,
  { dev, gateway, kind, mtu }: KernelAnswer,
): string {
  if (kind !== 'unicast') return kind;
  const ofLink = routes.mtuOf(interfaces.id(dev ?? ''));
  return `unicast ${dev} ${gateway ?? question.dst} ${Math.min(mtu ?? ofLink, ofLink)}`;
}

function wordsOf(text: string): [number, number, number, number] {
  return text.includes(':') ? parseIpv6(text)! : [parseIpv4(text)!, 0, 0, 0];
}
