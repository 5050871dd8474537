//! Whether a git command can run a program of somebody's choice, or opens an editor.
//!
//! A subcommand that is not known may be an alias for anything.

use super::super::table::listed;
use super::super::word::Word;

const ORDINARY: &str = "add apply archive blame branch cat-file bundle check-attr check-ignore checkout cherry cherry-pick clean clone count-objects describe diff diff-tree hash-object notes repack sparse-checkout \
    fetch for-each-ref format-patch fsck gc grep init log ls-files ls-remote ls-tree merge merge-base mv name-rev prune pull push reflog \
    remote reset restore rev-list rev-parse revert rm shortlog show show-ref stash status switch symbolic-ref tag \
    update-index var verify-commit verify-tag version whatchanged worktree";

/// Options by which an ordinary subcommand runs something, by their beginning: git takes shortened ones.
const RUNNING: [&str; 11] = [
    "--upload",
    "--receive",
    "--exec",
    "--open",
    "-O",
    "--ext-diff",
    "--textconv",
    "-c",
    "--config",
    "--template",
    "--edit",
];

/// The whole names of such options.
const WHOLE: [&str; 9] = [
    "--upload-pack",
    "--receive-pack",
    "--exec",
    "--open-files-in-pager",
    "--ext-diff",
    "--textconv",
    "--config",
    "--template",
    "--edit",
];

/// Whether this use runs nothing.
pub(super) fn is_harmless(arguments: &[Word]) -> bool {
    let mut left = arguments;
    let subcommand = loop {
        match left {
            [Word::Fixed(option), value, rest @ ..]
                if matches!(option.as_str(), "-C" | "--git-dir" | "--work-tree")
                    && !value.may_be_option() =>
            {
                left = rest;
            }
            [Word::Fixed(option), Word::Fixed(setting), rest @ ..]
                if option == "-c" && is_plain_setting(setting) =>
            {
                left = rest;
            }
            [Word::Fixed(option), rest @ ..]
                if matches!(option.as_str(), "--no-pager" | "-P")
                    || option.starts_with("--git-dir=")
                    || option.starts_with("--work-tree=") =>
            {
                left = rest;
            }
            [] => return true,
            [Word::Fixed(first), rest @ ..] => {
                left = rest;
                break first.as_str();
            }
            [Word::Computed { .. }, ..] => return false,
        }
    };
    let has = |wanted: &[&str]| {
        left.iter()
            .filter_map(Word::fixed)
            .any(|text| wanted.contains(&text))
    };
    match subcommand {
        "--version" | "--help" => true,
        "config" => reads_config(left),
        "commit" => tells_message(left),
        "bisect" => matches!(
            left.first().and_then(Word::fixed),
            Some("start" | "good" | "bad" | "reset" | "log" | "skip")
        ),
        "grep" if left.iter().any(|word| opens(word, "O")) => false,
        "revert" | "cherry-pick" if left.iter().any(|word| opens(word, "e")) => false,
        "stash" if matches!(left, [Word::Fixed(first), ..] if first == "show") => {
            !left.iter().any(runs)
        }
        "notes" | "sparse-checkout" => has(&["list", "show"]) && !left.iter().any(runs),
        "checkout" | "add" | "reset" | "restore" | "stash"
            if left
                .iter()
                .any(|word| word.begins("--pat") || word.begins("--int")) =>
        {
            false
        }
        "lfs" => matches!(
            left.first().and_then(Word::fixed),
            Some("ls-files" | "status" | "env" | "version" | "locks" | "pull" | "fetch" | "push")
        ),
        "submodule" => matches!(
            left.first().and_then(Word::fixed),
            None | Some("update" | "status" | "init" | "sync" | "summary")
        ),
        "rebase" => {
            !left.is_empty()
                && !left
                    .iter()
                    .any(|word| runs(word) || opens(word, "iexX") || word.begins("--int"))
                && !has(&["--interactive", "--continue", "--edit-todo", "--skip"])
        }
        "checkout" | "switch" => !has(&["-p", "--patch"]),
        "add" | "reset" | "restore" | "stash"
            if has(&["-p", "--patch", "-i", "--interactive", "-e", "--edit"]) =>
        {
            false
        }
        "tag" if has(&["-a", "-s", "--annotate", "--sign"]) => {
            tells_message(left) && !left.iter().any(runs)
        }
        "clone" | "fetch" | "pull" | "ls-remote" | "push"
            if left
                .iter()
                .any(|word| opens(word, "u") && subcommand == "clone") =>
        {
            false
        }
        known => listed(ORDINARY, known) && !left.iter().any(runs),
    }
}

/// A word by which a program is run: an option, or an address of a helper such as `ext::`.
fn runs(word: &Word) -> bool {
    match word {
        Word::Fixed(text) => {
            RUNNING.iter().any(|option| text.starts_with(option))
                || text.contains("::")
                || shortens(text)
        }
        Word::Computed { raw, .. } => {
            let begins = raw.replace('"', "");
            word.may_be_option()
                || RUNNING.iter().any(|option| begins.starts_with(option))
                || shortens(&begins)
        }
    }
}

/// `--uplo=…`: git takes options that are shortened.
fn shortens(text: &str) -> bool {
    let name = text.split('=').next().unwrap_or(text);
    name.len() > 2 && name.starts_with("--") && WHOLE.iter().any(|option| option.starts_with(name))
}

/// Whether a word is a bundle of short options with one of these letters.
fn opens(word: &Word, letters: &str) -> bool {
    let text = word.shown();
    text.starts_with('-') && !text.starts_with("--") && text.contains(|c| letters.contains(c))
}

/// Whether a message is given, so that no editor opens.
fn tells_message(arguments: &[Word]) -> bool {
    let given = ["-m", "-am", "-F", "-C", "--message", "--file", "--no-edit"];
    let edits = [
        "-e",
        "--edit",
        "-p",
        "--patch",
        "--interactive",
        "-c",
        "--reedit",
    ];
    let any = |list: &[&str]| {
        let mut shown = arguments.iter().map(Word::shown);
        shown.any(|text| list.iter().any(|option| text.starts_with(option)))
    };
    any(&given) && !any(&edits)
}

/// Settings that name no program.
const PLAIN_SETTINGS: &str = "user.name user.email pull.rebase pull.ff push.default init.defaultBranch color.ui core.autocrlf \
    core.fileMode safe.directory fetch.prune merge.ff http.postBuffer http.sslVerify core.quotepath advice.detachedHead";

/// `color.ui=always`, `core.pager=cat`.
fn is_plain_setting(text: &str) -> bool {
    let (name, value) = text.split_once('=').unwrap_or_default();
    listed(PLAIN_SETTINGS, name) || (name == "core.pager" && matches!(value, "" | "cat"))
}

/// A setting may name a program, so it may only be read.
fn reads_config(arguments: &[Word]) -> bool {
    let reading = [
        "--get",
        "--unset",
        "--get-all",
        "--get-regexp",
        "--list",
        "-l",
        "get",
        "list",
    ];
    let scopes = [
        "--global",
        "--local",
        "--system",
        "--show-origin",
        "--name-only",
        "--add",
        "-z",
    ];
    let rest: Vec<&Word> = arguments
        .iter()
        .filter(|word| !scopes.contains(&word.shown()))
        .collect();
    match rest.as_slice() {
        [Word::Fixed(first), ..] if reading.contains(&first.as_str()) => true,
        [Word::Fixed(name), value] if listed(PLAIN_SETTINGS, name) => value.fixed().is_some(),
        [Word::Fixed(name)] => !name.starts_with('-') && name != "edit",
        _ => false,
    }
}
