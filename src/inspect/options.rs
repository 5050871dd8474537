//! How the options and operands before a wrapped command are skipped, by the tables.
//!
//! It errs on the side of not understanding: an option that is not in the table, or a computed word where an option
//! could stand, is an error with its reason.

use super::table::{
    COUNTERS, EXPORTED, EXPORTED_PREFIXES, FREE_SUFFIXES, HARMLESS, SENSITIVE, SENSITIVE_PARTS,
    SENSITIVE_PREFIXES, SYSTEM_FOLDERS, Then, Wrapper, listed,
};
use super::variables::Kind;
use super::word::Word;

pub(super) const OPTION: &str = "an option that is not known";
const COMPUTED: &str = "a computed word among a program's options";
pub(super) const ENVIRONMENT: &str = "a variable that changes how programs are found or start";

/// What stands before a wrapped command.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    /// Where the command begins.
    pub(super) rest: usize,
    /// Shell texts in options.
    pub(super) texts: Vec<String>,
    /// Whether a shell was asked for.
    pub(super) shell: bool,
    /// Whether nothing will be run.
    pub(super) inert: bool,
    /// Whether a computed word stands where one before the command is expected.
    pub(super) doubtful: bool,
    /// Files that the wrapper itself writes.
    pub(super) files: Vec<String>,
    /// The text that `xargs -I` replaces.
    pub(super) placeholder: Option<String>,
}

/// Skips a wrapper's own words; the first is its name.
pub(super) fn skip(wrapper: &Wrapper, words: &[Word]) -> Result<Skipped, &'static str> {
    let mut skipped = Skipped::default();
    let (mut at, mut operands, mut options) = (1, wrapper.operands, true);
    while let Some(word) = words.get(at) {
        let Some(text) = word.fixed() else {
            match quoted_assignment(word) {
                Some(name) if wrapper.assignments => sensitive(name)?,
                _ if operands == 0 => break,
                // One word that the text did not build, or that begins as no option does.
                _ if !word.may_be_option() && (word.is_one_word() || word.is_trusted()) => {
                    skipped.doubtful |= !word.is_quoted();
                    operands -= 1;
                    options &= wrapper.permutes;
                }
                _ => return Err(COMPUTED),
            }
            at += 1;
            continue;
        };
        if options && text == "--" {
            options = false;
        } else if options && text.len() > 1 && text.starts_with('-') {
            at = option(wrapper, words, at, text, &mut skipped)?;
        } else if wrapper.assignments
            && let Some((name, value)) = assignment(text)
        {
            assigned(name, &Word::Fixed(value.to_owned()))?;
        } else if text == "-" && wrapper.permutes && wrapper.elevates {
            skipped.shell = true;
        } else if operands > 0 {
            if listed(wrapper.files, "FILE") {
                skipped.files.push(text.to_owned());
            }
            operands -= 1;
            options &= wrapper.permutes;
        } else {
            break;
        }
        at += 1;
    }
    skipped.rest = at;
    Ok(skipped)
}

/// `NAME=value` as its two halves.
pub(super) fn assignment(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let name = name.strip_suffix('+').unwrap_or(name);
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some((name, value))
}

/// Whether a tool of elevation is asked for nothing but what it knows: `crontab -l`. `sudo -l` asks for more.
pub(super) fn only_looks(wrapper: &Wrapper, words: &[Word]) -> bool {
    let later = matches!(wrapper.then, Then::Unreadable(_)) && wrapper.name != "su";
    let mut arguments = words.iter().skip(1);
    later
        && (wrapper.name != "capsh" || words.len() == 2)
        && arguments
            .next()
            .and_then(Word::fixed)
            .is_some_and(|first| listed(wrapper.inert, first))
}

/// Editors and pagers that a variable may name: what starts them is looked at where it stands.
const NAMED: &str = "vi vim nvim nano emacs less more cat";

