import { readFileSync } from 'node:fs';

/** Names and numbers of one kind, as /etc/passwd and /etc/group have them. */
export class AccountTable {
  private readonly ids = new Map<string, number>();
  private readonly names = new Map<number, string>();

  /** Reads `name:password:number:…` lines; others are passed over. */
  static parse(text: string): AccountTable {
    const table = new AccountTable();
    for (const line of text.split('\n')) {
      const [name = '', , id = ''] = line.split(':');
      if (name === '' || !/^\d+$/.test(id)) continue;
      if (!table.ids.has(name)) table.ids.set(name, Number(id));
      if (!table.names.has(Number(id))) table.names.set(Number(id), name);
    }
    return table;
  }

  id(name: string): number | null {
    return this.ids.get(name) ?? null;
  }

  name(id: number): string | null {
    return this.names.get(id) ?? null;
  }
}

const known = new Map<string, AccountTable>();

function tableOf(path: string): AccountTable {
  let table = known.get(path);
  if (table === undefined) {
    table = AccountTable.parse(readOr(path, 'root:x:0:'));
    known.set(path, table);
  }
  return table;
}

function readOr(path: string, fallback: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return fallback;
  }
}

/** The machine's users, read once; only root where the file cannot be read. */
export const systemUsers = (): AccountTable => tableOf('/etc/passwd');

/** The machine's groups, likewise. */
export const systemGroups = (): AccountTable => tableOf('/etc/group');
