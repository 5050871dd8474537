//! Uses by which programs that can start a shell are harmless, as data.

/// A program that can start a shell, but not by some subcommands.
pub(super) struct Tame {
    pub(super) names: &'static str,
    /// Options with a value that may stand before the subcommand.
    pub(super) values: &'static str,
    /// Options without one.
    pub(super) flags: &'static str,
    /// Subcommands that run nothing of somebody's choice.
    pub(super) ordinary: &'static str,
    /// Subcommands of which the next word is one of `within`.
    pub(super) groups: &'static str,
    pub(super) within: &'static str,
    /// Words that are never harmless, also as the beginning of `--name=value`.
    pub(super) never: &'static str,
}

pub(super) const CONTAINERS: Tame = Tame {
    names: "docker podman nerdctl",
    values: "-H --host -c --context -l --log-level -n --namespace",
    flags: "-D --debug --tls --tlsverify -v --version --help",
    ordinary: "ps images logs inspect stats top port restart stop start kill pause unpause wait rm rmi pull push tag info \
        version events diff history search login logout rename save load update export --version -v --help",
    groups: "buildx manifest container image network volume system context compose node service stack swarm secret config pod builder",
    within: "ls list ps inspect prune rm df info events logs stats top port restart stop start kill pause unpause wait pull \
        push tag history diff version images down up config create connect disconnect show use",
    never: "",
};

pub(super) const TAMES: &[Tame] = &[
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
        names: "ctr",
        values: "-n --namespace -a --address",
        flags: "--debug",
        ordinary: "version info",
        groups: "containers container c images image i tasks task t namespaces namespace ns snapshots content plugins events",
        within: "ls list info ps check metrics",
        never: "",
    },
    Tame {
        names: "php php-fpm",
        values: "",
        flags: "",
        ordinary: "-m -i -t -tt --modules --info --ini",
        groups: "",
        within: "",
        never: "-r -f -a -d -c",
    },
    Tame {
        names: "dotnet poetry",
        values: "",
        flags: "",
        ordinary: "--info --version --list-sdks --list-runtimes show check version",
        groups: "",
        within: "",
        never: "",
    },
    Tame {
        names: "uv",
        values: "",
        flags: "",
        ordinary: "version --version",
        groups: "pip",
        within: "list show freeze check tree",
        never: "",
    },
    Tame {
        names: "visudo ncdu",
        values: "",
        flags: "",
        ordinary: "-c -cf -cq -o --version",
        groups: "",
        within: "",
        never: "-e --extra",
    },
    Tame {
        names: "lnav",
        values: "",
        flags: "",
        ordinary: "-n",
        groups: "",
        within: "",
        never: "-c -f -i",
    },
    Tame {
        names: "man pipx conda mamba cpulimit packer",
        values: "-l --limit",
        flags: "",
        ordinary: "-k -f -w --where list info -p --pid version --version validate inspect",
        groups: "env",
        within: "list",
        never: "-c --exec run",
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
        names: "influx",
        values: "-database -host -port -username -format -precision",
        flags: "",
        ordinary: "-execute version --version",
        groups: "",
        within: "",
        never: "-import -path",
    },
    Tame {
        names: "kubectl oc",
        values: "-n --namespace --context --cluster --user -s --server --request-timeout -l --selector -o --output -v --v",
        flags: "-A --all-namespaces --insecure-skip-tls-verify",
        ordinary: "get describe logs top rollout scale apply delete cluster-info version api-resources api-versions explain \
            label annotate cordon uncordon drain taint wait create expose autoscale patch set replace events certificate \
            diff kustomize auth status project projects whoami adm login logout",
        groups: "config",
        within: "current-context get-contexts view use-context get-clusters get-users set-context rename-context \
            delete-context unset",
        never: "--kubeconfig --edit --exec-command --",
    },
    Tame {
        names: "helm",
        values: "-n --namespace --kube-context",
        flags: "--debug",
        ordinary: "list ls status history get show search version repo template upgrade install uninstall delete rollback lint \
            dependency dep pull push package verify env diff",
        groups: "",
        within: "",
        never: "--post-renderer --kubeconfig --registry-config",
    },
    Tame {
        names: "virsh",
        values: "",
        flags: "-r --readonly -q --quiet",
        ordinary: "list domstats domifaddr snapshot-list dominfo domstate domblklist domiflist net-list net-info pool-list pool-info vol-list start shutdown \
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
        ordinary: "list search env environment which show info validate --version -v -V version outdated licenses status diagnose platform metadata \
            tree",
        groups: "",
        within: "",
        never: "-w -toolexec",
    },
    Tame {
        names: "tmux",
        values: "",
        flags: "",
        ordinary: "ls list-sessions lsw list-windows has-session -V",
        groups: "",
        within: "",
        never: "; -F",
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
        names: "vault",
        values: "",
        flags: "",
        ordinary: "status kv read list print token version --version login secrets policy",
        groups: "",
        within: "",
        never: "",
    },
    Tame {
        names: "nomad",
        values: "",
        flags: "",
        ordinary: "status node version --version server eval deployment",
        groups: "job alloc",
        within: "status plan inspect history logs",
        never: "",
    },
    Tame {
        names: "rabbitmqctl",
        values: "-n",
        flags: "-q",
        ordinary: "status cluster_status list_queues list_users list_vhosts list_connections list_channels list_exchanges \
            list_bindings list_consumers ping version help",
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
        names: "ansible ansible-playbook ansible-inventory puppet vault iftop",
        values: "",
        flags: "",
        ordinary: "--version -t --list-hosts --syntax-check --graph --list status",
        groups: "",
        within: "",
        never: "-m -a --args -e",
    },
];

/// Programs that tell their version or their options and end, by that word alone.
pub(super) const VERSIONS: &[(&str, &str)] = &[
    (
        "python python2 python3 perl ruby node nodejs php lua luajit julia R Rscript octave scala groovy ghc ghci erl elixir iex \
        guile bun deno pwsh fish csh tcsh nu elvish vi vim view nvim nano emacs ed less more most man info gdb lldb screen tmux \
        mutt lftp socat dc m4 gawk irb pry java javac jshell mysql mariadb psql sqlite3 redis-cli mongosh mongo rpm \
        ansible ansible-playbook docker podman kubectl helm terraform puppet nmap multitail lnav poetry uv erb gunicorn asciinema k3s op tcpdump valgrind strace perf rlwrap parallel \
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
    ("java javac scala socat influx", "-version"),
    ("tmux socat", "-V"),
    ("go kubectl helm terraform docker podman", "version"),
];

/// Options with a value, and those without one, of programs that are often given values that are computed.
pub(super) const VALUES: &[(&str, &str, &str)] = &[
    (
        "curl",
        "-H -d -X -o -u -A -b -e -F -T -w -m --header --data --data-raw --data-binary --data-urlencode --request --output --user \
            --url --max-time --connect-timeout --retry --form",
        "-s -S -L -f -k -v -i -I -G -N -O -sS -fsSL -sSL -fsS -sf -sL -sk -fs --silent --show-error --fail --location --insecure \
            --get --compressed",
    ),
    ("tcpdump", "-i -c -w -r -s", "-n -nn -v -vv -e -A -l -q -X"),
];