/// Refuses a value for a variable that changes, or by its name may change, how programs are found or start, unless that
/// value is known to be harmless.
pub(super) fn assigned(name: &str, value: &Word) -> Result<(), &'static str> {
    let refused = sensitive(name);
    let shown = value.shown();
    let plain = |extra: &str| {
        !shown.is_empty()
            && shown
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
    };
    let digits = plain("") && shown.chars().all(|c| c.is_ascii_digit());
    let harmless = match name {
        "PATH" => adds_folders(shown),
        // No word that counts as one has a line end in it.
        "IFS" => value.fixed() == Some("\n"),
        "TERM" => value.fixed().is_some() && plain("+.-"),
        "HISTSIZE"
        | "HISTFILESIZE"
        | "COLUMNS"
        | "LINES"
        | "TMOUT"
        | "RANDOM"
        | "SECONDS"
        | "OPTIND"
        | "PYTHONUNBUFFERED"
        | "PYTHONDONTWRITEBYTECODE" => digits,
        "HISTCONTROL" | "HISTIGNORE" => value.fixed().is_some() && plain(":&* "),
        "HISTTIMEFORMAT" => value.fixed().is_some() && plain("%:-_/ "),
        "EDITOR" | "VISUAL" | "PAGER" | "MANPAGER" | "SYSTEMD_PAGER" | "GIT_PAGER"
        | "GIT_EDITOR" | "SYSTEMD_EDITOR" | "KUBE_EDITOR" => value
            .fixed()
            .is_some_and(|text| text.is_empty() || listed(NAMED, text)),
        "PS1" => value.fixed().is_some_and(|text| {
            !text.contains("$(") && !text.contains('`') && !text.contains("${")
        }),
        "KUBECONFIG" => {
            value
                .fixed()
                .is_some_and(|text| text.starts_with("~/.kube/") || text.starts_with("/etc/"))
                && !shown.contains("..")
                || shown
                    .trim_matches('"')
                    .strip_prefix("$HOME/.kube/")
                    .is_some_and(|file| {
                        file.chars()
                            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
                            && !file.contains("..")
                    })
        }
        "LESS" | "SYSTEMD_LESS" => value
            .fixed()
            .is_some_and(|text| text.chars().all(|c| "-FRXSiMKNeEQqcCgJwWas".contains(c))),
        "PGOPTIONS" => value.fixed().is_some_and(|text| {
            let setting = text.strip_prefix("-c ").unwrap_or_default();
            let (name, _) = setting.split_once('=').unwrap_or_default();
            (name.ends_with("_timeout")
                || listed("search_path default_transaction_read_only work_mem", name))
                && !setting.contains(' ')
        }),
        "DEBIAN_FRONTEND" => plain("") && value.fixed().is_some(),
        _ if name.ends_with("_PAGER") => value
            .fixed()
            .is_some_and(|text| text.is_empty() || text == "cat"),
        "GIT_SSH_COMMAND" | "RSYNC_RSH" => value.fixed().is_some_and(plain_ssh),
        // What names no file of a script.
        _ if name == "ENVIRONMENT"
            || name.ends_with("_ENVIRONMENT")
            || name == "ENV"
            || (name.ends_with("_ENV") && name != "BASH_ENV") =>
        {
            value.fixed().is_some() && plain("-_ ")
        }
        _ if name.ends_with("_HOME") => {
            value
                .fixed()
                .is_some_and(|text| text.starts_with("/usr/") || text.starts_with("/opt/"))
                && !shown.contains("..")
        }
        _ => false,
    };
    if harmless { Ok(()) } else { refused }
}

/// `$PATH:/opt/bin`: further folders behind those of before, or the system's own before them.
fn adds_folders(value: &str) -> bool {
    let mut before = true;
    let folders: Vec<&str> = value.trim_matches('"').split(':').collect();
    let plain = |folder: &str| {
        let inside = |c: char| c.is_ascii_alphanumeric() || "_./~-".contains(c);
        folder.starts_with(['/', '~']) && folder.chars().all(inside) && !folder.contains("..")
    };
    folders.iter().all(|folder| {
        if matches!(*folder, "$PATH" | "${PATH}") {
            before = false;
            return true;
        }
        let folder = folder
            .strip_prefix("$HOME")
            .map_or_else(|| (*folder).to_owned(), |rest| format!("~{rest}"));
        if before {
            listed(SYSTEM_FOLDERS, &folder)
                || (plain(&folder)
                    && (folder.starts_with("/usr/")
                        // A package's own folder.
                        || folder.strip_prefix("/opt/").is_some_and(|rest| rest.contains('/')))
                    && folder.ends_with("/bin"))
        } else {
            plain(&folder)
        }
    })
}

/// `ssh` with a key, a port or the like, and no command of its own.
fn plain_ssh(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    if words.next() != Some("ssh") {
        return false;
    }
    while let Some(option) = words.next() {
        let value = match option {
            "-i" | "-p" | "-l" | "-o" => words.next().unwrap_or_default(),
            "-q" | "-4" | "-6" | "-C" | "-T" => continue,
            _ => return false,
        };
        let lower = value.to_ascii_lowercase();
        let plain = |c: char| c.is_ascii_alphanumeric() || "_./~=@-".contains(c);
        let names_command = ["command", "exec", "include", "match", "provider", "config"]
            .iter()
            .any(|word| lower.contains(word));
        if value.is_empty() || value.starts_with('-') || !value.chars().all(plain) || names_command
        {
            return false;
        }
    }
    true
}

/// Whether a variable that is not exported by the text is likely to be handed on all the same, or is the shell's own.
pub(super) fn is_used(name: &str) -> bool {
    listed(SENSITIVE, name)
        || listed(COUNTERS, name)
        || listed(EXPORTED, name)
        || name.contains("PRELOAD")
        || name.starts_with("PROMPT_")
        || (EXPORTED_PREFIXES.iter().any(|p| name.starts_with(p))
            && !FREE_SUFFIXES.iter().any(|s| name.ends_with(s)))
}

