//! Editors that work on a target, as VS Code does: a script on the standard input of a shell, on a connection that
//! also forwards, which starts a server there and stays; then further shells without a terminal.

use std::process::Command;

use crate::harness::{World, free_port, routes, run};

/// Tells what the target is, starts a server on a port that it tells, and goes on reading its input. The server ends
/// with it.
const SCRIPT: &str = "echo \"platform==$(uname -s)==\"
python3 -u -m http.server --bind 127.0.0.1 0 </dev/null &
trap \"kill $!\" EXIT
while read -r line; do echo \"heard==$line==\"; [ \"$line\" = over ] && exit 7; done
";

/// The port that the server tells, once it is all there.
fn port(shown: &str) -> Option<String> {
    let (_, rest) = shown.split_once("Serving HTTP on 127.0.0.1 port ")?;
    Some(rest.split_once(' ')?.0.to_owned())
}

#[test]
fn an_editor_installs_itself_by_a_script_on_standard_input_and_opens_further_shells() {
    let world = World::start();
    let alice = world.person("alice");
    for route in routes() {
        let forward = free_port().to_string();
        let mut installer = alice.spawn_ssh(&["-T", "-D", &forward, &route, "bash"]);
        installer.write(SCRIPT.as_bytes());
        installer.wait_for_stdout("platform==Linux==");
        let server = installer.wait_until("the server's port", |it| port(&it.stdout()));
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--socks5-hostname", &format!("127.0.0.1:{forward}")]);
        let page = run(curl.arg(format!("http://127.0.0.1:{server}/"))).expect_success();
        assert!(page.text().contains("href=\"etc/\""), "{page}");
        installer.write(b"a line\n");
        installer.wait_for_stdout("heard==a line==");

        let mut shell = alice.spawn_ssh(&["-T", &route]);
        shell.write(b"echo $((40 + 2))\n");
        shell.wait_for_stdout("42\n");
        shell.write(b"exit 3\n");
        assert_eq!(shell.finish().code(), 3);

        installer.write(b"over\n");
        let output = installer.finish();
        assert_eq!(output.code(), 7, "{output}");
    }
}
