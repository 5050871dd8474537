//! Which programs can start a shell or run code of their own: always, or with certain arguments.
//!
//! Some are harmless in their common uses (`awk '{print $1}'`, `git pull`, `docker ps`); they are named only where a use is
//! not known to be. It knows no shell syntax.

mod awk;

mod git;

mod sed;

mod sql;

mod uses;

use super::table::{ESCAPES, PAGING, listed};
use super::variables::Kind;
use super::word::Word;

/// Where the program stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation {
    /// With another user's rights.
    pub(super) elevated: bool,
    /// Its output goes to a file or another program, so it starts no pager.
    pub(super) drained: bool,
    /// Its input is no terminal.
    pub(super) fed: bool,
}

/// Whether this use of a program can start a shell or run code of its own.
pub(super) fn can_escape(name: &str, words: &[Word], situation: Situation) -> bool {
    let names = names(name);
    let arguments = words.get(1..).unwrap_or_default();
    if let Some(harmless) = sql::is_harmless(name, arguments) {
        return !harmless && !uses::is_tame(&names, arguments);
    }
    if name == "perf" && measures(arguments) {
        return false;
    }
    if is_listed(&names) {
        return !(uses::is_tame(&names, arguments) || sends_mail(name, arguments, situation));
    }
    let quiet = arguments.iter().any(|w| w.fixed() == Some("--no-pager"));
    if listed(PAGING, name) && situation.elevated && !situation.drained && !quiet {
        return true;
    }
    match name {
        "awk" | "gawk" | "mawk" | "nawk" | "sed" | "gsed" if matches!(arguments, [Word::Fixed(only)] if listed("--version --help", only)) => {
            false
        }
        "awk" | "gawk" | "mawk" | "nawk" | "original-awk" => !awk::is_harmless(arguments),
        "sed" | "gsed" => !sed::is_harmless(arguments),
        "git" => !git::is_harmless(arguments),
        "nginx" | "lighttpd" | "haproxy" | "varnishd" | "squid" | "apache2" | "httpd"
        | "apachectl" | "apache2ctl" | "sshd" => brings_settings(arguments),
        "systemctl" => changes_units(arguments),
        "cmake" => matches!(arguments.first().and_then(Word::fixed), Some("-E" | "-P")),
        "ip" => runs_in_namespace(arguments),
        "make" | "gmake" if arguments.iter().any(sets_program) => true,
        "redis-cli" => !asks_redis(arguments),
        "chmod" => arguments.iter().any(lends_rights),
        "install" => {
            arguments.iter().any(lends_rights)
                || uses::is_triggered(name, arguments).unwrap_or(false)
        }
        // A server's `-e` is what its client can do, not a program.
        "rsync" if serves(arguments) => false,
        _ => names
            .iter()
            .find_map(|name| uses::is_triggered(name, arguments))
            .unwrap_or(false),
    }
}

/// Whether a program only asks a service what its input says, which is known.
pub(super) fn only_asks(name: &str, words: &[Word], text: &str) -> bool {
    let arguments = words.get(1..).unwrap_or_default();
    match name {
        "redis-cli" => text.lines().all(|line| {
            let asked = line
                .split_whitespace()
                .map(|word| Word::Fixed(word.to_owned()));
            let all: Vec<Word> = arguments.iter().cloned().chain(asked).collect();
            !line.contains(['"', '\'', '\\']) && asks_redis(&all)
        }),
        // What it is to do is told to the proxy's own socket.
        "socat" => {
            let plain = |word: &Word| {
                let place = word.fixed().unwrap_or_default();
                let socket = place.trim_start_matches("UNIX-CONNECT:");
                matches!(place, "-" | "stdio")
                    || (socket.starts_with("/")
                        && socket.contains("haproxy")
                        && !socket.contains([',', ':', '!']))
            };
            text.starts_with("show ") && arguments.len() == 2 && arguments.iter().all(plain)
        }
        _ => sql::is_asked(name, arguments, text),
    }
}

/// Whether a program by itself starts a shell or runs code.
pub(super) fn is_listed(names: &[&str]) -> bool {
    names.iter().any(|name| ESCAPES.contains(name))
}

