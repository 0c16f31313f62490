import { describe } from 'node:test';
import { testForms } from './forms.ts';

// What iptables-legacy 1.8.9 on kernel 6.18 answered, rule by rule.
describe('text of MARK, CONNMARK, CT, NOTRACK, CLASSIFY and TRACE', () => {
  testForms(`
# 4 mangle FORWARD
-j MARK --set-mark 1 ; -j MARK --set-xmark 0x1/0xffffffff ; MARK set 0x1
-j MARK --set-mark 0x10/0xff ; -j MARK --set-xmark 0x10/0xff ; MARK xset 0x10/0xff
-j MARK --set-xmark 0xfeedcafe/0xfeedcafe ; = ; MARK or 0xfeedcafe
-j MARK --set-xmark 4294967295 ; -j MARK --set-xmark 0xffffffff/0xffffffff ; MARK or 0xffffffff
-j MARK --set-xmark 4294967296 ; ! MARK: bad integer value for option "--set-xmark", or out of range.
-j MARK --set-xmark -1 ; ! MARK: bad integer value for option "--set-xmark", or out of range.
-j MARK ; ! MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required
-j MARK --and-mark 0xff ; -j MARK --set-xmark 0x0/0xffffff00 ; MARK and 0xff
-j MARK --or-mark 0xff ; -j MARK --set-xmark 0xff/0xff ; MARK or 0xff
-j MARK --xor-mark 0xff ; -j MARK --set-xmark 0xff/0x0 ; MARK xor 0xff
-j MARK --and-mark 0xff/1 ; ! MARK: bad value for option "--and-mark", or out of range (0-4294967295).
-j MARK --and-mark 0 ; -j MARK --set-xmark 0x0/0xffffffff ; MARK and 0x0
-j MARK --or-mark 0xffffffff ; -j MARK --set-xmark 0xffffffff/0xffffffff ; MARK or 0xffffffff
-j MARK --set-mark 1 --set-mark 2 ; ! MARK: option "--set-mark" can only be used once.
-j MARK --set-mark 1 --or-mark 2 ; ! MARK: option "--set-mark" cannot be used together with "--or-mark".
-j MARK ! --set-mark 1 ; ! MARK: option "--set-mark" cannot be inverted.
-j MARK --set-mark x ; ! MARK: bad integer value for option "--set-mark", or out of range.
-j MARK --set-mark 1/x ; ! MARK: bad integer value for option "--set-mark", or out of range.
-j MARK --set-mark 1/ ; ! MARK: bad integer value for option "--set-mark", or out of range.
-j MARK --set-mark 010 ; -j MARK --set-xmark 0x8/0xffffffff ; MARK set 0x8
-j MARK --set-xmark 5/0 ; -j MARK --set-xmark 0x5/0x0 ; MARK xor 0x5
-j MARK --set-mark 5/0 ; -j MARK --set-xmark 0x5/0x5 ; MARK or 0x5
-j MARK --set-mark 7/7 ; -j MARK --set-xmark 0x7/0x7 ; MARK or 0x7
-j CONNMARK --restore-mark ; -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff ; CONNMARK restore
-j CONNMARK --save-mark ; -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff ; CONNMARK save
-j CONNMARK --save-mark --nfmask 0xfffffff --ctmask 0xffffffff ; = ; CONNMARK save nfmask 0xfffffff ctmask ~0xffffffff
-j CONNMARK --restore-mark --nfmask 0xfffffff --ctmask 0xffffffff ; = ; CONNMARK restore ctmask 0xffffffff nfmask ~0xfffffff
-j CONNMARK --save-mark --mask 0xff ; -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff ; CONNMARK save mask 0xff
-j CONNMARK --restore-mark --mask 0xff ; -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff ; CONNMARK restore mask 0xff
-j CONNMARK --mask 0xff --restore-mark ; -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff ; CONNMARK restore mask 0xff
-j CONNMARK --restore-mark --mask 0xffffffff ; -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff ; CONNMARK restore
-j CONNMARK --restore-mark --mask 1 --nfmask 2 ; ! CONNMARK: option "--nfmask" cannot be used together with "--mask".
-j CONNMARK --restore-mark --nfmask 2 --mask 1 ; ! CONNMARK: option "--nfmask" cannot be used together with "--mask".
-j CONNMARK --restore-mark --ctmask 2 --mask 1 ; ! CONNMARK: option "--ctmask" cannot be used together with "--mask".
-j CONNMARK --nfmask 2 ; ! CONNMARK target: No operation specified
-j CONNMARK --set-mark 1 --nfmask 2 ; -j CONNMARK --set-xmark 0x1/0xffffffff ; CONNMARK set 0x1
-j CONNMARK --set-mark 1 --mask 2 ; -j CONNMARK --set-xmark 0x1/0x2 ; CONNMARK xset 0x1/0x2
-j CONNMARK --set-mark 1 --save-mark ; ! CONNMARK: option "--set-mark" cannot be used together with "--save-mark".
-j CONNMARK ; ! CONNMARK target: No operation specified
-j CONNMARK --set-mark 1 ; -j CONNMARK --set-xmark 0x1/0xffffffff ; CONNMARK set 0x1
-j CONNMARK --set-mark 0x10/0xff ; -j CONNMARK --set-xmark 0x10/0xff ; CONNMARK xset 0x10/0xff
-j CONNMARK --set-xmark 0x10/0xff ; = ; CONNMARK xset 0x10/0xff
-j CONNMARK --set-xmark 0x10 ; -j CONNMARK --set-xmark 0x10/0xffffffff ; CONNMARK set 0x10
-j CONNMARK --and-mark 0xf0 ; -j CONNMARK --set-xmark 0x0/0xffffff0f ; CONNMARK and 0xf0
-j CONNMARK --or-mark 0xf0 ; -j CONNMARK --set-xmark 0xf0/0xf0 ; CONNMARK or 0xf0
-j CONNMARK --xor-mark 0xf0 ; -j CONNMARK --set-xmark 0xf0/0x0 ; CONNMARK xor 0xf0
-j CONNMARK --and-mark 0xf0/1 ; ! CONNMARK: bad value for option "--and-mark", or out of range (0-4294967295).
-j CONNMARK --set-mark x ; ! CONNMARK: bad integer value for option "--set-mark", or out of range.
-j CONNMARK --set-mark 4294967296 ; ! CONNMARK: bad integer value for option "--set-mark", or out of range.
-j CONNMARK --save-mark --nfmask x ; ! CONNMARK: bad value for option "--nfmask", or out of range (0-4294967295).
-j CONNMARK --set-mark 1 --left-shift-mark 2 ; -j CONNMARK --set-xmark 0x1/0xffffffff --left-shift-mark 2 ; CONNMARK set 0x1 left-shift-mark 2
-j CONNMARK --set-mark 1 --right-shift-mark 2 ; -j CONNMARK --set-xmark 0x1/0xffffffff --right-shift-mark 2 ; CONNMARK set 0x1 right-shift-mark 2
-j CONNMARK --set-xmark 1/3 --right-shift-mark 2 ; -j CONNMARK --set-xmark 0x1/0x3 --right-shift-mark 2 ; CONNMARK xset 0x1/0x3 right-shift-mark 2
-j CONNMARK --save-mark --left-shift-mark 2 ; -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff --left-shift-mark 2 ; CONNMARK save left-shift-mark 2
-j CONNMARK --restore-mark --left-shift-mark 2 ; -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff --left-shift-mark 2 ; CONNMARK restore left-shift-mark 2
-j CONNMARK --restore-mark --right-shift-mark 31 ; -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff --right-shift-mark 31 ; CONNMARK restore right-shift-mark 31
-j CONNMARK --restore-mark --right-shift-mark 32 ; ! Invalid argument. Run ^dmesg' for more information.
-j CONNMARK --restore-mark --right-shift-mark 1 --left-shift-mark 1 ; -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff --left-shift-mark 1 ; CONNMARK restore left-shift-mark 1
-j CONNMARK --restore-mark --left-shift-mark 0 ; -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff ; CONNMARK restore
-j CONNMARK --restore-mark --left-shift-mark 2 --mask 0xf ; -j CONNMARK --restore-mark --nfmask 0xf --ctmask 0xf --left-shift-mark 2 ; CONNMARK restore mask 0xf left-shift-mark 2
-j CONNMARK --left-shift-mark 2 ; ! CONNMARK target: No operation specified
-j CONNMARK --and-mark 1 --left-shift-mark 2 ; -j CONNMARK --set-xmark 0x0/0xfffffffe --left-shift-mark 2 ; CONNMARK and 0x1 left-shift-mark 2
-j CONNMARK --save --nfmask 1 ; -j CONNMARK --save-mark --nfmask 0x1 --ctmask 0xffffffff ; CONNMARK save nfmask 0x1 ctmask ~0xffffffff
-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xffff ; = ; CONNMARK save nfmask 0xff ctmask ~0xffff
-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff ; = ; CONNMARK save mask 0xff
-j CONNMARK --save-mark --save-mark ; ! CONNMARK: option "--save-mark" can only be used once.
-j CONNMARK --set-mark 0x10/0xff --set-mark 1 ; ! CONNMARK: option "--set-mark" can only be used once.
-j TRACE ; ! Invalid argument. Run ^dmesg' for more information.
-j CLASSIFY ; ! CLASSIFY: option "--set-class" must be specified
-j CLASSIFY --set-class 0000:ffff ; = ; CLASSIFY set 0:ffff
-j CLASSIFY --set-class 0000:ffff1 ; -j CLASSIFY --set-class 0000:fff1 ; CLASSIFY set 0:fff1
-j CLASSIFY --set-class 0000:FFFF ; -j CLASSIFY --set-class 0000:ffff ; CLASSIFY set 0:ffff
-j CLASSIFY --set-class 1:10 ; -j CLASSIFY --set-class 0001:0010 ; CLASSIFY set 1:10
-j CLASSIFY --set-class 0x1:0x10 ; -j CLASSIFY --set-class 0001:0010 ; CLASSIFY set 1:10
-j CLASSIFY --set-class 1: ; ! Bad class value "1:"
-j CLASSIFY --set-class :1 ; ! Bad class value ":1"
-j CLASSIFY --set-class 1 ; ! Bad class value "1"
-j CLASSIFY --set-class x:y ; ! Bad class value "x:y"
-j CLASSIFY --set-class 1:2 --set-class 1:3 ; ! CLASSIFY: option "--set-class" can only be used once.
-j CONNMARK --restore-mark --left-shift-mark 33 ; ! CONNMARK: bad value for option "--left-shift-mark", or out of range (0-32).
-j CONNMARK --restore-mark --left-shift-mark 256 ; ! CONNMARK: bad value for option "--left-shift-mark", or out of range (0-32).
-j CONNMARK --restore-mark --left-shift-mark x ; ! CONNMARK: bad value for option "--left-shift-mark", or out of range (0-32).
-j CONNMARK --set-mark 1 --ctmask 2 ; -j CONNMARK --set-xmark 0x1/0x2 ; CONNMARK xset 0x1/0x2
-j CONNMARK --mask 2 --set-mark 1 ; -j CONNMARK --set-xmark 0x1/0xffffffff ; CONNMARK set 0x1
-j CONNMARK --set-mark 3/4 ; -j CONNMARK --set-xmark 0x3/0x7 ; CONNMARK xset 0x3/0x7
-j CONNMARK --set-xmark 3/4 ; -j CONNMARK --set-xmark 0x3/0x4 ; CONNMARK xset 0x3/0x4
-j CLASSIFY --set-class 1:-1 ; -j CLASSIFY --set-class 0001:ffff ; CLASSIFY set 1:ffff
-j CLASSIFY --set-class 1:2: ; -j CLASSIFY --set-class 0001:0002 ; CLASSIFY set 1:2
-j CLASSIFY --set-class 1:2x ; -j CLASSIFY --set-class 0001:0002 ; CLASSIFY set 1:2
-j CLASSIFY --set-class 12345:2 ; -j CLASSIFY --set-class 2345:0002 ; CLASSIFY set 2345:2
# 4 filter INPUT
-j MARK --set-xmark 0x0 ; -j MARK --set-xmark 0x0/0xffffffff ; MARK and 0x0
# 4 nat PREROUTING
-j MARK --set-mark 7/7 ; -j MARK --set-xmark 0x7/0x7 ; MARK or 0x7
# 6 mangle FORWARD
-j MARK --set-xmark 1/2 ; -j MARK --set-xmark 0x1/0x2 ; MARK xset 0x1/0x2
-j CLASSIFY --set-class 1:2 ; -j CLASSIFY --set-class 0001:0002 ; CLASSIFY set 1:2
# 4 filter FORWARD
-j CONNMARK --set-mark 1 ; -j CONNMARK --set-xmark 0x1/0xffffffff ; CONNMARK set 0x1
-j TRACE ; ! Invalid argument. Run ^dmesg' for more information.
-j CLASSIFY --set-class 1:2 ; -j CLASSIFY --set-class 0001:0002 ; CLASSIFY set 1:2
# 4 raw PREROUTING
-j CT ; = ; CT
-j CT --notrack ; = ; CT notrack
-j CT --notrack --notrack ; ! CT: option "--notrack" can only be used once.
-j CT --ctevents new,related,destroy,reply,assured,protoinfo,helper,mark ; = ; CT ctevents new,related,destroy,reply,assured,protoinfo,helper,mark
-j CT --ctevents mark,new ; -j CT --ctevents new,mark ; CT ctevents new,mark
-j CT --ctevents natseqinfo,secmark ; = ; CT ctevents natseqinfo,secmark
-j CT --ctevents bogus ; ! Unknown event type "bogus"
-j CT --ctevents new,,related ; ! Unknown event type ""
-j CT --ctevents NEW ; ! Unknown event type "NEW"
-j CT --ctevents ne ; ! Unknown event type "ne"
-j CT --expevents new ; = ; CT expevents new
-j CT --expevents bogus ; ! Unknown event type "bogus"
-j CT --ctevents new --expevents new --zone 3 ; = ; CT ctevents new expevents new zone 3
-j CT --zone 0 ; -j CT ; CT
-j CT --zone 65535 ; = ; CT zone 65535
-j CT --zone 65536 ; ! Cannot parse 65536 as a zone ID
-j CT --zone -1 ; ! Cannot parse -1 as a zone ID
-j CT --zone mark ; = ; CT zone mark
-j CT --zone ma ; ! Cannot parse ma as a zone ID
-j CT --zone foo ; ! Cannot parse foo as a zone ID
-j CT --zone-orig 5 ; = ; CT zone-orig 5
-j CT --zone-reply 5 ; = ; CT zone-reply 5
-j CT --zone-orig mark ; = ; CT zone-orig mark
-j CT --zone-reply mark ; = ; CT zone-reply mark
-j CT --zone-orig 5 --zone-reply 6 ; -j CT --zone 6 ; CT zone 6
-j CT --zone 5 --zone-orig 6 ; -j CT --zone-orig 6 ; CT zone-orig 6
-j CT --zone 5 --zone 6 ; ! CT: option "--zone" can only be used once.
-j CT --zone-orig foo ; ! Cannot parse foo as a zone ID
-j CT --timeout test ; ! Invalid argument. Run ^dmesg' for more information.
-p tcp -j CT --timeout test ; ! No chain/target/match by that name.
-p tcp -j CT --timeout nosuch ; ! No chain/target/match by that name.
-j CT --timeout 01234567890123456789012345678901 ; ! Invalid argument. Run ^dmesg' for more information.
-j CT --timeout 0123456789012345678901234567890 ; ! Invalid argument. Run ^dmesg' for more information.
-p tcp -j CT --helper ftp ; = ; CT helper ftp
-j CT --helper ftp ; ! No chain/target/match by that name.
-p udp -j CT --helper ftp ; ! No chain/target/match by that name.
-p tcp -j CT --helper nosuch ; ! No chain/target/match by that name.
-p tcp -j CT --helper 0123456789012345 ; ! No chain/target/match by that name.
-p tcp -j CT --helper 012345678901234 ; ! No chain/target/match by that name.
-p tcp -j CT --helper ftp --notrack ; -p tcp -j CT --notrack --helper ftp ; CT notrack helper ftp
-p tcp -j CT --helper ftp --zone 5 --ctevents new ; -p tcp -j CT --helper ftp --ctevents new --zone 5 ; CT helper ftp ctevents new zone 5
! -p tcp -j CT --helper ftp ; ! No chain/target/match by that name.
-p tcp -j CT --helper ftp --helper ftp ; ! CT: option "--helper" can only be used once.
-j NOTRACK ; = ; NOTRACK
-j TRACE ; =
-j TRACE --bogus ; ! unknown option "--bogus"
-j CT --ctevents "" ; ! Unknown event type ""
-j CT --helper "" ; -j CT ; CT
-j CT --timeout "" ; -j CT ; CT
-p tcp -j CT --helper "a b" --notrack ; -p tcp -j CT --notrack --helper a b ; CT notrack helper a b
-p tcp -j CT --helper 0123456789012345678 --notrack ; -p tcp -j CT --notrack --helper 012345678901234 ; CT notrack helper 012345678901234
-j CT --zone 0x10 ; -j CT --zone 16 ; CT zone 16
-j CT --zone "" ; ! Cannot parse  as a zone ID
-j CT --zone 1x ; ! Cannot parse 1x as a zone ID
-j CT --notrack --zone 5 ; = ; CT notrack zone 5
# 4 mangle PREROUTING
-j CT --notrack ; ! Invalid argument. Run ^dmesg' for more information.
-j CT --zone 1 ; ! Invalid argument. Run ^dmesg' for more information.
-j NOTRACK ; ! Invalid argument. Run ^dmesg' for more information.
-j CLASSIFY --set-class 1:2 ; ! Invalid argument. Run ^dmesg' for more information.
# 6 raw PREROUTING
-j CT --zone 4 ; = ; CT zone 4
-p tcp -j CT --helper ftp ; = ; CT helper ftp
-j TRACE ; =
# 4 raw OUTPUT
-p tcp -j TRACE ; =
# 4 mangle OUTPUT
-j CLASSIFY --set-class 1:2 ; -j CLASSIFY --set-class 0001:0002 ; CLASSIFY set 1:2
# 4 mangle POSTROUTING
-j CLASSIFY --set-class 1:2 ; -j CLASSIFY --set-class 0001:0002 ; CLASSIFY set 1:2
# 4 mangle INPUT
-j CLASSIFY --set-class 1:2 ; ! Invalid argument. Run ^dmesg' for more information.
`);
});
