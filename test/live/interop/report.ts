/** The results as docs/interop.md and docs/interop.json. */
import type { Family } from '../ftp-clients.ts';
import { type Cell, Result, type Row, rowKey } from './cells.ts';
import { explain } from './explanations.ts';
import {
  cellKey,
  type GatewayName,
  gatewayNames,
  type Matrix,
  openKey,
  type Selection,
} from './matrix.ts';
import { packageVersion, platformVersions } from './programs.ts';
import { type Topology, topologies } from './topologies.ts';

interface Column {
  readonly topology: Topology;
  readonly family: Family;
}

const columns: readonly Column[] = ([4, 6] as const).flatMap((family) =>
  topologies.map((topology) => ({ topology, family })),
);
const columnName = ({ topology, family }: Column) => `${topology.name} v${family}`;

const marks = { works: '✓', fallback: '~', fails: '✗' } as const;

type Seen = (gateway: GatewayName) => Cell | undefined;

function seenAt(matrix: Matrix, row: Row, { topology, family }: Column): Seen {
  return (gateway) => matrix.cells.get(cellKey(row, family, topology, gateway));
}

const works = (cell: Cell | undefined) => cell?.result === Result.Works;

function better(seen: Seen): boolean {
  return seen('kernel') !== undefined && !works(seen('kernel')) && works(seen('pinhole'));
}

/** The marks of one column of one row, bare. */
function marksOf(matrix: Matrix, row: Row, column: Column): string {
  const open = matrix.open.get(openKey(row, column.family));
  if (open === undefined) return '·';
  if (!works(open)) return 'n/a';
  const seen = seenAt(matrix, row, column);
  return gatewayNames
    .map((gateway) => {
      const cell = seen(gateway);
      return cell === undefined ? '?' : marks[cell.result];
    })
    .join('');
}