/// Whether the uses of a program are known, so that its words need no other look.
pub(super) fn is_judged(name: &str) -> bool {
    is_listed(&names(name)) || uses::has_triggers(name)
}

/// Whether rsync is the far end of another one, and no daemon: that runs what its configuration says.
fn serves(arguments: &[Word]) -> bool {
    let fixed = |wanted: &str| arguments.iter().any(|word| word.fixed() == Some(wanted));
    fixed("--server") && !fixed("--daemon")
}

/// A server that is started with a setting, or with a file of them that is not the system's.
fn brings_settings(arguments: &[Word]) -> bool {
    let of_system = |path: &str| {
        (path.starts_with("/etc/") || path.starts_with("/usr/")) && !path.contains("..")
    };
    let mut left = arguments.iter().peekable();
    while let Some(word) = left.next() {
        let text = word.shown();
        let Some(letters) = text.strip_prefix('-') else {
            continue;
        };
        let setting = letters.starts_with(['g', 'C', 'o', 'p']);
        let names_file = letters.starts_with(['f', 'c', 'd']);
        let value = match letters.get(1..).unwrap_or_default() {
            "" => left.peek().map_or("", |word| word.shown()),
            attached => attached,
        };
        let flag = value.is_empty() || value.starts_with('-');
        if word.may_be_option() || setting || (names_file && !flag && !of_system(value)) {
            return true;
        }
    }
    false
}

/// An editor, a unit from any place, or variables for every service.
fn changes_units(arguments: &[Word]) -> bool {
    let fixed = || arguments.iter().filter_map(Word::fixed);
    fixed().any(|text| {
        listed(
            "edit link set-environment import-environment rescue emergency",
            text,
        ) || [
            "debug-shell",
            "rescue.",
            "emergency.",
            "container-getty@",
            "user@0",
        ]
        .iter()
        .any(|unit| text.starts_with(unit))
    }) || (fixed().any(|text| listed("enable reenable", text))
        && fixed().any(|text| text.contains('/')))
}

/// `make CC=…`, `make 'x:=$(shell …)'`.
fn sets_program(word: &Word) -> bool {
    const PROGRAMS: &str = "CC CXX CPP LD AR AS FC F77 PC LEX YACC OBJC RM GET CO LINT TANGLE WEAVE CWEAVE CTANGLE MAKEINFO TEX \
        TEXI2DVI SHELL MAKE MAKEFILES MAKEFLAGS MFLAGS GNUMAKEFLAGS GCC INSTALL RANLIB STRIP";
    let shown = word.shown().trim_start_matches('"');
    let Some((name, value)) = shown.split_once('=') else {
        return word.fixed().is_none() && word.may_be_option();
    };
    let name = name.trim_end_matches([':', '?', '+', ' ', '!']);
    let compiler = matches!(
        value,
        "gcc" | "clang" | "cc" | "g++" | "clang++" | "musl-gcc"
    );
    let runs = match word {
        Word::Fixed(_) => value.contains('$') || value.contains('`') || shown.contains("!="),
        Word::Computed { kind, .. } => *kind > Kind::Data || value.contains("(shell"),
    };
    runs || (listed(PROGRAMS, name) && !compiler)
}

/// `ip netns exec`, `ip vrf exec`, also shortened, and what reads commands from a file.
fn runs_in_namespace(arguments: &[Word]) -> bool {
    let shown = || arguments.iter().map(Word::shown);
    let place = |text: &str| text.starts_with("net") || matches!(text, "v" | "vr" | "vrf");
    let enters = |text: &str| matches!(text, "e" | "ex" | "exe" | "exec");
    let batch = |text: &str| {
        matches!(text, "exec" | "-b" | "-force" | "--batch") || text.starts_with("-ba")
    };
    shown().any(batch) || shown().skip_while(|text| !place(text)).any(enters)
}

