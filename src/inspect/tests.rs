mod certainty;

mod disguises;

mod streams;

mod uses;

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
