//! The programs that inspection knows, as data: what runs other programs and how their options are skipped.
//!
//! Invariant: an option that is not listed is not guessed at; it makes the command unreadable.
//! Behaviour lives in `unwrap` and `escape`; here are only tables.

/// Whether a name is in a list of names that are divided by spaces.
pub(super) fn listed(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|word| word == name)
}

/// How a program is found to run another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The words that follow are a command.
    Command,
    /// The words that follow, joined by spaces, are shell text.
    Text,
    /// The words that follow are a command, or `-c` and one shell text.
    CommandOrText,
    /// The words that follow are a command, to which words from the program's input are added.
    Appended,
    /// Nothing can follow; a shell text may stand in an option.
    Nothing,
    /// What follows cannot be read.
    Unreadable(&'static str),
}

/// What a program does when no command follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alone {
    /// It is an ordinary program then.
    Ordinary,
    /// It starts a shell.
    Shell,
}

/// A program that runs others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wrapper {
    /// Its name.
    pub(super) name: &'static str,
    /// Short options without a value.
    pub(super) flags: &'static str,
    /// Short options with a value.
    pub(super) values: &'static str,
    /// Long options without a value, or with one only after `=`.
    pub(super) long_flags: &'static str,
    /// Long options with a value.
    pub(super) long_values: &'static str,
    /// Options with which nothing is run.
    pub(super) inert: &'static str,
    /// Options that ask for a shell when no command follows.
    pub(super) shell: &'static str,
    /// Options whose value is shell text.
    pub(super) text: &'static str,
    /// Words before the command.
    pub(super) operands: usize,
    /// Whether options may also stand behind the operands.
    pub(super) permutes: bool,
    /// Whether `NAME=value` may stand before the command.
    pub(super) assignments: bool,
    /// What follows.
    pub(super) then: Then,
    /// What it does alone.
    pub(super) alone: Alone,
    /// Whether it asks for other rights.
    pub(super) elevates: bool,
    /// Whether it is a command in its own right, besides what it runs.
    pub(super) counts: bool,
}

const PLAIN: Wrapper = Wrapper {
    name: "",
    flags: "",
    values: "",
    long_flags: "",
    long_values: "",
    inert: "--help --version",
    shell: "",
    text: "",
    operands: 0,
    permutes: false,
    assignments: false,
    then: Then::Command,
    alone: Alone::Ordinary,
    elevates: false,
    counts: false,
};

const ELEVATING: Wrapper = Wrapper {
    elevates: true,
    alone: Alone::Shell,
    ..PLAIN
};

const fn simple(name: &'static str, flags: &'static str, values: &'static str) -> Wrapper {
    Wrapper {
        name,
        flags,
        values,
        ..PLAIN
    }
}

const fn later(name: &'static str, why: &'static str) -> Wrapper {
    Wrapper {
        name,
        then: Then::Unreadable(why),
        ..ELEVATING
    }
}

const LATER: &str = "text that runs later";

