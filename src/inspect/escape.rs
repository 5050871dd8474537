//! Which programs can start a shell or run code of their own: always, or with certain arguments.
//!
//! Some are harmless in their common uses (`awk '{print $1}'`, `git pull`); they are named only where a use is
//! not known to be. It knows no shell syntax.

use super::table::{ESCAPES, PAGING, listed};
use super::word::Word;

/// Where the program stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation {
    /// With another user's rights.
    pub(super) elevated: bool,
    /// Its output goes to a file or another program, so it starts no pager.
    pub(super) drained: bool,
}

/// Whether this use of a program can start a shell or run code of its own.
pub(super) fn can_escape(name: &str, words: &[Word], situation: Situation) -> bool {
    let names = names(name);
    if ESCAPES
        .iter()
        .any(|list| names.iter().any(|name| listed(list, name)))
    {
        return true;
    }
    let arguments = words.get(1..).unwrap_or_default();
    let quiet = arguments.iter().any(|w| w.fixed() == Some("--no-pager"));
    if listed(PAGING, name) && situation.elevated && !situation.drained && !quiet {
        return true;
    }
    match name {
        "awk" | "gawk" | "mawk" | "nawk" | "original-awk" => !harmless_awk(arguments),
        "sed" | "gsed" => !harmless_sed(arguments),
        "git" => !harmless_git(arguments),
        "systemctl" => arguments.iter().any(|w| w.fixed() == Some("edit")),
        "ip" => arguments
            .iter()
            .any(|w| matches!(w.shown(), "exec" | "netns" | "vrf")),
        // A server's `-e` is what its client can do, not a program.
        "rsync" if serves(arguments) => false,
        _ => TRIGGERS
            .iter()
            .find(|t| t.program == name)
            .is_some_and(|t| t.pulled_by(arguments)),
    }
}

/// Whether rsync is the far end of another one, and no daemon: that runs what its configuration says.
fn serves(arguments: &[Word]) -> bool {
    let fixed = |wanted: &str| arguments.iter().any(|word| word.fixed() == Some(wanted));
    fixed("--server") && !fixed("--daemon")
}

/// A program's name, and what is left of it without a version.
pub(super) fn names(name: &str) -> [&str; 3] {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || ".-".contains(c));
    let stem = plain.split('.').next().unwrap_or(plain);
    [name, plain, stem]
}

/// Options with which an otherwise ordinary program runs others.
struct Trigger {
    program: &'static str,
    long: &'static [&'static str],
    short: &'static [char],
    words: &'static [&'static str],
}

const TRIGGERS: &[Trigger] = &[
    Trigger {
        program: "tar",
        long: &[
            "checkpoint-action",
            "to-command",
            "use-compress-program",
            "info-script",
            "new-volume-script",
            "rsh-command",
            "rmt-command",
        ],
        short: &['I', 'F'],
        words: &[],
    },
    Trigger {
        program: "rsync",
        long: &["rsh", "rsync-path", "daemon"],
        short: &['e'],
        words: &[],
    },
    Trigger {
        program: "scp",
        long: &[],
        short: &['S', 'F', 'D'],
        words: &["command"],
    },
    Trigger {
        program: "sftp",
        long: &[],
        short: &['S', 'F', 'D', 'b'],
        words: &["command"],
    },
    Trigger {
        program: "make",
        long: &["eval"],
        short: &['E'],
        words: &["shell=", "maketests=", "ld_"],
    },
    Trigger {
        program: "wget",
        long: &["use-askpass", "execute", "config"],
        short: &['e'],
        words: &[],
    },
    Trigger {
        program: "sort",
        long: &["compress-program"],
        short: &[],
        words: &[],
    },
    Trigger {
        program: "apt",
        long: &["option", "config-file"],
        short: &['o', 'c'],
        words: &["changelog"],
    },
    Trigger {
        program: "apt-get",
        long: &["option", "config-file"],
        short: &['o', 'c'],
        words: &["changelog"],
    },
    Trigger {
        program: "iptables",
        long: &["modprobe"],
        short: &['M'],
        words: &[],
    },
    Trigger {
        program: "logrotate",
        long: &["mail", "state"],
        short: &['m', 's'],
        words: &[],
    },
];

impl Trigger {
    fn pulled_by(&self, arguments: &[Word]) -> bool {
        arguments.iter().enumerate().any(|(at, word)| match word {
            Word::Computed { raw, .. } => raw.starts_with(['$', '`']),
            Word::Fixed(text) => {
                let lower = text.to_ascii_lowercase();
                let old_style = self.program == "tar" && at == 0;
                self.words.iter().any(|w| lower.contains(w)) || self.option(text, old_style)
            }
        })
    }

    /// Long options may be shortened, so every beginning of a name counts.
    fn option(&self, text: &str, old_style: bool) -> bool {
        if let Some(long) = text.strip_prefix("--") {
            let name = long.split('=').next().unwrap_or(long);
            return !name.is_empty() && self.long.iter().any(|l| l.starts_with(name));
        }
        (old_style || text.starts_with('-')) && text.contains(self.short)
    }
}

