//! Elevation behind every disguise, and what nobody can be certain of.

use super::*;

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
        "x=$(cat f); ((x = x + 1))",
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
