//! Lines that may run sudo, and lines that only look so: a grammar of what bash can be told, nested a few times.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::BoxedStrategy;

/// A line of up to three parts, each a command within a few others.
pub(super) fn line(bin: &Path) -> BoxedStrategy<String> {
    let bin = bin.to_str().unwrap().to_owned();
    let command = simple(bin).prop_recursive(4, 24, 3, |inner| around(inner.boxed()).boxed());
    let ends = select(vec!["; ", " && ", " || ", "\n", " & ", " | ", ";", "|"]);
    (command.clone(), vec((ends, command), 0..2))
        .prop_map(|(first, more)| {
            let more = more
                .into_iter()
                .map(|(end, command)| format!("{end}{command}"));
            first + &more.collect::<String>()
        })
        .boxed()
}

/// One command: sudo, or something that names it.
fn simple(bin: String) -> BoxedStrategy<String> {
    let call = (
        tool(bin),
        select(vec!["", " id", " -n id", " -u root id", " sh -c id"]),
    );
    let before = select(vec![
        "",
        "",
        "",
        "X=1 ",
        ">out ",
        "2>/dev/null ",
        "! ",
        "time ",
        "<file ",
    ]);
    let after = select(vec![
        "",
        "",
        "",
        " >out",
        " 2>&1",
        " </dev/null",
        " # x",
        " <<<x",
    ]);
    prop_oneof![
        6 => (before, call, after).prop_map(|(before, (tool, arguments), after)| format!("{before}{tool}{arguments}{after}")),
        3 => select(vec![
            "echo sudo id", "echo 'sudo id'", "true", "ls", "printf '%s' sudo", ": sudo", "cat file", "# sudo id", "echo \"sudo\"",
            "cat <<'E'\nsudo id\nE", "ls sudo", "x=1", "echo $x", "wc -l file", "sed 's/a/b/' file", "awk '{print $1}' file", "echo `date`",
            "date +%F", "id", "true sudo", "find . -name sudo", "head -n 1 file", "[ -f sudo ]", "echo ${x:-1}", "seq 3",
        ]).prop_map(str::to_owned),
    ]
    .boxed()
}

/// The name of a tool, spelled in any way.
fn tool(bin: String) -> BoxedStrategy<String> {
    let plain = select(super::sandbox::TOOLS.map(str::to_owned).to_vec());
    let spelled = plain.prop_flat_map(|name| {
        let letters: Vec<BoxedStrategy<String>> = name.chars().map(|c| letter(c).boxed()).collect();
        prop_oneof![4 => letters.prop_map(|letters| letters.concat()), 3 => Just(name.clone()), 1 => Just(format!("'{name}'")), 1 => Just(format!("\"{name}\""))]
    });
    let by_path = spelled
        .clone()
        .prop_map(move |name| format!("{bin}/{name}"));
    prop_oneof![
        8 => spelled.clone(),
        2 => by_path,
        1 => select(vec![
            "$(echo sudo)", "`echo sudo`", "$(printf su; printf do)", "s*o", "{sudo,-n}", "s{u,}do", "${x:-sudo}", "${x-sudo}", "../bin/sudo",
            "$(rev <<< odus)", "\"$(echo sudo)\"", "$'su''do'", "../../bin/s?do", "../../bin/[s]udo", "${!x}", "$\"sudo\"", "../../bin/sudo",
        ]).prop_map(str::to_owned),
        1 => spelled.prop_map(|name| format!("$(echo {name})")),
    ]
    .boxed()
}

fn letter(c: char) -> impl Strategy<Value = String> {
    let code = u32::from(c);
    prop_oneof![
        8 => Just(c.to_string()),
        1 => Just(format!("\\{c}")),
        1 => Just(format!("'{c}'")),
        1 => Just(format!("\"{c}\"")),
        1 => Just(format!("$'\\x{code:x}'")),
        1 => Just(format!("$'\\{code:o}'")),
        1 => Just(format!("$'\\u{code:04x}'")),
        1 => Just(format!("''{c}")),
        1 => Just(format!("\\\n{c}")),
        1 => Just(format!("{c}\"\"")),
    ]
}

