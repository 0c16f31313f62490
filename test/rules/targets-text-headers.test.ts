import { describe } from 'node:test';
import { testForms } from './forms.ts';

// What iptables-legacy 1.8.9 on kernel 6.18 answered, rule by rule.
describe('text of TCPMSS, TTL, HL, TOS, DSCP, ECN, CHECKSUM and TCPOPTSTRIP', () => {
  testForms(`
# 4 mangle FORWARD
-j TCPMSS ; ! TCPMSS target: At least one parameter is required
-p tcp -j TCPMSS ; ! TCPMSS target: At least one parameter is required
-p tcp -j TCPMSS --set-mss 42 ; ! Invalid argument. Run ^dmesg' for more information.
-p tcp --syn -j TCPMSS --set-mss 42 ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --set-mss 42 ; TCPMSS set 42
-p tcp --syn -j TCPMSS --clamp-mss-to-pmtu ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --clamp-mss-to-pmtu ; TCPMSS clamp to PMTU
-p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu ; -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu ; TCPMSS clamp to PMTU
-p tcp --tcp-flags SYN NONE -j TCPMSS --clamp-mss-to-pmtu ; ! Invalid argument. Run ^dmesg' for more information.
-p tcp ! --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu ; ! Invalid argument. Run ^dmesg' for more information.
-p tcp --tcp-flags ALL SYN,ACK -j TCPMSS --clamp-mss-to-pmtu ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG SYN,ACK -j TCPMSS --clamp-mss-to-pmtu ; TCPMSS clamp to PMTU
! -p tcp -j TCPMSS --set-mss 42 ; ! Invalid argument. Run ^dmesg' for more information.
-p udp -j TCPMSS --set-mss 42 ; ! Invalid argument. Run ^dmesg' for more information.
-j TCPMSS --set-mss 42 ; ! Invalid argument. Run ^dmesg' for more information.
-p tcp --syn -j TCPMSS --set-mss 65496 ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --set-mss 65496 ; TCPMSS set 65496
-p tcp --syn -j TCPMSS --set-mss 65495 ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --set-mss 65495 ; TCPMSS set 65495
-p tcp --syn -j TCPMSS --set-mss 65535 ; ! TCPMSS: bad value for option "--set-mss", or out of range (0-65515).
-p tcp --syn -j TCPMSS --set-mss 65536 ; ! TCPMSS: bad value for option "--set-mss", or out of range (0-65515).
-p tcp --syn -j TCPMSS --set-mss 0 ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --set-mss 0 ; TCPMSS set 0
-p tcp --syn -j TCPMSS --set-mss -1 ; ! TCPMSS: bad value for option "--set-mss", or out of range (0-65515).
-p tcp --syn -j TCPMSS --set-mss 42 --clamp-mss-to-pmtu ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --clamp-mss-to-pmtu ; TCPMSS clamp to PMTU
-p tcp --syn -j TCPMSS --clamp-mss-to-pmtu --set-mss 42 ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --set-mss 42 ; TCPMSS set 42
-j TTL --ttl-set 42 ; = ; TTL set to 42
-j TTL --ttl-inc 1 ; = ; TTL increment by 1
-j TTL --ttl-dec 1 ; = ; TTL decrement by 1
-j TTL --ttl-inc 256 ; ! TTL: bad value for option "--ttl-inc", or out of range (1-255).
-j TTL --ttl-set 256 ; ! TTL: bad value for option "--ttl-set", or out of range (0-255).
-j TTL --ttl-set 0 ; = ; TTL set to 0
-j TTL --ttl-set -1 ; ! TTL: bad value for option "--ttl-set", or out of range (0-255).
-j TTL --ttl-inc 0 ; ! TTL: bad value for option "--ttl-inc", or out of range (1-255).
-j TTL --ttl-dec 0 ; ! TTL: bad value for option "--ttl-dec", or out of range (1-255).
-j TTL --ttl-dec 255 ; = ; TTL decrement by 255
-j TTL ; ! TTL: You must specify an action
-j TTL --ttl-set 1 --ttl-inc 5 ; ! TTL: option "--ttl-set" cannot be used together with "--ttl-inc".
-j TTL --ttl-set x ; ! TTL: bad value for option "--ttl-set", or out of range (0-255).
-j TTL ! --ttl-set 1 ; ! TTL: option "--ttl-set" cannot be inverted.
-j HL --hl-set 1 ; ! unknown option "--hl-set"
-j TOS --set-tos 0x1f ; -j TOS --set-tos 0x1f/0xff ; TOS set 0x1f/0xff
-j TOS --set-tos 0x1f/0x1f ; = ; TOS or 0x1f ; TOS set 0x1f/0x1f
-j TOS --set-tos Minimize-Delay ; -j TOS --set-tos 0x10/0x3f ;  TOS setMinimize-Delay ; TOS set 0x10/0x3f
-j TOS --set-tos maximize-throughput ; -j TOS --set-tos 0x08/0x3f ;  TOS setMaximize-Throughput ; TOS set 0x08/0x3f
-j TOS --set-tos Maximize-Reliability ; -j TOS --set-tos 0x04/0x3f ;  TOS setMaximize-Reliability ; TOS set 0x04/0x3f
-j TOS --set-tos Minimize-Cost ; -j TOS --set-tos 0x02/0x3f ;  TOS setMinimize-Cost ; TOS set 0x02/0x3f
-j TOS --set-tos Normal-Service ; -j TOS --set-tos 0x00/0x3f ;  TOS setNormal-Service ; TOS set 0x00/0x3f
-j TOS --set-tos Mini ; ! Symbolic name "Mini" is unknown
-j TOS --set-tos Min ; ! Symbolic name "Min" is unknown
-j TOS --set-tos minimize-delay/0xff ; ! Symbolic name "minimize-delay/0xff" is unknown
-j TOS --set-tos 16 ; -j TOS --set-tos 0x10/0xff ; TOS set 0x10/0xff
-j TOS --set-tos 0x10/0x3f ; = ;  TOS setMinimize-Delay ; TOS set 0x10/0x3f
-j TOS --set-tos 256 ; ! Symbolic name "256" is unknown
-j TOS --set-tos 1/256 ; ! Illegal value: "1/256"
-j TOS --set-tos -1 ; ! Symbolic name "-1" is unknown
-j TOS --set-tos bogus ; ! Symbolic name "bogus" is unknown
-j TOS --and-tos 0x12 ; -j TOS --set-tos 0x00/0xed ; TOS and 0x12 ; TOS set 0x00/0xed
-j TOS --or-tos 0x12 ; -j TOS --set-tos 0x12/0x12 ; TOS or 0x12 ; TOS set 0x12/0x12
-j TOS --xor-tos 0x12 ; -j TOS --set-tos 0x12/0x00 ; TOS xor 0x12 ; TOS set 0x12/0x00
-j TOS --and-tos 256 ; ! TOS: bad value for option "--and-tos", or out of range (0-255).
-j TOS --and-tos x ; ! TOS: bad value for option "--and-tos", or out of range (0-255).
-j TOS --set-tos 0x00 ; -j TOS --set-tos 0x00/0xff ; TOS and 0x00 ; TOS set 0x00/0xff
-j TOS ; ! TOS: An action is required
-j TOS --set-tos 1 --and-tos 2 ; ! TOS: option "--set-tos" cannot be used together with "--and-tos".
-j TOS --set-tos 1 --set-tos 2 ; ! TOS: option "--set-tos" can only be used once.
-j DSCP --set-dscp 0x00 ; = ; DSCP set 0x00
-j DSCP --set-dscp 0x3f ; = ; DSCP set 0x3f
-j DSCP --set-dscp 0x40 ; ! DSCP: bad value for option "--set-dscp", or out of range (0-63).
-j DSCP --set-dscp -1 ; ! DSCP: bad value for option "--set-dscp", or out of range (0-63).
-j DSCP --set-dscp 12 ; -j DSCP --set-dscp 0x0c ; DSCP set 0x0c
-j DSCP --set-dscp x ; ! DSCP: bad value for option "--set-dscp", or out of range (0-63).
-j DSCP --set-dscp-class CS0 ; -j DSCP --set-dscp 0x00 ; DSCP set 0x00
-j DSCP --set-dscp-class CS1 ; -j DSCP --set-dscp 0x08 ; DSCP set 0x08
-j DSCP --set-dscp-class cs7 ; -j DSCP --set-dscp 0x38 ; DSCP set 0x38
-j DSCP --set-dscp-class BE ; -j DSCP --set-dscp 0x00 ; DSCP set 0x00
-j DSCP --set-dscp-class AF11 ; -j DSCP --set-dscp 0x0a ; DSCP set 0x0a
-j DSCP --set-dscp-class AF12 ; -j DSCP --set-dscp 0x0c ; DSCP set 0x0c
-j DSCP --set-dscp-class AF13 ; -j DSCP --set-dscp 0x0e ; DSCP set 0x0e
-j DSCP --set-dscp-class AF23 ; -j DSCP --set-dscp 0x16 ; DSCP set 0x16
-j DSCP --set-dscp-class AF31 ; -j DSCP --set-dscp 0x1a ; DSCP set 0x1a
-j DSCP --set-dscp-class AF43 ; -j DSCP --set-dscp 0x26 ; DSCP set 0x26
-j DSCP --set-dscp-class EF ; -j DSCP --set-dscp 0x2e ; DSCP set 0x2e
-j DSCP --set-dscp-class VA ; ! Invalid DSCP value ^VA'
-j DSCP --set-dscp-class BOGUS ; ! Invalid DSCP value ^BOGUS'
-j DSCP ; ! DSCP target: Parameter --set-dscp is required
-j DSCP --set-dscp 1 --set-dscp-class EF ; ! DSCP: option "--set-dscp" cannot be used together with "--set-dscp-class".
-j ECN ; ! ECN target: An operation is required
-j ECN --ecn-tcp-remove ; ! Invalid argument. Run ^dmesg' for more information.
-p tcp -j ECN --ecn-tcp-remove ; = ; ECN TCP remove
! -p tcp -j ECN --ecn-tcp-remove ; ! Invalid argument. Run ^dmesg' for more information.
-p tcp -j ECN --ecn-tcp-cwr 1 ; = ; ECN CWR=1
-p tcp -j ECN --ecn-tcp-cwr 0 ; = ; ECN CWR=0
-p tcp -j ECN --ecn-tcp-cwr 2 ; ! ECN: bad value for option "--ecn-tcp-cwr", or out of range (0-1).
-p tcp -j ECN --ecn-tcp-ece 1 ; = ; ECN ECE=1
-p tcp -j ECN --ecn-tcp-ece 2 ; ! ECN: bad value for option "--ecn-tcp-ece", or out of range (0-1).
-j ECN --ecn-ip-ect 2 ; = ; ECN ECT codepoint=2
-j ECN --ecn-ip-ect 4 ; ! ECN: bad value for option "--ecn-ip-ect", or out of range (0-3).
-p tcp -j ECN --ecn-ip-ect 2 --ecn-tcp-cwr 1 --ecn-tcp-ece 0 ; -p tcp -j ECN --ecn-tcp-ece 0 --ecn-tcp-cwr 1 --ecn-ip-ect 2 ; ECN ECE=0 CWR=1 ECT codepoint=2
-p tcp -j ECN --ecn-tcp-remove --ecn-tcp-cwr 1 ; ! ECN: option "--ecn-tcp-remove" cannot be used together with "--ecn-tcp-cwr".
-p tcp -j ECN --ecn-tcp-cwr 1 --ecn-tcp-remove ; ! ECN: option "--ecn-tcp-remove" cannot be used together with "--ecn-tcp-cwr".
-p tcp -j ECN --ecn-tcp-remove --ecn-ip-ect 1 ; -p tcp -j ECN --ecn-tcp-ece 0 --ecn-tcp-cwr 0 --ecn-ip-ect 1 ; ECN ECE=0 CWR=0 ECT codepoint=1
-j CHECKSUM ; ! CHECKSUM: option "--checksum-fill" must be specified
-j CHECKSUM --checksum-fill ; = ; CHECKSUM fill
-p udp -j CHECKSUM --checksum-fill ; = ; CHECKSUM fill
-p tcp -j CHECKSUM --checksum-fill ; = ; CHECKSUM fill
-j CHECKSUM --checksum-fill --checksum-fill ; ! CHECKSUM: option "--checksum-fill" can only be used once.
-j TCPOPTSTRIP ; ! Invalid argument. Run ^dmesg' for more information.
-p tcp -j TCPOPTSTRIP ; =
-p tcp -j TCPOPTSTRIP --strip-options 2,3,4,5,6,7 ; = ; TCPOPTSTRIP options mss,wscale,sack-permitted,sack,6,7 ; TCPOPTSTRIP options 2,3,4,5,6,7
-p tcp -j TCPOPTSTRIP --strip-options 0 ; ! Option value may not be 0 or 1
-p tcp -j TCPOPTSTRIP --strip-options 1 ; ! Option value may not be 0 or 1
-p tcp -j TCPOPTSTRIP --strip-options wscale,mss,sack-permitted,sack,timestamp,md5 ; -p tcp -j TCPOPTSTRIP --strip-options 2,3,4,5,8,19 ; TCPOPTSTRIP options mss,wscale,sack-permitted,sack,timestamp,md5 ; TCPOPTSTRIP options 2,3,4,5,8,19
-p tcp -j TCPOPTSTRIP --strip-options 254,255 ; = ; TCPOPTSTRIP options 254,255
-p tcp -j TCPOPTSTRIP --strip-options 256 ; ! Bad TCP option value "256"
-p tcp -j TCPOPTSTRIP --strip-options -1 ; ! Bad TCP option value "-1"
-p tcp -j TCPOPTSTRIP --strip-options bogus ; ! Bad TCP option value "bogus"
-p tcp -j TCPOPTSTRIP --strip-options 2, ; ! Bad TCP option value ""
-p tcp -j TCPOPTSTRIP --strip-options 0x10 ; -p tcp -j TCPOPTSTRIP --strip-options 16 ; TCPOPTSTRIP options 16
-j TCPOPTSTRIP --strip-options 2 ; ! Invalid argument. Run ^dmesg' for more information.
! -p tcp -j TCPOPTSTRIP --strip-options 2 ; ! Invalid argument. Run ^dmesg' for more information.
-p tcp -j TCPOPTSTRIP --strip-options 2 --strip-options 3 ; ! TCPOPTSTRIP: option "--strip-options" can only be used once.
-j TOS --set-tos 1/x ; ! Illegal value: "1/x"
-j TOS --set-tos 1x ; ! Illegal value: "1x"
-j TOS --set-tos 5/3 ; -j TOS --set-tos 0x05/0x03 ; TOS set 0x05/0x03
-j TOS --set-tos 0x04/0x3f ; = ;  TOS setMaximize-Reliability ; TOS set 0x04/0x3f
-j TOS --or-tos 0 ; -j TOS --set-tos 0x00/0x00 ; TOS and 0xff ; TOS set 0x00/0x00
-j TOS --and-tos 0xff ; -j TOS --set-tos 0x00/0x00 ; TOS and 0xff ; TOS set 0x00/0x00
-j TOS --set-tos "" ; ! Symbolic name "" is unknown
-j DSCP --set-dscp-class "" ; ! Invalid DSCP value ^'
-j DSCP --set-dscp-class ef ; -j DSCP --set-dscp 0x2e ; DSCP set 0x2e
-p tcp -j ECN --ecn-tcp-cwr 0 --ecn-tcp-ece 0 ; -p tcp -j ECN --ecn-tcp-remove ; ECN TCP remove
-p tcp -j ECN --ecn-tcp-ece 0 ; = ; ECN ECE=0
-p tcp -j ECN --ecn-ip-ect 0 ; = ; ECN ECT codepoint=0
-p udp -j ECN --ecn-tcp-ece 0 ; ! Invalid argument. Run ^dmesg' for more information.
-p tcp --syn -j TCPMSS --set-mss 65515 ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --set-mss 65515 ; TCPMSS set 65515
-p tcp --syn -j TCPMSS --set-mss 65516 ; ! TCPMSS: bad value for option "--set-mss", or out of range (0-65515).
# 4 mangle PREROUTING
-p tcp --syn -j TCPMSS --clamp-mss-to-pmtu ; ! Invalid argument. Run ^dmesg' for more information.
-p tcp --syn -j TCPMSS --set-mss 42 ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --set-mss 42 ; TCPMSS set 42
# 4 mangle INPUT
-p tcp --syn -j TCPMSS --clamp-mss-to-pmtu ; ! Invalid argument. Run ^dmesg' for more information.
# 4 filter FORWARD
-p tcp --syn -j TCPMSS --clamp-mss-to-pmtu ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --clamp-mss-to-pmtu ; TCPMSS clamp to PMTU
-j TTL --ttl-set 42 ; ! Invalid argument. Run ^dmesg' for more information.
-j TOS --set-tos 1 ; ! Invalid argument. Run ^dmesg' for more information.
-j DSCP --set-dscp 1 ; ! Invalid argument. Run ^dmesg' for more information.
-p tcp -j ECN --ecn-tcp-remove ; ! Invalid argument. Run ^dmesg' for more information.
-p udp -j CHECKSUM --checksum-fill ; ! Invalid argument. Run ^dmesg' for more information.
-p tcp -j TCPOPTSTRIP --strip-options 2 ; ! Invalid argument. Run ^dmesg' for more information.
# 4 nat POSTROUTING
-p tcp --syn -j TCPMSS --clamp-mss-to-pmtu ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --clamp-mss-to-pmtu ; TCPMSS clamp to PMTU
# 6 mangle FORWARD
-p tcp --syn -j TCPMSS --set-mss 65475 ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --set-mss 65475 ; TCPMSS set 65475
-p tcp --syn -j TCPMSS --set-mss 65476 ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --set-mss 65476 ; TCPMSS set 65476
-p tcp --syn -j TCPMSS --clamp-mss-to-pmtu ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --clamp-mss-to-pmtu ; TCPMSS clamp to PMTU
-j HL --hl-set 42 ; = ; HL set to 42
-j HL --hl-inc 1 ; = ; HL increment by 1
-j HL --hl-dec 1 ; = ; HL decrement by 1
-j HL --hl-dec 0 ; ! HL: bad value for option "--hl-dec", or out of range (1-255).
-j HL --hl-set 256 ; ! HL: bad value for option "--hl-set", or out of range (0-255).
-j HL --hl-set 0 ; = ; HL set to 0
-j HL --hl-set -1 ; ! HL: bad value for option "--hl-set", or out of range (0-255).
-j HL ; ! HL: You must specify an action
-j HL --hl-set 1 --hl-inc 5 ; ! HL: option "--hl-set" cannot be used together with "--hl-inc".
-j TTL --ttl-set 1 ; ! unknown option "--ttl-set"
-j TOS --set-tos 0x10/0x3f ; = ;  TOS setMinimize-Delay ; TOS set 0x10/0x3f
-j TOS --set-tos Minimize-Delay ; -j TOS --set-tos 0x10/0x3f ;  TOS setMinimize-Delay ; TOS set 0x10/0x3f
-j DSCP --set-dscp 1 ; -j DSCP --set-dscp 0x01 ; DSCP set 0x01
-p tcp -j ECN --ecn-tcp-remove ; ! unknown option "--ecn-tcp-remove"
-p udp -j CHECKSUM --checksum-fill ; = ; CHECKSUM fill
-p tcp -j TCPOPTSTRIP --strip-options mss ; -p tcp -j TCPOPTSTRIP --strip-options 2 ; TCPOPTSTRIP options mss ; TCPOPTSTRIP options 2
-p tcp --syn -j TCPMSS --set-mss 65495 ; -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --set-mss 65495 ; TCPMSS set 65495
-p tcp --syn -j TCPMSS --set-mss 65496 ; ! TCPMSS: bad value for option "--set-mss", or out of range (0-65495).
-p tcp --syn -j TCPMSS --set-mss 65515 ; ! TCPMSS: bad value for option "--set-mss", or out of range (0-65495).
# 6 filter FORWARD
-j HL --hl-set 42 ; ! Invalid argument. Run ^dmesg' for more information.
`);
});
