import { describe } from 'node:test';
import { testForms } from './forms.ts';

// What iptables-legacy 1.8.9 on kernel 6.18 answered, rule by rule (LED, CLUSTERIP, ULOG and
// SECMARK, which that kernel lacked, as they are meant).
describe('text of the targets that only text is read of', () => {
  testForms(`
# 4 filter INPUT
-j AUDIT --type accept ; = ; AUDIT accept
-j AUDIT --type drop ; = ; AUDIT drop
-j AUDIT --type reject ; = ; AUDIT reject
-j AUDIT --type ACCEPT ; -j AUDIT --type accept ; AUDIT accept
-j AUDIT ; ! AUDIT: option "--type" must be specified
-j AUDIT --type wrong ; ! Bad action type value "wrong"
-j AUDIT --type accept --type drop ; ! AUDIT: option "--type" can only be used once.
-j IDLETIMER ; ! IDLETIMER: option "--timeout" must be specified
-j IDLETIMER --timeout ; ! option "--timeout" requires an argument
-j IDLETIMER --timeout 42 ; ! IDLETIMER: option "--label" must be specified
-j IDLETIMER --timeout 42 --label foo ; = ; timeout:42 label:foo
-j IDLETIMER --timeout 42 --label bar --alarm ; = ; timeout:42 label:bar alarm
-j IDLETIMER --timeout 42 --label ba --alarm --alarm ; ! IDLETIMER: option "--alarm" can only be used once.
-j IDLETIMER --timeout 0 --label baz ; ! Invalid argument. Run ^dmesg' for more information.
-j IDLETIMER --timeout -1 --label baz ; ! IDLETIMER: bad value for option "--timeout", or out of range (0-4294967295).
-j IDLETIMER --timeout 4294967295 --label baz ; ! Invalid argument. Run ^dmesg' for more information.
-j IDLETIMER --timeout 4294967296 --label baz ; ! IDLETIMER: bad value for option "--timeout", or out of range (0-4294967295).
-j IDLETIMER --label foo ; ! IDLETIMER: option "--timeout" must be specified
-j IDLETIMER --timeout 5 --label 0123456789012345678901234567 ; -j IDLETIMER --timeout 5 --label 012345678901234567890123456 ; timeout:5 label:012345678901234567890123456
-j IDLETIMER --timeout 5 --label 012345678901234567890123456 ; = ; timeout:5 label:012345678901234567890123456
-j IDLETIMER --timeout 5 --label "a b" ; -j IDLETIMER --timeout 5 --label a b ; timeout:5 label:a b
-j LED ; ! LED: option "--led-trigger-id" must be specified
-j LED --led-trigger-id "foo" ; -j LED --led-trigger-id foo ; led-trigger-id:"foo" led-delay:0ms
-j LED --led-trigger-id "foo" --led-delay 42 --led-always-blink ; -j LED --led-trigger-id foo --led-delay 42 --led-always-blink ; led-trigger-id:"foo" led-delay:42ms led-always-blink
-j LED --led-trigger-id "foo" --led-delay inf ; -j LED --led-trigger-id foo --led-delay inf ; led-trigger-id:"foo" led-delay:inf
-j LED --led-trigger-id "foo" --led-delay 0 ; -j LED --led-trigger-id foo ; led-trigger-id:"foo" led-delay:0ms
-j LED --led-trigger-id "foo" --led-delay x ; ! Delay value must be within range 0..4294967295
-j LED --led-trigger-id "foo" --led-always-blink ; -j LED --led-trigger-id foo --led-always-blink ; led-trigger-id:"foo" led-delay:0ms led-always-blink
-j LED --led-trigger-id "" ; = ; led-trigger-id:"" led-delay:0ms
-j LED --led-delay 5 ; ! LED: option "--led-trigger-id" must be specified
-j LED --led-trigger-id 012345678901234567890 ; ! Argument must have a maximum length of 16 characters
-j LED --led-trigger-id foo --led-trigger-id bar ; ! LED: option "--led-trigger-id" can only be used once.
-j RATEEST --rateest-name a --rateest-interval 1 --rateest-ewmalog 500ms ; -j RATEEST --rateest-name a --rateest-interval 250.0ms --rateest-ewmalog 1111.5s ; name a interval 250.0ms ewmalog 1111.5s
-j RATEEST ; ! RATEEST: ewmalog value is out of range
-j RATEEST --rateest-name RE1 --rateest-interval 250.0ms --rateest-ewmalog 500.0ms ; = ; name RE1 interval 250.0ms ewmalog 500.0ms
-j RATEEST --rateest-name RE2 --rateest-interval 250ms --rateest-ewmalog 0.5s ; -j RATEEST --rateest-name RE2 --rateest-interval 250.0ms --rateest-ewmalog 500.0ms ; name RE2 interval 250.0ms ewmalog 500.0ms
-j RATEEST --rateest-name RE3 --rateest-interval 1s --rateest-ewmalog 3s ; -j RATEEST --rateest-name RE3 --rateest-interval 1.0s --rateest-ewmalog 2.0s ; name RE3 interval 1.0s ewmalog 2.0s
-j RATEEST --rateest-name RE4 --rateest-interval 1 --rateest-ewmalog 3 ; -j RATEEST --rateest-name RE4 --rateest-interval 250.0ms --rateest-ewmalog 500.0ms ; name RE4 interval 250.0ms ewmalog 500.0ms
-j RATEEST --rateest-name RE5 --rateest-interval 250ms ; ! RATEEST: ewmalog value is out of range
-j RATEEST --rateest-name RE6 --rateest-ewmalog 250ms ; ! RATEEST: ewmalog value is out of range
-j RATEEST --rateest-name RE7 --rateest-interval x --rateest-ewmalog 250ms ; ! RATEEST: bad interval value "x"
-j RATEEST --rateest-name RE8 --rateest-interval 250ms --rateest-ewmalog 100ms ; ! RATEEST: ewmalog value is out of range
-j RATEEST --rateest-name RE9 --rateest-interval 100ms --rateest-ewmalog 1s ; -j RATEEST --rateest-name RE9 --rateest-interval 250.0ms --rateest-ewmalog 2.0s ; name RE9 interval 250.0ms ewmalog 2.0s
-j RATEEST --rateest-name RE10 --rateest-interval 8s --rateest-ewmalog 16s ; -j RATEEST --rateest-name RE10 --rateest-interval 8.0s --rateest-ewmalog 16.0s ; name RE10 interval 8.0s ewmalog 16.0s
-j RATEEST --rateest-name RE11 --rateest-interval 2s --rateest-ewmalog 32s ; -j RATEEST --rateest-name RE11 --rateest-interval 2.0s --rateest-ewmalog 32.0s ; name RE11 interval 2.0s ewmalog 32.0s
-j RATEEST --rateest-name RE12 --rateest-interval 0.5s --rateest-ewmalog 4.5s ; -j RATEEST --rateest-name RE12 --rateest-interval 500.0ms --rateest-ewmalog 4.0s ; name RE12 interval 500.0ms ewmalog 4.0s
-d 10.31.3.236/32 -i lo -j CLUSTERIP --new --hashmode sourceip --clustermac 01:AA:7B:47:F7:D7 --total-nodes 2 --local-node 1 --hash-init 1 ; = ; CLUSTERIP hashmode=sourceip clustermac=01:AA:7B:47:F7:D7 total_nodes=2 local_node=1 hash_init=1
-d 10.31.3.236/32 -i lo -j CLUSTERIP --new --hashmode sourceip --clustermac 01:AA:7B:47:F7:D7 --total-nodes 2 --local-node 0 --hash-init 1 ; ! Invalid argument. Run ^dmesg' for more information.
-d 10.31.3.236/32 -i lo -j CLUSTERIP --new --hashmode sourceip --clustermac 01:AA:7B:47:F7:D7 --total-nodes 2 --local-node 3 --hash-init 1 ; ! Invalid argument. Run ^dmesg' for more information.
-d 10.31.3.236/32 -i lo -j CLUSTERIP ; = ; CLUSTERIP
-d 10.31.3.236/32 -i lo -j CLUSTERIP --new ; ! CLUSTERIP target: Invalid parameter combination
-d 10.31.3.236/32 -i lo -j CLUSTERIP --new --hashmode bogus ; ! Unknown hashmode "bogus"
-d 10.31.3.236/32 -i lo -j CLUSTERIP --new --clustermac 02:AA:7B:47:F7:D7 ; ! MAC has to be a multicast ethernet address
-d 10.31.3.236/32 -i lo -j CLUSTERIP --new --clustermac zz ; ! Invalid MAC address specified.
-d 10.31.3.236/32 -i lo -j CLUSTERIP --new --hashmode sourceip-sourceport --clustermac 01:AA:7B:47:F7:D7 --total-nodes 16 --local-node 1 --hash-init 1 ; = ; CLUSTERIP hashmode=sourceip-sourceport clustermac=01:AA:7B:47:F7:D7 total_nodes=16 local_node=1 hash_init=1
-d 10.31.3.236/32 -i lo -j CLUSTERIP --new --hashmode sourceip-sourceport-destport --clustermac 01:AA:7B:47:F7:D7 --total-nodes 17 --local-node 1 ; ! CLUSTERIP: bad value for option "--total-nodes", or out of range (0-16).
-d 10.31.3.236/32 -i lo -j CLUSTERIP --hashmode sourceip ; ! CLUSTERIP target: Invalid parameter combination
-j ULOG ; = ; ULOG copy_range 0 nlgroup 1 queue_threshold 1
-j ULOG --ulog-nlgroup 1 ; -j ULOG ; ULOG copy_range 0 nlgroup 1 queue_threshold 1
-j ULOG --ulog-nlgroup 32 ; = ; ULOG copy_range 0 nlgroup 32 queue_threshold 1
-j ULOG --ulog-nlgroup 33 ; ! ULOG: bad value for option "--ulog-nlgroup", or out of range (1-32).
-j ULOG --ulog-nlgroup 0 ; ! ULOG: bad value for option "--ulog-nlgroup", or out of range (1-32).
-j ULOG --ulog-cprange 100 --ulog-qthreshold 5 --ulog-prefix "ab c" ; -j ULOG --ulog-prefix "ab c" --ulog-cprange 100 --ulog-qthreshold 5 ; ULOG copy_range 100 nlgroup 1 prefix "ab c" queue_threshold 5
-j ULOG --ulog-cprange 0 --ulog-qthreshold 1 ; -j ULOG ; ULOG copy_range 0 nlgroup 1 queue_threshold 1
-j ULOG --ulog-qthreshold 51 ; ! ULOG: bad value for option "--ulog-qthreshold", or out of range (1-50).
-j ULOG --ulog-qthreshold 50 ; = ; ULOG copy_range 0 nlgroup 1 queue_threshold 50
-j ULOG --ulog-qthreshold 0 ; ! ULOG: bad value for option "--ulog-qthreshold", or out of range (1-50).
-j ULOG --ulog-prefix 0123456789012345678901234567890123 ; -j ULOG --ulog-prefix 0123456789012345678901234567890 ; ULOG copy_range 0 nlgroup 1 prefix "0123456789012345678901234567890" queue_threshold 1
-j ULOG --ulog-nlgroup 1 --ulog-nlgroup 2 ; ! ULOG: option "--ulog-nlgroup" can only be used once.
-j RATEEST --rateest-name RE1 --rateest-interval 250ms --rateest-ewmalog x ; ! RATEEST: bad ewmalog value "x"
-j RATEEST --rateest-interval 250ms --rateest-ewmalog 500ms ; ! RATEEST: option "--rateest-name" must be specified
-j RATEEST --rateest-name RE1 --rateest-interval 100s --rateest-ewmalog 500s ; ! RATEEST: interval value is too large
-j RATEEST --rateest-name 0123456789012345 --rateest-interval 1s --rateest-ewmalog 2s ; -j RATEEST --rateest-name 012345678901234 --rateest-interval 1.0s --rateest-ewmalog 2.0s ; name 012345678901234 interval 1.0s ewmalog 2.0s
-j RATEEST --rateest-name a --rateest-name b --rateest-interval 1s --rateest-ewmalog 2s ; ! RATEEST: option "--rateest-name" can only be used once.
-j IDLETIMER --timeout 2147483 --label a ; ! Invalid argument. Run ^dmesg' for more information.
-j IDLETIMER --timeout 2147484 --label a ; ! Invalid argument. Run ^dmesg' for more information.
-j IDLETIMER --timeout 2147483647 --label a ; ! Invalid argument. Run ^dmesg' for more information.
-j IDLETIMER --timeout 5 --label "" ; ! Invalid argument. Run ^dmesg' for more information.
-j AUDIT --type "" ; ! Bad action type value ""
# 4 mangle FORWARD
-j CONNSECMARK --save ; = ; CONNSECMARK save
-j CONNSECMARK --restore ; = ; CONNSECMARK restore
-j CONNSECMARK ; ! CONNSECMARK target: parameter required
-j CONNSECMARK --save --restore ; ! CONNSECMARK: option "--save" cannot be used together with "--restore".
-j SECMARK ; ! SECMARK: option "--selctx" must be specified
-j SECMARK --selctx system_u:object_r:firewalld_exec_t:s0 ; = ; SECMARK selctx system_u:object_r:firewalld_exec_t:s0
-j SECMARK --selctx "" ; -j SECMARK --selctx ; SECMARK selctx 
-j HMARK ; ! --hmark-mod is mandatory
-j HMARK --hmark-tuple s,dp,c --hmark-mod 2 --hmark-rnd 3 ; -j HMARK --hmark-src-prefix 32 --hmark-dport-mask 0xffff --hmark-rnd 0x00000003 --hmark-mod 2 --hmark-tuple ct ; HMARK mod 2 ct, src-prefix 32 dport-mask 0xffff rnd 0x3
-j HMARK --hmark-tuple src, --hmark-mod 2 --hmark-rnd 3 ; ! "--hmark-tuple" requires a list of types with no spaces, e.g. src,dst,sport,dport,proto
-j HMARK --hmark-tuple srcx --hmark-mod 2 --hmark-rnd 3 ; ! Bad type "srcx"
-j HMARK --hmark-tuple src,dst,sport,dport --hmark-mod 5 ; ! --hmark-rnd is mandatory
-j HMARK --hmark-src-prefix 24 --hmark-rnd 0x00000004 --hmark-mod 42 ; = ; HMARK mod 42 src-prefix 24 rnd 0x4
-j HMARK --hmark-src-prefix 24 --hmark-rnd 4 --hmark-mod 42 ; -j HMARK --hmark-src-prefix 24 --hmark-rnd 0x00000004 --hmark-mod 42 ; HMARK mod 42 src-prefix 24 rnd 0x4
-j HMARK --hmark-tuple src,dst --hmark-mod 5 --hmark-offset 10 --hmark-rnd 0xdeafbeef ; -j HMARK --hmark-src-prefix 32 --hmark-dst-prefix 32 --hmark-rnd 0xdeafbeef --hmark-mod 5 --hmark-offset 10 ; HMARK mod 5 + 0xa src-prefix 32 dst-prefix 32 rnd 0xdeafbeef
-j HMARK --hmark-tuple src,dst --hmark-offset 10 --hmark-rnd 0xdeafbeef ; ! --hmark-mod is mandatory
-j HMARK --hmark-tuple ct --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-rnd 0x00000001 --hmark-mod 5 --hmark-tuple ct ; HMARK mod 5 ct, rnd 0x1
-j HMARK --hmark-tuple bogus --hmark-mod 5 --hmark-rnd 1 ; ! Bad type "bogus"
-j HMARK --hmark-tuple src,dst,sport,dport,spi --hmark-mod 5 --hmark-rnd 1 ; ! you cannot use --hmark-spi-mask and --hmark-?port-mask,at the same time
-j HMARK --hmark-tuple src,src --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-src-prefix 32 --hmark-rnd 0x00000001 --hmark-mod 5 ; HMARK mod 5 src-prefix 32 rnd 0x1
-j HMARK --hmark-tuple spi --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-spi-mask 0xffffffff --hmark-rnd 0x00000001 --hmark-mod 5 ; HMARK mod 5 spi-mask 0xffffffff rnd 0x1
-j HMARK --hmark-sport-mask 0xff00 --hmark-dport-mask 0xf --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-sport-mask 0xff00 --hmark-dport-mask 0x000f --hmark-rnd 0x00000001 --hmark-mod 5 ; HMARK mod 5 sport-mask 0xff00 dport-mask 0xf rnd 0x1
-j HMARK --hmark-spi-mask 0xff00 --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-spi-mask 0x0000ff00 --hmark-rnd 0x00000001 --hmark-mod 5 ; HMARK mod 5 spi-mask 0xff00 rnd 0x1
-j HMARK --hmark-sport 0x50 --hmark-dport 0x51 --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-sport 0x0050 --hmark-dport 0x0051 --hmark-rnd 0x00000001 --hmark-mod 5 ; HMARK mod 5 sport 0x50 dport 0x51 rnd 0x1
-j HMARK --hmark-spi 0x50 --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-spi 0x00000050 --hmark-rnd 0x00000001 --hmark-mod 5 ; HMARK mod 5 spi 0x50 rnd 0x1
-j HMARK --hmark-src-prefix 33 --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-src-prefix 32 --hmark-rnd 0x00000001 --hmark-mod 5 ; HMARK mod 5 src-prefix 32 rnd 0x1
-j HMARK --hmark-dst-prefix 24 --hmark-proto-mask 0xff --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-dst-prefix 24 --hmark-proto-mask 0xff --hmark-rnd 0x00000001 --hmark-mod 5 ; HMARK mod 5 dst-prefix 24 proto-mask 0xff rnd 0x1
-j HMARK --hmark-proto-mask 256 --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-proto-mask 0x100 --hmark-rnd 0x00000001 --hmark-mod 5 ; HMARK mod 5 proto-mask 0x100 rnd 0x1
-j HMARK --hmark-tuple src --hmark-mod 0 --hmark-rnd 1 ; ! HMARK: bad value for option "--hmark-mod", or out of range (1-4294967295).
-j HMARK --hmark-tuple src --hmark-mod 1 --hmark-rnd 1 ; -j HMARK --hmark-src-prefix 32 --hmark-rnd 0x00000001 --hmark-mod 1 ; HMARK mod 1 src-prefix 32 rnd 0x1
-j HMARK --hmark-tuple src,sport --hmark-src-prefix 24 --hmark-mod 5 --hmark-rnd 1 ; ! HMARK: option "--hmark-src-prefix" can only be used once.
-j HMARK --hmark-mod 5 --hmark-rnd 1 ; ! you have to specify --hmark-tuple at least
-j TEE ; ! TEE: option "--gateway" must be specified
-j TEE --gateway 1.1.1.1 ; = ; TEE gw:1.1.1.1
-j TEE --gateway 1.1.1.1 --oif lo ; = ; TEE gw:1.1.1.1 oif=lo
-j TEE --oif lo ; ! TEE: option "--gateway" must be specified
-j TEE ! --gateway 1.1.1.1 ; ! TEE: option "--gateway" cannot be inverted.
-j TEE --gateway 1.1.1.1 --gateway 1.1.1.2 ; ! TEE: option "--gateway" can only be used once.
-j TEE --gateway 0.0.0.0 ; ! Invalid argument. Run ^dmesg' for more information.
-j HMARK --hmark-spi 0x50 --hmark-proto-mask 0xff --hmark-src-prefix 24 --hmark-dst-prefix 23 --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-src-prefix 24 --hmark-dst-prefix 23 --hmark-spi 0x00000050 --hmark-proto-mask 0xff --hmark-rnd 0x00000001 --hmark-mod 5 ; HMARK mod 5 src-prefix 24 dst-prefix 23 spi 0x50 proto-mask 0xff rnd 0x1
-j HMARK --hmark-sport 0x50 --hmark-sport-mask 0xff --hmark-dport 1 --hmark-dport-mask 0xf --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-sport-mask 0x00ff --hmark-dport-mask 0x000f --hmark-sport 0x0050 --hmark-dport 0x0001 --hmark-rnd 0x00000001 --hmark-mod 5 ; HMARK mod 5 sport-mask 0xff dport-mask 0xf sport 0x50 dport 0x1 rnd 0x1
-j HMARK --hmark-spi 0x50 --hmark-spi-mask 0xff --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-spi-mask 0x000000ff --hmark-spi 0x00000050 --hmark-rnd 0x00000001 --hmark-mod 5 ; HMARK mod 5 spi-mask 0xff spi 0x50 rnd 0x1
-j HMARK --hmark-tuple ct,src,dst,sport,dport --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-src-prefix 32 --hmark-dst-prefix 32 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 5 --hmark-tuple ct ; HMARK mod 5 ct, src-prefix 32 dst-prefix 32 sport-mask 0xffff dport-mask 0xffff rnd 0x1
-j HMARK --hmark-tuple ct,src,dst,proto,sport,dport --hmark-mod 5 --hmark-rnd 1 --hmark-proto-mask 1 ; ! HMARK: option "--hmark-proto-mask" can only be used once.
-j HMARK --hmark-sport ssh --hmark-mod 5 --hmark-rnd 1 ; ! HMARK: bad value for option "--hmark-sport", or out of range (0-65535).
-j HMARK --hmark-sport 65536 --hmark-mod 5 --hmark-rnd 1 ; ! HMARK: bad value for option "--hmark-sport", or out of range (0-65535).
-j HMARK --hmark-src-prefix 255.255.0.0 --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-src-prefix 16 --hmark-rnd 0x00000001 --hmark-mod 5 ; HMARK mod 5 src-prefix 16 rnd 0x1
-j HMARK --hmark-src-prefix x --hmark-mod 5 --hmark-rnd 1 ; ! HMARK: bad value for option "--hmark-src-prefix", neither a valid network mask nor valid CIDR (0-32).
-j HMARK --hmark-rnd x --hmark-mod 5 ; ! HMARK: bad value for option "--hmark-rnd", or out of range (0-4294967295).
-j HMARK --hmark-sport-mask 65536 --hmark-mod 5 --hmark-rnd 1 ; ! HMARK: bad value for option "--hmark-sport-mask", or out of range (0-65535).
-j HMARK --hmark-offset 0 --hmark-mod 5 --hmark-rnd 1 --hmark-tuple src ; -j HMARK --hmark-src-prefix 32 --hmark-rnd 0x00000001 --hmark-mod 5 --hmark-offset 0 ; HMARK mod 5 + 0x0 src-prefix 32 rnd 0x1
-j HMARK --hmark-rnd 0 --hmark-mod 5 --hmark-tuple dst ; -j HMARK --hmark-dst-prefix 32 --hmark-rnd 0x00000000 --hmark-mod 5 ; HMARK mod 5 dst-prefix 32 rnd 0x0
-j TEE --gateway 1.1.1.1 --oif 0123456789012345 ; -j TEE --gateway 1.1.1.1 --oif 012345678901234 ; TEE gw:1.1.1.1 oif=012345678901234
-j TEE --gateway 1.1.1.1 --oif "" ; -j TEE --gateway 1.1.1.1 ; TEE gw:1.1.1.1
-j TEE --gateway 1.1.1 ; -j TEE --gateway 1.1.0.1 ; TEE gw:1.1.0.1
# 4 filter FORWARD
-j CONNSECMARK --restore ; ! Invalid argument. Run ^dmesg' for more information.
-j SECMARK --selctx a ; ! Invalid argument. Run ^dmesg' for more information.
-j SECMARK --selctx a --selctx b ; ! SECMARK: option "--selctx" can only be used once.
-j TEE --gateway 1.1.1.1 ; = ; TEE gw:1.1.1.1
# 4 security FORWARD
-j CONNSECMARK --restore ; = ; CONNSECMARK restore
-j SECMARK --selctx system_u:object_r:httpd_packet_t:s0 ; = ; SECMARK selctx system_u:object_r:httpd_packet_t:s0
# 4 security INPUT
-j CONNSECMARK --save ; = ; CONNSECMARK save
-j SECMARK --selctx a ; = ; SECMARK selctx a
# 6 mangle FORWARD
-j HMARK --hmark-src-prefix 64 --hmark-mod 5 --hmark-rnd 1 ; -j HMARK --hmark-src-prefix 64 --hmark-rnd 0x00000001 --hmark-mod 5 ; HMARK mod 5 src-prefix 64 rnd 0x1
-j HMARK --hmark-tuple src,dst --hmark-mod 5 --hmark-rnd 1 --hmark-offset 1000 ; -j HMARK --hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 5 --hmark-offset 1000 ; HMARK mod 5 + 0x3e8 src-prefix  dst-prefix  rnd 0x1
-j TEE --gateway 2001:db8::1 ; = ; TEE gw:2001:db8::1
-j TEE --gateway 2001:db8::1 --oif lo ; = ; TEE gw:2001:db8::1 oif=lo
-j TEE ; ! TEE: option "--gateway" must be specified
# 6 mangle PREROUTING
-j DNPT --src-pfx dead::/64 --dst-pfx 1c3::/64 ; = ; DNPT src-pfx dead::/64 dst-pfx 1c3::/64
-j DNPT --src-pfx dead::beef --dst-pfx 1c3::/64 ; ! Invalid argument. Run ^dmesg' for more information.
-j DNPT --src-pfx dead::/64 ; ! DNPT: option "--dst-pfx" must be specified
-j DNPT --dst-pfx dead::/64 ; ! DNPT: option "--src-pfx" must be specified
-j DNPT ; ! DNPT: option "--src-pfx" must be specified
-j DNPT --src-pfx dead::/65 --dst-pfx 1c3::/65 ; ! Invalid argument. Run ^dmesg' for more information.
-j DNPT --src-pfx dead::1/64 --dst-pfx 1c3::/64 ; ! Invalid argument. Run ^dmesg' for more information.
-j DNPT --src-pfx dead::/64 --dst-pfx 1c3::/129 ; ! DNPT: bad value for option "--dst-pfx", neither a valid network mask nor valid CIDR (0-128).
-j SNPT --src-pfx dead::/64 --dst-pfx 1c3::/48 ; ! Invalid argument. Run ^dmesg' for more information.
-j DNPT --src-pfx dead:: --dst-pfx 1c3::/64 ; ! Invalid argument. Run ^dmesg' for more information.
-j DNPT --src-pfx dead::/64 --src-pfx dead::/64 --dst-pfx 1c3::/64 ; ! DNPT: option "--src-pfx" can only be used once.
-j DNPT --src-pfx dead::/0 --dst-pfx ::/0 ; ! Invalid argument. Run ^dmesg' for more information.
-j DNPT --src-pfx dead::/48 --dst-pfx dead:beef::/ffff:ffff:: ; -j DNPT --src-pfx dead::/48 --dst-pfx dead:beef::/32 ; DNPT src-pfx dead::/48 dst-pfx dead:beef::/32
# 6 mangle POSTROUTING
-j DNPT --src-pfx dead::/64 --dst-pfx 1c3::/64 ; ! Invalid argument. Run ^dmesg' for more information.
-j SNPT --src-pfx dead::/64 --dst-pfx 1c3::/48 ; = ; SNPT src-pfx dead::/64 dst-pfx 1c3::/48
-j SNPT --src-pfx dead::/64 ; ! SNPT: option "--dst-pfx" must be specified
-j SNPT ; ! SNPT: option "--src-pfx" must be specified
# 6 mangle INPUT
-j SNPT --src-pfx dead::/64 --dst-pfx 1c3::/64 ; = ; SNPT src-pfx dead::/64 dst-pfx 1c3::/64
# 6 filter INPUT
-j SNPT --src-pfx dead::/64 --dst-pfx 1c3::/48 ; ! Invalid argument. Run ^dmesg' for more information.
# 4 raw PREROUTING
-j HMARK --hmark-rnd 0 --hmark-mod 5 --hmark-tuple dst,proto ; -j HMARK --hmark-dst-prefix 32 --hmark-proto-mask 0xffff --hmark-rnd 0x00000000 --hmark-mod 5 ; HMARK mod 5 dst-prefix 32 proto-mask 0xffff rnd 0x0
`);
});