/// `chmod u+s`, `chmod 4755`, `install -m 4755`: whoever starts the file then has the rights of its owner.
fn lends_rights(word: &Word) -> bool {
    let text = word
        .shown()
        .trim_start_matches("-m")
        .trim_start_matches("--mode=");
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let octal = digits && text.trim_start_matches('0').len() == 4 && {
        let first = text.trim_start_matches('0').bytes().next();
        first.is_some_and(|digit| matches!(digit, b'4'..=b'7'))
    };
    let given = |clause: &str| {
        let (who, rights) = clause.split_once(['+', '=']).unwrap_or(("-", ""));
        let everybody = who.is_empty() || who.contains(['u', 'a']);
        who.chars().all(|c| "ugoa".contains(c)) && everybody && rights.contains('s')
    };
    octal || (!text.contains('/') && text.split(',').any(given))
}

/// Commands by which redis runs code, loads some, or writes files of one's choice.
const REDIS_RUNS: &str = "eval evalsha eval_ro evalsha_ro script module debug function fcall fcall_ro slaveof replicaof migrate restore";

/// Whether redis is asked one thing, so that nothing is read from the keyboard, and that runs nothing.
pub(super) fn asks_redis(arguments: &[Word]) -> bool {
    let valued = [
        "-h",
        "-p",
        "-a",
        "-n",
        "-u",
        "-s",
        "-r",
        "-i",
        "-t",
        "--user",
        "--pass",
        "--pattern",
        "--count",
        "-L",
    ];
    let flags = [
        "--version",
        "-v",
        "--help",
        "--stat",
        "--latency",
        "--latency-history",
        "--latency-dist",
        "--bigkeys",
        "--memkeys",
        "--hotkeys",
        "--scan",
    ];
    let mut looks = false;
    let mut left = arguments.iter();
    while let Some(word) = left.next() {
        let text = word.shown();
        if valued.contains(&text) {
            left.next();
        } else if flags.contains(&text) {
            looks = true;
        } else if listed(
            "--raw --no-raw --csv --json --tls --no-auth-warning -3 -c",
            text,
        ) {
        } else if text.starts_with('-') || word.fixed().is_none() {
            return false;
        } else {
            let lower = text.to_ascii_lowercase();
            let writes = lower == "config"
                && !left
                    .next()
                    .is_some_and(|word| word.shown().eq_ignore_ascii_case("get"));
            return !writes && !listed(REDIS_RUNS, &lower);
        }
    }
    looks
}

/// `perf stat -p 1 sleep 5`, `perf report --stdio`: what is measured is there already, or only waits.
fn measures(arguments: &[Word]) -> bool {
    let fixed: Option<Vec<&str>> = arguments.iter().map(Word::fixed).collect();
    let Some(["stat" | "record" | "report" | "list", left @ ..]) = fixed.as_deref() else {
        return false;
    };
    let printed =
        !fixed.iter().flatten().any(|text| *text == "report") || left.contains(&"--stdio");
    let number = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit() || b",-.".contains(&b))
    };
    let mut left = left;
    loop {
        left = match left {
            [] => return printed,
            ["sleep", time] | ["--", "sleep", time] => return number(time),
            ["-p" | "-t" | "-C" | "-F" | "-I" | "-r", value, rest @ ..] if number(value) => rest,
            ["-o" | "-i" | "-e", value, rest @ ..]
                if !value.starts_with('-') && !value.ends_with(".c") && !value.ends_with(".o") =>
            {
                rest
            }
            [
                "-a" | "-g" | "-d" | "-A" | "--stdio" | "--no-children",
                rest @ ..,
            ] => rest,
            _ => return false,
        };
    }
}

/// `… | mail -s subject somebody`: its input is the letter, and without a terminal no line of it is a command.
fn sends_mail(name: &str, arguments: &[Word], situation: Situation) -> bool {
    let plain = |word: &Word| {
        let text = word.shown();
        !word.may_be_option()
            && (!text.starts_with('-') || matches!(text, "-s" | "-r" | "-c" | "-b" | "-a"))
    };
    matches!(name, "mail" | "mailx") && situation.fed && arguments.iter().all(plain)
}

/// A program's name, and what is left of it without a version: nothing where that is the same.
pub(super) fn names(name: &str) -> [&str; 3] {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    let stem = plain.split('.').next().unwrap_or(plain);
    let shorter = if plain == name { "" } else { plain };
    [name, shorter, if stem == plain { "" } else { stem }]
}
