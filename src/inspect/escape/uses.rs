//! Programs that can start a shell by some of their uses only: those by an option or a word (`Trigger`), and those that
//! are harmless by a few subcommands (`Tame`), as data.
//!
//! Invariant: a trigger counts wherever it stands, also shortened; a subcommand counts only where nothing before it is
//! unknown.

use super::super::table::listed;
use super::super::word::Word;

/// Options with which an otherwise ordinary program runs others.
struct Trigger {
    names: &'static str,
    long: &'static [&'static str],
    short: &'static [char],
    /// Parts of any word, in lower case.
    words: &'static [&'static str],
}

const PLAIN: Trigger = Trigger {
    names: "",
    long: &[],
    short: &[],
    words: &[],
};

const TRIGGERS: &[Trigger] = &[
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

/// A program that can start a shell, but not by some subcommands.
struct Tame {
    names: &'static str,
    /// Options with a value that may stand before the subcommand.
    values: &'static str,
    /// Options without one.
    flags: &'static str,
    /// Subcommands that run nothing of somebody's choice.
    ordinary: &'static str,
    /// Subcommands of which the next word is one of `within`.
    groups: &'static str,
    within: &'static str,
    /// Words that are never harmless, also as the beginning of `--name=value`.
    never: &'static str,
}

const CONTAINERS: Tame = Tame {
    names: "docker podman nerdctl",
    values: "-H --host -c --context -l --log-level -n --namespace",
    flags: "-D --debug --tls --tlsverify -v --version --help",
    ordinary: "ps images logs inspect stats top port restart stop start kill pause unpause wait rm rmi pull push tag info \
        version events diff history search login logout rename --version -v --help",
    groups: "container image network volume system context compose node service stack swarm secret config pod builder",
    within: "ls list ps inspect prune rm df info events logs stats top port restart stop start kill pause unpause wait pull \
        push tag history diff version images down up config create connect disconnect show use",
    never: "",
};

const TAMES: &[Tame] = &[
    CONTAINERS,
    Tame {
        names: "docker-compose podman-compose",
        values: "-f --file -p --project-name --env-file --profile --project-directory",
        flags: "--ansi --verbose",
        ordinary: "ps logs pull push up down restart stop start kill pause unpause images top port config version ls events rm \
            create --version -v",
        groups: "",
        within: "",
        never: "",
    },
    Tame {
        names: "crictl",
        values: "-r --runtime-endpoint",
        flags: "-D --debug",
        ordinary: "ps pods images info version inspect inspecti inspectp logs stats statsp start stop rm rmi pull --version -v",
        groups: "",
        within: "",
        never: "",
    },
    Tame {
        names: "kubectl oc",
        values: "-n --namespace --context --cluster --user -s --server --request-timeout -l --selector -o --output",
        flags: "-A --all-namespaces --insecure-skip-tls-verify",
        ordinary: "get describe logs top rollout scale apply delete cluster-info version api-resources api-versions explain \
            label annotate cordon uncordon drain taint wait create expose autoscale patch set replace events certificate \
            auth status project projects whoami adm login logout",
        groups: "config",
        within: "current-context get-contexts view use-context get-clusters get-users",
        never: "--kubeconfig --edit --exec-command",
    },
    Tame {
        names: "helm",
        values: "-n --namespace --kube-context",
        flags: "--debug",
        ordinary: "list ls status history get show search version repo template upgrade install uninstall delete rollback lint \
            dependency dep pull push package verify env",
        groups: "",
        within: "",
        never: "--post-renderer --kubeconfig --registry-config",
    },
    Tame {
        names: "virsh",
        values: "",
        flags: "-r --readonly -q --quiet",
        ordinary: "list dominfo domstate domblklist domiflist net-list net-info pool-list pool-info vol-list start shutdown \
            reboot nodeinfo version dumpxml --version",
        groups: "",
        within: "",
        never: "",
    },
    Tame {
        names: "lxc incus",
        values: "--project",
        flags: "",
        ordinary: "list ls info version start stop restart delete --version",
        groups: "image network storage config profile",
        within: "list ls show info",
        never: "",
    },
    Tame {
        names: "snap flatpak",
        values: "",
        flags: "",
        ordinary: "list find search info version changes services refresh install remove logs connections update --version",
        groups: "",
        within: "",
        never: "",
    },
    Tame {
        names: "vagrant",
        values: "",
        flags: "",
        ordinary: "status global-status version --version -v",
        groups: "box",
        within: "list",
        never: "",
    },
    Tame {
        names: "terraform tofu",
        values: "",
        flags: "-version --version",
        ordinary: "version show output state validate fmt plan init workspace providers graph get refresh -version --version",
        groups: "",
        within: "",
        never: "",
    },
    Tame {
        names: "pip pip3",
        values: "",
        flags: "--disable-pip-version-check -q --quiet",
        ordinary: "list freeze show check inspect --version -V",
        groups: "cache config index",
        within: "list dir info get versions",
        never: "",
    },
    Tame {
        names: "npm yarn pnpm",
        values: "--prefix -C",
        flags: "-g --global --silent -s",
        ordinary: "ls list version view info outdated audit ping root prefix whoami why licenses --version -v",
        groups: "config cache",
        within: "get list ls verify",
        never: "",
    },
    Tame {
        names: "gem composer bundle bundler cargo go",
        values: "",
        flags: "",
        ordinary: "list search environment which show info validate --version -v -V version outdated licenses status diagnose platform metadata \
            tree",
        groups: "",
        within: "",
        never: "-w",
    },
    Tame {
        names: "tmux",
        values: "",
        flags: "",
        ordinary: "ls list-sessions lsw list-windows has-session -V",
        groups: "",
        within: "",
        never: "",
    },
    Tame {
        names: "screen",
        values: "",
        flags: "",
        ordinary: "-ls -list -v --version -wipe",
        groups: "",
        within: "",
        never: "",
    },
    Tame {
        names: "consul",
        values: "",
        flags: "",
        ordinary: "members info catalog kv operator monitor version --version validate",
        groups: "",
        within: "",
        never: "",
    },
    Tame {
        names: "supervisorctl",
        values: "-c -s -u -p",
        flags: "",
        ordinary: "status start stop restart reread update tail avail pid clear signal version",
        groups: "",
        within: "",
        never: "",
    },
    Tame {
        names: "run-parts",
        values: "",
        flags: "",
        ordinary: "--test --list --report-test",
        groups: "",
        within: "",
        never: "",
    },
    Tame {
        names: "ssh-agent",
        values: "",
        flags: "",
        ordinary: "-s -k -c",
        groups: "",
        within: "",
        never: "",
    },
    Tame {
        names: "ansible ansible-playbook puppet vault iftop",
        values: "",
        flags: "",
        ordinary: "--version -t --list-hosts --syntax-check status",
        groups: "",
        within: "",
        never: "-m -a --args -e",
    },
];

/// Programs that tell their version or their options and end, by that word alone.
const VERSIONS: &[(&str, &str)] = &[
    (
        "python python2 python3 perl ruby node nodejs php lua luajit julia R Rscript octave scala groovy ghc ghci erl elixir iex \
        guile bun deno pwsh fish csh tcsh nu elvish vi vim view nvim nano emacs ed less more most man info gdb lldb screen tmux \
        mutt lftp socat dc m4 gawk irb pry java javac jshell mysql mariadb psql sqlite3 redis-cli mongosh mongo rpm \
        ansible ansible-playbook docker podman kubectl helm terraform puppet nmap tcpdump valgrind strace perf rlwrap parallel \
        gcc g++ cc c++ cpan pip pip3 npm npx gem composer go cargo rails rake bundle ipython jupyter vagrant virsh snap flatpak",
        "--version --help",
    ),
    (
        "python python2 python3 perl php mysql mariadb psql tmux valgrind",
        "-V",
    ),
    (
        "perl ruby node nodejs php lua luajit gcc g++ cc java npm redis-cli docker screen irb",
        "-v",
    ),
    ("java javac scala socat", "-version"),
    ("tmux socat", "-V"),
    ("go kubectl helm terraform docker podman", "version"),
];

/// Whether an otherwise harmless program is told to run another; `None` for one that is not known here.
pub(super) fn is_triggered(name: &str, arguments: &[Word]) -> Option<bool> {
    let trigger = TRIGGERS
        .iter()
        .find(|trigger| listed(trigger.names, name))?;
    Some(trigger.pulled_by(arguments))
}

/// Whether a program that can start a shell is harmless in this use.
pub(super) fn is_tame(names: &[&str], arguments: &[Word]) -> bool {
    let known = |list: &str| names.iter().any(|name| listed(list, name));
    if let [only] = arguments
        && let Some(text) = only.fixed()
        && VERSIONS
            .iter()
            .any(|(list, words)| known(list) && listed(words, text))
    {
        return true;
    }
    if known(CONTAINERS.names) && attaches(arguments) {
        return false;
    }
    if known("rpm") {
        return asks_packages(arguments);
    }
    TAMES
        .iter()
        .any(|tame| known(tame.names) && tame.by(arguments))
}

impl Trigger {
    fn pulled_by(&self, arguments: &[Word]) -> bool {
        let mut options = true;
        arguments.iter().enumerate().any(|(at, word)| match word {
            Word::Computed { .. } if word.may_be_option() => options,
            Word::Computed { raw, .. } => {
                options && raw.starts_with('-') && self.option(raw, false)
            }
            Word::Fixed(text) => {
                options &= text != "--";
                let lower = text.to_ascii_lowercase();
                let old_style = at == 0
                    && listed(
                        "tar gtar bsdtar",
                        self.names.split(' ').next().unwrap_or_default(),
                    );
                self.words.iter().any(|w| lower.contains(w))
                    || (options && self.option(text, old_style))
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

impl Tame {
    fn by(&self, arguments: &[Word]) -> bool {
        let never = arguments.iter().map(Word::shown).any(|text| {
            let name = text.split('=').next().unwrap_or(text);
            listed(self.never, name)
        });
        if never {
            return false;
        }
        let mut left = arguments;
        loop {
            let [first, rest @ ..] = left else {
                return false;
            };
            let Some(text) = first.fixed() else {
                return false;
            };
            if listed(self.ordinary, text) {
                return true;
            }
            if listed(self.groups, text) {
                return self.group(rest);
            }
            let valued = text
                .split_once('=')
                .is_some_and(|(name, _)| listed(self.values, name));
            if valued || listed(self.flags, text) {
                left = rest;
            } else if listed(self.values, text) {
                let [value, after @ ..] = rest else {
                    return false;
                };
                if !value.is_one_word() {
                    return false;
                }
                left = after;
            } else {
                return false;
            }
        }
    }

    /// The subcommand of a subcommand, behind options that have their value in the same word or name a file.
    fn group(&self, arguments: &[Word]) -> bool {
        let mut left = arguments;
        loop {
            match left {
                [Word::Fixed(option), value, rest @ ..]
                    if matches!(
                        option.as_str(),
                        "-f" | "--file" | "-p" | "--project-name" | "--env-file" | "--profile"
                    ) && value.is_one_word() =>
                {
                    left = rest;
                }
                [Word::Fixed(text), ..] => return listed(self.within, text),
                _ => return false,
            }
        }
    }
}

/// `docker start -ai`: a container whose shell may be talked to.
fn attaches(arguments: &[Word]) -> bool {
    let has = |wanted: &str| arguments.iter().any(|word| listed(wanted, word.shown()));
    has("start") && has("-i -a -ai -ia --interactive --attach")
}

/// `rpm -qa`, `rpm -V`: questions, without an option by which something is run.
fn asks_packages(arguments: &[Word]) -> bool {
    let asks = arguments.first().and_then(Word::fixed).is_some_and(|text| {
        let short = text.starts_with("-q") || text.starts_with("-V") || text.starts_with("-K");
        short || matches!(text, "--query" | "--verify" | "--checksig" | "--version")
    });
    let runs = |word: &Word| {
        let text = word.shown();
        let plain = [
            "--pipe",
            "--eval",
            "--macros",
            "--rcfile",
            "--define",
            "--load",
            "--predefine",
            "-E",
            "-D",
        ];
        word.may_be_option() || plain.iter().any(|option| text.starts_with(option))
    };
    asks && !arguments.iter().any(runs)
}
