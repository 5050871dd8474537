//! Commands that are nothing but the far end of a transfer: what a client's `sftp`, `scp` or `rsync` starts on a target.
//!
//! Invariant: a command with anything else to it (another program, a wrapper, a redirection, an option that is not
//! known to be harmless) is no far end, and policy is asked about it as about any command.

use crate::domain::action::Action;
use crate::domain::command::Reading;
use crate::domain::hold::SFTP_SERVERS;
use crate::inspect;
use crate::transfer::content::Direction;
use crate::transfer::operation::reading_of;
use crate::transfer::path::place_in_command;

/// The far end of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FarEnd {
    /// OpenSSH's SFTP server: each of its operations is asked about.
    Sftp,
    /// The old protocol of `scp`.
    Scp {
        /// Which way its files go.
        direction: Direction,
        /// The paths of its command line.
        paths: Vec<String>,
    },
    /// rsync's own protocol.
    Rsync {
        /// Which way its files go.
        direction: Direction,
        /// The paths of its command line.
        paths: Vec<String>,
    },
}

impl FarEnd {
    /// What the text of a command is the far end of, where it is one and nothing else.
    pub fn of(command: &[u8]) -> Option<Self> {
        let only = inspect::sole(command)?;
        let (first, arguments) = only.words.split_first()?;
        match only.program.as_str() {
            "scp" => scp(arguments),
            "rsync" => rsync(arguments),
            _ if SFTP_SERVERS.contains(&first.as_str()) && arguments.is_empty() => Some(Self::Sftp),
            _ => None,
        }
    }

    /// The actions that starting it needs.
    pub fn actions(&self) -> Vec<Action> {
        match self {
            Self::Sftp => vec![Action::Upload, Action::Download],
            Self::Scp { direction, .. } | Self::Rsync { direction, .. } => vec![direction.action()],
        }
    }
}

/// The reading of a command, with the paths of a far end as policy sees those of other transfers.
pub fn placed(command: &[u8], reading: Reading) -> Reading {
    if reading.is_opaque() {
        return reading;
    }
    let paths = match FarEnd::of(command) {
        Some(FarEnd::Scp { paths, .. } | FarEnd::Rsync { paths, .. }) => paths,
        Some(FarEnd::Sftp) | None => return reading,
    };
    let places = paths.iter().map(|path| place_in_command(path)).collect();
    Reading {
        commands: reading.commands,
        ..reading_of(places)
    }
}

/// The paths behind all options. One that looks like an option may be taken for one.
fn operands(words: &[String]) -> Option<Vec<String>> {
    let plain = words.iter().all(|word| !word.starts_with('-'));
    (plain && !words.is_empty()).then(|| words.to_vec())
}

/// `scp -t PATH` takes files, `scp -f PATH…` gives them; the rest of what a client's `scp` passes on is about manner.
fn scp(arguments: &[String]) -> Option<FarEnd> {
    let (mut takes, mut gives) = (false, false);
    let mut left = arguments;
    while let Some((option, rest)) = left.split_first().filter(|(word, _)| word.starts_with('-')) {
        left = rest;
        if option == "--" {
            break;
        }
        if option == "-" {
            return None;
        }
        for letter in option.chars().skip(1) {
            match letter {
                't' => takes = true,
                'f' => gives = true,
                'r' | 'p' | 'd' | 'v' | 'q' => {}
                _ => return None,
            }
        }
    }
    let paths = operands(left)?;
    let direction = match (takes, gives) {
        (true, false) if paths.len() == 1 => Direction::Upload,
        (false, true) => Direction::Download,
        _ => return None,
    };
    Some(FarEnd::Scp { direction, paths })
}

/// Letters that a client's rsync passes on and that neither name a file nor make a sender write. `s` is not among them:
/// with it a server reads its true arguments from its input.
const LETTERS: &str = "AbcCdDEgHIJkKlLmnNoOpqrRStuUvWxXyz";

/// Long options of the same kind that take no value.
const FLAGS: &str = "append append-verify copy-unsafe-links delay-updates delete delete-after delete-before delete-delay \
    delete-during delete-excluded delete-missing-args existing fake-super force fsync fuzzy ignore- \
    existing ignore-missing-args inplace mkpath munge-links new-compress no-implied-dirs no-r numeric- \
    ids old-compress omit-dir-times omit-link-times one-file-system partial preallocate safe-links size- \
    only sparse stats use-qsort";

/// Long options of the same kind with a value behind `=`; without it they would take the next word.
const VALUES: &str = "block-size bwlimit checksum-choice checksum-seed compress-choice compress-level contimeout debug \
    iconv info log-format max-alloc max-delete max-size min-size modify-window skip-compress stop-after \
    stop-at suffix timeout";