/// Programs that run what follows them.
pub(super) const WRAPPERS: &[Wrapper] = &[
    Wrapper {
        long_flags: "ignore-environment null debug list-signal-handling",
        long_values: "unset chdir",
        assignments: true,
        ..simple("env", "i0v", "uC")
    },
    Wrapper {
        long_values: "adjustment",
        ..simple("nice", "0123456789", "n")
    },
    simple("nohup", "", ""),
    Wrapper {
        long_flags: "foreground preserve-status verbose",
        long_values: "kill-after signal",
        operands: 1,
        ..simple("timeout", "v", "ks")
    },
    Wrapper {
        long_flags: "portability verbose append quiet",
        long_values: "format output",
        ..simple("time", "pvaq", "fo")
    },
    Wrapper {
        long_flags: "null no-run-if-empty verbose interactive exit open-tty",
        long_values: "arg-file delimiter max-lines max-args max-procs max-chars process-slot-var",
        then: Then::Appended,
        ..simple("xargs", "0rtpxo", "adLnPsEI")
    },
    simple("exec", "cl", "a"),
    Wrapper {
        inert: "-v -V",
        ..simple("command", "pvV", "")
    },
    simple("builtin", "", ""),
    Wrapper {
        then: Then::Text,
        ..simple("eval", "", "")
    },
    Wrapper {
        long_flags: "ctty fork wait",
        ..simple("setsid", "cfw", "")
    },
    Wrapper {
        long_values: "input output error",
        ..simple("stdbuf", "", "ioe")
    },
    Wrapper {
        long_flags: "ignore",
        long_values: "class classdata",
        inert: "-p -P -u",
        ..simple("ionice", "tpPu", "cn")
    },
    Wrapper {
        long_flags: "batch fifo idle other rr reset-on-fork verbose",
        operands: 1,
        inert: "-p -m",
        ..simple("chrt", "bfiorRvapm", "TPD")
    },
    Wrapper {
        long_flags: "cpu-list",
        inert: "-p",
        operands: 1,
        ..simple("taskset", "cap", "")
    },
    Wrapper {
        long_flags: "beep color differences errexit chgexit no-title precise no-wrap",
        long_values: "interval",
        then: Then::Text,
        ..simple("watch", "bcdegtpw", "n")
    },
    Wrapper {
        long_flags: "shared exclusive nonblock close verbose no-fork",
        long_values: "wait timeout conflict-exit-code",
        operands: 1,
        then: Then::CommandOrText,
        ..simple("flock", "sxenoFu", "wE")
    },
    Wrapper {
        long_flags: "append return flush force quiet",
        text: "-c --command",
        operands: 1,
        permutes: true,
        then: Then::Nothing,
        alone: Alone::Shell,
        ..simple("script", "aefqt", "EIOoB")
    },
    Wrapper {
        values: "bcDEeIiJLlmOopQRSWw",
        flags: "46AaCfGgKkMNnqsTtVvXxYy",
        operands: 1,
        permutes: true,
        then: Then::Text,
        alone: Alone::Shell,
        counts: true,
        inert: "-V -N",
        ..simple("ssh", "", "")
    },
    simple("busybox", "", ""),
    simple("toybox", "", ""),
    simple("cgexec", "", "g"),
    simple("numactl", "", "NmCil"),
    simple("prlimit", "", ""),
    simple("dbus-run-session", "", ""),
    simple("chronic", "ev", ""),
    simple("unbuffer", "p", ""),
    simple("caffeinate", "dimsu", "tw"),
    Wrapper {
        // The architecture is one of the names below, or a program that is not known.
        long_flags: "addr-no-randomize uname-2.6 show verbose 32bit 3gb 4gb",
        ..simple("setarch", "RvBFILSTXZ3", "")
    },
    simple("linux32", "RvBFILSTXZ3", ""),
    simple("linux64", "RvBFILSTXZ3", ""),
    simple("i386", "RvBFILSTXZ3", ""),
    simple("x86_64", "RvBFILSTXZ3", ""),
    simple("eatmydata", "", ""),
    simple("tini", "gsvw", "pe"),
    simple("dumb-init", "cv", "r"),
    Wrapper {
        long_values: "adjust",
        ..simple("choom", "", "n")
    },
    simple("softlimit", "", "acdfmorst"),
    simple("catchsegv", "", ""),
    Wrapper {
        then: Then::Unreadable("a command that is built from its input"),
        ..simple("parallel", "", "")
    },
    simple("ltrace", "bcCfhiLrStTV", "aADeFlnopsuwx"),
    Wrapper {
        long_flags: "follow-forks summary-only summary absolute-timestamps syscall-times decode-fds quiet",
        long_values: "attach output trace string-limit user env interruptible",
        ..simple("strace", "cCdfFhiknqrtTvVwxyYzZ", "abeIoOpPsSuUX")
    },
];

