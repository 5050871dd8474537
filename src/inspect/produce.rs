//! What kind of text a command substitution yields, by the programs in it: a number, one plain word, or what stands in
//! files and on the system. All else may be built by the text itself.
//!
//! It reads only the simplest substitutions, pipelines of fixed words, and takes any other for built. That they run nothing
//! else is not its business: they are read like any command.

use super::shell;
use super::table::listed;
use super::word::{self, Word};

/// Most programs in a pipeline that is looked at.
const STAGES: usize = 6;

/// Whether a substitution yields a number.
pub(super) fn is_number(inner: &str) -> bool {
    let Some(stages) = stages(inner) else {
        return false;
    };
    let Some(words) = stages.last() else {
        return false;
    };
    let arguments = words.get(1..).unwrap_or_default();
    let flagged = |letter: char| {
        arguments
            .iter()
            .any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains(letter))
    };
    match words.first().map(String::as_str) {
        Some("nproc") => true,
        // Of one process, or none.
        Some("pidof") => arguments
            .iter()
            .all(|word| !word.starts_with('-') || word == "-s"),
        Some("pgrep") if arguments.iter().any(|word| listed("-o -n", word)) => arguments
            .iter()
            .all(|word| listed("-o -n -x -f", word) || !word.starts_with('-')),
        Some("stat") => match arguments {
            [option, format, files @ ..] => {
                option == "-c"
                    && matches!(
                        format.as_str(),
                        "%s" | "%Y" | "%X" | "%a" | "%u" | "%g" | "%h" | "%i"
                    )
                    && files.iter().all(|word| !word.starts_with('-'))
            }
            _ => false,
        },
        // With names it prints them as well.
        Some("wc") => {
            (stages.len() > 1 || inner.contains('<'))
                && arguments
                    .iter()
                    .all(|word| matches!(word.as_str(), "-l" | "-c" | "-w" | "-m"))
        }
        Some("grep" | "egrep" | "zgrep" | "pgrep") => {
            let plain = |word: &&String| word.starts_with('-');
            let letters = |word: &String| word.chars().skip(1).all(|c| "ciEFvwxqsfua".contains(c));
            // With several files it prints their names as well.
            flagged('c')
                && arguments.iter().filter(plain).all(letters)
                && arguments.iter().filter(|word| !plain(word)).count() <= 2
        }
        Some("id") => arguments == ["-u"] || arguments == ["-g"],
        Some("date") => {
            let mut left = arguments.iter();
            let mut formats = 0;
            while let Some(word) = left.next() {
                match word.as_str() {
                    "-u" => {}
                    // Whatever day it is, it is told as the format says.
                    "-d" | "-r" => {
                        left.next();
                    }
                    other if other.starts_with("--date=") => {}
                    other if numeric_format(other) => formats += 1,
                    _ => return false,
                }
            }
            formats == 1
        }
        Some("seq") => arguments
            .iter()
            .all(|word| word.chars().all(|c| c.is_ascii_digit())),
        _ => false,
    }
}

/// Whether a substitution yields one word that is no option.
pub(super) fn is_plain(inner: &str) -> bool {
    let Some(stages) = stages(inner) else {
        return false;
    };
    let [words] = stages.as_slice() else {
        return false;
    };
    let arguments = words.get(1..).unwrap_or_default();
    match words.first().map(String::as_str) {
        // No name of a commit or branch begins with a dash.
        Some("git") => {
            let told = matches!(
                arguments.first().map(String::as_str),
                Some("rev-parse" | "describe" | "merge-base" | "rev-list")
            );
            // It prints options back that it does not know.
            let known = "-1 --abbrev-ref --short --verify --show-toplevel --tags --abbrev=0 --always --long";
            let plain = |word: &String| {
                listed(known, word)
                    || word.starts_with("--before=")
                    || word.starts_with("--since=")
                    || word.starts_with(|c: char| c.is_ascii_alphanumeric())
            };
            told && arguments.iter().all(plain)
        }
        // With another option they fail, or print nothing.
        Some("hostname") => arguments
            .iter()
            .all(|word| matches!(word.as_str(), "-s" | "-f")),
        Some("uname") => arguments
            .iter()
            .all(|word| matches!(word.as_str(), "-r" | "-m" | "-n" | "-s")),
        Some("whoami" | "arch" | "nproc") => arguments.is_empty(),
        Some("id") => {
            matches!(arguments, [only] if matches!(only.as_str(), "-u" | "-g" | "-un" | "-gn"))
        }
        Some("date") => {
            let mut left = arguments.iter();
            let mut formats = 0;
            while let Some(word) = left.next() {
                match word.as_str() {
                    "-u" => {}
                    "-d" if left.next().is_some_and(|day| is_day(day)) => {}
                    other if plain_format(other) => formats += 1,
                    _ => return false,
                }
            }
            formats == 1
        }
        _ => false,
    }
}

