//! Programs by what they can be made to run.

use std::collections::HashSet;
use std::sync::LazyLock;

/// The names in lists of names that are divided by spaces.
fn names(lists: &[&'static str]) -> HashSet<&'static str> {
    let names = lists.iter().flat_map(|list| list.split_ascii_whitespace());
    names.collect()
}

/// A program with options whose value is the command line of another program.
#[derive(Debug, Clone, Copy)]
pub(in crate::inspect) struct Spawn {
    /// Its names.
    pub(in crate::inspect) names: &'static str,
    /// The short option, alone or with the value in its word.
    pub(in crate::inspect) short: Option<char>,
    /// Flags that may stand before it in one word.
    pub(in crate::inspect) flags: &'static str,
    /// The long options.
    pub(in crate::inspect) long: &'static str,
    /// What it adds to the command line.
    pub(in crate::inspect) behind: &'static str,
}

/// Programs that are told what to run in an option.
pub(in crate::inspect) const SPAWNS: &[Spawn] = &[
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
pub(in crate::inspect) const STRONG: &str = "sudo sudoedit su doas pkexec run0 runuser systemd-run nsenter machinectl sudo-rs su-rs dzdo gosu \
    su-exec setuidgid gksu gksudo kdesu kdesudo pbrun pmrun sudo.ws su.ws opendoas lxsudo lxqt-sudo";

/// Programs that run none of their words, so that the name of a tool among them is only a name.
pub(in crate::inspect) static TELLING: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    names(&[
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
        ssh-keyscan ssh-add update-alternatives mount umount findmnt mountpoint swapon swapoff blkid fdisk parted mkfs fsck sysctl ldd ldconfig nm \
        objdump readelf man info less more most vi vim nano view emacs docker podman kubectl oc helm psql mysql redis-cli mail \
        wall write mesg sleep yes expr factor bc alias unalias history hash trap let declare typeset local readonly exit logout \
        return break continue shift getopts sha256 logrotate crontab atq service sendmail postqueue mailq",
    ])
});

/// Shells whose `-c` text is read.
pub(in crate::inspect) const SHELLS: &str = "sh bash dash zsh ksh mksh ash rbash ksh93 pdksh";

/// Folders whose programs are called by their name alone.
pub(in crate::inspect) const SYSTEM_FOLDERS: &str = "/bin /sbin /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin /usr/lib/openssh \
    /usr/libexec/openssh /snap/bin";

/// Programs that can start a shell or run code of their own, but for the uses of them that are known to be harmless.
pub(in crate::inspect) static ESCAPES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    names(&[
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
        valgrind perf wireshark aria2c entr watchexec make-kpkg crash scanmem tdbtool tasksh task hping3 multitime \
        hyperfine aa-exec cdist grc openvt pexec minicom msfconsole sqlmap zathura scrot xdotool bpftrace \
        bconsole iftop distcc dosbox rtorrent trace-cmd heaptrack eb",
        // what runs a program within another surrounding
        "faketime envdir envuidgid cpulimit pipenv poetry conda mamba nix nix-shell guix direnv xvfb-run dotenv foreman \
        aws-vault chamber envconsul vault-env doppler watchman proot fakechroot systemd-inhibit systemd-cat",
        // multiplexers and containers
        "tmux tmate screen byobu dtach abduco zellij docker docker-compose podman podman-compose nerdctl ctr crictl lxc lxc-attach \
        lxc-start incus kubectl oc k9s helm buildah bwrap firejail flatpak snap vagrant virsh apptainer singularity \
        toolbox distrobox",
        // dynamic loaders, servers of terminals, and what runs its words in one way or another
        "ld.so ld-linux ld-linux-x86-64 ld-linux-aarch64 ld-linux-armhf ld-2 setlock pee ifne sem env_parallel rush nq tsp ts \
        run-one run-this-one keep-one-running nocache trickle tsocks with-contenv daemonize daemon xterm uxterm rxvt urxvt \
        gnome-terminal konsole xfce4-terminal lxterminal systemd-socket-activate ttyd gotty tcpserver tcpsvd telnetd inetd xinetd \
        reptyr msgfilter gtester jexec systemd-dissect",
        // more editors, pagers and mail and news readers
        "emacs-nox emacs-gtk mg zile jmacs jstar jpico jove ne nvi vile elvis levee mcview ee hexer zless bzless xzless zmore \
        bzmore xzmore lv bat tig lazygit gitui lnav multitail ncdu irssi weechat neomutt alpine pine slrn newsboat aptitude dselect",
        // more interpreters
        "bpython bpython3 ptpython ts-node tsx flask django-admin drush wp rabbitmqctl maxima gp sml scilab sage gst crystal nim zig \
        cabal stack dune ncftp smbclient cadaver cu picocom isql sqlcmd usql influx debugfs scsh beeline spark-shell pyspark hive \
        uwsgi celery",
        // more places
        "consul vault nomad pdsh clush dsh pssh parallel-ssh fab bolt heroku fly tsh runc crun kata-runtime pct qm vzctl lxc-execute \
        lxc-console limactl colima wsl portablectl homectl",
        // further ways to other hosts, and what runs there
        "slogin ssh-argv0 dbclient plink putty tnftp tftp cssh cssh-ng mussh xssh juju et mussh salt-ssh k3s k0s rundeck",
        // further editors and pagers
        "evim rjoe mcdiff tilde dte le sensible-pager lessfile lzless zstdless lz4less xzdiffless fzf-tmux peco gum vipe vidir",
        // further interpreters, and servers and testers of their code
        "pydoc pydoc2 pydoc3 ri erb php-cgi php-fpm phpdbg phpunit artisan rackup puma unicorn thin passenger gunicorn hypercorn \
        uvicorn daphne invoke inv cap capistrano pulumi chef-apply ansible-pull ansible-galaxy ansible-vault ansible-inventory \
        ansible-doc nodemon guard incrond spark-submit hadoop stap ion guestfish virt-customize virt-rescue varnishtest",
        // further wrappers: tracers, recorders and places
        "latrace sotruss uftrace operf sysprof-cli gdbserver gdbtui cgdb fakeroot-sysv fakeroot-tcp usewithtor run-one-constantly \
        run-one-until-success run-one-until-failure runcon sandbox seunshare coresched uclampset uname26 personality dotlockfile \
        asciinema ttyrec termrec tlog-rec scriptlive systemd-executor systemd-portable systemd-vmspawn systemd-stdio-bridge \
        dbus-launch pg_virtualenv memleax op",
        "ecl newlisp raku rakudo perl6 bwbasic rexx regina apl yosys klayout cling coqtop mosml gforth lfe joker janet hy bsh ckermit kermit \
        bsd-mailx sox uux bitchx abiword virt-v2v iptables-apply vtysh visidata xmore",
        "goawk igawk ssed micropython csharp octave-cli escript blender asy mtxrun texlua luatex matlab lli scapy nbdsh groovysh \
        clj bb wine procmail zeek redbean jdb magick-script conjure gvpr",
        "datefudge lckdo with-lock-ex mispipe x-terminal-emulator agetty getty enosys dcmd msgexec help2man dpkg-depcheck formail \
        libtool mk-build-deps reprotest pgrphack tcpclient fghack recordio multilog s6-log s6-softlimit s6-envdir s6-setsid \
        s6-fghack s6-setlock execlineb foreground background snooze supervise runsv runsvdir svscan catatonit xinit startx cage \
        weston-launch rlfe ledit empty colormake cronic mpirun mpiexec orterun srun salloc sbatch qsub bsub condor_run \
        icecc pump bear intercept-build scan-build pbuilder debspawn mmdebstrap cowbuilder sbuild piuparts autopkgtest debootstrap \
        uvx corepack mise flatpak-spawn distrobox-host-exec host-spawn envchain sops teller consul-template confd cvs flom lockrun \
        argv0 detach faketty ck-launch-session swaks mhshow prompter sesh inotifyd lpd ifplugd popmaildir reformime makemime \
        ssl_client check_ssl_cert virt-builder virt-sysprep gpg-agent",
        // further helpers of packages, mail and devices, and small languages
        "git-daemon git-submodule git-difftool git-mergetool git-filter-branch git-remote-ext debconf debchange dch debcommit reportbug \
        s-nail tip run-init crond mdev batcat just tcc kotlinc chicken-csi mit-scheme scheme picolisp rdmd tcl jimsh yabasic \
        fennel pike snobol4 csound yacas macaulay2 idris smlnj polyml newsbeuter epic5 ircii tin trn aerc sc-im vd bettercap \
        runscript uuxqt nbdkit xdg-open gtk-launch exo-open see mimeopen rifle",
        // database clients
        "mysqlsh mysqltest cypher-shell clickhouse clickhouse-local sqlite sqlcipher tsql osql rman impala-shell",
        "mysql mariadb psql sqlite3 mongo mongosh sqlplus cqlsh pgcli mycli litecli clickhouse-client duckdb",
    ])
});