/// Programs that ask for another user's rights, or that run something outside the session.
pub(super) const ELEVATION: &[Wrapper] = &[
    Wrapper {
        name: "sudo",
        flags: "ABbEeHikKlnPSsvV",
        values: "aCcDgGhpRrTtUu",
        long_flags: "askpass bell background preserve-env edit set-home login remove-timestamp \
            reset-timestamp list non-interactive preserve-groups stdin shell validate",
        long_values: "auth-type close-from login-class chdir group host prompt chroot role type \
            command-timeout other-user user",
        inert: "-l -v -V -K -e --list --validate --edit --help --version",
        shell: "-i -s --login --shell",
        assignments: true,
        alone: Alone::Ordinary,
        ..ELEVATING
    },
    Wrapper {
        name: "sudoedit",
        then: Then::Nothing,
        alone: Alone::Ordinary,
        ..ELEVATING
    },
    Wrapper {
        name: "su",
        flags: "lmpfP",
        values: "gGsw",
        long_flags: "login preserve-environment fast pty",
        long_values: "group supp-group shell whitelist-environment",
        text: "-c --command",
        operands: 1,
        permutes: true,
        then: Then::Unreadable("arguments for another user's shell"),
        ..ELEVATING
    },
    Wrapper {
        name: "runuser",
        flags: "lmpfP",
        values: "ugGsw",
        long_flags: "login preserve-environment fast pty",
        long_values: "user group supp-group shell whitelist-environment",
        text: "-c --command",
        permutes: true,
        ..ELEVATING
    },
    Wrapper {
        name: "doas",
        flags: "nsL",
        values: "uCa",
        shell: "-s",
        alone: Alone::Ordinary,
        ..ELEVATING
    },
    Wrapper {
        name: "pkexec",
        long_flags: "disable-internal-agent keep-cwd",
        long_values: "user",
        values: "u",
        ..ELEVATING
    },
    Wrapper {
        name: "run0",
        flags: "i",
        values: "ugDE",
        long_flags: "no-ask-password pty pipe slice-inherit lightweight",
        long_values: "unit description slice user group nice chdir setenv background machine",
        ..ELEVATING
    },
    Wrapper {
        name: "systemd-run",
        flags: "tPqGdrS",
        values: "uEMH",
        long_flags: "scope user system no-block wait pty pipe quiet collect same-dir remain-after-exit \
            send-sighup no-ask-password slice-inherit shell",
        long_values: "unit description slice uid gid nice working-directory setenv host machine \
            service-type on-active on-boot on-startup on-unit-active on-unit-inactive \
            on-calendar",
        ..ELEVATING
    },
    Wrapper {
        name: "setpriv",
        long_flags: "clear-groups keep-groups init-groups no-new-privs nnp reset-env dump",
        long_values: "reuid regid ruid rgid euid egid groups ambient-caps inh-caps bounding-set securebits \
            pdeathsig",
        inert: "-d --dump",
        flags: "d",
        ..ELEVATING
    },
    Wrapper {
        name: "chroot",
        long_flags: "skip-chdir",
        long_values: "userspec groups",
        operands: 1,
        ..ELEVATING
    },
    Wrapper {
        name: "nsenter",
        flags: "amuinpUCTrwFZe",
        values: "tSG",
        long_flags: "all mount uts ipc net pid user cgroup time root wd no-fork env preserve-credentials",
        long_values: "target setuid setgid",
        ..ELEVATING
    },
    Wrapper {
        name: "unshare",
        flags: "muinpUCTfrc",
        values: "SGRw",
        long_flags: "mount uts ipc net pid user cgroup time fork map-root-user map-current-user \
            mount-proc kill-child keep-caps map-auto",
        long_values: "setuid setgid root wd propagation map-user map-group map-users map-groups",
        ..ELEVATING
    },
    Wrapper {
        inert: "--print --version --help",
        ..later("capsh", "arguments for another shell")
    },
    Wrapper {
        inert: "list list-images status show image-status --version --help",
        ..later("machinectl", "a command in another machine")
    },
    Wrapper {
        inert: "-l -c -V",
        ..later("at", LATER)
    },
    later("batch", LATER),
    Wrapper {
        inert: "-l",
        ..later("crontab", LATER)
    },
    later("newgrp", "a shell with another group"),
    later("sg", "a shell with another group"),
    later("dzdo", "arguments of another elevation tool"),
    later("pfexec", "arguments of another elevation tool"),
    later("please", "arguments of another elevation tool"),
    later("ksu", "arguments of another elevation tool"),
    later("sudo-rs", "arguments of another elevation tool"),
    later("su-rs", "arguments of another elevation tool"),
    later("su-exec", "arguments of another elevation tool"),
    later("gosu", "arguments of another elevation tool"),
    later("gsudo", "arguments of another elevation tool"),
    later("gksu", "arguments of another elevation tool"),
    later("gksudo", "arguments of another elevation tool"),
    later("kdesu", "arguments of another elevation tool"),
    later("kdesudo", "arguments of another elevation tool"),
    later("beesu", "arguments of another elevation tool"),
    later("calife", "arguments of another elevation tool"),
    later("super", "arguments of another elevation tool"),
    later("userhelper", "arguments of another elevation tool"),
    later("setuidgid", "arguments of another elevation tool"),
    later("s6-setuidgid", "arguments of another elevation tool"),
    later("chpst", "arguments of another elevation tool"),
    later("login", "another user's session"),
    later("sulogin", "another user's session"),
    later("systemd-nspawn", "a command in another system"),
];

