//! Options and words by which otherwise ordinary programs run others, as data.

/// Options with which an otherwise ordinary program runs others.
pub(super) struct Trigger {
    pub(super) names: &'static str,
    pub(super) long: &'static [&'static str],
    pub(super) short: &'static [char],
    /// Parts of any word, in lower case.
    pub(super) words: &'static [&'static str],
}

pub(super) const PLAIN: Trigger = Trigger {
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
        long: &["rsh", "rsync-path", "daemon", "remote-option"],
        short: &['e', 'M'],
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
        long: &[
            "option",
            "config-file",
            "solver",
            "planner",
            "compile",
            "build",
        ],
        short: &['o', 'c', 'b'],
        words: &["changelog", "edit-sources"],
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
        long: &["mail", "state", "log"],
        short: &['m', 's', 'l'],
        words: &["/tmp", "/home", "/dev/shm", "./"],
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
        short: &['s', 'S', 'e'],
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
        names: "gcc g++ cc c++ c89 c99 clang x86_64-linux-gnu-gcc",
        long: &["config"],
        words: &[
            "-wrapper", "plugin", "-specs", "-b", "@", "-fuse-ld", "-xlinker", "-load",
        ],
        ..PLAIN
    },
    Trigger {
        names: "dmesg",
        long: &["human"],
        short: &['H'],
        ..PLAIN
    },
    Trigger {
        names: "mysqldump mariadb-dump mysqladmin mariadb-admin mysqlcheck mariadb-check mysqlslap mariadb-slap mysqlshow \
            mysqlbinlog mysqlimport mysql_upgrade mysqld_safe mysqld",
        long: &[
            "plugin-dir",
            "defaults-file",
            "defaults-extra-file",
            "default-auth",
            "pre-system",
            "post-system",
            "ledir",
            "mysqld",
            "init-file",
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
        words: &["write18", "shell-escape", "-e", "latex=", "output-driver"],
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
            "iproute",
            "ipchange",
            "client-connect",
            "client-disconnect",
            "learn-address",
            "auth-user-pass-verify",
            "tls-verify",
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
        words: &["-if", "-config", "-p", "-execute", "<", "-api", "-@"],
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
    Trigger {
        names: "dmsetup",
        long: &["exec"],
        ..PLAIN
    },
    Trigger {
        names: "csvtool",
        words: &["call"],
        ..PLAIN
    },
    Trigger {
        names: "rpmquery rpmdb rpmverify",
        words: &["--eval", "--pipe", "--load", "--rcfile", "--macros"],
        short: &['E'],
        ..PLAIN
    },
    Trigger {
        names: "rpmbuild rpmspec",
        words: &["-"],
        ..PLAIN
    },
    Trigger {
        names: "restic rclone",
        words: &[
            "command", "sftp.", "ssh=", "-ssh", "--rc", "config", "rclone.",
        ],
        ..PLAIN
    },
    Trigger {
        names: "borg",
        long: &[
            "rsh",
            "remote-path",
            "content-from-command",
            "paths-from-command",
            "tar-filter",
        ],
        ..PLAIN
    },
    Trigger {
        names: "sshfs",
        words: &["command", "ssh_"],
        ..PLAIN
    },
    Trigger {
        names: "dhclient",
        words: &["-sf", "-cf"],
        ..PLAIN
    },
    Trigger {
        names: "udhcpc",
        short: &['s'],
        ..PLAIN
    },
    Trigger {
        names: "pppd",
        words: &["connect", "pty", "init", "plugin", "file"],
        ..PLAIN
    },
    Trigger {
        names: "dnsmasq",
        long: &["dhcp-script", "conf-file", "dhcp-luascript", "conf-script"],
        short: &['6'],
        ..PLAIN
    },
    Trigger {
        names: "iptables-restore ip6tables-restore",
        long: &["modprobe"],
        short: &['M'],
        ..PLAIN
    },
    Trigger {
        names: "gpg gpg2",
        words: &[
            "photo-v",
            "exec-path",
            "-prog",
            "-program",
            "--options",
            "--edit-key",
        ],
        ..PLAIN
    },
    Trigger {
        names: "nm ld ar ranlib objdump strip ld.bfd ld.gold",
        words: &["-plugin"],
        ..PLAIN
    },
    Trigger {
        names: "busctl dbus-send gdbus qdbus",
        words: &["transient", "systemd1"],
        ..PLAIN
    },
    Trigger {
        names: "coredumpctl",
        words: &["gdb", "debug"],
        ..PLAIN
    },
    Trigger {
        names: "dialog whiptail",
        long: &["prgbox", "programbox"],
        ..PLAIN
    },
    Trigger {
        names: "plymouth",
        words: &["--command"],
        ..PLAIN
    },
    Trigger {
        names: "aws",
        words: &[
            "start-session",
            "send-command",
            "execute-command",
            "credential_process",
            "help",
        ],
        ..PLAIN
    },
    Trigger {
        names: "gcloud az doctl cf",
        words: &["ssh", "run-command", "help"],
        ..PLAIN
    },
    Trigger {
        names: "minikube multipass",
        words: &["ssh", "shell", "exec"],
        ..PLAIN
    },
    Trigger {
        names: "unison",
        words: &[
            "sshcmd",
            "rshcmd",
            "sshargs",
            "servercmd",
            "-merge",
            "-diff",
            "-backupprog",
        ],
        ..PLAIN
    },
    Trigger {
        names: "duplicity",
        words: &["-options", "gpg-binary"],
        ..PLAIN
    },
    Trigger {
        names: "wpa_cli",
        short: &['a'],
        ..PLAIN
    },
    Trigger {
        names: "groff troff pic",
        short: &['U', 'F'],
        ..PLAIN
    },
    Trigger {
        names: "incrontab fcrontab",
        short: &['e'],
        ..PLAIN
    },
    // Files that give other users, or anybody, the rights of their owner.
    Trigger {
        names: "setcap",
        words: &["=", "+"],
        ..PLAIN
    },
    Trigger {
        names: "ag ack ugrep ug rga",
        long: &[
            "pager",
            "output",
            "ackrc",
            "view",
            "rga-config-file",
            "filter",
            "config",
        ],
        ..PLAIN
    },
    Trigger {
        names: "rotatelogs",
        short: &['p'],
        ..PLAIN
    },
    Trigger {
        names: "postgres pg_ctl pg_ctlcluster pg_upgrade",
        long: &["pgoptions", "options", "single", "old-bindir", "new-bindir"],
        short: &['c', 'o', 'p', 'b', 'B'],
        words: &["command", "librar"],
    },
    Trigger {
        names: "redis-server valkey-server",
        long: &["loadmodule", "enable-module-command", "dir", "dbfilename"],
        ..PLAIN
    },
    Trigger {
        names: "memcached etcd caddy traefik envoy",
        words: &["plugin", "--config", "-c"],
        ..PLAIN
    },
    Trigger {
        names: "etcdctl",
        words: &["exec", "lock", "elect"],
        ..PLAIN
    },
    Trigger {
        names: "mdadm",
        long: &["program", "alert"],
        short: &['p'],
        words: &["monitor"],
    },
    Trigger {
        names: "smartd",
        short: &['w', 'c'],
        ..PLAIN
    },
    Trigger {
        names: "powertop",
        long: &["workload"],
        short: &['w'],
        ..PLAIN
    },
    Trigger {
        names: "lvm lvs pvs vgs lvcreate lvchange lvextend vgchange pvcreate vgcreate",
        long: &["config"],
        ..PLAIN
    },
    Trigger {
        names: "xfs_io xfs_db xfs_quota",
        words: &["!"],
        ..PLAIN
    },
    Trigger {
        names: "qemu-system-x86_64 qemu-system-aarch64 qemu-system-i386 qemu-system-arm kvm qemu",
        words: &["script", "stdio", "exec", "-qmp", "helper"],
        ..PLAIN
    },
    Trigger {
        names: "hdfs",
        words: &["jar", "-files"],
        ..PLAIN
    },
    Trigger {
        names: "nvm rbenv pyenv asdf rustup hatch pdm rye opam darcs",
        words: &["exec", "run"],
        ..PLAIN
    },
    Trigger {
        names: "ccache sccache",
        words: &["/", "gcc", "cc", "clang"],
        ..PLAIN
    },
    Trigger {
        names: "dpkg dpkg-deb",
        words: &["invoke", "status-log", "--admindir", "--instdir", "--root"],
        ..PLAIN
    },
    Trigger {
        names: "dpkg-buildpackage debuild debsign",
        short: &['r', 'p'],
        words: &["hook", "command", "-cmd"],
        ..PLAIN
    },
    Trigger {
        names: "javac keytool jar jarsigner jps jstack jmap jcmd rmiregistry",
        words: &["-j-", "-provider", "-processor", "plugin", "agent", "@"],
        ..PLAIN
    },
    Trigger {
        names: "clang-tidy opt llc gfortran gdc gccgo cpp rustc rustdoc",
        words: &[
            "-b.", "-b/", "plugin", "load", "linker", "-fuse-ld", "-wrapper", "-specs", "--test",
            "codegen",
        ],
        ..PLAIN
    },
    Trigger {
        names: "ctest",
        words: &["-s", "--script", "--build-and-test"],
        ..PLAIN
    },
    Trigger {
        names: "wget2",
        words: &["plugin", "use-askpass", "config", "execute"],
        ..PLAIN
    },
    Trigger {
        names: "sendmail exim exim4 postfix msmtp mpop fetchmail mbsync getmail",
        words: &[
            "-c",
            "-be",
            "-m",
            "passwordeval",
            "connect",
            "exec",
            "plugin",
            "-d",
            "-r",
        ],
        ..PLAIN
    },
    Trigger {
        names: "fail2ban-client",
        words: &["set", "-c"],
        ..PLAIN
    },
    Trigger {
        names: "mpv ffmpeg ffplay vlc",
        words: &["script", "pipe:", "filter_script"],
        ..PLAIN
    },
    Trigger {
        names: "gs ghostscript ps2pdf convert magick gm montage identify mogrify display animate",
        words: &[
            "nosafer",
            "pipe%",
            "show:",
            "win:",
            "x:",
            "|",
            "-script",
            "msl:",
            "@",
            "delegate:",
        ],
        ..PLAIN
    },
    Trigger {
        names: "openconnect vpnc openfortivpn wg-quick sshuttle",
        words: &[
            "script", "-csd", "wrapper", "pppd", "-e", "plugin", "-s", "--config", "--python", "@",
        ],
        ..PLAIN
    },
    Trigger {
        names: "gh",
        words: &["alias", "codespace", "exec", "extension", "ssh"],
        ..PLAIN
    },
    Trigger {
        names: "aspell hunspell",
        words: &["-c", "check"],
        ..PLAIN
    },
    Trigger {
        names: "tshark",
        short: &['X'],
        words: &["lua"],
        ..PLAIN
    },
    Trigger {
        names: "varlinkctl",
        words: &["exec"],
        ..PLAIN
    },
];