/// Options of git that choose what is listed.
const GIT_LISTS: &str = "--merged --no-merged --all --cached --others --name-only --staged --modified --deleted --remotes";

/// Programs that print what stands in files or on the system, and nothing of their own words.
const TELLING: &str = "git cat ls cut sort uniq head tail grep egrep pgrep docker kubectl getent hostname seq find wc nproc date id whoami uname pwd";

/// Whether a substitution yields what stands in files or on the system.
pub(super) fn is_told(inner: &str) -> bool {
    if is_plain(inner) {
        return true;
    }
    let file = inner.trim().strip_prefix('<');
    if let Some(file) = file {
        return !file.contains(['<', '(', '$', '`', ';', '&', '|']);
    }
    stages(inner).is_some_and(|stages| {
        stages.iter().all(|words| {
            let named = words.first().is_some_and(|name| listed(TELLING, name));
            // No name of a branch or a file in its index is an option.
            let git = words.first().is_some_and(|name| name == "git");
            // Formats and names of files may hold any text.
            named
                && !words.iter().skip(1).any(|word| {
                    word.contains(['{', '%', '=', '\\', '$'])
                        || (word.starts_with("--") && !(git && listed(GIT_LISTS, word)))
                        || word.starts_with('+')
                        || word.contains("printf")
                })
        })
    })
}

/// `yesterday`, `-1 day`, `30 minutes ago`, `2026-01-31`: a day that date understands for certain.
fn is_day(text: &str) -> bool {
    const UNITS: &str =
        "second seconds minute minutes hour hours day days week weeks month months year years";
    let number = |text: &str| {
        let digits = text.trim_start_matches(['-', '+']);
        !digits.is_empty() && digits.len() < 5 && digits.bytes().all(|b| b.is_ascii_digit())
    };
    match text.split(' ').collect::<Vec<_>>().as_slice() {
        ["now" | "today" | "yesterday" | "tomorrow"] => true,
        [count, unit] | [count, unit, "ago"] => number(count) && listed(UNITS, unit),
        _ => false,
    }
}

/// A format of dates that yields one word, which begins as no option.
fn plain_format(word: &str) -> bool {
    let left = word.strip_prefix("+%").unwrap_or_default();
    let mut directive = true;
    for c in left.chars() {
        let plain = if directive {
            "YmdHMSFTsyjuwVGgCN".contains(c)
        } else {
            c == '%' || c.is_ascii_alphanumeric() || "_.:-".contains(c)
        };
        if !plain {
            return false;
        }
        directive = !directive && c == '%';
    }
    !directive
}

/// Whether a substitution yields paths by the way they are written: of files that a pattern names, none of which is an option.
pub(super) fn is_path(inner: &str) -> bool {
    let Some(stages) = stages(inner) else {
        return false;
    };
    let Some((first, rest)) = stages.split_first() else {
        return false;
    };
    let pattern = |word: &String| {
        let last = word.rsplit('/').next().unwrap_or_default();
        word.starts_with(['/', '.', '~']) && last.contains(['*', '?'])
    };
    let option = |word: &String| {
        word.strip_prefix('-')
            .is_some_and(|letters| letters.chars().all(|c| "1trdSUvX".contains(c)))
    };
    let picks = |words: &Vec<String>| {
        words
            .first()
            .is_some_and(|name| listed("head tail sort", name))
    };
    first.first().is_some_and(|name| name == "ls")
        && first
            .iter()
            .skip(1)
            .all(|word| pattern(word) || option(word))
        && first.iter().skip(1).any(pattern)
        && rest.iter().all(picks)
}

