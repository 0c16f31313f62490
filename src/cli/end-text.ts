/** `192.0.2.2:21`, `[2001:db8::2]:21` (RFC 3986 section 3.2.2). */
export function endText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