/// Refuses variables that change, or by their names may change, how programs are found or start.
pub(super) fn sensitive(name: &str) -> Result<(), &'static str> {
    let capitals = !name.contains(|c: char| c.is_ascii_lowercase());
    let changes = listed(SENSITIVE, name)
        || listed(COUNTERS, name)
        || SENSITIVE_PREFIXES.iter().any(|p| name.starts_with(p))
        || (capitals && SENSITIVE_PARTS.iter().any(|part| name.contains(part)));
    if changes && !listed(HARMLESS, name) {
        Err(ENVIRONMENT)
    } else {
        Ok(())
    }
}

fn quoted_assignment(word: &Word) -> Option<&str> {
    match word {
        Word::Computed {
            raw, splits: false, ..
        } => assignment(raw).map(|(name, _)| name),
        Word::Fixed(_) | Word::Computed { .. } => None,
    }
}

/// Reads one word of options, and gives the place of the last word it took.
fn option(
    wrapper: &Wrapper,
    words: &[Word],
    at: usize,
    text: &str,
    skipped: &mut Skipped,
) -> Result<usize, &'static str> {
    if let Some(long) = text.strip_prefix("--") {
        return long_option(wrapper, words, at, long, skipped);
    }
    for (place, letter) in text.char_indices().skip(1) {
        let spelled = format!("-{letter}");
        let after = text.get(place + letter.len_utf8()..).unwrap_or_default();
        let is_text = listed(wrapper.text, &spelled);
        skipped.inert |= listed(wrapper.inert, &spelled);
        skipped.shell |= listed(wrapper.shell, &spelled);
        if is_text || wrapper.values.contains(letter) {
            let (value, at) = match after {
                "" if takes_data(wrapper, letter, words.get(at + 1)) => {
                    skipped.doubtful |= !words.get(at + 1).is_some_and(Word::is_quoted);
                    return Ok(at + 1);
                }
                "" => (value_at(words, at + 1)?, at + 1),
                attached => (attached, at),
            };
            if is_text {
                skipped.texts.push(value.to_owned());
            } else if letter == 'I' && wrapper.name == "xargs" {
                skipped.placeholder = Some(value.to_owned());
            }
            if listed(wrapper.files, &spelled) {
                skipped.files.push(value.to_owned());
            }
            harmless(wrapper, value)?;
            return Ok(at);
        }
        if !wrapper.flags.contains(letter) {
            return Err(OPTION);
        }
    }
    Ok(at)
}

fn long_option(
    wrapper: &Wrapper,
    words: &[Word],
    at: usize,
    long: &str,
    skipped: &mut Skipped,
) -> Result<usize, &'static str> {
    let (name, attached) = match long.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (long, None),
    };
    let spelled = format!("--{name}");
    skipped.inert |= listed(wrapper.inert, &spelled);
    skipped.shell |= listed(wrapper.shell, &spelled);
    let is_text = listed(wrapper.text, &spelled);
    if !is_text && !listed(wrapper.long_values, name) {
        let known = listed(wrapper.long_flags, name) || listed(wrapper.inert, &spelled);
        return if known { Ok(at) } else { Err(OPTION) };
    }
    let (value, at) = match attached {
        Some(value) => (value, at),
        None => (value_at(words, at + 1)?, at + 1),
    };
    if is_text {
        skipped.texts.push(value.to_owned());
    }
    if listed(wrapper.files, &spelled) {
        skipped.files.push(value.to_owned());
    }
    harmless(wrapper, value)?;
    Ok(at)
}

/// Whether an option's value is computed, but one word of data that names no command.
fn takes_data(wrapper: &Wrapper, letter: char, value: Option<&Word>) -> bool {
    let harmless = match wrapper.name {
        "nice" => "n",
        "ionice" => "cn",
        "timeout" => "ks",
        "ssh" => "ipl",
        "strace" | "ltrace" => "p",
        _ => "",
    };
    let number = |word: &Word| word.fixed().is_none() && word.kind() <= Kind::Count;
    let data = |word: &Word| word.fixed().is_none() && word.is_one_word() && word.is_trusted();
    harmless.contains(letter) && value.is_some_and(|word| data(word) || number(word))
}

fn value_at(words: &[Word], at: usize) -> Result<&str, &'static str> {
    words.get(at).and_then(Word::fixed).ok_or(COMPUTED)
}

/// Values that themselves name a command or a variable: `ssh -o ProxyCommand=…`, `sudo --setenv=PATH=…`.
fn harmless(wrapper: &Wrapper, value: &str) -> Result<(), &'static str> {
    let lower = value.to_ascii_lowercase();
    if wrapper.name == "ssh"
        && [
            "command", "exec", "include", "match", "provider", "location",
        ]
        .iter()
        .any(|w| lower.contains(w))
    {
        return Err("an option that names a command");
    }
    // `-o '|command'`, `-o '!command'`, `-e inject=…`.
    if wrapper.name == "strace"
        && (value.starts_with(['|', '!']) || ["inject", "fault"].iter().any(|w| lower.contains(w)))
    {
        return Err("an option that runs a command or changes what is traced");
    }
    assignment(value).map_or(Ok(()), |(name, _)| sensitive(name))
}