/// `rsync --server` takes files, `rsync --server --sender` gives them. Any option that is not known makes it a command.
fn rsync(arguments: &[String]) -> Option<FarEnd> {
    let (first, rest) = arguments.split_first()?;
    if first != "--server" {
        return None;
    }
    let count = rest.iter().take_while(|word| *word != ".").count();
    let (options, rest) = rest.split_at_checked(count)?;
    let mut direction = Direction::Upload;
    for option in options {
        match option.as_str() {
            "--sender" => direction = Direction::Download,
            known if is_harmless(known) => {}
            _ => return None,
        }
    }
    let paths = operands(rest.get(1..)?)?;
    let fits = match direction {
        Direction::Upload => paths.len() == 1,
        Direction::Download => true,
    };
    fits.then_some(FarEnd::Rsync { direction, paths })
}

fn is_harmless(option: &str) -> bool {
    let listed = |list: &str, name: &str| list.split_ascii_whitespace().any(|word| word == name);
    if let Some(long) = option.strip_prefix("--") {
        return match long.split_once('=') {
            Some((name, _)) => listed(VALUES, name),
            None => listed(FLAGS, long),
        };
    }
    let Some(letters) = option.strip_prefix('-') else {
        return false;
    };
    if let Some(size) = letters.strip_prefix('B') {
        return !size.is_empty() && size.chars().all(|c| c.is_ascii_digit());
    }
    let (letters, able) = match letters.split_once('e') {
        Some((letters, able)) => (letters, Some(able)),
        None => (letters, None),
    };
    // What a client can do stands behind its `e`: `.iLsfxCIvu`, after the version of a protocol that is not final.
    let is_version = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let able = able.map(|able| {
        let able = able.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        able.contains('.') && is_version(able)
    });
    let known = letters.chars().all(|letter| LETTERS.contains(letter));
    known && able.unwrap_or(!letters.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn end(command: &str) -> Option<FarEnd> {
        FarEnd::of(command.as_bytes())
    }

    fn read(command: &str) -> Reading {
        placed(command.as_bytes(), inspect::exec(command.as_bytes()))
    }

    fn direction(command: &str) -> Option<Direction> {
        match end(command)? {
            FarEnd::Sftp => None,
            FarEnd::Scp { direction, .. } | FarEnd::Rsync { direction, .. } => Some(direction),
        }
    }

    #[test]
    fn the_flags_say_which_way_a_transfer_goes() {
        assert_eq!(direction("scp -t /srv/app"), Some(Direction::Upload));
        assert_eq!(
            direction("scp -v -r -p -d -t -- '/a b'"),
            Some(Direction::Upload)
        );
        assert_eq!(
            direction("/usr/bin/scp -qf /etc/motd"),
            Some(Direction::Download)
        );
        let flags = "-vlogDtpre.iLsfxCIvu";
        for (command, way) in [
            (format!("rsync --server {flags} . /srv/"), Direction::Upload),
            (
                format!("rsync --server --sender {flags} . a b"),
                Direction::Download,
            ),
            (
                format!("rsync --server {flags} --delete --timeout=5 . ."),
                Direction::Upload,
            ),
        ] {
            assert_eq!(direction(&command), Some(way), "{command}");
        }
        assert_eq!(end("/usr/lib/openssh/sftp-server"), Some(FarEnd::Sftp));
    }

    #[test]
    fn anything_more_than_a_far_end_is_a_command() {
        for command in [
            "scp -t /a -f /b",
            "scp -S /tmp/x -t /a",
            "scp -t /a > /tmp/out",
            "scp -t /a; id",
            "/tmp/scp -t /a",
            "nice scp -t /a",
            "sudo scp -t /a",
            "scp a b",
            "scp -t $X",
            "rsync --server --daemon .",
            "rsync --server --sender -logDtpre.L . . > /evil",
            "rsync --server -logDtpre.L . /allowed --log-file=/evil/log",
            "rsync --server -logDtpre.L . /allowed /evil",
            "rsync --server -logDtpre.L . -e.L",
            "scp -f /srv/app/x -b > F",
            "scp -f /srv/app/x -b",
            "scp -t -- -x",
            "scp -t - /x",
            "scp -t /a < /etc/shadow",
            "scp -t /a 2>&1",
            "scp -f /a >&2",
            "scp -t /a &",
            "scp -t /a &>> x",
            "! scp -t /a",
            "(scp -t /a)",
            "{ scp -t /a; }",
            "while scp -t /a; do true; done",
            "f() { scp -t /a; }",
            "if scp -t /a; then true; fi",
            "time scp -t /a",
            "X=1 scp -t /a",
            "PATH=/tmp scp -t /a",
            "scp -t /a X=$(id)",
            "scp -f $(id)",
            "scp -f `id`",
            "scp -f <(id)",
            "scp -f /x >(id)",
            "scp -f \"$X\"",
            "scp -f /a/$X",
            "scp -f /a | id",
            "id | scp -t /a",
            "scp -t /a\nid",
            "scp -t /a && id",
            "scp -t /a # > x",
            "scp -f *",
            "scp -f ?b",
            "scp -f [-]b",
            "scp -f {-b,/x}",
            "scp -f ''*",
            "scp\t-t /a <<< x",
            "sh -c 'scp -t /a'",
            "exec scp -t /a",
            "rsync --server --sender --remove-source-files -e.L . /a",
            "rsync --server --log-file=/etc/x -e.L . /a",
            "rsync --sender --server . /a",
            "rsync -a /a /b",
            "/tmp/sftp-server",
            "sftp-server",
            "/usr/lib/openssh/sftp-server -d /",
        ] {
            assert_eq!(end(command), None, "{command}");
        }
    }

    #[test]
    fn policy_sees_the_paths_of_a_command_as_those_of_requests() {
        let paths = |command: &str| read(command).paths;
        assert_eq!(paths("scp -t ./x//y"), ["~/x/y"]);
        assert_eq!(paths("scp -f /etc//./motd"), ["/etc/motd"]);
        assert!(read("scp -t /srv/app/../x").is_opaque());
        assert_eq!(paths("rsync --server -e.L . ."), ["~"]);
        assert!(read("scp -t ../x").is_opaque());
    }

    #[test]
    fn what_stock_rsync_sends_is_a_far_end() {
        let able = "e.iLsfxCIvu";
        for options in [
            format!("-logDtpr{able}"),
            format!("-vlogDtprz{able}"),
            format!("-lHogDtpAXr{able}"),
            format!("-nlogDtpr{able}"),
            format!("-logDtpr{able} --delete --partial"),
            format!("-logDtpr{able} --log-format=X --partial"),
            format!("-lKymOJWogDtUNprxSIRCXX{able} -B1000 --stats --new-compress"),
            "-lDtprce.LsfxCIvu".to_owned(),
            "-logDtpre31.14iLsfxC".to_owned(),
        ] {
            let takes = format!("rsync --server {options} . /srv/x");
            assert_eq!(direction(&takes), Some(Direction::Upload), "{takes}");
            let gives = format!("rsync --server --sender {options} . /srv/x /srv/y");
            assert_eq!(direction(&gives), Some(Direction::Download), "{gives}");
        }
    }

    #[test]
    fn an_rsync_that_may_be_told_more_or_write_elsewhere_is_a_command() {
        for options in [
            "-s",
            "-slogDtpre.iLsfxCIvu",
            "--secluded-args",
            "--protect-args",
            "-T/dir",
            "-logDtprT/dir",
            "-M--log-file=/x",
            "-f-_x",
            "-logDtpre",
            "-logDtpre./bin/sh",
            "-logDtpre.iLsfxCIvu --log-file=/x",
            "-e.L --log-fil=/x",
            "-e.L --timeout",
            "-e.L --delete=x",
            "-e.L --temp-dir /x",
            "-e.L --backup-dir=/x",
            "-e.L --partial-dir=/x",
            "-e.L --link-dest=/x",
            "-e.L --files-from=-",
            "-e.L --write-devices",
            "-e.L -",
            "-e.L --",
            "-e.L x",
            "--daemon",
        ] {
            for sender in ["", "--sender "] {
                let command = format!("rsync --server {sender}{options} . /srv/x");
                assert_eq!(end(&command), None, "{command}");
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_a_far_end_is_its_paths_stand_in_its_words(text in "(scp|rsync --server)( (-[a-z.-]{1,4}|[.>&;|$`'*{}/a-]{1,4})){0,5}") {
            if let Some(FarEnd::Scp { paths, .. } | FarEnd::Rsync { paths, .. }) = end(&text) {
                prop_assert!(!text.contains(['>', '&', ';', '|', '$', '`']) || text.contains('\''), "{text}");
                prop_assert!(paths.iter().all(|path| !path.starts_with('-')), "{text}");
            }
        }

        #[test]
        fn any_bytes_are_looked_at_without_panic(bytes: Vec<u8>) {
            let _ = FarEnd::of(&bytes);
        }
    }
}
