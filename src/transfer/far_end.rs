//! Commands that are nothing but the far end of a transfer: what a client's `sftp`, `scp` or `rsync` starts on a target.
//!
//! Invariant: a command with anything else to it (another program, a wrapper, a redirection, an option that is not
//! known to be harmless) is no far end, and policy is asked about it as about any command.

use crate::domain::action::Action;
use crate::domain::command::{Reading, SimpleCommand};
use crate::domain::hold::SFTP_SERVERS;
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
    /// What a command is the far end of, where it is one.
    pub fn of(reading: &Reading) -> Option<Self> {
        let [only] = reading.commands.as_slice() else {
            return None;
        };
        let plain = !reading.is_opaque()
            && reading.elevation.is_empty()
            && reading.escapes.is_empty()
            && only.wrappers.is_empty();
        if !plain {
            return None;
        }
        let end = Self::named(only)?;
        let paths = end.paths();
        // A redirection would be one more.
        (paths.len() == reading.paths.len() || reading.paths.iter().eq(without_here(paths)))
            .then_some(end)
    }

    fn named(command: &SimpleCommand) -> Option<Self> {
        let (first, arguments) = command.words.split_first()?;
        match command.program.as_str() {
            "scp" => scp(arguments),
            "rsync" => rsync(arguments),
            _ if SFTP_SERVERS.contains(&first.as_str()) && arguments.is_empty() => Some(Self::Sftp),
            _ => None,
        }
    }

    fn paths(&self) -> &[String] {
        match self {
            Self::Sftp => &[],
            Self::Scp { paths, .. } | Self::Rsync { paths, .. } => paths,
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

/// rsync's own word for the folder that it starts in is not among the paths of a reading.
fn without_here(paths: &[String]) -> impl Iterator<Item = &String> {
    paths.iter().filter(|path| *path != ".")
}

/// The reading of a command, with the paths of a far end as policy sees those of other transfers.
pub fn placed(reading: Reading) -> Reading {
    let paths = match FarEnd::of(&reading) {
        Some(FarEnd::Scp { paths, .. } | FarEnd::Rsync { paths, .. }) => paths,
        Some(FarEnd::Sftp) | None => return reading,
    };
    let places = paths.iter().map(|path| place_in_command(path)).collect();
    Reading {
        commands: reading.commands,
        ..reading_of(places)
    }
}

/// `scp -t PATH` takes files, `scp -f PATH…` gives them; the rest of what a client's `scp` passes on is about manner.
fn scp(arguments: &[String]) -> Option<FarEnd> {
    let mut arguments = arguments.iter().peekable();
    let (mut takes, mut gives) = (false, false);
    while let Some(option) = arguments.next_if(|word| word.starts_with('-')) {
        if option == "--" {
            break;
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
    let paths: Vec<String> = arguments.cloned().collect();
    let direction = match (takes, gives) {
        (true, false) if paths.len() == 1 => Direction::Upload,
        (false, true) if !paths.is_empty() => Direction::Download,
        _ => return None,
    };
    Some(FarEnd::Scp { direction, paths })
}

/// Long options that a client's rsync passes on and that neither name a file nor make a sender write.
const HARMLESS: [&str; 55] = [
    "append",
    "append-verify",
    "block-size",
    "bwlimit",
    "checksum-choice",
    "checksum-seed",
    "compress-choice",
    "compress-level",
    "contimeout",
    "copy-unsafe-links",
    "debug",
    "delay-updates",
    "delete",
    "delete-after",
    "delete-before",
    "delete-delay",
    "delete-during",
    "delete-excluded",
    "delete-missing-args",
    "existing",
    "fake-super",
    "force",
    "fsync",
    "fuzzy",
    "iconv",
    "ignore-existing",
    "ignore-missing-args",
    "info",
    "inplace",
    "log-format",
    "max-alloc",
    "max-delete",
    "max-size",
    "min-size",
    "mkpath",
    "modify-window",
    "munge-links",
    "new-compress",
    "no-implied-dirs",
    "numeric-ids",
    "old-compress",
    "omit-dir-times",
    "omit-link-times",
    "one-file-system",
    "partial",
    "preallocate",
    "safe-links",
    "size-only",
    "sparse",
    "stats",
    "stop-after",
    "stop-at",
    "suffix",
    "timeout",
    "use-qsort",
];

/// `rsync --server` takes files, `rsync --server --sender` gives them.
fn rsync(arguments: &[String]) -> Option<FarEnd> {
    let (first, rest) = arguments.split_first()?;
    if first != "--server" {
        return None;
    }
    let options = rest.iter().take_while(|word| word.starts_with('-'));
    let count = options.clone().count();
    let mut direction = Direction::Upload;
    for option in options {
        let Some(long) = option.strip_prefix("--") else {
            continue;
        };
        let name = long.split('=').next().unwrap_or_default();
        match name {
            "sender" => direction = Direction::Download,
            name if HARMLESS.contains(&name) => {}
            _ => return None,
        }
    }
    let (here, paths) = rest.get(count..)?.split_first()?;
    (here == "." && !paths.is_empty()).then(|| FarEnd::Rsync {
        direction,
        paths: paths.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::exec;

    fn end(command: &str) -> Option<FarEnd> {
        FarEnd::of(&exec(command.as_bytes()))
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
        let paths = |command: &str| placed(exec(command.as_bytes())).paths;
        assert_eq!(paths("scp -t ./x//y"), ["~/x/y"]);
        assert_eq!(paths("scp -f /etc//./motd"), ["/etc/motd"]);
        assert!(placed(exec(b"scp -t /srv/app/../x")).is_opaque());
        assert_eq!(paths("rsync --server -e.L . ."), ["~"]);
        assert!(placed(exec(b"scp -t ../x")).is_opaque());
    }
}
