import { LinkType, type LinkTypeCode } from '../../wire/index.ts';

// Numbers: the LINKTYPE_ registry (draft-ietf-opsawg-pcaplinktype), www.tcpdump.org/linktypes.html.
const LINKTYPE_NULL = 0;
const LINKTYPE_ETHERNET = 1;
const LINKTYPE_RAW = 101;
const LINKTYPE_LINUX_SLL = 113;
const LINKTYPE_LINUX_SLL2 = 276;

/** What `linkTypeFromFile` returns for a link type that Pinhole does not read. */
export const UNSUPPORTED_LINK_TYPE = -1;

/** The wire link type of a LINKTYPE_ number, or `UNSUPPORTED_LINK_TYPE`. */
export function linkTypeFromFile(fileLinkType: number): LinkTypeCode | -1 {
  switch (fileLinkType) {
    case LINKTYPE_ETHERNET:
      return LinkType.Ethernet;
    // 12 and 14 are DLT_RAW of most systems and of OpenBSD, found in files by careless writers;
    // 228 and 229 are LINKTYPE_IPV4 and LINKTYPE_IPV6.
    case 12:
    case 14:
    case LINKTYPE_RAW:
    case 228:
    case 229:
      return LinkType.RawIp;
    case LINKTYPE_LINUX_SLL:
      return LinkType.LinuxCooked;
    case LINKTYPE_LINUX_SLL2:
      return LinkType.LinuxCooked2;
    // 108 is LINKTYPE_LOOP: the same four bytes as NULL, always in network order.
    case LINKTYPE_NULL:
    case 108:
      return LinkType.Null;
    default:
      return UNSUPPORTED_LINK_TYPE;
  }
}

/** The LINKTYPE_ number under which frames of `linkType` are written. */
export function linkTypeToFile(linkType: LinkTypeCode): number {
  switch (linkType) {
    case LinkType.Ethernet:
      return LINKTYPE_ETHERNET;
    case LinkType.RawIp:
      return LINKTYPE_RAW;
    case LinkType.LinuxCooked:
      return LINKTYPE_LINUX_SLL;
    case LinkType.LinuxCooked2:
      return LINKTYPE_LINUX_SLL2;
    case LinkType.Null:
      return LINKTYPE_NULL;
  }
}

/** Those that people do bring along, so that the refusal names what they have. */
const unsupportedNames: Readonly<Record<number, string>> = {
  6: 'IEEE 802.5 token ring',
  9: 'PPP',
  50: 'PPP in HDLC framing',
  51: 'PPPoE',
  104: 'Cisco HDLC',
  105: 'IEEE 802.11',
  107: 'frame relay',
  127: 'IEEE 802.11 with radiotap header',
  187: 'Bluetooth HCI',
  189: 'USB, Linux header',
  192: 'PPI',
  220: 'USB, padded Linux header',
  239: 'NFLOG',
  249: 'USBPcap',
  253: 'netlink',
};

/** What stands behind "expected" when a link type is refused. */
export const READABLE_LINK_TYPES = 'Ethernet, raw IP or Linux cooked';

/** "link type 105 (IEEE 802.11) is not supported" */
export function linkTypeText(fileLinkType: number): string {
  const name = unsupportedNames[fileLinkType];
  const shown = name === undefined ? `${fileLinkType}` : `${fileLinkType} (${name})`;
  return `link type ${shown} is not supported`;
}
