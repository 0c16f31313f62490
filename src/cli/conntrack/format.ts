import type {
  ConntrackDto,
  ConntrackEventDto,
  EncryptedEventDto,
  ExpectDto,
  ExpectEventDto,
  HelperEventDto,
  StatsDto,
} from '../../control/index.ts';
import { entryJson, eventJson, expectEventJson, expectJson } from './format-json.ts';
import {
  encryptedEventLine,
  entryLine,
  eventLine,
  expectEventLine,
  expectLine,
  helperEventLine,
} from './format-line.ts';
import type { FormatOptions, OutputFormat } from './format-options.ts';
import { entrySave, eventSave } from './format-save.ts';
import { entryXml, eventXml, expectEventXml, expectXml } from './format-xml.ts';

/** A listed entry in the chosen format, without newline. */
export function formatEntry(entry: ConntrackDto, options: FormatOptions): string {
  if (options.format === 'json') return entryJson(entry);
  if (options.format === 'xml') return entryXml(entry, options);
  return options.format === 'save' ? entrySave(entry) : entryLine(entry, options);
}

/**
 * A deleted entry: without labels and the time of its beginning, and `-o save` gives the command that
 * deletes it.
 */
export function formatDeleted(entry: ConntrackDto, options: FormatOptions): string {
  if (options.format === 'save') return entrySave(entry, '-D');
  return formatEntry(entry, { ...options, ktimestamp: false, labels: false });
}

export function formatEvent(event: ConntrackEventDto, options: FormatOptions): string {
  if (options.format === 'json') return eventJson(event);
  if (options.format === 'xml') return eventXml(event, options);
  return options.format === 'save' ? eventSave(event) : eventLine(event, options);
}

/** `time` (Unix seconds) is shown with `-o timestamp`. Expectations have no save format. */
export function formatExpect(expect: ExpectDto, options: FormatOptions, time: number): string {
  if (options.format === 'json') return expectJson(expect);
  if (options.format === 'xml') return expectXml(expect, options, time);
  return expectLine(expect, options, time);
}

/** What a helper tells has no XML form in any schema: there it is a comment. */
export function formatExpectEvent(
  event: ExpectEventDto | HelperEventDto | EncryptedEventDto,
  options: FormatOptions,
): string {
  if (options.format === 'json') return expectEventJson(event);
  if (event.event === 'REFUSED') return asComment(helperEventLine(event, options), options);
  if (event.event === 'ENCRYPTED') return asComment(encryptedEventLine(event, options), options);
  return options.format === 'xml'
    ? expectEventXml(event, options)
    : expectEventLine(event, options);
}

function asComment(line: string, { format }: FormatOptions): string {
  return format === 'xml' ? `<!-- ${line.trim().replace(/-(?=-)/g, '- ')} -->` : line;
}

const conntrackColumns = [
  'found',
  'invalid',
  'insert',
  'insert_failed',
  'drop',
  'early_drop',
  'error',
  'search_restart',
  'clash_resolve',
  'chaintoolong',
] as const;
const expectColumns = ['expect_new', 'expect_create', 'expect_delete'] as const;

/** A line of `-S`, with the blank that conntrack(8) leaves at its end. */
export function formatStats(stats: StatsDto, table: 'conntrack' | 'expect'): string {
  const columns = table === 'expect' ? expectColumns : conntrackColumns;
  const values = columns.map((column) => `${column}=${stats[column]} `);
  return `cpu=${String(stats.cpu).padEnd(4)}\t${values.join('')}`;
}

/**
 * What stands around and between the entries of one output: nothing in plain text; in XML a root
 * element, which is left out where there is no entry; in JSON an array for a listing, and a line for
 * each event. conntrack(8) forgets to close the root element after `-G` ('opened'), and writes none
 * for what it deletes and updates ('bare').
 */
export class OutputFrame {
  private readonly format: OutputFormat;
  private readonly root: 'conntrack' | 'expect';
  private readonly isArray: boolean;
  private readonly wrapping: 'whole' | 'opened' | 'bare';
  private count = 0;

  constructor(
    format: OutputFormat,
    root: 'conntrack' | 'expect',
    kind: 'list' | 'events',
    wrapping: 'whole' | 'opened' | 'bare' = 'whole',
  ) {
    this.format = format;
    this.root = root;
    this.wrapping = wrapping;
    this.isArray = format === 'json' && kind === 'list';
  }

  /** The text to print for an entry. */
  entry(text: string): string {
    const isFirst = this.count++ === 0;
    if (this.isArray) return (isFirst ? '[\n' : ',\n') + text;
    if (this.format !== 'xml' || !isFirst || this.wrapping === 'bare') return `${text}\n`;
    return `<?xml version="1.0" encoding="utf-8"?>\n<${this.root}>\n${text}\n`;
  }

  /** The text to print after the last entry. */
  end(): string {
    if (this.isArray) return this.count === 0 ? '[]\n' : '\n]\n';
    const isOpen = this.format === 'xml' && this.count > 0 && this.wrapping === 'whole';
    return isOpen ? `</${this.root}>\n` : '';
  }
}