/// A command within another, in one of many ways.
fn around(inner: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    let wrapper = select(WRAPPERS.to_vec());
    let block = select(BLOCKS.to_vec());
    let text = select(TEXTS.to_vec());
    let quoting = select(vec![Quoting::Single, Quoting::Double, Quoting::Ansi]);
    let spliced = select(SPLICED.to_vec());
    prop_oneof![
        3 => (wrapper, inner.clone()).prop_map(|(wrapper, inner)| wrapper.replace('@', &inner)),
        3 => (block, inner.clone()).prop_map(|(block, inner)| block.replace('@', &inner)),
        3 => (text, quoting, inner.clone()).prop_map(|(text, quoting, inner)| text.replace('@', &quoting.of(&inner))),
        2 => (spliced, inner).prop_map(|(spliced, inner)| spliced.replace('@', &inner)),
    ]
}

/// How a text becomes one word.
#[derive(Debug, Clone, Copy)]
enum Quoting {
    Single,
    Double,
    Ansi,
}

impl Quoting {
    fn of(self, text: &str) -> String {
        match self {
            Self::Single => format!("'{}'", text.replace('\'', "'\\''")),
            Self::Double => {
                let mut quoted = String::from("\"");
                for c in text.chars() {
                    if "\"\\$`".contains(c) {
                        quoted.push('\\');
                    }
                    quoted.push(c);
                }
                quoted + "\""
            }
            Self::Ansi => {
                let escaped = text
                    .replace('\\', "\\\\")
                    .replace('\'', "\\x27")
                    .replace('\n', "\\n");
                format!("$'{escaped}'")
            }
        }
    }
}

/// Before the words of a command.
const WRAPPERS: [&str; 33] = [
    "env @",
    "env X=1 @",
    "env -i PATH=\"$PATH\" @",
    "env -u X @",
    "nice @",
    "nice -n 5 @",
    "nohup @",
    "timeout 3 @",
    "timeout -s KILL 3 @",
    "timeout $((1+2)) @",
    "setsid -w @",
    "stdbuf -oL @",
    "exec @",
    "exec -a x @",
    "command @",
    "builtin command @",
    "command -p env @",
    "eval @",
    "flock file @",
    "echo id | xargs @",
    "xargs -a file -n1 @",
    "xargs -I{} @ < file",
    "find . -maxdepth 0 -exec @ \\;",
    "find . -maxdepth 0 -exec @ {} +",
    "n=3; timeout $n @",
    "n=3; timeout \"$n\" @",
    "set -- @; \"$@\"",
    "x=1; nice -n $x @",
    "a=(@); \"${a[@]}\"",
    "for t in 3; do timeout $t @; done",
    "timeout $unset 3 @",
    "env $unset @",
    "nice $unset @",
];

/// Around a whole command.
const BLOCKS: [&str; 30] = [
    "(@)",
    "( (@) )",
    "{ @; }",
    "{ @\n}",
    "if @; then :; fi",
    "if true; then @; fi",
    "if false; then :; else @\nfi",
    "for i in 1; do @; done",
    "while @; do break; done",
    "until @; do break; done",
    "while true; do @; break; done",
    "case x in x) @;; esac",
    "case x in y) :;; *) @\nesac",
    "case x in x) :;& y) @;; esac",
    "f() { @; }; f",
    "function f { @; }; f",
    "f() (@); f",
    "coproc @\nwait",
    "true && @",
    "false || @",
    ":; @",
    "@ | cat",
    "echo x | { @; }",
    "@ & wait",
    "time @",
    "f() { \"$@\"; }; f @",
    "f() { $1 id; }; f @",
    "[[ -n x ]] && @",
    "((1)) && @",
    "exec 3>&1; @",
];