fn numeric_format(word: &str) -> bool {
    let Some(format) = word.strip_prefix('+') else {
        return false;
    };
    // Digits may follow: `+%s000`.
    let digits = |part: &str| {
        part.trim_end_matches(|c: char| c.is_ascii_digit())
            .to_owned()
    };
    !format.is_empty()
        && format.split('%').skip(1).map(digits).all(|part| {
            matches!(
                part.as_str(),
                "s" | "H" | "M" | "S" | "Y" | "m" | "d" | "j" | "u" | "w" | "y" | "N"
            )
        })
        && format.starts_with('%')
}

/// The words of each program of a pipeline, where that is plain. A quoted variable, a pattern and a file that is read stand
/// as they are written.
fn stages(inner: &str) -> Option<Vec<Vec<String>>> {
    let (pipeline, file) = match inner.split_once('<') {
        Some((pipeline, file)) => (pipeline, Some(file.trim())),
        None => (inner, None),
    };
    // It must be the input of the only program.
    if file.is_some_and(|file| !is_file(file) || pipeline.contains('|')) {
        return None;
    }
    let commands = shell::plain(pipeline)?;
    let last = commands.len().checked_sub(1)?;
    let piped = commands
        .iter()
        .enumerate()
        .all(|(at, command)| command.drained == (at < last));
    let stages: Option<Vec<Vec<String>>> = commands
        .iter()
        .map(|command| command.words.iter().map(|raw| shown(raw)).collect())
        .collect();
    stages.filter(|stages| piped && stages.len() <= STAGES)
}

/// A word as it is passed, or as it is written where a variable in quotes or a pattern is in it.
fn shown(raw: &str) -> Option<String> {
    match word::resolve(raw).0 {
        Word::Fixed(text) => Some(text),
        word @ Word::Computed { .. } => {
            let pattern = raw
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_./*?~,:-".contains(c))
                && raw.starts_with(['/', '.', '~']);
            (pattern || (word.is_quoted() && !raw.starts_with("\"-"))).then(|| raw.to_owned())
        }
    }
}

/// `f`, `"$f"`: one file, as it is written.
fn is_file(raw: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || "_./~-".contains(c);
    let quoted = raw
        .strip_prefix("\"$")
        .and_then(|rest| rest.strip_suffix('"'))
        .is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    !raw.is_empty() && (quoted || raw.chars().all(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prints_a_number_a_word_or_what_files_hold_is_known() {
        for inner in [
            "nproc",
            "ls | wc -l",
            "date +%s",
            "id -u",
            "grep -c x f",
            "pgrep -c x",
        ] {
            assert!(is_number(inner), "{inner}");
        }
        for inner in ["hostname -s", "date +%F", "date -u +%Y%m%dT%H", "whoami"] {
            assert!(is_plain(inner), "{inner}");
        }
        for inner in [
            "cat hosts",
            "< hosts",
            "docker ps -q",
            "ls /srv | head -n 1",
        ] {
            assert!(is_told(inner), "{inner}");
        }
    }

    #[test]
    fn what_a_text_can_make_print_anything_is_not() {
        for inner in [
            "echo 1",
            "printf x",
            "wc -l f",
            "date +--x",
            "date +%F;id",
            "cat f | tr a b",
            "cat <<< x",
            "cat f | sed s/a/b/",
            "docker ps --format x",
            "find . -printf x",
            "hostname $x",
            "git rev-parse -oProxyCommand=x",
            "basename --x",
        ] {
            assert!(!is_number(inner) && !is_plain(inner), "{inner}");
        }
        for inner in [
            "echo x",
            "cat f | tr a b",
            "docker ps --format x",
            "cat $(id)",
            "cat f; id",
            "cat <<< x",
        ] {
            assert!(!is_told(inner), "{inner}");
        }
    }
}
