//! The demo, by exactly what it prints: three terminals, one click each, and nothing left behind.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use url::Url;

use crate::harness::http::Reply;
use crate::harness::{Output, PATIENCE, Running, Tab, Terminal, eventually, free_port, run};

/// What every page and the banner say.
const WARNING: &str = "Demonstration";

/// A demo that runs, seen from outside: what it printed.
struct Demo {
    /// Its working, home and temporary folder, where nothing else is.
    around: TempDir,
    printed: String,
    program: Running,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let around = tempfile::tempdir().unwrap();
        let mut program = Running::start(&mut program(around.path(), arguments));
        let printed = program.wait_for_stdout("Ctrl-C ends the demo.\n");
        Self {
            around,
            printed,
            program,
        }
    }

    /// A value of the line that says that it is ready, such as `ssh`.
    fn ready(&self, name: &str) -> &str {
        let mut lines = self.printed.lines();
        let line = lines.find(|line| line.starts_with("ready "));
        let mut words = line.expect("a line `ready …`").split(' ');
        let value = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no `{name}=` in:\n{}", self.printed))
    }

    fn folder(&self) -> PathBuf {
        PathBuf::from(self.ready("folder"))
    }

    /// The whole line, to the end of its comment, that was printed for this command.
    fn command(&self, asked: &str) -> &str {
        let asked = asked.replace("DIR", self.ready("folder"));
        let mut lines = self.printed.lines().map(str::trim);
        let line = lines.find(|line| line.split("  ").next() == Some(&asked));
        line.unwrap_or_else(|| panic!("no `{asked}` in:\n{}", self.printed))
    }

    /// `ssh ARGUMENTS` with the configuration of one of its people.
    fn ssh(&self, person: &str, arguments: &[&str]) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F")
            .arg(self.folder().join(person))
            .args(arguments);
        ssh
    }

    /// Presses Ctrl-C; gives what was printed, and the folder around it.
    fn interrupt(self) -> (Output, TempDir) {
        self.program.signal("INT");
        (self.program.finish(), self.around)
    }
}

fn program(around: &Path, arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_countersign"));
    program.arg("demo").args(arguments);
    program.current_dir(around);
    for variable in ["HOME", "TMPDIR"] {
        program.env(variable, around);
    }
    for variable in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"] {
        program.env_remove(variable);
    }
    program
}

/// A terminal with a shell whose prompt tells the last exit status.
fn terminal(columns: u16, rows: u16) -> Terminal {
    let mut shell = Command::new("bash");
    shell.args(["--norc", "--noprofile"]);
    shell.env("PS1", "[$?] ready: ").env("HISTFILE", "");
    let terminal = Terminal::start(columns, rows, &shell);
    terminal.wait_for("[0] ready: ");
    terminal
}

/// Waits for the link in a terminal and signs in with one click; each page on the way must be as promised.
fn sign_in(terminal: &Terminal, person: &str) {
    let screen = terminal.wait_until("a link", |screen| link(screen).is_some());
    assert!(screen.contains(WARNING), "the banner: {screen}");
    let (mut tab, link) = (Tab::new(), link(&screen).unwrap());
    let page = plain(tab.open(&link));
    let provider = tab.submit(&link, &page).location().to_owned();
    let page = plain(tab.open(&provider));
    let back = tab.press(&provider, &page, "person", person);
    let page = plain(tab.open(back.location()));
    assert!(page.contains("signed in as"), "{page}");
    assert!(page.contains(person), "{page}");
}

fn link(screen: &str) -> Option<String> {
    let mut words = screen.split_whitespace();
    let link = words.find(|word| word.starts_with("http") && word.contains("/login/"));
    let complete = screen.contains("valid for");
    link.filter(|_| complete).map(ToOwned::to_owned)
}

/// The text of a page that warns, loads nothing and runs no script.
fn plain(reply: Reply) -> String {
    assert!(reply.body.contains(WARNING), "no warning: {reply:?}");
    let text = reply.body.to_ascii_lowercase();
    for foreign in ["<script", "javascript:", " src=", "<link", " onclick"] {
        assert!(!text.contains(foreign), "{foreign}: {reply:?}");
    }
    let policy = reply.header("content-security-policy").unwrap_or_default();
    assert!(policy.starts_with("default-src 'none'"), "{reply:?}");
    reply.body
}

