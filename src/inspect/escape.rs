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
    if is_listed(&names) {
        return !(uses::is_tame(&names, arguments) || sends_mail(name, arguments, situation));
    }
    let quiet = arguments.iter().any(|w| w.fixed() == Some("--no-pager"));
    if listed(PAGING, name) && situation.elevated && !situation.drained && !quiet {
        return true;
    }
    match name {
        "awk" | "gawk" | "mawk" | "nawk" | "original-awk" => !awk::is_harmless(arguments),
        "sed" | "gsed" => !sed::is_harmless(arguments),
        "git" => !git::is_harmless(arguments),
        "systemctl" => changes_units(arguments),
        "cmake" => matches!(arguments.first().and_then(Word::fixed), Some("-E" | "-P")),
        "ip" => runs_in_namespace(arguments),
        "make" | "gmake" if arguments.iter().any(sets_program) => true,
        "redis-cli" if !asks_redis(arguments) => true,
        // A server's `-e` is what its client can do, not a program.
        "rsync" if serves(arguments) => false,
        _ => names
            .iter()
            .find_map(|name| uses::is_triggered(name, arguments))
            .unwrap_or(false),
    }
}

/// Whether a program by itself starts a shell or runs code.
pub(super) fn is_listed(names: &[&str]) -> bool {
    names.iter().any(|name| ESCAPES.contains(name))
}

/// Whether rsync is the far end of another one, and no daemon: that runs what its configuration says.
fn serves(arguments: &[Word]) -> bool {
    let fixed = |wanted: &str| arguments.iter().any(|word| word.fixed() == Some(wanted));
    fixed("--server") && !fixed("--daemon")
}

/// An editor, a unit from any place, or variables for every service.
fn changes_units(arguments: &[Word]) -> bool {
    let fixed = || arguments.iter().filter_map(Word::fixed);
    fixed().any(|text| listed("edit link set-environment import-environment", text))
        || (fixed().any(|text| listed("enable reenable", text))
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

/// `ip netns exec`, `ip vrf exec` and what reads commands from a file.
fn runs_in_namespace(arguments: &[Word]) -> bool {
    arguments.iter().any(|word| {
        let text = word.shown();
        matches!(text, "exec" | "-b" | "-force" | "--batch") || text.starts_with("-ba")
    })
}

/// Whether redis is asked one thing, so that nothing is read from the keyboard.
fn asks_redis(arguments: &[Word]) -> bool {
    let valued = [
        "-h", "-p", "-a", "-n", "-u", "-s", "-r", "-i", "--user", "--pass",
    ];
    let mut left = arguments.iter();
    while let Some(word) = left.next() {
        let text = word.shown();
        if valued.contains(&text) {
            left.next();
        } else if !text.starts_with('-')
            || matches!(
                text,
                "--version" | "-v" | "--help" | "--stat" | "--latency" | "--bigkeys" | "--scan"
            )
        {
            return true;
        }
    }
    false
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
