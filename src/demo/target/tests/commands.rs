//! What runs, and what goes in and out.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::demo::target::tests::harness::{Harness, PATIENCE, Trusting, line_of, next_line, text};
use crate::demo::target::*;

#[tokio::test]
async fn commands_run_with_their_own_status_and_streams() {
    let target = Harness::start().await;
    target.certify_deploy().await;
    let output = target.run(&[], &["true"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = target.run(&[], &["echo out; echo err >&2; exit 7"]).await;
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(
        (text(&output.stdout), text(&output.stderr)),
        ("out\n".into(), "err\n".into())
    );
    let output = target.run(&[], &["kill -TERM $$"]).await;
    assert_eq!(
        output.status.code(),
        Some(255),
        "ssh reports an exit by signal so"
    );
}

#[tokio::test]
async fn the_environment_is_clean_and_the_folder_is_home() {
    let target = Harness::start().await;
    target.certify_deploy().await;
    let mut ssh = target.ssh(&["-o", "SendEnv=LC_DEMO SECRET"], &["pwd; echo $HOME; env"]);
    ssh.env("LC_DEMO", "C").env("SECRET", "s");
    let output = timeout(PATIENCE, ssh.output()).await.unwrap().unwrap();
    let output = text(&output.stdout);
    let home = fs::canonicalize(target.path("home")).unwrap();
    let expected = format!("{0}\n{0}\n", home.display());
    assert!(output.starts_with(&expected), "{output}");
    assert!(
        output.contains("LC_DEMO=C") && output.contains("USER=deploy\n"),
        "{output}"
    );
    assert!(
        !output.contains("SECRET=") && !output.contains("CARGO"),
        "{output}"
    );
}

#[tokio::test]
async fn input_reaches_the_command_whole_and_comes_back() {
    let target = Harness::start().await;
    target.certify_deploy().await;
    let input: Vec<u8> = (0..1024 * 1024_u32)
        .flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 24).to_le_bytes())
        .collect();
    let output = target.with_input(&input, &["cat"]).await;
    assert_eq!(output.status.code(), Some(0));
    assert!(
        output.stdout == input,
        "{} of {} bytes",
        output.stdout.len(),
        input.len()
    );
    let output = target
        .with_input(&input, &["head", "-c", "3", ">/dev/null;", "echo", "done"])
        .await;
    assert_eq!(text(&output.stdout), "done\n");
}