#[test]
fn the_printed_commands_hold_approve_and_replay_a_sudo() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("demo");
    let demo = Demo::start(&["--dir", text(&folder)]);

    let alice = terminal(100, 30);
    alice.enter(demo.command("ssh -F DIR/alice db1.prod 'sudo id'"));
    sign_in(&alice, "alice");
    alice.wait_for("countersign: held h-");

    let carol = terminal(100, 30);
    carol.enter(demo.command("ssh -F DIR/carol -t bastion dashboard"));
    sign_in(&carol, "carol");
    carol.wait_for("sudo id");
    let dashboard = carol.wait_for("PROD");
    assert!(dashboard.contains("alice"), "{dashboard}");
    assert!(!alice.screen().contains("uid="), "{}", alice.screen());
    carol.press(&["a"]);
    carol.type_text("seen on the phone");
    carol.wait_for("seen on the phone");
    carol.press(&["Enter"]);

    let screen = alice.wait_for("uid=0(root)");
    assert!(screen.contains("approved by carol"), "{screen}");
    assert!(screen.contains("seen on the phone"), "{screen}");
    alice.wait_until("status 0", |screen| {
        screen.trim_end().ends_with("\n[0] ready:")
    });

    let dave = terminal(100, 30);
    dave.enter(demo.command("ssh -F DIR/dave -t bastion replay"));
    sign_in(&dave, "dave");
    let list = dave.wait_for("Recorded sessions");
    let mut sessions = list.lines().filter(|line| line.contains("sudo id"));
    let session = sessions.next_back().unwrap();
    assert!(session.contains("alice"), "{list}");
    assert!(session.contains("deploy@db1.prod"), "{list}");
    dave.press(&["Enter"]);
    dave.wait_for("held h-");
    dave.wait_for("uid=0(root)");
    dave.press(&["q"]);
    carol.press(&["q"]);
    for terminal in [&dave, &carol] {
        terminal.wait_until("status 0", |screen| {
            screen.trim_end().ends_with("[0] ready:")
        });
    }
    let (output, around) = demo.interrupt();
    output.expect_success();
    assert_empty(around.path());
}

#[test]
fn every_page_of_the_demo_warns_and_needs_no_script() {
    let demo = Demo::start(&[]);
    let terminal = terminal(100, 30);
    terminal.enter(demo.command("ssh -F DIR/alice db1.prod 'sudo id'"));
    let screen = terminal.wait_until("a link", |screen| link(screen).is_some());
    let link = link(&screen).unwrap();
    let mut tab = Tab::new();
    let page = plain(tab.open(&link));
    let provider = tab.submit(&link, &page).location().to_owned();
    let provider = Url::parse(&provider).unwrap();
    let web = Url::parse(demo.ready("web")).unwrap();
    for (site, path) in [
        (&web, "/"),
        (&web, "/login"),
        (&web, "/login?code=nonsense"),
        (&web, "/login/QX7K-29MD"),
        (&web, "/oidc/callback?state=unknown&code=unknown"),
        (&web, "/nowhere"),
        (&provider, "/"),
        (&provider, "/device"),
        (&provider, "/device?user_code=nonsense"),
        (&provider, "/authorize?client_id=unknown"),
    ] {
        assert_eq!(site.host_str(), Some("127.0.0.1"));
        plain(tab.open(site.join(path).unwrap().as_str()));
    }
}