/// With a command as a text.
const TEXTS: [&str; 54] = [
    "sh -c @",
    "bash -c @",
    "dash -c @",
    "bash -ec @",
    "bash --norc -c @",
    "bash -c -- @",
    "bash -o pipefail -c @",
    "eval @",
    "eval -- @",
    "builtin eval @",
    "x=@; eval \"$x\"",
    "x=@; sh -c \"$x\"",
    "x=@; bash <<< \"$x\"",
    "trap @ EXIT",
    "trap -- @ EXIT; exit",
    "echo @ | sh",
    "echo @ | bash -s",
    "printf '%s\\n' @ | sh",
    "printf %s @ | cat | sh",
    "sh <<< @",
    "bash <<<@",
    "source /dev/stdin <<< @",
    ". <(echo @)",
    "bash <(echo @)",
    "env -S @",
    "env sh -c @",
    "sh -c 'eval \"$1\"' _ @",
    "sh -c '$1' _ @",
    "sh -c '\"$@\"' _ env @",
    "sh -c 'sh -c \"$0\"' @",
    "awk 'BEGIN{system(ARGV[1])}' @",
    "xargs -I{} sh -c {} <<< @",
    "echo @ | xargs -d '\\n' -n1 sh -c",
    "find . -maxdepth 0 -exec sh -c @ \\;",
    "f() { eval \"$1\"; }; f @",
    "f() { sh -c \"$1\"; }; f @",
    "alias x=@\nshopt -s expand_aliases\nx",
    "shopt -s expand_aliases\nalias x=@\nx",
    "BASH_ENV=<(echo @) bash -c :",
    "mapfile -c1 -C @ a < file",
    "base64 <<< @ | base64 -d | sh",
    "rev <<< @ | rev | bash",
    "tee >(sh) <<< @",
    "bash -c \"$(echo @)\"",
    "x=$(echo @); eval $x",
    "set -- @; eval \"$1\"",
    "for c in @; do eval \"$c\"; done",
    "read -r c <<< @; eval \"$c\"",
    "script -qc @ /dev/null",
    "flock file -c @",
    "cat <<< @ > s; sh s",
    "echo @ > s; . ./s",
    "cat > s <<< @; bash s",
    "sh -s <<< @",
];

/// Within a word, or where a word is evaluated.
const SPLICED: [&str; 40] = [
    "echo $(@)",
    "echo \"$(@)\"",
    "x=$(@)",
    "echo `@`",
    "X=$(@) true",
    "export X=$(@)",
    "cat <(@)",
    "true > >(@)",
    "cat < <(@)",
    "echo ${x:-$(@)}",
    "echo \"${x:=$(@)}\"",
    "echo ${x+1} $(@)",
    "a[$(@)]=1",
    "a=($(@))",
    "echo $((0$(@)))",
    "echo $((a[$(@)]))",
    "((a[0$(@)]++))",
    "let 'a[0$(@)]=1'",
    "[[ -n $(@) ]]",
    "[ \"$(@)\" ]",
    "[[ a[0$(@)] -eq 0 ]]",
    "test -v 'a[0$(@)]'",
    "[[ -v 'a[0$(@)]' ]]",
    "printf -v 'a[0$(@)]' x",
    "unset 'a[0$(@)]'",
    "read 'a[0$(@)]' <<< x",
    "declare 'a[0$(@)]=x'",
    "x='a[0$(@)]'; echo $((x))",
    "x='a[0$(@)]'; ((x))",
    "x='a[0$(@)]'; [[ x -eq 0 ]]",
    "x='$(@)'; echo \"${x@P}\"",
    "cat <<E\n$(@)\nE",
    "cat <<E\n`@`\nE",
    "cat <<E\n${x:-$(@)}\nE",
    "cat <<< $(@)",
    "for i in $(@); do :; done",
    "case $(@) in *) :;; esac",
    "echo ${x:0$(@)}",
    "echo ${PATH/x/$(@)}",
    "x='a[0$(@)]'; echo ${PATH:x}",
];