/// A program with options whose value is the command line of another program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spawn {
    /// Its names.
    pub(super) names: &'static str,
    /// The short option, alone or with the value in its word.
    pub(super) short: Option<char>,
    /// Flags that may stand before it in one word.
    pub(super) flags: &'static str,
    /// The long options.
    pub(super) long: &'static str,
    /// What it adds to the command line.
    pub(super) behind: &'static str,
}

/// Programs that are told what to run in an option.
pub(super) const SPAWNS: &[Spawn] = &[
    Spawn {
        names: "tar gtar bsdtar",
        short: Some('I'),
        flags: "",
        long: "use-compress-program",
        behind: " -d",
    },
    Spawn {
        names: "rsync",
        short: Some('e'),
        flags: "avzrlptgoDHAXPhnuq",
        long: "rsh",
        behind: " host rsync --server . .",
    },
    Spawn {
        names: "sort",
        short: None,
        flags: "",
        long: "compress-program",
        behind: " -d",
    },
    Spawn {
        names: "split",
        short: None,
        flags: "",
        long: "filter",
        behind: "",
    },
    Spawn {
        names: "tcpdump",
        short: Some('z'),
        flags: "",
        long: "",
        behind: " file",
    },
];

/// Tools of elevation whose names are hardly anything else.
pub(super) const STRONG: &str = "sudo sudoedit su doas pkexec run0 runuser systemd-run nsenter machinectl sudo-rs su-rs dzdo gosu \
    su-exec setuidgid gksu gksudo kdesu kdesudo";

/// Programs that run none of their words, so that the name of a tool among them is only a name.
pub(super) const TELLING: &[&str] = &[
    "echo printf cat tac head tail grep egrep fgrep zgrep rgrep rg ack ag ls dir vdir tree stat file readlink realpath basename \
        dirname wc sort uniq cut paste join comm tr fold fmt nl rev od xxd hexdump hd strings base32 base64 md5sum sha1sum \
        sha224sum sha256sum sha384sum sha512sum b2sum cksum sum cmp diff diff3 sdiff colordiff column expand unexpand shuf seq \
        zcat bzcat xzcat jq yq xmllint iconv dos2unix unix2dos tee touch mkdir rmdir rm cp mv ln install chmod chown \
        chgrp chattr lsattr setfacl getfacl truncate shred dd df du ncdu locate updatedb which whereis type whatis apropos \
        test [ [[ true false : cd pushd popd dirs pwd export unset set shopt read printenv umask ulimit help jobs fg bg wait kill \
        killall pkill pgrep pidof ps pstree top htop w who whoami id groups users last lastb lastlog logname tty date cal uptime \
        hostname hostnamectl uname arch nproc getconf locale localectl timedatectl free vmstat iostat mpstat sar lscpu lsblk \
        lsusb lspci lsmod modinfo lsof fuser dmesg journalctl logger loginctl systemctl systemd-analyze systemd-cgls ss netstat \
        ip ifconfig route arp ping ping6 traceroute tracepath mtr dig nslookup host whois getent curl wget scp nc",
    "apt apt-get apt-cache apt-mark aptitude dpkg dpkg-query rpm yum dnf zypper pacman apk snap flatpak brew pip pip3 npm gem \
        useradd usermod userdel adduser deluser groupadd groupmod groupdel gpasswd passwd chsh chfn chage finger \
        getcap setcap getsebool setsebool sestatus ausearch aureport auditctl fail2ban-client ufw iptables ip6tables nft \
        git svn hg tar gzip gunzip zip unzip bzip2 xz zstd 7z cpio rsync awk gawk mawk nawk sed gsed openssl gpg ssh-keygen \
        ssh-keyscan ssh-add mount umount findmnt mountpoint swapon swapoff blkid fdisk parted mkfs fsck sysctl ldd ldconfig nm \
        objdump readelf man info less more most vi vim nano view emacs docker podman kubectl oc helm psql mysql redis-cli mail \
        wall write mesg sleep yes expr factor bc alias unalias history hash trap let declare typeset local readonly exit logout \
        return break continue shift getopts sha256 logrotate crontab atq service sendmail postqueue mailq",
];

