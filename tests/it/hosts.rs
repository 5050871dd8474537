//! How a target proves that it is the one it should be, with stock `sshd`.

use std::fs;
use std::path::PathBuf;

use crate::harness::sshd::make_key;
use crate::harness::{Options, World};

/// A target whose host keys are known by an authority, and the authority's key.
struct Certified {
    world: World,
    ca: PathBuf,
}

impl Certified {
    fn configured() -> Self {
        let world = World::configured(Options::default());
        let ca = world.bastion.dir().join("target_ca");
        make_key(&ca);
        let public = fs::read_to_string(ca.with_extension("pub")).unwrap();
        let pinned = format!("host_keys = [\"{}\"]", world.sshd.host_key());
        trust(&world, &pinned, &format!("host_ca = \"{}\"", public.trim()));
        Self { world, ca }
    }

    fn refusal(mut self) -> String {
        self.world.bastion.serve();
        let alice = self.world.person("alice");
        let output = alice.ssh(&["web1", "echo inside"]).expect_failure();
        assert_eq!(output.code(), 254, "{output}");
        assert_eq!(output.text(), "", "{output}");
        assert!(!self.world.sshd.log().contains("Accepted"));
        output.stderr
    }
}

fn trust(world: &World, old: &str, new: &str) {
    let text = fs::read_to_string(world.bastion.config()).unwrap();
    assert!(text.contains(old), "{text}");
    fs::write(world.bastion.config(), text.replace(old, new)).unwrap();
}

#[test]
fn a_host_certificate_of_the_targets_authority_opens_it() {
    let mut certified = Certified::configured();
    certified.world.sshd.certify(&certified.ca, &["-n", "web1"]);
    certified.world.bastion.serve();
    let alice = certified.world.person("alice");
    let output = alice.ssh(&["web1", "echo inside"]).expect_success();
    assert_eq!(output.text(), "inside\n");
}

#[test]
fn a_host_certificate_for_another_name_is_refused() {
    let certified = Certified::configured();
    certified
        .world
        .sshd
        .certify(&certified.ca, &["-n", "elsewhere"]);
    assert!(certified.refusal().contains("host key"));
}

#[test]
fn a_host_certificate_that_has_expired_is_refused() {
    let certified = Certified::configured();
    let expired = ["-n", "web1", "-V", "20200101:20200102"];
    certified.world.sshd.certify(&certified.ca, &expired);
    assert!(certified.refusal().contains("host key"));
}

#[test]
fn a_host_certificate_of_another_authority_is_refused() {
    let certified = Certified::configured();
    let other = certified.world.bastion.dir().join("other_ca");
    make_key(&other);
    certified.world.sshd.certify(&other, &["-n", "web1"]);
    assert!(certified.refusal().contains("host key"));
}

#[test]
fn a_bare_host_key_is_refused_where_a_certificate_is_asked_for() {
    let certified = Certified::configured();
    assert!(certified.refusal().contains("countersign: "));
}

#[test]
fn a_host_key_that_is_not_the_pinned_one_is_refused() {
    let world = World::configured(Options::default());
    let other = world.bastion.dir().join("other_key");
    make_key(&other);
    let public = fs::read_to_string(other.with_extension("pub")).unwrap();
    let pinned = world.sshd.host_key().to_owned();
    trust(&world, &pinned, public.trim());
    let ca = world.bastion.dir().join("unused");
    assert!(Certified { world, ca }.refusal().contains("host key"));
}
