//! Editors that work on a target, as VS Code does: a script on the standard input of a shell, on a connection that
//! also forwards, then further shells without a terminal.

use crate::harness::{World, free_port, routes};

/// Tells what the target is, starts something that stays, and ends on a line from the client.
const SCRIPT: &str = "echo \"platform==$(uname -s)==\"
trap 'echo gone >gone' EXIT
while read -r line; do
  case $line in
    *) echo \"heard==$line==\"; [ \"$line\" = over ] && exit 7 ;;
  esac
done
";

#[test]
fn an_editor_runs_its_script_on_the_standard_input_of_a_shell() {
    let world = World::start();
    let alice = world.person("alice");
    for route in routes() {
        let port = free_port().to_string();
        let mut shell = alice.spawn_ssh(&["-T", "-D", &port, &route, "bash"]);
        shell.write(SCRIPT.as_bytes());
        shell.wait_for_stdout("platform==Linux==");
        shell.write(b"a line\n");
        shell.wait_for_stdout("heard==a line==");
        shell.write(b"over\n");
        let output = shell.finish();
        assert_eq!(output.code(), 7, "{output}");
    }
}