/// Shells whose `-c` text is read.
pub(super) const SHELLS: &str = "sh bash dash zsh ksh mksh ash rbash ksh93 pdksh";

/// Folders whose programs are called by their name alone.
pub(super) const SYSTEM_FOLDERS: &str = "/bin /sbin /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin /usr/lib/openssh \
    /usr/libexec/openssh /snap/bin";

/// Programs that can start a shell or run code of their own, but for the uses of them that are known to be harmless.
pub(super) const ESCAPES: &[&str] = &[
    // shells that are not read
    "fish csh tcsh elvish nu pwsh rksh restricted-shell yash posh sash osh oil xonsh rc es",
    // editors and pagers
    "vi vim view vimdiff vimtutor gvim rvim rview nvim ex ed red emacs emacsclient nano pico rnano micro joe jed mcedit mc kak \
        hx helix vigr vipw visudo editor sensible-editor select-editor less more most pg pager lesspipe man info pinfo w3m lynx \
        links links2 elinks ranger nnn vifm lf fzf sk ispell",
    // interpreters
    "perl python pypy ipython jupyter ruby irb pry byebug rails rake node nodejs deno bun lua luajit php tclsh wish expect guile \
        ghci ghc runghc julia R Rscript octave jshell java jrunscript groovy scala kotlin osascript ocaml sbcl clisp racket erl \
        elixir iex mix swipl gnuplot dc m4 jjs gimp perldoc perlbug pdb dotnet mono ginsh slsh rebar3 lein clojure cobc",
    // debuggers, builders and others that run programs they are told
    "gdb lldb rr ftp lftp sftp psftp telnet cpan gem cargo go bundle bundler pip easy_install uv pipx npx npm yarn pnpm bunx \
        composer rpm dpkg-reconfigure run-parts run-mailcap start-stop-daemon logsave ssh-agent ssh-copy-id sshpass socat \
        puppet salt-call salt chef-client knife ansible ansible-playbook ansible-console ansible-test terraform tofu packer \
        cscli genie rlwrap rlogin rsh mosh autossh facter mail mutt mailx torify torsocks proxychains proxychains4 fakeroot \
        valgrind perf tshark wireshark aria2c entr watchexec make-kpkg crash scanmem tdbtool tasksh task hping3 multitime \
        hyperfine aa-exec cdist grc openvt pexec minicom msfconsole sqlmap zathura scrot xdotool bpftrace \
        bconsole iftop distcc dosbox rtorrent trace-cmd heaptrack eb",
    // what runs a program within another surrounding
    "faketime envdir envuidgid cpulimit pipenv poetry conda mamba nix nix-shell guix direnv xvfb-run dotenv foreman \
        aws-vault chamber envconsul vault-env doppler watchman proot fakechroot systemd-inhibit systemd-cat",
    // multiplexers and containers
    "tmux tmate screen byobu dtach abduco zellij docker docker-compose podman podman-compose nerdctl ctr crictl lxc lxc-attach \
        lxc-start incus kubectl oc k9s helm buildah bwrap firejail flatpak snap vagrant virsh apptainer singularity \
        toolbox distrobox",
    // database clients
    "mysql mariadb psql sqlite3 mongo mongosh sqlplus cqlsh pgcli mycli litecli clickhouse-client duckdb",
];

/// Programs that run what comes on their input unless their words give them something else.
pub(super) const INTERPRETERS: &str = "fish csh tcsh elvish nu pwsh rksh restricted-shell perl python ruby irb node nodejs deno bun lua luajit php \
    tclsh wish expect guile ghci julia R Rscript octave jshell java jrunscript groovy scala osascript ocaml sbcl clisp racket \
    erl elixir iex swipl gnuplot dc m4 gimp gdb lldb vi vim view vimdiff rvim rview nvim ex ed red emacs sftp ftp lftp \
    telnet virsh";

/// Clients that do so whatever other words follow.
pub(super) const CLIENTS: &str =
    "mysql mariadb psql sqlite3 mongosh mongo sqlplus redis-cli cqlsh pgcli";

/// Interpreters whose first word, where it is no option, is a script, which is all that they run.
pub(super) const SCRIPTED: &str = "fish csh tcsh elvish nu pwsh rksh perl python ruby node nodejs lua luajit php tclsh wish expect \
    guile julia Rscript octave ocaml clisp racket elixir";

