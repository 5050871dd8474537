//! Files that a text makes, and what of them may run: by the text itself, or later.
//!
//! Invariant: a program that stands by its path, and one that reads such files, is unknown where the text may have written
//! any file before. It knows files by their names only.

use super::super::glimpse;
use super::super::shell::RawCommand;
use super::super::table::{STRONG, listed, wrapper};
use super::super::word::Word;
use super::{Reader, STREAMS, program_name};

/// Endings of files that no program runs by itself.
const KEPT: &str = "yaml yml log txt out err csv json md patch diff gz tgz zst xz sql html";
/// Programs that make a file of what they are given.
const MAKING: &str = "cp mv ln install tee dd patch ed";
/// Programs that copy a file to another place, so that a tool among their words may have another name there.
const COPYING: &str = "rsync scp";
/// Programs that only look at the files they are given, or say their names, and those whose files are known otherwise.
const LOOKING: &str = "cat head tail less more grep egrep fgrep zgrep rg ag ls ll stat file wc diff cmp comm du find readlink realpath basename dirname md5sum sha1sum sha224sum sha256sum sha384sum sha512sum cksum b2sum sum test [ [[ echo printf chmod chown chgrp chattr lsattr getfacl setfacl rm mkdir touch awk gawk mawk jq yq cut tr nl tac od hexdump strings base64 base32 column fold tar zip gzip git ssh ssh-keygen source . crontab visudo namei systemd-analyze cd pushd ln cp mv install rsync scp tee dd patch ed";
/// Programs that look as well, and write a file by these options.
const EDITING: &[(&str, &[&str])] = &[
    ("sed", &["-i", "--in-place"]),
    ("sort", &["-o", "--output"]),
    ("shuf", &["-o", "--output"]),
];
/// Programs that run what stands in files of the folder they are started in.
const READING: &str = "make gmake git sh bash dash zsh ksh ash mksh";
const LATER: &str = "a file whose text runs later";

/// Files that shells, programs or the system read as commands by themselves, by the end or the beginning of their paths.
const STARTED: &[&str] = &[
    "/.bashrc",
    "/.bash_profile",
    "/.bash_login",
    "/.bash_logout",
    "/.bash_aliases",
    "/.profile",
    "/.zshrc",
    "/.zshenv",
    "/.zprofile",
    "/.zlogin",
    "/.kshrc",
    "/.gitconfig",
    "/.ssh/authorized_keys",
    "/.ssh/config",
    "/.ssh/rc",
    "/.ssh/environment",
    "/.pam_environment",
    "/.inputrc",
    "/.vimrc",
    "/.psqlrc",
    "/.config/fish/config.fish",
];
const STARTED_IN: &[&str] = &[
    "/etc/systemd/system/",
    "~/.config/systemd/user/",
    "$HOME/.config/systemd/user/",
    "/etc/cron",
    "/var/spool/cron",
    "/etc/profile",
    "/etc/bash.bashrc",
    "/etc/sudoers",
    "/etc/init.d/",
    "/etc/rc.local",
    "/etc/ld.so.preload",
    "/etc/pam.d/",
    "/proc/sys/kernel/",
];

/// Whether a program may write the files that it is given.
fn may_write(program: &str, words: &[Word]) -> bool {
    let given = |options: &[&str]| {
        let begins = |word: &Word| options.iter().any(|option| word.begins(option));
        words.iter().skip(1).any(begins)
    };
    match EDITING.iter().find(|(name, _)| *name == program) {
        Some((_, options)) => given(options),
        None => !listed(LOOKING, program),
    }
}

/// What a word gives as a file: `F` of `--output=F`, the word itself otherwise.
fn value(word: &str) -> &str {
    match word.split_once('=') {
        Some((option, value)) if option.starts_with('-') => value,
        Some(_) | None => word,
    }
}

