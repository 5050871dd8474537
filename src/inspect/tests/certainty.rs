//! What is certain enough to be ordinary, beside what looks like it and is not.

use super::*;

fn is_ordinary(text: &str) -> bool {
    let reading = read(text);
    !reading.is_opaque() && reading.elevation.is_empty() && reading.escapes.is_empty()
}

#[test]
fn each_ordinary_line_has_a_neighbour_that_is_not() {
    for (ordinary, other) in [
        (
            "for h in a b; do ssh $h uptime; done",
            "for h in $(echo -oProxyCommand=x); do ssh $h uptime; done",
        ),
        (
            "while read h; do ssh \"$h\" uptime; done < f",
            "while read h; do ssh \"$h\" uptime; done <<< -oProxyCommand=x",
        ),
        (
            "x=web1; ssh $x uptime",
            "x='-o ProxyCommand=x'; ssh $x uptime",
        ),
        ("n=3; timeout $n ls", "n='3 vim'; timeout $n ls"),
        ("i=1; i=$((i+1))", "i='a[$(id)]'; i=$((i+1))"),
        ("i=0; ((i++))", "read i <<< x; ((i++))"),
        ("echo $(($(date +%s) - 5))", "echo $(($(cat f) - 5))"),
        ("[[ $# -gt 1 ]]", "[[ $1 -gt 1 ]]"),
        ("[[ -f a && -r b ]]", "[[ -f a || sudo ]]"),
        ("[[ $(id -un) == x ]]", "[[ $(vim) == x ]]"),
        ("cat <<E\n$(date)\nE", "cat <<E\n$($x)\nE"),
        ("~/bin/x", "~/bin/vim"),
        (
            "f() { tar czf \"$1.tgz\" \"$1\"; }; f /etc",
            "f() { tar xf a \"$1\"; }; f --to-command=id",
        ),
        ("trap 'rm -f x' EXIT", "trap 'vim x' EXIT"),
        ("alias ll='ls -l'", "alias ls=rm"),
        ("history 5", "history -s x"),
        ("mapfile -t a < f", "mapfile -C x a < f"),
        ("IFS=, read a b", "IFS=, ls"),
        ("export PATH=$PATH:/opt/bin", "export PATH=/opt/bin:$PATH"),
        ("export EDITOR=vim", "export EDITOR='sh -c id'"),
        ("tar -I zstd -xf a", "tar -I ./x -xf a"),
        ("rsync -e 'ssh -p 22' a b:", "rsync -e ./x a b:"),
        ("docker ps -a", "docker exec x ls"),
        ("kubectl -n x get pods", "kubectl --kubeconfig=x get pods"),
        ("psql -c 'select 1'", "psql -c '\\! id'"),
        ("nc -zv h 22", "nc -e x h 22"),
        ("python3 --version", "python3 --version x"),
        ("bash -n x", "bash x"),
        ("crontab -l", "crontab x"),
        ("bash -c \"ls $'a b'\"", "sh -c \"bash -c $'ls sudo'\""),
        ("((x))", "((sudo))"),
        ("./x bash_history", "./x bash"),
        ("which sudo", "./x sudo"),
        ("echo x | mail -s a b", "mail -s a b"),
        ("echo $(( $(wc -l < f) + 1 ))", "echo $(( $(wc f) + 1 ))"),
        (
            "echo $(( $(date -d \"$end\" +%s) ))",
            "echo $(( $(date -d x \"$end\") ))",
        ),
        (
            "tar czf b-$(date +%Y%m%d-%H%M).tgz /srv",
            "tar czf b $(date +%n-I%Y)",
        ),
        (
            "x=$(ls -t /b/*.tgz | head -1); tar tzf \"$x\"",
            "x=$(ls -t /b | head -1); tar tzf \"$x\"",
        ),
        (
            "hosts='a b'; for h in $hosts; do ssh $h uptime; done",
            "hosts='a -oProxyCommand=x'; for h in $hosts; do ssh $h uptime; done",
        ),
        (
            "cat hosts | while read h; do nc -zv $h 22; done",
            "echo -ex | while read h; do nc -zv $h 22; done",
        ),
        ("awk \"NR==$n\" f", "awk \"$n\" f"),
        ("awk 'getline l < \"f\"' g", "awk '\"vim\" | getline l' g"),
        (
            "ssh h \"cat > a-$(date +%F)\"",
            "ssh h \"cat > a-$(cat f)\"",
        ),
        ("echo \"${x:-$(date +%F)}\"", "echo \"${x:-$(vim)}\""),
        ("echo ${x:-y}", "echo ${x:-<(vim)}"),
        ("echo \"${x#a}\"", "echo \"${x#'}\"; vim #'}\""),
        ("exec 3< f", "exec < f"),
        ("exec 3<&-", "exec <&3"),
        ("[[ $x == a || $x == b ]]", "[[ $x == a || sudo == b ]]"),
        (
            "[[ ( -f a || -f b ) && -n c ]]",
            "[[ -f a || ( sudo ) && -n c ]]",
        ),
        ("declare -i n=5", "declare -i n=$x"),
        ("declare -p n", "declare $n"),
        ("numactl --hardware", "numactl vim"),
        ("prlimit --pid 1", "prlimit --nofile=5 vim"),
        ("ip netns list", "ip net e x vim"),
        ("chmod 2775 d", "chmod 4755 x"),
        ("chmod g+s d", "chmod u+s x"),
        ("nginx -t -c /etc/nginx/nginx.conf", "nginx -c x"),
        (
            "redis-cli config get maxmemory",
            "redis-cli config set dir /tmp",
        ),
        ("git -c color.ui=always log", "git -c core.editor=x log"),
        ("mytool --name x", "mytool --editor x"),
        ("mytool -- file", "mytool -- vim"),
        (
            "PGOPTIONS='-c statement_timeout=5s' psql -l",
            "PGSERVICEFILE=x psql -l",
        ),
        ("export ENV=production", "ENV=x sh -c ls"),
        ("env -i PATH=/usr/bin ls", "env -i PATH=/tmp ls"),
        ("psql -c '\\x'", "psql -c 'select 1; \\! id'"),
        (
            "curl -d \"{\\\"a\\\":\\\"$(hostname)\\\"}\" u",
            "curl -d \"{\\\"a\\\":\\\"$(vim)\\\"}\" u",
        ),
        ("echo x > f", "echo x >> ~/.bashrc"),
        (
            "bash -c 'ls # x'",
            "bash +O interactive_comments -c 'ls # x'",
        ),
    ] {
        assert!(
            is_ordinary(ordinary),
            "{ordinary}: {}",
            describe(&read(ordinary))
        );
        assert!(!is_ordinary(other), "{other}: {}", describe(&read(other)));
    }
}

#[test]
fn the_place_of_what_could_not_be_read_is_told_where_there_is_one_such_place() {
    let part = |text: &str| {
        let unknown = read(text).unknowns.remove(0);
        unknown.span.map(|(from, to)| text[from..to].to_owned())
    };
    assert_eq!(part("ls; é; $x id").as_deref(), Some("$x"));
    assert_eq!(part("env \"$a$b\" ls").as_deref(), Some("\"$a$b\""));
    assert_eq!(part("LD_PRELOAD=x ls").as_deref(), Some("LD_PRELOAD=x"));
    assert_eq!(part(". ./file").as_deref(), None);
    assert_eq!(part("source file").as_deref(), Some("source"));
    assert_eq!(part("$x; $x").as_deref(), None);
}

#[test]
fn a_tool_is_named_that_only_the_code_of_a_program_holds() {
    for text in [
        "awk 'BEGIN{system(\"sudo id\")}'",
        "git -c core.pager='sudo id' log",
        "python3 -c 'import os; os.system(\"sudo id\")'",
        "./retry 3 sudo id",
        "ssh root@localhost id",
    ] {
        assert!(!read(text).elevation.is_empty(), "{text}");
    }
    assert!(read("man sudo").elevation.is_empty());
}