function tableCell(matrix: Matrix, row: Row, column: Column): string {
  const text = marksOf(matrix, row, column);
  return better(seenAt(matrix, row, column)) ? `**${text}**` : text;
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string[] {
  const cells = (line: readonly string[]) => `| ${line.join(' | ')} |`;
  return [cells(head), `|${head.map(() => '---').join('|')}|`, ...lines.map(cells)];
}

function versions(selection: Selection): string[] {
  const packages = [
    ...selection.servers.map((server) => server.package),
    ...['curl', 'wget', 'lftp', 'tnftp', 'ncftp', 'iptables', 'conntrack'],
  ];
  const lines = packages.map((name): [string, string] => [name, packageVersion(name)]);
  return table(['program', 'version'], [...platformVersions(), ...lines]);
}

interface Failure {
  readonly row: Row;
  readonly where: string;
  readonly gateway: GatewayName | 'no firewall';
  readonly cell: Cell;
}

function failures(matrix: Matrix, gateway: GatewayName): Failure[] {
  return matrix.rows.flatMap((row) =>
    columns.flatMap((column) => {
      const cell = seenAt(matrix, row, column)(gateway);
      if (cell === undefined || works(cell)) return [];
      return [{ row, where: columnName(column), gateway, cell }];
    }),
  );
}

function impossible(matrix: Matrix): Failure[] {
  return matrix.rows.flatMap((row) =>
    ([4, 6] as const).flatMap((family): Failure[] => {
      const cell = matrix.open.get(openKey(row, family));
      if (cell === undefined || works(cell)) return [];
      return [{ row, where: `v${family}`, gateway: 'no firewall', cell }];
    }),
  );
}

const unique = (texts: readonly string[]) => [...new Set(texts)].join(', ');

/** What fails with one client, by one command, for one reason, is one line. */
function failureTable(list: readonly Failure[]): string[] {
  const groups = new Map<string, Failure[]>();
  for (const failure of list) {
    const { row, gateway, cell } = failure;
    const why = explain(row, gateway) ?? cell.evidence;
    const key = [row.client.name, row.mode, why].join('\n');
    groups.set(key, [...(groups.get(key) ?? []), failure]);
  }
  const lines = [...groups.entries()].map(([key, group]) => {
    const [client = '', mode = '', why = ''] = key.split('\n');
    const servers = unique(group.map(({ row }) => row.server.name));
    return [
      client,
      mode,
      servers,
      unique(group.map(({ where }) => where)),
      why.replaceAll('|', '\\|'),
    ];
  });
  return table(['client', 'command', 'servers', 'where', 'why'], lines);
}

function section(title: string, list: readonly Failure[], none: string): string[] {
  return ['', `## ${title}`, '', ...(list.length === 0 ? [none] : failureTable(list))];
}

/** Combinations that work through the kernel and not through a Pinhole that was run, one a line. */
export function regressions(matrix: Matrix, { gateways }: Selection): string[] {
  return matrix.rows.flatMap((row) =>
    columns.flatMap((column) => {
      const seen = seenAt(matrix, row, column);
      if (!works(seen('kernel'))) return [];
      return gateways
        .filter((gateway) => !works(seen(gateway)))
        .map((gateway) => `${rowKey(row)}, ${columnName(column)}, ${gateway}`);
    }),
  );
}

function improvements(matrix: Matrix): Failure[] {
  return matrix.rows.flatMap((row) =>
    columns.flatMap((column): Failure[] => {
      const seen = seenAt(matrix, row, column);
      const cell = seen('kernel');
      if (cell === undefined || !better(seen)) return [];
      return [{ row, where: columnName(column), gateway: 'kernel', cell }];
    }),
  );
}

const introduction = `# FTP interoperability

Real servers and clients through three gateways: the kernel with nf_conntrack_ftp and nf_nat_ftp
(helper attached by the CT target), Pinhole with \`--ftp-mode kernel\`, and Pinhole as it is by default
(hardened). This file is written by \`npm run interop\` (root; Debian packages are fetched by name, those
that conflict are unpacked below \`.out/\`); \`npm run interop -- --help\` shows how to run a part of it.

Each combination logs in as anonymous, downloads a file, uploads one and lists a directory (wget and
the URL fetch of curl do not upload); checksums of both directions are compared, and the dialogue must
show the command of the row and no other, on one control connection (ncftp is three programs and takes
three). The policy is FORWARD DROP; accepted are NEW connections to port 21 and RELATED,ESTABLISHED.
SNAT: the client's address becomes the gateway's; DNAT: the client connects to an address that the
gateway translates to the server's; both: the two together, for IPv6 as well.

What a pair can do at all is found first: every combination is run with the gateway
forwarding everything. One that fails there is \`n/a\` and is not run again. One that fails through a
gateway is tried a second time.
`;

const legend = `Three marks in a column: kernel, Pinhole in kernel mode, Pinhole hardened. \`✓\` works; \`✗\` fails;
\`~\` the files arrive, but only after the client has fallen back to another command; \`?\` not run.
**Bold**: fails through the kernel, works through hardened Pinhole. \`n/a\`: not possible even without a
firewall. \`·\`: the command does not exist for IPv6. Rows: \`curl URL\` fetches
\`ftp://anonymous@host/path;type=i\` with default options, as a browser does, and chooses EPSV by itself;
\`lftp async\` is lftp with \`ftp:sync-mode off\`, which sends several commands in one segment.
`;

/** docs/interop.md, complete. */
export function reportMarkdown(matrix: Matrix, selection: Selection, minutes: number): string {
  const head = ['server', 'client', 'command', ...columns.map(columnName)];
  const lines = matrix.rows.map((row) => [
    ...[row.server.name, row.client.name, row.mode],
    ...columns.map((column) => tableCell(matrix, row, column)),
  ]);
  const gained = improvements(matrix);
  const lost = regressions(matrix, selection);
  const sections = gatewayNames
    .filter((gateway) => selection.gateways.includes(gateway))
    .flatMap((gateway) => section(`Fails: ${gateway}`, failures(matrix, gateway), 'Nothing.'));
  return [
    introduction,
    `This run took ${minutes.toFixed(0)} minutes. ${lost.length} combinations work through the kernel and not through`,
    `Pinhole; ${gained.length} fail through the kernel and work through hardened Pinhole.`,
    ...matrix.incidents.map((text) => `\n**Incident:** ${text}`),
    ...['', '## Versions', '', ...versions(selection)],
    ...['', '## Results', '', legend, ...table(head, lines)],
    ...section('Fails through the kernel, works through Pinhole', gained, 'Nothing.'),
    ...section('Not possible even without a firewall', impossible(matrix), 'Nothing.'),
    ...sections,
    '',
  ].join('\n');
}

/** docs/interop.json: for each row the marks of its columns, in the table's own notation. */
export function resultsJson(matrix: Matrix, { gateways }: Selection): string {
  const rows = matrix.rows.map((row) => {
    const results = columns.map((column) => marksOf(matrix, row, column)).join(' ');
    return `    ${JSON.stringify(rowKey(row))}: ${JSON.stringify(results)}`;
  });
  const head = JSON.stringify({ gateways, columns: columns.map(columnName) }).slice(1, -1);
  return `{\n  ${head},\n  "rows": {\n${rows.join(',\n')}\n  }\n}\n`;
}