/// Programs that run what comes on their input unless their words give them something else.
pub(in crate::inspect) static INTERPRETERS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    names(&[
        "fish csh tcsh elvish nu pwsh rksh restricted-shell perl python ruby irb node nodejs deno bun lua luajit php \
    tclsh wish expect guile ghci julia R Rscript octave jshell java jrunscript groovy scala osascript ocaml sbcl clisp racket \
    erl elixir iex swipl gnuplot dc m4 gimp gdb lldb vi vim view vimdiff rvim rview nvim ex ed red emacs sftp ftp lftp \
    telnet virsh",
    ])
});

/// Clients that do so whatever other words follow.
pub(in crate::inspect) const CLIENTS: &str =
    "mysql mariadb psql sqlite3 mongosh mongo sqlplus redis-cli cqlsh pgcli";

/// Interpreters whose first word, where it is no option, is a script, which is all that they run.
pub(in crate::inspect) const SCRIPTED: &str = "fish csh tcsh elvish nu pwsh rksh perl python ruby node nodejs lua luajit php tclsh wish expect \
    guile julia Rscript octave ocaml clisp racket elixir";

/// Programs that start another one, or a connection, which then has their input.
pub(in crate::inspect) static RUNNERS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    names(&[
        "socat nc ncat netcat sshpass start-stop-daemon logsave ssh-agent torify proxychains proxychains4 \
    fakeroot valgrind perf rlwrap bwrap firejail k9s lxc-attach tmux screen byobu dtach abduco zellij setarch linux32 linux64 \
    faketime eatmydata choom softlimit chpst setuidgid s6-setuidgid envdir envuidgid tini dumb-init cpulimit pipenv poetry \
    conda nix nix-shell guix direnv entr mosh rsh rlogin slogin autossh",
    ])
});

/// Clients of places in which programs can be run.
pub(in crate::inspect) const PLACED: &str = "docker podman nerdctl ctr crictl lxc incus kubectl oc helm buildah flatpak snap vagrant docker-compose";

/// Programs that page their output on a terminal unless told not to; an escape only with another user's rights.
pub(in crate::inspect) const PAGING: &str = "systemctl journalctl git loginctl timedatectl hostnamectl networkctl resolvectl coredumpctl \
    localectl bootctl systemd-analyze busctl apt apt-get aptitude dpkg yum dnf top htop dmesg";
