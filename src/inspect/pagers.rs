//! Programs that start a pager by themselves when they write to a terminal: whoever has one can start a shell from it.
//!
//! It knows them by name and subcommand, and takes the options that switch a pager off at their word. Whether the output
//! goes to a pipe instead is not looked at: at a terminal the doubt counts.

use super::table::listed;
use crate::domain::command::{Reading, SimpleCommand};

/// A program that pages, the subcommands that do (none: whatever it does), and the options that switch it off.
struct Pages {
    program: &'static str,
    subcommands: &'static str,
    off: &'static str,
}

const PAGES: &[Pages] = &[
    Pages {
        program: "git",
        subcommands: "log show diff blame annotate reflog shortlog whatchanged range-diff grep branch tag stash config help",
        off: "--no-pager -P",
    },
    Pages {
        program: "journalctl",
        subcommands: "",
        off: "--no-pager -f --follow",
    },
    Pages {
        program: "systemctl",
        subcommands: "status show cat list-units list-unit-files list-timers list-sockets list-jobs list-dependencies list-machines show-environment help",
        off: "--no-pager",
    },
    Pages {
        program: "systemd-analyze",
        subcommands: "",
        off: "--no-pager",
    },
    Pages {
        program: "coredumpctl",
        subcommands: "",
        off: "--no-pager",
    },
    Pages {
        program: "loginctl",
        subcommands: "",
        off: "--no-pager",
    },
    Pages {
        program: "machinectl",
        subcommands: "",
        off: "--no-pager",
    },
    Pages {
        program: "busctl",
        subcommands: "",
        off: "--no-pager",
    },
    Pages {
        program: "networkctl",
        subcommands: "",
        off: "--no-pager",
    },
    Pages {
        program: "timedatectl",
        subcommands: "",
        off: "--no-pager",
    },
    Pages {
        program: "bat",
        subcommands: "",
        off: "--paging=never -P -pp",
    },
    Pages {
        program: "batcat",
        subcommands: "",
        off: "--paging=never -P -pp",
    },
    Pages {
        program: "aws",
        subcommands: "",
        off: "--no-cli-pager",
    },
    Pages {
        program: "gh",
        subcommands: "pr issue run release repo search api gist",
        off: "",
    },
    Pages {
        program: "psql",
        subcommands: "",
        off: "",
    },
];

/// Adds the programs that would start a pager to a reading's ways out.
pub(super) fn add(reading: &mut Reading) {
    let paging = reading.commands.iter().filter(|command| pages(command));
    let names: Vec<String> = paging.map(|command| command.program.clone()).collect();
    reading.escapes.extend(names);
}

fn pages(command: &SimpleCommand) -> bool {
    let words = || command.words.iter().skip(1);
    let known = PAGES.iter().find(|pages| pages.program == command.program);
    known.is_some_and(|pages| {
        let subcommand =
            pages.subcommands.is_empty() || words().any(|word| listed(pages.subcommands, word));
        subcommand && !words().any(|word| listed(pages.off, word))
    })
}

#[cfg(test)]
mod tests {
    use crate::inspect;

    #[test]
    fn what_starts_a_pager_at_a_terminal_is_a_way_out_there_and_only_there() {
        for line in [
            "git log",
            "git -C /srv/app log -n 5",
            "journalctl -u nginx",
            "systemctl status nginx",
            "cd /srv && git diff",
            "aws ec2 describe-instances",
            "psql -c 'select 1' app",
        ] {
            let bytes = line.as_bytes();
            assert!(!inspect::at_terminal(bytes).escapes.is_empty(), "{line}");
            assert!(inspect::piped(bytes).escapes.is_empty(), "{line}");
        }
        for line in [
            "git pull",
            "git --no-pager log",
            "git status",
            "journalctl --no-pager -u nginx",
            "journalctl -fu nginx --no-pager",
            "systemctl restart nginx",
            "df -h",
        ] {
            let escapes = inspect::at_terminal(line.as_bytes()).escapes;
            assert!(escapes.is_empty(), "{line}: {escapes:?}");
        }
    }
}
