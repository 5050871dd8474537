//! Programs that read what is typed behind them: run from a shell whose own input it is, they take lines that look like
//! commands, or a part of one, and the shell runs the rest.
//!
//! Where no file is given for certain, such a program counts as one that reads. It knows no shell syntax.

use super::table::listed;
use super::word::Word;

/// A program that reads its input where no file is named.
struct Reader {
    names: &'static str,
    /// Short options with a value.
    values: &'static str,
    /// Words before the files.
    before: usize,
}

const READERS: &[Reader] = &[
    Reader {
        names: "cat tac rev wc md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum sum zcat bzcat \
            xzcat strings hexdump hd more less",
        values: "nsCe",
        before: 0,
    },
    Reader {
        names: "head tail",
        values: "ncs",
        before: 0,
    },
    Reader {
        names: "cut paste expand unexpand column",
        values: "bcdfstno",
        before: 0,
    },
    Reader {
        names: "sort uniq shuf nl fold fmt pr base64 base32 od xxd comm join split csplit tsort iconv",
        values: "ktoSTfswnbdhivlAjNcp",
        before: 0,
    },
    Reader {
        names: "grep egrep fgrep zgrep rgrep",
        values: "efmABCDd",
        before: 1,
    },
    Reader {
        names: "sed awk gawk mawk nawk jq",
        values: "eflFv",
        before: 1,
    },
];

/// Programs and builtins that read whatever their words are.
const ALWAYS: &str = "tr tee xargs read mapfile readarray dd bc dc cpio at batch ssh nc ncat socat openssl gpg mail \
    sponge parallel telnet ftp";

/// Files that are the terminal or the input itself, by the end of their path.
const OWN: &str = "tty stdin console ptmx";
/// Devices that are not.
const HARMLESS: &str = "/dev/null /dev/zero /dev/random /dev/urandom /dev/full";

/// Whether this use of a program may read its input.
pub(super) fn reads(name: &str, words: &[Word]) -> bool {
    if listed(ALWAYS, name) {
        return true;
    }
    let reader = READERS.iter().find(|reader| listed(reader.names, name));
    reader.is_some_and(|reader| !reader.has_file(words.get(1..).unwrap_or_default()))
}

/// Whether a path is a file for certain, and not what a program would read anyway.
pub(super) fn is_file(path: &str) -> bool {
    let end = path.rsplit('/').next().unwrap_or_default();
    let device = path.contains("dev/") || path.contains("proc/") || path.contains("fd/");
    listed(HARMLESS, path) || !(path == "-" || device || listed(OWN, end))
}

impl Reader {
    /// Whether files are named, and nothing else is read.
    fn has_file(&self, arguments: &[Word]) -> bool {
        let (mut files, mut before) = (0, self.before);
        let mut value = false;
        for word in arguments {
            let Some(text) = word.fixed() else {
                // A pattern of file names, or a variable: it may be nothing.
                value = false;
                continue;
            };
            if std::mem::take(&mut value) {
                continue;
            }
            match text.strip_prefix('-') {
                Some("") => return false,
                Some(long) if long.starts_with('-') => {
                    value = !long.contains('=') && !long.ends_with("follow") && long != "-";
                    if long.starts_with("-files0-from") || long.starts_with("-file") {
                        return false;
                    }
                }
                Some(short) => {
                    let valued = short.find(|c| self.values.contains(c));
                    value = valued.is_some_and(|at| at + 1 == short.len());
                    // The program's own text stands in an option.
                    if self.before > 0 && short.contains(['e', 'f']) {
                        before = 0;
                    }
                    if self.before > 0 && short.contains('f') && value {
                        return false;
                    }
                }
                None if before > 0 => before -= 1,
                None if is_file(text) => files += 1,
                None => return false,
            }
        }
        files > 0
    }
}
