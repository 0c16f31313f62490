import { testForms, testRefusals } from './match-text.ts';

/** Text forms and refusals of matches of SCTP and DCCP, and those that are only read, as iptables-legacy 1.8.9 gave them. */

testForms(`
@4 filter INPUT
-p sctp -m sctp --sport 1 ;; = ;; sctp spt:1
-p sctp --sport 1:2 ;; -p sctp -m sctp --sport 1:2 ;; sctp spts:1:2
-p sctp -m sctp ! --sport 1:10 ;; = ;; sctp spts:!1:10
-p sctp -m sctp --sport : ;; -p sctp -m sctp --sport 0:65535 ;; sctp
-p sctp -m sctp ! --sport : ;; -p sctp -m sctp ! --sport 0:65535 ;; sctp spts:!0:65535
-p sctp -m sctp --source-port 1 --dport 5: ;; -p sctp -m sctp --sport 1 --dport 5:65535 ;; sctp spt:1 dpts:5:65535
-p sctp -m sctp ;; = ;; sctp
-p sctp -m sctp --chunk-types all DATA ;; = ;; sctp all DATA ;; sctp all 0x0000
-p sctp -m sctp --chunk-types any DATA,INIT ;; = ;; sctp any DATA,INIT ;; sctp any 0x0000,0x0001
-p sctp -m sctp --chunk-types only DATA:Be ;; = ;; sctp only DATA:Be ;; sctp only 0x0000:Be
-p sctp -m sctp ! --chunk-types any DATA ;; = ;; sctp ! any DATA ;; sctp ! any 0x0000
-p sctp -m sctp --chunk-types any DATA:iubeIUBE ;; -p sctp -m sctp --chunk-types any DATA:IUBE ;; sctp any DATA:IUBE ;; sctp any 0x0000:IUBE
-p sctp -m sctp --chunk-types any DATA:uBE ;; = ;; sctp any DATA:uBE ;; sctp any 0x0000:uBE
-p sctp -m sctp --chunk-types all ABORT:T,DATA ;; -p sctp -m sctp --chunk-types all DATA,ABORT:T ;; sctp all DATA,ABORT:T ;; sctp all 0x0000,0x0006:T
-p sctp -m sctp --chunk-types all ABORT:t ;; = ;; sctp all ABORT:t ;; sctp all 0x0006:t
-p sctp -m sctp --chunk-types all SHUTDOWN_COMPLETE:T ;; = ;; sctp all SHUTDOWN_COMPLETE:T ;; sctp all 0x000E:T
-p sctp -m sctp --chunk-types all ALL ;; = ;; sctp all ALL
-p sctp -m sctp --chunk-types all NONE ;; = ;; sctp all NONE
-p sctp -m sctp --chunk-types any all ;; -p sctp -m sctp --chunk-types any ALL ;; sctp any ALL
-p sctp -m sctp --chunk-types all data,init_ack ;; -p sctp -m sctp --chunk-types all DATA,INIT_ACK ;; sctp all DATA,INIT_ACK ;; sctp all 0x0000,0x0002
-p sctp -m sctp --chunk-types only ASCONF,ASCONF_ACK,FORWARD_TSN ;; -p sctp -m sctp --chunk-types only ASCONF_ACK,FORWARD_TSN,ASCONF ;; sctp only ASCONF_ACK,FORWARD_TSN,ASCONF ;; sctp only 0x0080,0x00C0,0x00C1
-p sctp -m sctp --chunk-types only ASCONF,ASCONF_ACK,I_DATA,RE_CONFIG,PAD,I_FORWARD_TSN,FORWARD_TSN ;; -p sctp -m sctp --chunk-types only I_DATA,ASCONF_ACK,RE_CONFIG,PAD,FORWARD_TSN,ASCONF,I_FORWARD_TSN ;; sctp only I_DATA,ASCONF_ACK,RE_CONFIG,PAD,FORWARD_TSN,ASCONF,I_FORWARD_TSN ;; sctp only 0x0040,0x0080,0x0082,0x0084,0x00C0,0x00C1,0x00C2
-p sctp -m sctp --chunk-types ANY DATA ;; -p sctp -m sctp --chunk-types any DATA ;; sctp any DATA ;; sctp any 0x0000
-p sctp -m sctp --chunk-types any DATA: ;; -p sctp -m sctp --chunk-types any DATA ;; sctp any DATA ;; sctp any 0x0000
-p sctp -m sctp --chunk-types any DATA,INIT:,DATA:b ;; -p sctp -m sctp --chunk-types any DATA:b,INIT ;; sctp any DATA:b,INIT ;; sctp any 0x0000:b,0x0001
-p sctp -m sctp --chunk-types any "" ;; -p sctp -m sctp --chunk-types any NONE ;; sctp any NONE
-p sctp --sport 1 --dport 2 --chunk-types any DATA ;; -p sctp -m sctp --sport 1 --dport 2 --chunk-types any DATA ;; sctp spt:1 dpt:2 any DATA ;; sctp spt:1 dpt:2 any 0x0000
-p sctp -m sctp --sport 5:5 ;; -p sctp -m sctp --sport 5 ;; sctp spt:5
-p dccp -m dccp --sport 1 ;; = ;; dccp spt:1
-p dccp -m dccp --sport : ;; -p dccp -m dccp --sport 0:65535 ;; dccp
-p dccp -m dccp ! --sport : ;; -p dccp -m dccp ! --sport 0:65535 ;; dccp spts:!0:65535
-p dccp --dport 1:3 ;; -p dccp -m dccp --dport 1:3 ;; dccp dpts:1:3
-p dccp -m dccp ! --dport 1:3 ;; = ;; dccp dpts:!1:3
-p dccp -m dccp --dccp-types INVALID ;; = ;; dccp INVALID ;; dccp 10,11,12,13,14,15
-p dccp -m dccp --dccp-types REQUEST,RESPONSE,DATA,ACK,DATAACK,CLOSEREQ,CLOSE,RESET,SYNC,SYNCACK,INVALID ;; = ;; dccp REQUEST,RESPONSE,DATA,ACK,DATAACK,CLOSEREQ,CLOSE,RESET,SYNC,SYNCACK,INVALID ;; dccp 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
-p dccp -m dccp ! --dccp-types REQUEST ;; = ;; dccp ! REQUEST ;; dccp ! 0
-p dccp -m dccp --dccp-types request ;; -p dccp -m dccp --dccp-types REQUEST ;; dccp REQUEST ;; dccp 0
-p dccp -m dccp --dccp-types REQUEST, ;; -p dccp -m dccp --dccp-types REQUEST ;; dccp REQUEST ;; dccp 0
-p dccp -m dccp --dccp-option 1 ;; = ;; dccp option=1
-p dccp -m dccp ! --dccp-option 255 ;; = ;; dccp option=!255
-p dccp -m dccp ;; = ;; dccp
-m realm --realm 0x1/0x2a ;; = ;; realm 0x1/0x2a
-m realm --realm 0x2a ;; = ;; realm 0x2a
-m realm ! --realm 1 ;; -m realm ! --realm 0x1 ;; ! realm 0x1
-m realm --realm 1/0xffffffff ;; -m realm --realm 0x1 ;; realm 0x1
-m devgroup --src-group 1 ;; -m devgroup --src-group 0x1 ;; src-group 0x1
-m devgroup --src-group 0x1/0x3 ;; = ;; src-group 0x1/0x3
-m devgroup ! --src-group 1 ;; -m devgroup ! --src-group 0x1 ;; ! src-group 0x1
-m devgroup --src-group default ;; = ;; src-group default ;; src-group 0x0
-m devgroup --src-group 0 ;; -m devgroup --src-group default ;; src-group default ;; src-group 0x0
-m cpu --cpu 0 ;; = ;; cpu 0
-m cpu ! --cpu 5 ;; = ;; cpu ! 5
-m cpu --cpu 4294967295 ;; = ;; cpu 4294967295
-m cgroup --cgroup 1 ;; = ;; cgroup 1
-m connlabel --label 1 ;; -m connlabel --label "1" ;; connlabel 1
-m connlabel ! --label 1 ;; -m connlabel ! --label "1" ;; connlabel ! 1
-m connlabel --label 1 --set ;; -m connlabel --label "1" --set ;; connlabel 1 set
-m cluster --cluster-total-nodes 2 --cluster-local-node 2 --cluster-hash-seed 0xfeed ;; -m cluster --cluster-local-nodemask 0x00000002 --cluster-total-nodes 2 --cluster-hash-seed 0x0000feed ;; cluster node_mask=0x00000002 total_nodes=2 hash_seed=0x0000feed
-m cluster --cluster-total-nodes 2 ! --cluster-local-nodemask 1 --cluster-hash-seed 1 ;; -m cluster ! --cluster-local-nodemask 0x00000001 --cluster-total-nodes 2 --cluster-hash-seed 0x00000001 ;; cluster !node_mask=0x00000001 total_nodes=2 hash_seed=0x00000001
-m cluster --cluster-total-nodes 1 --cluster-local-node 1 --cluster-hash-seed 1 ;; -m cluster --cluster-local-nodemask 0x00000001 --cluster-total-nodes 1 --cluster-hash-seed 0x00000001 ;; cluster node_mask=0x00000001 total_nodes=1 hash_seed=0x00000001
-p tcp -m osf --genre Linux ;; = ;; OS fingerprint match Linux
-p tcp -m osf ! --genre Linux --ttl 1 --log 2 ;; = ;; OS fingerprint match ! Linux
@4 mangle PREROUTING
-m socket ;; = ;; socket
-m socket --transparent ;; = ;; socket --transparent
-m socket --transparent --nowildcard ;; = ;; socket --transparent --nowildcard
-m socket --transparent --nowildcard --restore-skmark ;; = ;; socket --transparent --nowildcard --restore-skmark
-m socket --restore-skmark ;; = ;; socket --restore-skmark
-m socket --nowildcard ;; = ;; socket --nowildcard
@4 filter OUTPUT
-m devgroup --dst-group 2 ;; -m devgroup --dst-group 0x2 ;; dst-group 0x2
-m cgroup --cgroup 1 ;; = ;; cgroup 1
@4 filter FORWARD
-m devgroup --src-group 1 --dst-group 2/3 ;; -m devgroup --src-group 0x1 --dst-group 0x2/0x3 ;; src-group 0x1 dst-group 0x2/0x3
-m devgroup ! --src-group 1 ! --dst-group 2/3 ;; -m devgroup ! --src-group 0x1 ! --dst-group 0x2/0x3 ;; ! src-group 0x1 ! dst-group 0x2/0x3
@4 filter INPUT
-m connlabel --label 127 ;; -m connlabel --label "127" ;; connlabel 127
-m connlabel ! --label 5 --set ;; -m connlabel ! --label "5" --set ;; connlabel ! 5 set
-p tcp -m osf --genre "Linux:2.6" ;; -p tcp -m osf --genre Linux:2.6 ;; OS fingerprint match Linux:2.6
-p tcp -m osf --genre 12345678901234567890123456789012345 ;; -p tcp -m osf --genre 1234567890123456789012345678901 ;; OS fingerprint match 1234567890123456789012345678901
-p tcp -m osf --ttl 1 --genre x ;; -p tcp -m osf --genre x --ttl 1 ;; OS fingerprint match x
-m cluster --cluster-total-nodes 2 ! --cluster-local-node 1 --cluster-hash-seed 1 ;; -m cluster ! --cluster-local-nodemask 0x00000001 --cluster-total-nodes 2 --cluster-hash-seed 0x00000001 ;; cluster !node_mask=0x00000001 total_nodes=2 hash_seed=0x00000001
@4 filter OUTPUT
-m owner --uid-owner 0:10 ;; -m owner --uid-owner 0-10 ;; owner UID match 0-10
-m owner --gid-owner 0 --suppl-groups ;; = ;; owner GID match root incl. suppl. groups ;; owner GID match 0 incl. suppl. groups
-m owner --gid-owner 0-5 --suppl-groups --uid-owner 3 ;; -m owner --uid-owner 3 --gid-owner 0-5 --suppl-groups ;; owner UID match sys owner GID match 0-5 incl. suppl. groups ;; owner UID match 3 owner GID match 0-5 incl. suppl. groups
-m cgroup ! --cgroup 1 ;; = ;; cgroup ! 1
-m cgroup --cgroup 0x10 ;; -m cgroup --cgroup 16 ;; cgroup 16
@4 nat PREROUTING
-m socket ;; = ;; socket
@4 filter INPUT
-m realm --realm 1/2 ;; -m realm --realm 0x1/0x2 ;; realm 0x1/0x2
-m realm ! --realm 1/2 ;; -m realm ! --realm 0x1/0x2 ;; ! realm 0x1/0x2
-m tos --tos 0x1f/0x3f ;; = ;; tos match0x1f/0x3f
-p udp --dport 010 ;; -p udp -m udp --dport 10 ;; udp dpt:10
-p udp --dport "" ;; -p udp -m udp --dport 0 ;; udp dpt:0
-p udp --dport telnet ;; -p udp -m udp --dport 23 ;; udp dpt:23
@4 raw PREROUTING
-m devgroup --src-group 1 ;; -m devgroup --src-group 0x1 ;; src-group 0x1
-m pkttype --pkt-type unicast ;; = ;; PKTTYPE = unicast
`);