/// An awk program that can run nothing: no `system`, no pipe, no other file, no indirect call.
fn harmless_awk(arguments: &[Word]) -> bool {
    let mut left = arguments;
    loop {
        match left {
            [Word::Fixed(option), Word::Fixed(_), rest @ ..]
                if matches!(option.as_str(), "-F" | "-v") =>
            {
                left = rest
            }
            [Word::Fixed(option), rest @ ..]
                if option.starts_with("-F") || option.starts_with("-v") =>
            {
                left = rest
            }
            [Word::Fixed(program), ..] if !program.starts_with('-') => {
                return !["system", "|", "getline", "@", "\\\n", "printf >", "close"]
                    .iter()
                    .any(|w| program.contains(w));
            }
            _ => return false,
        }
    }
}

/// A sed script of plain substitutions and addresses; `e` and the flag `e` run commands, `w` writes.
fn harmless_sed(arguments: &[Word]) -> bool {
    let mut scripts = 0;
    let mut left = arguments;
    while let Some((word, rest)) = left.split_first() {
        left = rest;
        let Some(text) = word.fixed() else {
            if scripts == 0 {
                return false;
            }
            continue;
        };
        let quiet = text.starts_with("-i")
            || matches!(
                text,
                "--in-place" | "--quiet" | "--silent" | "--regexp-extended" | "--null-data"
            )
            || (text.starts_with('-')
                && text.len() > 1
                && text.chars().skip(1).all(|c| "nErsuz".contains(c)));
        match text {
            _ if quiet => {}
            "-e" | "-ne" | "-Ee" | "-re" => {
                let Some((Word::Fixed(script), after)) = rest.split_first() else {
                    return false;
                };
                if !harmless_script(script) {
                    return false;
                }
                scripts += 1;
                left = after;
            }
            option if option.starts_with('-') && option.len() > 1 => return false,
            script if scripts == 0 => {
                if !harmless_script(script) {
                    return false;
                }
                scripts += 1;
            }
            _ => {}
        }
    }
    scripts > 0
}

fn harmless_script(script: &str) -> bool {
    if script.contains(['\n', '\\']) {
        return false;
    }
    let Some(rest) = script.strip_prefix('s') else {
        return addressed(script);
    };
    let Some(delimiter) = rest.chars().next().filter(|c| "/|#,:@!".contains(*c)) else {
        return false;
    };
    let parts: Vec<&str> = rest.split(delimiter).collect();
    match parts.as_slice() {
        [_, _, _, flags] => flags
            .chars()
            .all(|c| c.is_ascii_digit() || "gpiI".contains(c)),
        _ => false,
    }
}

/// `1,5p`, `$d`, `/pattern/p`.
fn addressed(script: &str) -> bool {
    let command = match script
        .strip_prefix('/')
        .and_then(|rest| rest.split_once('/'))
    {
        Some((_, after)) => after,
        None => script.trim_start_matches(|c: char| c.is_ascii_digit() || "$,~+".contains(c)),
    };
    matches!(command, "p" | "d" | "q" | "=" | "!d" | "!p")
}

const GIT_ORDINARY: &str = "add apply archive blame branch cat-file checkout cherry-pick clean clone describe diff fetch \
    for-each-ref fsck gc grep init log ls-files ls-remote ls-tree merge merge-base mv prune pull \
    push reflog remote reset restore rev-list rev-parse revert rm shortlog show stash status \
    switch symbolic-ref tag version worktree";

/// A git command that runs no program of the user's choice. An unknown one may be an alias for anything.
fn harmless_git(arguments: &[Word]) -> bool {
    let mut left = arguments;
    let subcommand = loop {
        match left {
            [Word::Fixed(option), Word::Fixed(_), rest @ ..]
                if matches!(option.as_str(), "-C" | "--git-dir" | "--work-tree") =>
            {
                left = rest;
            }
            [Word::Fixed(option), rest @ ..]
                if option == "--no-pager" || option.starts_with("--git-dir=") =>
            {
                left = rest
            }
            [] => return true,
            [Word::Fixed(first), rest @ ..] => {
                left = rest;
                break first.as_str();
            }
            [Word::Computed { .. }, ..] => return false,
        }
    };
    let runs = |w: &Word| match w {
        Word::Fixed(text) => {
            [
                "--upload",
                "--receive",
                "--exec",
                "--open-files",
                "-O",
                "--ext-diff",
                "--textconv",
                "-c",
            ]
            .iter()
            .any(|o| text.starts_with(o))
                || text.contains("::")
        }
        Word::Computed { raw, .. } => raw.starts_with(['$', '`']),
    };
    let told = || {
        left.iter().filter_map(Word::fixed).any(|text| {
            ["-m", "-am", "-F", "-C", "--message", "--no-edit"]
                .iter()
                .any(|o| text.starts_with(o))
        })
    };
    match subcommand {
        "--version" | "--help" => true,
        "commit" => told(),
        known => {
            listed(GIT_ORDINARY, known)
                && (known == "checkout" || known == "switch" || !left.iter().any(runs))
        }
    }
}