#[tokio::test]
async fn a_reader_that_starts_late_still_gets_everything() {
    const BYTES: usize = 40 * 1024 * 1024;
    let target = Harness::start().await;
    target.certify_deploy().await;
    let mut child = target
        .ssh(&[], &["cat"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let piece = vec![7; 64 * 1024];
    // Fill every buffer on the way: nothing reads while this makes progress.
    let mut written = 0;
    while let Ok(wrote) = timeout(Duration::from_millis(500), stdin.write(&piece)).await {
        written += wrote.unwrap();
        assert!(written < BYTES, "what waits has to be bounded");
    }
    let feed = async {
        while written < BYTES {
            written += stdin
                .write(&piece[..piece.len().min(BYTES - written)])
                .await
                .unwrap();
        }
        drop(stdin);
    };
    let mut read = Vec::new();
    let both = async { tokio::join!(feed, stdout.read_to_end(&mut read)).1 };
    timeout(PATIENCE, both).await.unwrap().unwrap();
    assert_eq!(read.len(), BYTES);
}

#[tokio::test]
async fn a_terminal_has_the_clients_size_and_says_what_it_is() {
    let target = Harness::start().await;
    target.certify_deploy().await;
    let output = target
        .run(&["-tt"], &["stty size; test -t 0 && echo terminal"])
        .await;
    let output = text(&output.stdout);
    assert!(output.contains("terminal"), "{output}");
    let size = output.lines().next().unwrap().trim();
    let parts: Vec<Result<u16, _>> = size.split(' ').map(str::parse).collect();
    assert!(matches!(parts.as_slice(), [Ok(_), Ok(_)]), "{output}");

    let mut child = target
        .ssh(&["-tt"], &[])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(
        line_of(&mut child).await.trim_end(),
        "demo target db1.prod: commands run as YOU on this machine; sudo is a stand-in"
    );
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"echo $((40+2)); exit 3\n").await.unwrap();
    let output = timeout(PATIENCE, child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let output = text(&output.stdout);
    assert!(
        output.contains("deploy@db1:~$ ") && output.contains("42"),
        "{output}"
    );
}

#[tokio::test]
async fn a_plain_shell_works_as_well() {
    let target = Harness::start_with(PathBuf::from("/bin/sh")).await;
    target.certify_deploy().await;
    let output = target.with_input(b"echo $((40+2))\nexit 4\n", &[]).await;
    assert_eq!(
        (text(&output.stdout).as_str(), output.status.code()),
        ("42\n", Some(4))
    );
    let mut child = target
        .ssh(&["-tt"], &[])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"exit 5\n")
        .await
        .unwrap();
    let output = timeout(PATIENCE, child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    assert!(
        text(&output.stdout).contains("deploy@db1:"),
        "{}",
        text(&output.stdout)
    );
    assert_eq!(output.status.code(), Some(5));
}

#[tokio::test]
async fn sudo_and_systemctl_are_stand_ins_that_say_so() {
    let target = Harness::start().await;
    target.certify_deploy().await;
    let output = target.run(&[], &["sudo -n id"]).await;
    assert_eq!(
        text(&output.stdout),
        "uid=0(root) gid=0(root) groups=0(root)\n"
    );
    assert!(text(&output.stderr).starts_with("[demo] sudo is a stand-in: this runs as "));
    // Also where everything is root's already.
    let told = text(&output.stderr);
    let other = told.ends_with(", not as root\n") && !told.contains("runs as root");
    let same = told.ends_with("this runs as root, as everything does here\n");
    assert!(other || same, "{told}");
    let output = target
        .run(
            &[],
            &["sudo -u postgres -- sh -c 'echo \"$0 $1\"; exit 9' 'a b' c"],
        )
        .await;
    assert_eq!(
        (text(&output.stdout).as_str(), output.status.code()),
        ("a b c\n", Some(9))
    );
    assert!(text(&output.stderr).ends_with(", not as postgres\n"));
    let output = target
        .run(&[], &["sudo -niu postgres A=1 printenv A"])
        .await;
    assert_eq!(text(&output.stdout), "1\n");
    assert!(text(&output.stderr).ends_with(", not as postgres\n"));
    let output = target.with_input(b"echo inner\n", &["sudo", "-i"]).await;
    assert_eq!(text(&output.stdout), "inner\n");
    let services = "sudo systemctl stop nginx; systemctl is-active nginx; systemctl restart nginx; systemctl status nginx";
    let output = target.run(&[], &[services]).await;
    let told = text(&output.stdout);
    assert!(
        told.starts_with("inactive\n") && told.contains("Active: active (running) [demo]"),
        "{told}"
    );
    assert!(text(&output.stderr).contains("restart of nginx.service on db1.prod was pretended"));
    let output = target.run(&[], &["systemctl stop ../../escape"]).await;
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn a_process_ends_with_its_channel() {
    let target = Harness::start().await;
    target.certify_deploy().await;
    for options in [&["-T"], &["-tt"]] {
        let stubborn = "trap '' HUP; echo $$; while :; do sleep 1; done";
        let mut child = target.ssh(options, &[stubborn]).spawn().unwrap();
        let number: i32 = line_of(&mut child).await.trim().parse().unwrap();
        child.kill().await.unwrap();
        let process = rustix::process::Pid::from_raw(number).unwrap();
        let gone = async {
            while rustix::process::test_kill_process(process).is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, gone).await.unwrap();
    }
}

#[tokio::test]
async fn the_end_of_the_target_ends_its_sessions() {
    let mut target = Harness::start().await;
    target.certify_deploy().await;
    let mut child = target
        .ssh(&[], &["echo up; cat"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(line_of(&mut child).await, "up");
    target.shutdown.cancel();
    timeout(PATIENCE, &mut target.server)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let ended = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(255));
}

#[tokio::test]
async fn files_are_copied_where_the_machine_has_an_sftp_server() {
    let target = Harness::start().await;
    target.certify_deploy().await;
    let installed = launch::Program::choose(&launch::Asked::Sftp, None).is_ok();
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(|n| n.to_le_bytes()).collect();
    fs::write(target.path("sent"), &content).unwrap();
    let batch = format!(
        "put {} there\nget there {}\n",
        target.path("sent"),
        target.path("back")
    );
    fs::write(target.path("batch"), batch).unwrap();
    let mut sftp = target.client("sftp", &["-b", &target.path("batch")]);
    let output = timeout(PATIENCE, sftp.output()).await.unwrap().unwrap();
    assert_eq!(
        output.status.success(),
        installed,
        "{}",
        text(&output.stderr)
    );
    if installed {
        assert!(fs::read(target.path("home/there")).unwrap() == content);
        assert!(fs::read(target.path("back")).unwrap() == content);
    } else {
        assert!(
            text(&output.stderr).contains("no sftp-server"),
            "{}",
            text(&output.stderr)
        );
    }
}

#[tokio::test]
async fn resizes_and_signals_reach_the_command() {
    let target = Harness::start().await;
    target.certify_deploy().await;
    let config = Arc::new(russh::client::Config::default());
    let mut client = russh::client::connect(config, target.address, Trusting)
        .await
        .unwrap();
    let key = PrivateKey::read_openssh_file(Path::new(&target.path("key"))).unwrap();
    let certificate = Certificate::read_file(Path::new(&target.path("key-cert.pub"))).unwrap();
    let login = client.authenticate_openssh_cert("deploy", Arc::new(key), certificate);
    assert!(login.await.unwrap().success());

    let mut channel = client.channel_open_session().await.unwrap();
    channel
        .request_pty(false, "xterm", 91, 37, 0, 0, &[])
        .await
        .unwrap();
    let command = "trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done";
    channel.exec(false, command).await.unwrap();
    assert_eq!(next_line(&mut channel).await, "37 91");
    channel.window_change(120, 40, 0, 0).await.unwrap();
    assert_eq!(next_line(&mut channel).await, "40 120");

    let mut channel = client.channel_open_session().await.unwrap();
    channel
        .exec(
            false,
            "trap 'echo got USR1' USR1; echo up; while :; do sleep 0.05; done",
        )
        .await
        .unwrap();
    assert_eq!(next_line(&mut channel).await, "up");
    channel.signal(russh::Sig::USR1).await.unwrap();
    assert_eq!(next_line(&mut channel).await, "got USR1");
    channel.signal(russh::Sig::TERM).await.unwrap();
    let signal = async {
        loop {
            match channel.wait().await {
                Some(russh::ChannelMsg::ExitSignal { signal_name, .. }) => return signal_name,
                Some(_) => {}
                None => panic!("the channel ended without a signal"),
            }
        }
    };
    assert!(matches!(
        timeout(PATIENCE, signal).await.unwrap(),
        russh::Sig::TERM
    ));
}
