//! More of the options by which otherwise ordinary programs run others, as data: those of the base system's helpers, of
//! private networks, keys, backups and translators. There may be others than these, so their words are looked at as well.

use super::triggers::{PLAIN, Trigger};

pub(super) static FURTHER: &[Trigger] = &[
    Trigger {
        names: "install",
        long: &["strip-program"],
        ..PLAIN
    },
    Trigger {
        names: "dpkg-architecture",
        long: &["command"],
        short: &['c'],
        ..PLAIN
    },
    Trigger {
        names: "dpkg-parsechangelog",
        short: &['F', 'L'],
        ..PLAIN
    },
    Trigger {
        names: "init telinit",
        words: &["1", "s", "q", "u"],
        ..PLAIN
    },
    Trigger {
        names: "arptables ebtables iptables-legacy ip6tables-legacy iptables-nft ip6tables-nft arptables-nft ebtables-nft",
        long: &["modprobe"],
        short: &['M'],
        ..PLAIN
    },
    Trigger {
        names: "modprobe",
        long: &["config"],
        short: &['C'],
        ..PLAIN
    },
    Trigger {
        names: "ifup ifdown ifquery",
        long: &["interfaces"],
        short: &['i'],
        ..PLAIN
    },
    Trigger {
        names: "gpgsm gpgconf gpg-connect-agent dirmngr scdaemon gpgtar gpg-zip",
        long: &[
            "homedir",
            "agent-program",
            "dirmngr-program",
            "options",
            "pcsc-driver",
            "ctapi-driver",
            "gpg",
            "gpg-args",
            "tar",
            "exec",
        ],
        short: &['E'],
        ..PLAIN
    },
    Trigger {
        names: "rpmkeys rpmsign",
        long: &["eval", "define", "pipe", "load", "rcfile", "macros"],
        short: &['E', 'D'],
        ..PLAIN
    },
    Trigger {
        names: "pkcs11-tool p11tool p11-kit certtool modutil",
        long: &["module", "provider"],
        words: &[".so"],
        ..PLAIN
    },
    Trigger {
        names: "tpm2 tpm2_getrandom tpm2_pcrread tpm2_ptool",
        long: &["tcti"],
        short: &['T'],
        ..PLAIN
    },
    Trigger {
        names: "bison flex yacc",
        long: &["skeleton"],
        short: &['S'],
        ..PLAIN
    },
    Trigger {
        names: "ocamlopt ocamlc",
        words: &["-pp", "-cc", "-plugin"],
        ..PLAIN
    },
    Trigger {
        names: "slattach",
        short: &['c'],
        ..PLAIN
    },
    Trigger {
        names: "rdiff-backup",
        long: &["remote-schema"],
        ..PLAIN
    },
    Trigger {
        names: "rsnapshot lsyncd fastfetch dhcpcd",
        short: &['c'],
        ..PLAIN
    },
    Trigger {
        names: "transmission-cli",
        long: &["finish"],
        short: &['f'],
        ..PLAIN
    },
    Trigger {
        names: "encfs",
        long: &["extpass"],
        ..PLAIN
    },
    Trigger {
        names: "feh geeqie",
        long: &["action", "info", "remote"],
        short: &['A', 'r'],
        words: &["--action"],
    },
    Trigger {
        names: "tcpflow",
        short: &['x'],
        ..PLAIN
    },
    Trigger {
        names: "userdbctl",
        long: &["chain"],
        ..PLAIN
    },
    Trigger {
        names: "star",
        words: &["compress-program"],
        ..PLAIN
    },
    Trigger {
        names: "xorriso",
        words: &["external_filter", "-launch"],
        ..PLAIN
    },
    Trigger {
        names: "meson",
        words: &["devenv"],
        ..PLAIN
    },
    Trigger {
        names: "yt-dlp youtube-dl streamlink livestreamer",
        long: &[
            "exec",
            "external-downloader",
            "downloader",
            "ffmpeg-location",
            "config-location",
            "load-info-json",
            "player",
        ],
        short: &['p'],
        ..PLAIN
    },
    Trigger {
        names: "play soxi dvips",
        words: &["|", "!"],
        ..PLAIN
    },
    Trigger {
        names: "hostapd_cli",
        short: &['a'],
        ..PLAIN
    },
    Trigger {
        names: "gocryptfs",
        words: &["extpass"],
        ..PLAIN
    },
    Trigger {
        names: "bts",
        long: &["mutt", "mailreader"],
        ..PLAIN
    },
    Trigger {
        names: "zabbix_agentd",
        words: &["system.run"],
        ..PLAIN
    },
];
