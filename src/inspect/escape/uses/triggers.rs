//! Options and words by which otherwise ordinary programs run others, as data.

/// Options with which an otherwise ordinary program runs others.
pub(super) struct Trigger {
    pub(super) names: &'static str,
    pub(super) long: &'static [&'static str],
    pub(super) short: &'static [char],
    /// Parts of any word, in lower case.
    pub(super) words: &'static [&'static str],
}

const PLAIN: Trigger = Trigger {
    names: "",
    long: &[],
    short: &[],
    words: &[],
};

pub(super) const TRIGGERS: &[Trigger] = &[
    Trigger {
        names: "tar gtar bsdtar",
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
        ..PLAIN
    },
    Trigger {
        names: "rsync",
        long: &["rsh", "rsync-path", "daemon"],
        short: &['e'],
        ..PLAIN
    },
    Trigger {
        names: "scp",
        short: &['S', 'F', 'D'],
        words: &["command"],
        ..PLAIN
    },
    Trigger {
        names: "make gmake",
        long: &["eval"],
        short: &['E'],
        words: &["shell=", "maketests=", "ld_"],
    },
    Trigger {
        names: "wget",
        long: &["use-askpass", "execute", "config"],
        short: &['e'],
        ..PLAIN
    },
    Trigger {
        names: "curl",
        long: &["engine", "config"],
        short: &['K'],
        ..PLAIN
    },
    Trigger {
        names: "sort",
        long: &["compress-program"],
        ..PLAIN
    },
    Trigger {
        names: "split csplit",
        long: &["filter"],
        ..PLAIN
    },
    Trigger {
        names: "apt apt-get aptitude apt-cache",
        long: &["option", "config-file"],
        short: &['o', 'c'],
        words: &["changelog"],
    },
    Trigger {
        names: "yum dnf zypper",
        long: &[
            "plugin",
            "enableplugin",
            "setopt",
            "config",
            "root",
            "installroot",
        ],
        short: &['c'],
        words: &["shell"],
    },
    Trigger {
        names: "iptables ip6tables",
        long: &["modprobe"],
        short: &['M'],
        ..PLAIN
    },
    Trigger {
        names: "logrotate",
        long: &["mail", "state"],
        short: &['m', 's'],
        ..PLAIN
    },
    Trigger {
        names: "tcpdump",
        short: &['z'],
        ..PLAIN
    },
    Trigger {
        names: "zip",
        long: &["unzip-command", "test"],
        short: &['T'],
        ..PLAIN
    },
    Trigger {
        names: "cpio",
        long: &["rsh-command"],
        ..PLAIN
    },
    Trigger {
        names: "ssh-keygen",
        short: &['D', 'w'],
        ..PLAIN
    },
    Trigger {
        names: "ssh-add",
        short: &['s', 'S'],
        ..PLAIN
    },
    Trigger {
        names: "openssl",
        words: &["-engine", "engine", "-provider", "-config", "-load"],
        ..PLAIN
    },
    Trigger {
        names: "nmap",
        long: &["interactive", "script", "datadir", "servicedb", "resume"],
        words: &["-sc"],
        ..PLAIN
    },
    Trigger {
        names: "nc ncat netcat",
        long: &["exec", "sh-exec", "lua-exec", "listen", "proxy"],
        short: &['e', 'c', 'l', 'L'],
        ..PLAIN
    },
    Trigger {
        names: "gcc g++ cc c++ clang",
        long: &["config"],
        words: &["-wrapper", "-fplugin", "-specs", "-b", "@"],
        ..PLAIN
    },
    Trigger {
        names: "dmesg",
        long: &["human"],
        short: &['H'],
        ..PLAIN
    },
    Trigger {
        names: "redis-cli",
        long: &["eval", "ldb", "pipe"],
        words: &[
            "eval",
            "script",
            "module",
            "debug",
            "config",
            "function",
            "slaveof",
            "replicaof",
        ],
        ..PLAIN
    },
    Trigger {
        names: "mysqldump mariadb-dump mysqladmin",
        long: &[
            "plugin-dir",
            "defaults-file",
            "defaults-extra-file",
            "default-auth",
        ],
        ..PLAIN
    },
    Trigger {
        names: "pidstat",
        short: &['e'],
        ..PLAIN
    },
    Trigger {
        names: "dstat",
        words: &["--", "plugin"],
        ..PLAIN
    },
    Trigger {
        names: "certbot",
        long: &[
            "pre-hook",
            "post-hook",
            "deploy-hook",
            "renew-hook",
            "manual-auth-hook",
            "manual-cleanup-hook",
            "config",
        ],
        short: &['c'],
        words: &["-hook"],
    },
    Trigger {
        names: "latex pdflatex xelatex lualatex tex pdftex xetex luatex latexmk",
        words: &["write18", "shell-escape", "-e"],
        ..PLAIN
    },
    Trigger {
        names: "dvips",
        short: &['R'],
        ..PLAIN
    },
    Trigger {
        names: "pandoc",
        long: &["filter", "lua-filter", "pdf-engine", "defaults"],
        short: &['F', 'L', 'd'],
        ..PLAIN
    },
    Trigger {
        names: "service",
        words: &["/"],
        ..PLAIN
    },
    Trigger {
        names: "openvpn",
        long: &[
            "up",
            "script-security",
            "down",
            "route-up",
            "config",
            "plugin",
        ],
        ..PLAIN
    },
    Trigger {
        names: "enscript",
        short: &['I'],
        ..PLAIN
    },
    Trigger {
        names: "exiftool",
        words: &["-if", "-config", "-p", "-execute"],
        ..PLAIN
    },
    Trigger {
        names: "cowsay cowthink",
        short: &['f'],
        ..PLAIN
    },
    Trigger {
        names: "xdg-user-dir",
        words: &["}", ";", "`", "$"],
        ..PLAIN
    },
    Trigger {
        names: "check_by_ssh check_cups",
        words: &["-o", "command"],
        ..PLAIN
    },
    Trigger {
        names: "tic",
        short: &['C'],
        ..PLAIN
    },
    Trigger {
        names: "update-alternatives",
        long: &["install", "set", "config"],
        ..PLAIN
    },
    Trigger {
        names: "rename prename file-rename",
        words: &["system", "`", "exec", "qx", "eval", "open"],
        ..PLAIN
    },
    Trigger {
        names: "batcat bat delta",
        long: &["pager"],
        ..PLAIN
    },
    Trigger {
        names: "rg ripgrep",
        long: &["pre", "hostname-bin"],
        ..PLAIN
    },
    Trigger {
        names: "fd fdfind",
        long: &["exec", "exec-batch"],
        short: &['x', 'X'],
        ..PLAIN
    },
    Trigger {
        names: "svn",
        long: &[
            "config-option",
            "config-dir",
            "editor-cmd",
            "diff-cmd",
            "diff3-cmd",
        ],
        words: &["svn+"],
        ..PLAIN
    },
    Trigger {
        names: "hg",
        long: &["config", "config-file", "ssh", "remotecmd"],
        short: &['e'],
        words: &["ssh="],
    },
];
