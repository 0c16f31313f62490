/** Rules and packets that the FTP tests of this room share. */
import type { Left, TestGateway } from '../support/gateway.ts';
import { buildTcp } from '../support/packets.ts';

export const server = '198.51.100.9';
/** Lets control connections and what they announce pass, and nothing else. */
export const filter = `*filter
:FORWARD DROP [0:0]
-A FORWARD -p tcp --dport 21 -m state --state NEW,ESTABLISHED -j ACCEPT
-A FORWARD -p tcp --sport 21 -m state --state ESTABLISHED -j ACCEPT
-A FORWARD -m state --state RELATED -m helper --helper ftp -j ACCEPT
-A FORWARD -m state --state ESTABLISHED -j ACCEPT
COMMIT
`;

/** A nat table of these rules. */
export function nat(...lines: string[]): string {
  return `*nat\n${lines.join('\n')}\nCOMMIT\n`;
}

/** The server's data SYN to what a rewritten PORT said. */
export function activeData(gateway: TestGateway, line: string, from = server): Left {
  const [h1, h2, h3, h4, p1, p2] = line.match(/\d+/g)!.map(Number);
  const dst = `${h1}.${h2}.${h3}.${h4}`;
  const dport = p1! * 256 + p2!;
  return gateway.inject('wan', buildTcp({ src: from, dst, sport: 20, dport, flags: 'S', seq: 1 }));
}
