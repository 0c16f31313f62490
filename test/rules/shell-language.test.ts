// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is the language of shells
/** The shell's language: what is read here is what bash makes of the same text. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { saidByShell, saidHere } from './shell-support.ts';

const D = '$';

/** Scripts by what they show. `say` tells its words. */
const cases: Readonly<Record<string, readonly string[]>> = {
  quoting: [
    `x="a  b"; say $x; say "$x"; say '$x' "it's" \\$x a\\ b "c\\"d\\$e\\\\f\\g"`,
    `say "" '' x""y; say "a
b" 2>/dev/null`,
    `say $'a\\tb' $"c"; say a\\
b; say "a\\
b"`,
    'e=; say $e x $e; say "$e" x; say $e"$e"x',
  ],
  'expansion of parameters': [
    `x=1; say ${D}{x:-d} ${D}{y:-d} ${D}{y-d} ${D}{x:+a} ${D}{y:+a} ${D}{y:=z} $y`,
    `x=; say ${D}{x:-d} "${D}{x-d}" "${D}{x:+a}" "${D}{x+a}"`,
    `f=/etc/a.conf.bak; say ${D}{f##*/} ${D}{f%/*} ${D}{f%.*} ${D}{f%%.*} ${D}{f#*/} ${D}{#f}`,
    `x=a-b-c; say ${D}{x/-/+} ${D}{x//-/+} ${D}{x/#a/z} ${D}{x/%c/z} ${D}{x//[ab]} ${D}{x:2} ${D}{x:2:1} ${D}{x: -1}`,
    `x=abc; say ${D}{x^^} ${D}{x^} ; X=ABC; say ${D}{X,,} ${D}{X,}`,
    `n=x; x=deep; say ${D}{!n}; say "${D}{x}y" "$x"y $x-y $x.y`,
    `set -- a "b c" d; say $# $1 "$2"; for i in "$@"; do say "[$i]"; done; for i in $@; do say "[$i]"; done`,
    `set -- a b; say "$*" ; IFS=,; say "$*"; set -- "$@" c; say "$#"; shift; say "$1" ; shift 2; say $#`,
    `p='*.x'; f=a.x; case $f in $p) say pattern;; esac; case $f in "$p") say no;; *) say quoted;; esac`,
    `x="a:b:c"; IFS=:; set -- $x; say $1 $3 $#; IFS=' '; say $x`,
    `x=' a  b '; say $x; IFS=; say $x`,
    `x="a,,b,"; IFS=,; for i in $x; do say "<$i>"; done`,
    `x="a , b"; IFS=', '; for i in $x; do say "($i)"; done`,
  ],
  arithmetic: [
    'i=3; say $((i+1)) $((i*2-1)) $(( (i+1)*2 )) $((7/2)) $((-7/2)) $((7%3)) $((2**10))',
    'say $((1<2)) $((1==1 && 0)) $((0x10)) $((010)) $((1?2:3)) $((~0)) $((!5)) $((1<<4|1))',
    'i=1; let i+=4; say $i; ((i++)); say $i; ((i>5)) && say big; say $((i+=2)) $i; ((0)) || say none',
    'a=5; b=a; say $((b+1)); say $((a>3?a:0)); x=$((x+1)); say $x; say $((1,2)); say $(( 5 & 3 ^ 1 ))',
  ],
  loops: [
    'for i in 1 2 3; do say $i; done; for i in; do say no; done; say $i',
    'for i in {1..3} {a,b}c x{3..1}y {01..03} {1..7..3}; do say $i; done; say {a,b{c,d}}e {x} {1..} "{a,b}"',
    'for ((i=0; i<3; i++)); do say $i; done; for ((;;)); do break; done',
    'i=0; while [ $i -lt 3 ]; do i=$((i+1)); [ $i = 2 ] && continue; say $i; done',
    'i=3; until [ $i -eq 0 ]; do say $i; i=$((i-1)); done',
    'for i in 1 2; do for j in 1 2 3; do [ $j = 2 ] && continue 2; say $i$j; done; done',
    'for i in 1 2; do for j in 1 2; do [ $j = 2 ] && break 2; say $i$j; done; done; say end',
    'f() { for i; do say "$i"; done; }; f a "b c"',
    'while read a b; do say "$b" "$a"; done <<EOF\none two three\nfour five\nEOF',
    'printf "1 2\\n3 4\\n" | while read x y; do say $y $x; done',
    'while IFS=, read -r a b; do say "$a/$b"; done <<< "x,y"',
    'while read l; do case $l in \\#*|"") continue;; esac; say "$l"; done <<EOF\n# no\n\n a b \nEOF',
    'n=0; while read l; do n=$((n+1)); done < <(echo a; echo b); say $n',
  ],
  conditions: [
    'if true; then say a; elif false; then say b; else say c; fi; if false; then say a; else say b; fi',
    '[ a = a ] && say 1; [ a = b ] || say 2; [ 1 -lt 2 -a 2 -ge 2 ] && say 3; [ -z "" ] && say 4; [ ! -n "" ] && say 5',
    '[ a ] && say 1; [ "" ] || say 2; [ ] || say 3; [ "(" = "(" ] && say 4; [ \\( a = b \\) -o c = c ] && say 5; [ = = = ] && say 6',
    '[[ abc == a* ]] && say 1; [[ abc == "a*" ]] || say 2; [[ -z $nope && ( a < b || x ) ]] && say 3; [[ ! a = b ]] && say 4',
    '[[ 3 -gt 2 ]] && say 1; x="a b"; [[ $x = "a b" ]] && say 2; [[ -n $x ]] && say 3; [[ a != b ]] && say 4',
    '! false && say 1; ! true || say 2; if ! [ a = b ]; then say 3; fi; true && false || say 4; false || true && say 5',
    'case abc in a) say no;; a*|b) say yes;; *) say rest;; esac; case x in (y) say no;; (x) say paren;; esac',
    'case 5 in [0-4]) say low;; [5-9]) say high;; esac; case a in a) say 1;& b) say 2;; c) say 3;; esac',
    'case xy in x?) say 1;;& *y) say 2;; *) say 3;; esac; case "" in "") say empty;; esac; case - in [!a-z]) say no letter;; esac',
    'x=5; if [ $x -gt 3 ] && [ $x -lt 9 ]; then say in; fi; test $x = 5 && say five; [ "$x" == 5 ] && say bash',
  ],
  functions: [
    'f() { say "$1" $#; return 3; }; f a b; say $?; function g { say g; }; g; function h() { say h; }; h',
    'x=1; f() { local x=2; say $x; g; }; g() { say "in g: $x"; }; f; say $x',
    'f() { if [ "$1" -gt 0 ]; then say $1; f $(($1-1)); fi; }; f 3; f() ( x=9; say $x ); x=1; f; say $x',
    'r() { echo "out: $1"; }; v=$(r a; r b); say "$v" 2>/dev/null; w=`r c`; say $w; say "$(r "d e")"',
    'x=1; (x=2; say $x); say $x; { x=3; say $x; }; say $x; f() { x=4; }; f; say $x',
    'f() { return; }; false; f; say $?; f() { false; }; f || say failed; f() { exit 3; }; (f); say $?; f; say never',
    'set -e; false || true; if false; then :; fi; ! true; say on; x=$(false) || say failed; false; say never',
    'set -e; f() { false; say after; }; if f; then say yes; fi; f; say never',
    'say a; exit 0; say b',
    'eval "x=5; say \\$x"; c="say evaluated words"; $c; eval $c; v=name; eval "$v=7"; say $name',
    'unset x; x+=a; x+=b; say $x; readonly r=1; export e=2; declare d=3; say $r $e $d; IFS=- read a b <<< 1-2; say $a $b',
  ],
  arrays: [
    `a=(1 "2 3" 4); say ${D}{a[0]} "${D}{a[1]}" ${D}{#a[@]}; for i in "${D}{a[@]}"; do say "$i"; done; a+=(5); say ${D}{a[@]}`,
    `a[2]=x; say ${D}{a[2]} ; a=(); say ${D}{#a[@]}; b=(x{1..3}); say ${D}{b[*]} ${D}{b[-1]} ${D}{b[@]:1} $b`,
  ],
  'arrays with keys': [
    `declare -A p=([ssh]=22 [web]=80 ["a b"]=1); say ${D}{p[ssh]} "${D}{p[a b]}" ${D}{#p[@]} ${D}{p[none]:-no}`,
    `declare -A p; p[x]=1; p["y"]=2; k=x; p[$k]+=0; say "${D}{p[$k]}" "${D}{p[y]}"; unset 'p[x]'; say ${D}{p[x]-gone} ${D}{#p[@]}`,
    `declare -A p=([one]=1 [two]=2 [three]=3 [four]=4); for k in "${D}{!p[@]}"; do say "$k=${D}{p[$k]}"; done; say "${D}{p[@]}"`,
    `f() { local -A m=([k]=v); say "${D}{m[k]}"; }; f; say "${D}{m-unset}"; declare -A q=([a]=1); (q[b]=2); say ${D}{q[b]-gone}`,
    `a=([0]=x [1]=y z); say ${D}{a[@]} ${D}{!a[@]}; declare -A q=([a]=1); q+=([b]=2); say ${D}{q[a]} ${D}{q[b]}`,
  ],
  'regular expressions': [
    `x=10.1.2.3/24; [[ $x =~ ^([0-9.]+)/([0-9]+)$ ]] && say "${D}{BASH_REMATCH[1]}" "${D}{BASH_REMATCH[2]}"`,
    `for x in 1.2.3.4 1.2.3 1234.1.1.1; do [[ $x =~ ^([0-9]{1,3}\\.){3}[0-9]{1,3}$ ]] && say yes || say no; done`,
    `[[ tcp =~ ^(tcp|udp)$ ]] && say proto; [[ a.b =~ "." ]] && say dot; [[ ab =~ "." ]] || say none; r='^e.*0$'; [[ eth0 =~ $r ]] && say re`,
  ],
  'backslashes within backticks': [
    'x=5; say `echo \\$x` "`echo \\"a\\"`" `echo \\\\a` `echo "a\\nb"`',
    "say `echo \\`echo inner\\`` `echo 'a\\.b'`; y=`echo a\\\nb`; say $y",
  ],
  'here-documents and output': [
    'x=1; v=$(cat <<EOF\na $x ${x}b \\$x $((x+1)) $(echo sub)\nEOF\n); say "$v"',
    'v=$(cat <<\'EOF\'\n$x `no`\nEOF\n); say "$v"',
    'v=$(cat <<-EOF\n\ta\n\t b\n\tEOF\n); say "$v"',
    'say $(echo -n a; echo b) "$(printf "%s-%s\\n" 1 2 3)" $(printf "%03d|%-4s|%x" 7 ab 255) $(echo -e "a\\tb")',
    'printf -v x "%s," a b; say $x; say "$(echo "nested $(echo "deep")")" `echo "tick"`',
    'echo text > /dev/null; say b 2>&1; { say c; say d; } 2>/dev/null',
    'say a # comment\n# say b\nsay c#d; say "#e"',
    'true; say $?; false; say $?; x=$(exit 5); say $?; (exit 7); say $?; true | false; say $?',
    'if true; then :; fi; say $?; say a & say b;\nsay x; say \\\n y',
  ],
};

describe('the language of shells', () => {
  for (const [name, scripts] of Object.entries(cases)) {
    test(name, (t) => {
      for (const script of scripts) {
        // `cat` is a program, which the shell that is asked has not.
        const own = 'cat() { local l; while IFS= read -r l; do printf "%s\\n" "$l"; done; }\n';
        const expected = saidByShell(own + script.replaceAll('say b;\n', 'wait; say b;\n'));
        if (expected === null) {
          t.skip('no bash on this machine');
          return;
        }
        const { said, errors } = saidHere(script);
        assert.deepEqual(errors, [], script);
        // A comment of several lines comes as several lines from the shell.
        assert.deepEqual(
          said.flatMap((text) => text.split('\n')),
          expected,
          script,
        );
      }
    });
  }
});
