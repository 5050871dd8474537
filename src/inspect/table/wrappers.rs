//! Programs that run what follows them, and those of them that ask for another user's rights.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{Alone, Then, Wrapper};

/// The wrapper or tool of elevation of a name.
pub(in crate::inspect) fn wrapper(name: &str) -> Option<&'static Wrapper> {
    static ALL: LazyLock<HashMap<&str, &Wrapper>> = LazyLock::new(|| {
        let all = ELEVATION.iter().chain(WRAPPERS);
        all.map(|wrapper| (wrapper.name, wrapper)).collect()
    });
    ALL.get(name).copied()
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
    files: "",
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

/// A program that runs another, or a shell, as if on another machine.
const fn personality(name: &'static str) -> Wrapper {
    Wrapper {
        alone: Alone::Shell,
        ..simple(name, "RvBFILSTXZ3", "")
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
const WRAPPERS: &[Wrapper] = &[
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
        files: "-o --output",
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
        ..simple("watch", "bcdegtpwx", "n")
    },
    Wrapper {
        long_flags: "shared exclusive nonblock close verbose no-fork",
        long_values: "wait timeout conflict-exit-code",
        operands: 1,
        files: "FILE",
        then: Then::CommandOrText,
        ..simple("flock", "sxenoFu", "wE")
    },
    Wrapper {
        long_flags: "append return flush force quiet",
        text: "-c --command",
        operands: 1,
        files: "FILE -O -B",
        permutes: true,
        then: Then::Nothing,
        alone: Alone::Shell,
        ..simple("script", "aefqt", "EIOoB")
    },
    Wrapper {
        values: "bcDEeiJLlmOopQRSWw",
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
    Wrapper {
        inert: "-H --hardware -s --show --help --version",
        ..simple("numactl", "Hs", "NmCil")
    },
    Wrapper {
        // A limit stands behind `=` only.
        long_flags: "as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack raw \
            noheadings output verbose",
        long_values: "pid",
        inert: "-p --pid --help --version",
        ..simple("prlimit", "", "po")
    },
    simple("dbus-run-session", "", ""),
    simple("chronic", "ev", ""),
    simple("unbuffer", "p", ""),
    simple("caffeinate", "dimsu", "tw"),
    Wrapper {
        alone: Alone::Shell,
        // The architecture is one of the names below, or a program that is not known.
        long_flags: "addr-no-randomize uname-2.6 show verbose 32bit 3gb 4gb",
        ..simple("setarch", "RvBFILSTXZ3", "")
    },
    personality("linux32"),
    personality("linux64"),
    personality("i386"),
    personality("x86_64"),
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
    Wrapper {
        files: "-o",
        ..simple("ltrace", "bcCfhiLrStTV", "aADeFlnopsuwx")
    },
    Wrapper {
        files: "-o --output",
        long_flags: "follow-forks summary-only summary absolute-timestamps syscall-times decode-fds quiet",
        long_values: "attach output trace string-limit user env interruptible",
        ..simple("strace", "cCdfFhiknqrtTvVwxyYzZ", "abeIoOpPsSuUX")
    },
];

/// Programs that ask for another user's rights, or that run something outside the session.
const ELEVATION: &[Wrapper] = &[
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
    later("pbrun", "arguments of another elevation tool"),
    later("pmrun", "arguments of another elevation tool"),
    later("sudo.ws", "arguments of another elevation tool"),
    later("sudo-ldap", "arguments of another elevation tool"),
    later("su.ws", "arguments of another elevation tool"),
    later("opendoas", "arguments of another elevation tool"),
    later("doasedit", "arguments of another elevation tool"),
    later("pleaseedit", "arguments of another elevation tool"),
    later("lxsudo", "arguments of another elevation tool"),
    later("lxqt-sudo", "arguments of another elevation tool"),
    later("sux", "arguments of another elevation tool"),
    later("ssu", "arguments of another elevation tool"),
    later("sesu", "arguments of another elevation tool"),
    later("rootsh", "another user's session"),
    later("sudosh", "another user's session"),
    later("suexec", "arguments of another elevation tool"),
    later("runas", "arguments of another elevation tool"),
    later("setuser", "arguments of another elevation tool"),
    later("uidgid", "arguments of another elevation tool"),
    later("consolehelper", "arguments of another elevation tool"),
    later("newrole", "arguments of another elevation tool"),
    later("s6-applyuidgid", "arguments of another elevation tool"),
    later("s6-envuidgid", "arguments of another elevation tool"),
    later("rootlesskit", "a command in another system"),
    later("lxc-usernsexec", "a command in another system"),
    later("lxc-unshare", "a command in another system"),
    later("schroot", "a command in another system"),
    later("dchroot", "a command in another system"),
    later("switch_root", "a command in another system"),
    later("calife", "arguments of another elevation tool"),
    later("uid0", "arguments of another elevation tool"),
    later("really", "arguments of another elevation tool"),
    later("doas-rs", "arguments of another elevation tool"),
    later("s6-sudo", "arguments of another elevation tool"),
    later("userv", "arguments of another elevation tool"),
    later("super", "arguments of another elevation tool"),
    later("userhelper", "arguments of another elevation tool"),
    later("setuidgid", "arguments of another elevation tool"),
    later("s6-setuidgid", "arguments of another elevation tool"),
    later("chpst", "arguments of another elevation tool"),
    later("login", "another user's session"),
    later("sulogin", "another user's session"),
    later("systemd-nspawn", "a command in another system"),
];
