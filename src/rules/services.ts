import { readFileSync } from 'node:fs';

/** Where no /etc/services is: the names that rule files use. IANA service names and ports. */
const BUILTIN = `
echo 7/tcp; echo 7/udp; discard 9/tcp; discard 9/udp; daytime 13/tcp; chargen 19/tcp; ftp-data 20/tcp
ftp 21/tcp; ssh 22/tcp; telnet 23/tcp; smtp 25/tcp mail; time 37/tcp; time 37/udp; whois 43/tcp
domain 53/tcp; domain 53/udp; bootps 67/udp; bootpc 68/udp; tftp 69/udp; gopher 70/tcp; finger 79/tcp
http 80/tcp www; kerberos 88/tcp; kerberos 88/udp; pop3 110/tcp; sunrpc 111/tcp; sunrpc 111/udp
auth 113/tcp ident; nntp 119/tcp; ntp 123/udp; epmap 135/tcp; netbios-ns 137/udp; netbios-dgm 138/udp
netbios-ssn 139/tcp; imap2 143/tcp imap; snmp 161/tcp; snmp 161/udp; snmp-trap 162/udp snmptrap
bgp 179/tcp; irc 194/tcp; ldap 389/tcp; ldap 389/udp; https 443/tcp; https 443/udp
microsoft-ds 445/tcp; microsoft-ds 445/udp; isakmp 500/udp; login 513/tcp; shell 514/tcp cmd
syslog 514/udp; printer 515/tcp; submission 587/tcp; ipp 631/tcp; ldaps 636/tcp; rsync 873/tcp
ftps-data 989/tcp; ftps 990/tcp; telnets 992/tcp; imaps 993/tcp; pop3s 995/tcp; socks 1080/tcp
openvpn 1194/tcp; openvpn 1194/udp; ms-sql-s 1433/tcp; nfs 2049/tcp; nfs 2049/udp; mysql 3306/tcp
svn 3690/tcp; ipsec-nat-t 4500/udp; sip 5060/tcp; sip 5060/udp; sip-tls 5061/tcp; mdns 5353/udp
postgresql 5432/tcp postgres; x11 6000/tcp; http-alt 8080/tcp webcache; http-alt 8080/udp`;

/** Names of ports, per protocol name, both ways. The first name of a port is the one printed. */
export class ServiceTable {
  private readonly ports = new Map<string, number>();
  private readonly names = new Map<string, string>();

  /** Reads the format of services(5): `name port/proto aliases… # comment`. */
  static parse(text: string): ServiceTable {
    const table = new ServiceTable();
    for (const line of text.replace(/#.*/g, '').split(/[\n;]/)) {
      const fields = line.trim().split(/\s+/);
      const match = /^(\d{1,5})\/(\w+)$/.exec(fields[1] ?? '');
      if (!match) continue;
      const [, port = '', proto = ''] = match;
      for (const name of [fields[0] ?? '', ...fields.slice(2)]) {
        table.add(name, Number(port), proto);
      }
    }
    return table;
  }

  static builtin(): ServiceTable {
    return ServiceTable.parse(BUILTIN);
  }

  private add(name: string, port: number, proto: string): void {
    if (!this.ports.has(`${name}/${proto}`)) this.ports.set(`${name}/${proto}`, port);
    if (!this.ports.has(name)) this.ports.set(name, port);
    if (!this.names.has(`${port}/${proto}`)) this.names.set(`${port}/${proto}`, name);
  }

  /** The port of a service, or null. With `proto` '' the first one of any protocol. */
  port(name: string, proto: string): number | null {
    return this.ports.get(proto === '' ? name : `${name}/${proto}`) ?? null;
  }

  /** The service name of a port, or null. */
  name(port: number, proto: string): string | null {
    return this.names.get(`${port}/${proto}`) ?? null;
  }
}

let system: ServiceTable | null = null;

/** The machine's /etc/services, read once; the built-in table where it cannot be read. */
export function systemServices(): ServiceTable {
  if (system === null) {
    try {
      system = ServiceTable.parse(readFileSync('/etc/services', 'utf8'));
    } catch {
      system = ServiceTable.builtin();
    }
  }
  return system;
}