testRefusals(`
@4 filter INPUT
-p sctp -m sctp --sport 10:1 ;; 2 ;; invalid portrange (min > max)
-p sctp -m sctp --sport 65536 ;; 2 ;; invalid port/service ^65536' specified
-p sctp -m sctp --sport x ;; 2 ;; invalid port/service ^x' specified
-p sctp -m sctp --sport "" ;; 2 ;; invalid port/service ^' specified
-p sctp -m sctp --sport 1:2:3 ;; 2 ;; invalid port/service ^2:3' specified
-p sctp -m sctp --sport 1 --sport 2 ;; 2 ;; Only one ^--source-port' allowed
-p sctp -m sctp --dport ftp ;; 2 ;; invalid port/service ^ftp' specified
-p tcp -m sctp --sport 1 ;; 1 ;; EINVAL
-m sctp --sport 1 ;; 1 ;; EINVAL
-p sctp -m sctp --chunk-types none DATA ;; 2 ;; Match type has to be one of "ALL", "ANY" or "ONLY"
-p sctp -m sctp --chunk-types some DATA ;; 2 ;; Match type has to be one of "ALL", "ANY" or "ONLY"
-p sctp -m sctp --chunk-types any BOGUS ;; 2 ;; Unknown sctp chunk ^BOGUS'
-p sctp -m sctp --chunk-types any DATA:x ;; 2 ;; Invalid flags for chunk type 0
-p sctp -m sctp --chunk-types any INIT:i ;; 2 ;; Invalid flags for chunk type 1
-p sctp -m sctp --chunk-types all DATA --chunk-types all INIT ;; 2 ;; Only one ^--chunk-types' allowed
-p dccp -m dccp --dccp-types BOGUS ;; 2 ;; Unknown DCCP type ^BOGUS'
-p dccp -m dccp --dccp-option 0 ;; 2 ;; dccp: bad value for option "--dccp-option", or out of range (1-255).
-p dccp -m dccp --dccp-option 256 ;; 2 ;; dccp: bad value for option "--dccp-option", or out of range (1-255).
-p dccp -m dccp --dccp-option x ;; 2 ;; dccp: bad value for option "--dccp-option", or out of range (1-255).
-p dccp -m dccp --sport 1 --sport 2 ;; 2 ;; dccp: option "--source-port" can only be used once.
-p dccp -m dccp --dccp-types ACK --dccp-types ACK ;; 2 ;; dccp: option "--dccp-types" can only be used once.
-m dccp --sport 1 ;; 1 ;; EINVAL
-p udp -m dccp --sport 1 ;; 1 ;; EINVAL
-m realm --realm x ;; 2 ;; realm: could not map name x to an integer value for option "--realm".
-m realm --realm 1/ ;; 2 ;; realm: bad integer value for option "--realm", or out of range.
-m realm ;; 2 ;; realm: option "--realm" must be specified
-m realm --realm 0xfffffffff ;; 2 ;; realm: could not map name 0xfffffffff to an integer value for option "--realm".
-m devgroup --src-group x ;; 2 ;; devgroup: could not map name x to an integer value for option "--src-group".
-m devgroup ;; 2 ;; devgroup match: You must specify either '--src-group' or '--dst-group'
-m devgroup --dst-group 1 ;; 1 ;; EINVAL
-m devgroup --src-group 1/ ;; 2 ;; devgroup: bad integer value for option "--src-group", or out of range.
-m devgroup --src-group 1x ;; 2 ;; devgroup: could not map name 1x to an integer value for option "--src-group".
-m devgroup --src-group 1 --src-group 1 ;; 2 ;; devgroup: option "--src-group" can only be used once.
-m devgroup --src-group 0xfffffffff ;; 2 ;; devgroup: could not map name 0xfffffffff to an integer value for option "--src-group".
-m cpu --cpu 4294967296 ;; 2 ;; cpu: bad value for option "--cpu", or out of range (0-4294967295).
-m cpu --cpu -1 ;; 2 ;; cpu: bad value for option "--cpu", or out of range (0-4294967295).
-m cpu --cpu x ;; 2 ;; cpu: bad value for option "--cpu", or out of range (0-4294967295).
-m cpu ;; 2 ;; cpu: option "--cpu" must be specified
-m cgroup ;; 1 ;; EINVAL
-m cgroup --path / --cgroup 1 ;; 1 ;; EINVAL
-m connlabel --label 128 ;; 1 ;; Numerical result out of range.
-m connlabel --label foo ;; 2 ;; label 'foo' not found or invalid value
-m connlabel ;; 2 ;; connlabel: option "--label" must be specified
-m connlabel --set ;; 2 ;; connlabel: option "--label" must be specified
-m cluster --cluster-total-nodes 2 --cluster-local-nodemask 4 --cluster-hash-seed 1 ;; 2 ;; cluster match: ^--cluster-local-nodemask' too big for ^--cluster-total-nodes'
-m cluster --cluster-total-nodes 2 --cluster-local-node 3 --cluster-hash-seed 1 ;; 2 ;; cluster match: ^--cluster-local-node' must be <= ^--cluster-total-nodes'
-m cluster --cluster-total-nodes 33 --cluster-local-node 3 --cluster-hash-seed 1 ;; 2 ;; cluster: bad value for option "--cluster-total-nodes", or out of range (1-32).
-m cluster --cluster-total-nodes 2 --cluster-local-node 1 ;; 2 ;; cluster: option "--cluster-hash-seed" must be specified
-m cluster --cluster-local-node 1 --cluster-hash-seed 1 ;; 2 ;; cluster: option "--cluster-total-nodes" must be specified
-m cluster --cluster-total-nodes 2 --cluster-hash-seed 1 ;; 2 ;; cluster match: ^--cluster-local-node' or^--cluster-local-nodemask' is missing
-m cluster ;; 2 ;; cluster match: ^--cluster-local-node' or^--cluster-local-nodemask' is missing
-m cluster --cluster-total-nodes 2 --cluster-local-node 1 --cluster-local-nodemask 1 --cluster-hash-seed 1 ;; 2 ;; cluster: option "--cluster-local-node" cannot be used together with "--cluster-local-nodemask".
-p tcp -m osf --genre Linux --ttl 3 ;; 2 ;; osf: bad value for option "--ttl", or out of range (0-2).
-p tcp -m osf --genre Linux --log 3 ;; 2 ;; osf: bad value for option "--log", or out of range (0-2).
-p tcp -m osf ;; 2 ;; osf: option "--genre" must be specified
-m osf --genre Linux ;; 1 ;; EINVAL
-m nfacct ;; 2 ;; nfacct: option "--nfacct-name" must be specified
-m bpf --bytecode "0," ;; 2 ;; bpf: illegal zero length program
-m bpf --bytecode "" ;; 2 ;; bpf: error parsing program length
-m bpf ;; 2 ;; bpf: one of --bytecode or --pinned is required
@4 filter OUTPUT
-m socket ;; 1 ;; EINVAL
-m devgroup --src-group 2 ;; 1 ;; EINVAL
@4 filter INPUT
-m bpf --bytecode "2,6 0 0 1" ;; 2 ;; bpf: parsed program length is less than the encoded length parameter
-m bpf --bytecode "x" ;; 2 ;; bpf: error parsing program length
-m bpf --bytecode "65,6 0 0 1" ;; 2 ;; bpf: number of instructions exceeds maximum
-m bpf --bytecode "1,6 0 0" ;; 2 ;; bpf: error at instr 0
-m connlabel --label "foo bar" ;; 2 ;; label 'foo bar' not found or invalid value
-m osf --genre "" ;; 1 ;; EINVAL
-m cluster --cluster-total-nodes 2 --cluster-local-node 0 --cluster-hash-seed 1 ;; 2 ;; cluster: bad value for option "--cluster-local-node", or out of range (1-32).
-m cluster --cluster-total-nodes 0 --cluster-local-node 1 --cluster-hash-seed 1 ;; 2 ;; cluster: bad value for option "--cluster-total-nodes", or out of range (1-32).
-m cluster ! --cluster-total-nodes 2 --cluster-local-node 1 --cluster-hash-seed 1 ;; 2 ;; cluster: option "--cluster-total-nodes" cannot be inverted.
-m cluster --cluster-total-nodes 2 --cluster-local-node 1 --cluster-local-node 2 --cluster-hash-seed 1 ;; 2 ;; cluster: option "--cluster-local-node" can only be used once.
-m cluster --cluster-total-nodes 32 --cluster-local-nodemask 0xffffffff --cluster-hash-seed 0xffffffff ;; 2 ;; cluster: bad value for option "--cluster-local-nodemask", or out of range (1-32).
-m cgroup --cgroup x ;; 2 ;; cgroup: bad value for option "--cgroup", or out of range (0-4294967295).
-m pkttype --pkt-type other ;; 2 ;; Bad packet type 'other'
-m owner --uid-owner 0:10 ;; 1 ;; EINVAL
@4 filter OUTPUT
-m cgroup --cgroup 4294967296 ;; 2 ;; cgroup: bad value for option "--cgroup", or out of range (0-4294967295).
-m cgroup --cgroup 1 --path x ;; 1 ;; EINVAL
-m cgroup --path x --path y ;; 2 ;; cgroup: option "--path" can only be used once.
@4 filter INPUT
-m socket ! --transparent ;; 2 ;; socket: option "--transparent" cannot be inverted.
-p udp --dport 0x15 ;; 2 ;; Port "0x15" does not resolve to anything.
-p udp --dport bogus ;; 2 ;; Port "bogus" does not resolve to anything.
-p udp --dport 1:2:3 ;; 2 ;; udp: Too many components for option "--destination-port" (max: 2)
-p udp --dport 21x ;; 2 ;; Port "21x" does not resolve to anything.
@4 filter PREROUTING
-m realm --realm 1 ;; 1 ;; No chain/target/match by that name.
@4 raw PREROUTING
-m realm --realm 1 ;; 1 ;; EINVAL
-m cgroup --cgroup 1 ;; 1 ;; EINVAL
`);
