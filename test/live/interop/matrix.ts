/** All combinations: first without a firewall, then those that work there through each gateway. */
import type { Family, FtpClient } from '../ftp-clients.ts';
import { type GatewayUnderTest, KernelGateway, PinholeGateway } from '../gateways.ts';
import type { Lab } from '../harness.ts';
import {
  attempt,
  type Cell,
  type Combination,
  modesOf,
  pool,
  Result,
  type Row,
  rowKey,
} from './cells.ts';
import type { FtpServer } from './servers.ts';
import { type Site, withSite } from './site.ts';
import { rulesFor, type Topology, topologies } from './topologies.ts';

export const gatewayNames = ['kernel', 'pinhole-kernel', 'pinhole'] as const;
export type GatewayName = (typeof gatewayNames)[number];

export interface Selection {
  readonly servers: readonly FtpServer[];
  readonly clients: readonly FtpClient[];
  readonly gateways: readonly GatewayName[];
  readonly topologies: readonly Topology[];
  /** Sessions at the same time. */
  readonly atOnce: number;
}

export interface Matrix {
  readonly rows: readonly Row[];
  /** Without a firewall, by `openKey`. */
  readonly open: ReadonlyMap<string, Cell>;
  /** Through the gateways, by `cellKey`. */
  readonly cells: ReadonlyMap<string, Cell>;
  /** Gateways that did not start, or failed on the way. */
  readonly incidents: readonly string[];
}

export const openKey = (row: Row, family: Family): string => `${rowKey(row)} ${family}`;
export const cellKey = (row: Row, family: Family, topology: Topology, gateway: GatewayName) =>
  `${openKey(row, family)} ${topology.name} ${gateway}`;

/** Large enough for a few dozen segments, small enough for some two thousand sessions. */
const fileBytes = 60_000;
/** More failures than this are no accident of a busy machine, and are not tried again. */
const retryLimit = 40;

const families: readonly Family[] = [4, 6];
/** Combinations that fail because of what stands between; only their number is of interest. */
const failed = (cell: Cell | undefined) => cell?.result !== Result.Works;

function rowsOf({ servers, clients }: Selection): Row[] {
  return servers.flatMap((server) =>
    clients.flatMap((client) => modesOf(client, 4).map((mode) => ({ server, client, mode }))),
  );
}

function combinationsOf(rows: readonly Row[]): Combination[] {
  return rows.flatMap((row) =>
    families
      .filter((family) => modesOf(row.client, family).includes(row.mode))
      .map((family) => ({ ...row, family })),
  );
}

/** What fails is tried once more, alone, so that a busy machine is not taken for a cause. */
async function attemptAll(
  site: Site,
  topology: Topology,
  combinations: readonly Combination[],
  atOnce: number,
): Promise<Cell[]> {
  const cells = await pool(combinations, atOnce, (each) => attempt(site, topology, each));
  const again = cells.flatMap((cell, index) => (failed(cell) ? [index] : []));
  if (again.length > retryLimit) return cells;
  await pool(again, Math.min(2, atOnce), async (index) => {
    const combination = combinations[index];
    if (combination !== undefined) cells[index] = await attempt(site, topology, combination);
  });
  return cells;
}

function gatewayFor(lab: Lab, name: GatewayName): GatewayUnderTest {
  return name === 'kernel' ? new KernelGateway(lab) : new PinholeGateway(lab);
}

/** One run in the making: the site, the results so far, and the words for whoever waits. */
class Run {
  readonly #site: Site;
  readonly #selection: Selection;
  readonly #say: (line: string) => void;
  readonly open = new Map<string, Cell>();
  readonly cells = new Map<string, Cell>();
  readonly incidents: string[] = [];

  constructor(site: Site, selection: Selection, say: (line: string) => void) {
    this.#site = site;
    this.#selection = selection;
    this.#say = say;
  }

  async withoutFirewall(combinations: readonly Combination[]): Promise<Combination[]> {
    const cells = await this.#part('no firewall', topologies[0] as Topology, combinations);
    return combinations.filter((row, index) => {
      this.open.set(openKey(row, row.family), cells[index] as Cell);
      return !failed(cells[index]);
    });
  }

  async through(name: GatewayName, topology: Topology, combinations: readonly Combination[]) {
    const title = `${name}, ${topology.name}`;
    const gateway = gatewayFor(this.#site.lab, name);
    const extra = name === 'pinhole-kernel' ? { pinholeArguments: ['--ftp-mode', 'kernel'] } : {};
    const keep = (row: Combination, cell: Cell) =>
      this.cells.set(cellKey(row, row.family, topology, name), cell);
    try {
      await gateway.start(rulesFor(topology, this.#selection.servers), extra);
    } catch (error) {
      this.#incident(title, error);
      for (const row of combinations) {
        keep(row, { result: Result.Fails, evidence: 'the gateway did not start', transcript: '' });
      }
      return;
    }
    const cells = await this.#part(title, topology, combinations);
    for (const [index, row] of combinations.entries()) keep(row, cells[index] as Cell);
    await gateway.stop().catch((error: unknown) => this.#incident(title, error));
  }

  #incident(title: string, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.incidents.push(`${title}: ${text.split('\n')[0] ?? ''}`);
    this.#say(`${title}: ${text.split('\n').slice(-6).join('\n')}`);
  }

  async #part(title: string, topology: Topology, combinations: readonly Combination[]) {
    const began = Date.now();
    const cells = await attemptAll(this.#site, topology, combinations, this.#selection.atOnce);
    const good = cells.filter((cell) => !failed(cell)).length;
    const seconds = ((Date.now() - began) / 1_000).toFixed(1);
    this.#say(`${title}: ${good} of ${combinations.length} work, ${seconds} s`);
    return cells;
  }
}

/** Runs the selection; `say` gets a line for each part of it. */
export function runMatrix(selection: Selection, say: (line: string) => void): Promise<Matrix> {
  const rows = rowsOf(selection);
  return withSite('io', selection.servers, fileBytes, async (site) => {
    const work = new Run(site, selection, say);
    const possible = await work.withoutFirewall(combinationsOf(rows));
    for (const name of selection.gateways) {
      for (const topology of selection.topologies) await work.through(name, topology, possible);
    }
    const { open, cells, incidents } = work;
    return { rows, open, cells, incidents };
  });
}