#[test]
fn the_demo_keeps_its_secrets_to_its_owner_and_starts_again_in_its_folder() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("deep/demo");
    let demo = Demo::start(&["--dir", text(&folder)]);
    let alice = terminal(100, 30);
    alice.enter(demo.command("ssh -F DIR/alice db1.prod 'sudo id'"));
    sign_in(&alice, "alice");
    alice.wait_for("countersign: held h-");
    assert_eq!(mode(&folder), 0o700);
    let mut secrets = 0;
    for file in files(&folder) {
        let secret = fs::read(&file).unwrap();
        let secret = String::from_utf8_lossy(&secret).contains("PRIVATE KEY");
        let kept =
            file.starts_with(folder.join("data")) && file.extension() != Some("pub".as_ref());
        if secret || kept || file.ends_with("client_secret") {
            assert_eq!(mode(&file) & 0o077, 0, "{}", file.display());
            secrets += 1;
        }
    }
    // Four people, two targets, two CAs, the bastion's host key, the client secret, the database, a recording.
    assert!(secrets >= 12, "{secrets} secrets");
    demo.interrupt().0.expect_success();
    alice.wait_for("[254] ready: ");

    let port = free_port().to_string();
    let again = Demo::start(&["--dir", text(&folder), "--port", &port]);
    assert_eq!(again.ready("ssh"), format!("127.0.0.1:{port}"));
    // What she proved in the first run still lets her in, and so do the keys of the second.
    let whoami = run(&mut again.ssh("alice", &["-o", "BatchMode=yes", "bastion", "whoami"]));
    assert!(whoami.expect_success().text().contains("alice"));
    let bob = terminal(100, 30);
    bob.enter(&format!("ssh -F {}/bob db1.prod uname", text(&folder)));
    sign_in(&bob, "bob");
    bob.wait_for("\nLinux\n[0] ready: ");
    again.interrupt().0.expect_success();
}

#[test]
fn a_folder_that_holds_something_else_is_refused_and_left_as_it_is() {
    let ours = "# Another one's.\n[node]\nname = \"n1\"\n";
    for (name, content) in [("notes.txt", "mine\n"), ("countersign.toml", ours)] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), content).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o750)).unwrap();
        let around = tempfile::tempdir().unwrap();
        let output =
            run(&mut program(around.path(), &["--dir", text(folder.path())])).expect_failure();
        assert!(output.stderr.contains("something else"), "{output}");
        assert!(!output.text().contains("ready"), "{output}");
        assert_eq!(files(folder.path()), [folder.path().join(name)]);
        let kept = fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(kept, content);
        assert_eq!(mode(folder.path()), 0o750);
        assert_empty(around.path());
    }
}

#[test]
fn a_folder_whose_name_no_shell_takes_as_it_is_is_refused_and_not_made() {
    let parent = tempfile::tempdir().unwrap();
    for name in ["a b", "it's", "$HOME", "%h", "a\"b", "a;b"] {
        let folder = parent.path().join(name);
        let output = run(&mut program(parent.path(), &["--dir", text(&folder)])).expect_failure();
        assert!(output.stderr.contains("the folder's name"), "{output}");
        assert_empty(parent.path());
    }
}

#[test]
fn a_port_that_is_taken_is_named_and_nothing_is_left_behind() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let around = tempfile::tempdir().unwrap();
    let output = run(&mut program(around.path(), &["--port", &port])).expect_failure();
    assert!(output.stderr.contains(&port), "{output}");
    assert!(!output.text().contains("ready"), "{output}");
    assert_empty(around.path());
}

#[test]
fn an_interrupt_leaves_nothing_behind() {
    let demo = Demo::start(&[]);
    let folder = demo.folder();
    assert!(folder.starts_with(demo.around.path()), "{folder:?}");
    let alice = terminal(100, 30);
    let command = "'echo process $((40 + 2)) $$; exec sleep 600'";
    alice.enter(&format!(
        "ssh -F {}/alice web1.staging {command}",
        text(&folder)
    ));
    sign_in(&alice, "alice");
    let screen = alice.wait_for("process 42 ");
    let process = screen.split("process 42 ").nth(1).unwrap();
    let process = process.split_whitespace().next().unwrap();
    let process = PathBuf::from(format!("/proc/{process}"));
    assert!(process.exists());
    let web = Url::parse(demo.ready("web")).unwrap().port().unwrap();
    let address = demo.ready("ssh").to_owned();

    let (output, around) = demo.interrupt();
    let output = output.expect_success();
    assert_eq!(output.stderr, "", "{output}");
    assert_empty(around.path());
    alice.wait_for("[254] ready: ");
    let gone = eventually(PATIENCE, || (!process.exists()).then_some(()));
    assert!(gone.is_some(), "{} still runs", process.display());
    assert!(TcpStream::connect(address).is_err());
    assert!(TcpStream::connect(("127.0.0.1", web)).is_err());
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn assert_empty(folder: &Path) {
    let left: Vec<_> = fs::read_dir(folder).unwrap().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}