/// Programs that start another one, or a connection, which then has their input.
pub(super) const RUNNERS: &str = "socat nc ncat netcat sshpass start-stop-daemon logsave ssh-agent torify proxychains proxychains4 \
    fakeroot valgrind perf rlwrap bwrap firejail k9s lxc-attach tmux screen byobu dtach abduco zellij setarch linux32 linux64 \
    faketime eatmydata choom softlimit chpst setuidgid s6-setuidgid envdir envuidgid tini dumb-init cpulimit pipenv poetry \
    conda nix nix-shell guix direnv entr mosh rsh rlogin slogin autossh";

/// Clients of places in which programs can be run.
pub(super) const PLACED: &str = "docker podman nerdctl ctr crictl lxc incus kubectl oc helm buildah flatpak snap vagrant docker-compose";

/// Variables that are harmless though their names look like those below.
pub(super) const HARMLESS: &str = "NODE_ENV RAILS_ENV RUST_LOG RUST_BACKTRACE OPTIND OPTARG";

/// Variables that change how programs are found or started, or what programs run by themselves.
pub(super) const SENSITIVE: &str = "IFS PS0 PS1 PS2 PS3 PS4 MAGIC MAKE CC CXX CPP LD AR AS FC GLOBIGNORE LESS TMOUT EXECIGNORE \
    COLUMNS LINES POSIXLY_CORRECT EDITOR VISUAL FCEDIT HOSTALIASES INPUTRC WGETRC CURLRC SCREENRC READNULLCMD NULLCMD OSH \
    histchars auto_resume path fpath cdpath manpath mailpath module_path prompt fignore";

/// Beginnings of such variables' names.
pub(super) const SENSITIVE_PREFIXES: &[&str] = &[
    "LD_", "DYLD_", "BASH", "GIT_", "PERL", "PYTHON", "SYSTEMD_", "LUA_", "ZSH", "ZDOT", "LESS",
    "MAIL", "TERM", "NODE_", "NPM_", "npm_", "RUBY", "GEM_", "JAVA_", "JDK_", "_JAVA", "DOCKER_",
    "KUBE", "CARGO_", "RUST", "GLIBC_", "MALLOC_", "RES_", "GCONV", "AWK", "PIP_", "MAN", "SUDO_",
    "SSH_", "HIST", "COMP_",
];

/// What the names of such variables contain when they are written in capitals: more than are known by name.
pub(super) const SENSITIVE_PARTS: &[&str] = &[
    "PATH", "SHELL", "PAGER", "EDITOR", "BROWSER", "PROMPT", "COMMAND", "CMD", "EXEC", "WRAPPER",
    "PRELOAD", "LIBRAR", "MODULE", "PLUGIN", "LOADER", "HOOK", "OPT", "FLAGS", "ARGS", "INIT",
    "STARTUP", "ENV", "HOME", "CONF", "ASKPASS", "RSH", "SSH", "TRACE", "TERM", "LESS", "HIST",
];

/// Builtins that run text, change what names mean, or evaluate names given to them.
pub(super) const UNREADABLE: &[(&str, &str)] = &[
    ("source", "a file that the shell reads"),
    (".", "a file that the shell reads"),
    ("function", "a function that shells read differently"),
    ("autoload", "a name that is given another meaning"),
    ("zmodload", "a name that is given another meaning"),
    ("zle", "text that runs later"),
    ("bindkey", "text that runs later"),
    ("compgen", "text that runs later"),
    ("fc", "a command from the history"),
    ("r", "a command from the history"),
    ("coproc", "a coprocess"),
    ("select", "syntax of another shell"),
    ("repeat", "syntax of another shell"),
    ("foreach", "syntax of another shell"),
    ("noglob", "syntax of another shell"),
    ("nocorrect", "syntax of another shell"),
    ("-", "syntax of another shell"),
    ("emulate", "syntax of another shell"),
    ("sched", "text that runs later"),
];

/// Builtins that evaluate an array index inside a name they are given.
pub(super) const NAMING: &str =
    "read unset printf test [ declare typeset local export readonly getopts wait";

/// Programs that page their output on a terminal unless told not to; an escape only with another user's rights.
pub(super) const PAGING: &str = "systemctl journalctl git loginctl timedatectl hostnamectl networkctl resolvectl coredumpctl \
    localectl bootctl systemd-analyze busctl apt apt-get aptitude dpkg yum dnf top htop dmesg";