impl Reader<'_> {
    /// A program that the text may have written itself, or that reads such a file.
    pub(super) fn made(&mut self) {
        let written = std::mem::take(&mut self.written);
        for (words, own) in std::mem::take(&mut self.runs_files) {
            let mut own = own;
            let other = written.iter().find(|path| {
                if let Some(at) = own.iter().position(|mine| mine == *path) {
                    own.swap_remove(at);
                    return false;
                }
                let path = path.trim_matches(['"', '\'']);
                let name = path.rsplit('/').next().unwrap_or(path);
                let kept = name
                    .rsplit_once('.')
                    .is_some_and(|(_, suffix)| listed(KEPT, suffix));
                !(listed(STREAMS, path) || (kept && !words.contains(name)))
            });
            if other.is_some() {
                self.unknown_at("a program that the text may have made", &words);
            }
        }
    }

    /// Notes where a command runs, reads or makes a file that the text may have written.
    pub(super) fn files_of(&mut self, command: &RawCommand, words: &[Word]) {
        let first = words.first().and_then(Word::fixed);
        // Behind a wrapper it may be any word.
        let wraps = first.is_some_and(|name| wrapper(name).is_some());
        if runs_file(words, wraps) {
            let shown: Vec<&str> = words.iter().map(Word::shown).collect();
            self.runs_files
                .push((shown.join(" "), command.writes.clone()));
        }
        let makes = first.is_some_and(|name| listed(MAKING, last_part(name)))
            || (wraps
                && words
                    .iter()
                    .filter_map(Word::fixed)
                    .any(|text| listed(MAKING, text)));
        if makes {
            let targets = words.iter().skip(1).filter(|word| !word.begins("-"));
            self.written
                .extend(targets.map(|word| word.shown().to_owned()));
            let last = words.last().map(Word::shown).unwrap_or_default();
            self.started(last);
        }
        let copies = first.is_some_and(|name| listed(COPYING, last_part(name)));
        if copies {
            self.started(words.last().map(Word::shown).unwrap_or_default());
        } else if !makes && first.is_some_and(|name| may_write(last_part(name), words)) {
            for word in words.iter().skip(1) {
                self.started(value(word.shown()));
            }
        }
        if copies || (makes && first != Some("tee")) {
            let named = words
                .iter()
                .skip(1)
                .map(Word::shown)
                .flat_map(glimpse::elevation);
            let strong = named.filter(|tool| listed(STRONG, tool));
            self.reading.elevation.extend(strong);
        }
    }

    /// A file is written: its text may run later.
    pub(super) fn started(&mut self, path: &str) {
        let plain = path.replace('"', "");
        if STARTED.iter().any(|end| plain.ends_with(end))
            || STARTED_IN.iter().any(|begin| plain.starts_with(begin))
        {
            self.unknown_at(LATER, path);
        }
    }

    /// `exec < file`: the shell's own input, so what it reads next.
    pub(super) fn reopened(&mut self, command: &RawCommand, words: &[Word]) {
        let mut left = words
            .iter()
            .map(Word::shown)
            .skip_while(|text| matches!(*text, "command" | "builtin"));
        let exec = left.next() == Some("exec") && left.all(|text| text == "--");
        if exec && command.reopens {
            self.unknown_at("another input for the shell itself", "exec");
        }
    }
}

/// Whether words run a file by its path, or a program that reads files by itself.
fn runs_file(words: &[Word], wraps: bool) -> bool {
    let named = |text: &str| listed(READING, last_part(text));
    let own = |word: &Word, text: &str| {
        text.contains('/')
            && word.fixed().is_none_or(|path| program_name(path) == path)
            && !text.starts_with(['-', '~'])
    };
    let first = words.first().is_some_and(|word| {
        let text = word.shown();
        named(text) || own(word, text)
    });
    first
        || (wraps
            && words
                .iter()
                .skip(1)
                .map(Word::shown)
                .take_while(|text| !listed(MAKING, text))
                .any(|text| named(text) || is_path(text)))
}

/// `./x`, `bin/x`: a path from the folder of now, or from home.
fn is_path(text: &str) -> bool {
    !text.contains(' ')
        && !text.starts_with('/')
        && !text.contains("://")
        && text
            .rsplit_once('/')
            .is_some_and(|(_, name)| !name.is_empty())
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
