//! Guests that do not stop or do not start: what becomes of them, and that nobody else waits for them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::time::{Duration, Instant};

use cloud::guest::{Instance, Launch, Network};
use cloud::{Cloud, Mode, Xml, eventually, on_a_workstation, skip};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// One more than instances are worked on at once.
const SLOW: usize = 9;

fn act(cloud: &Cloud, action: &str, instance: &Instance) {
    cloud.ec2(action, &[("InstanceId.1", &instance.id)]);
}

fn init(cloud: &Cloud, instance: &Instance) -> Pid {
    Pid::from_raw(cloud.pid(instance).unwrap().try_into().unwrap())
}

/// The code and the message of an instance's StateReason.
fn state_reason(cloud: &Cloud, instance: &Instance) -> (String, String) {
    let reason = Xml::new(&cloud.describe(instance).first("stateReason").unwrap_or_default());
    (reason.first("code").unwrap_or_default(), reason.first("message").unwrap_or_default())
}

#[test]
fn guests_that_do_not_stop_hold_nobody_up() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        let network = Network::new(&cloud);
        let healthy = network.boot(&cloud, Launch::default());
        let slow = network.launch(&cloud, SLOW, Launch::default());
        slow.iter().for_each(|instance| cloud.wait_for_state(instance, "running"));
        // An init that is not scheduled hears nothing.
        let frozen: Vec<Pid> = slow.iter().map(|instance| init(&cloud, instance)).collect();
        frozen.iter().for_each(|pid| kill(*pid, Signal::SIGSTOP).unwrap());
        slow.iter().for_each(|instance| act(&cloud, "StopInstances", instance));

        let launched = network.boot(&cloud, Launch::default());
        assert_eq!(cloud.output(&launched, "echo here"), "here");
        act(&cloud, "TerminateInstances", &healthy);
        cloud.wait_for_state(&healthy, "terminated");
        for instance in &slow {
            assert_eq!(cloud.state(instance), "stopping", "it was waited for");
        }
        frozen.iter().for_each(|pid| kill(*pid, Signal::SIGCONT).unwrap());
        slow.iter().for_each(|instance| cloud.wait_for_state(instance, "stopped"));
        cloud.finish();
    });
}

#[test]
fn a_guest_that_does_not_stop_is_not_waited_for_any_longer_on_request() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        let network = Network::new(&cloud);
        for (first, second, option, ends) in [
            ("StopInstances", "StopInstances", "Force", "stopped"),
            ("StopInstances", "TerminateInstances", "SkipOsShutdown", "terminated"),
        ] {
            let instance = network.boot(&cloud, Launch::default());
            kill(init(&cloud, &instance), Signal::SIGSTOP).unwrap();
            act(&cloud, first, &instance);
            std::thread::sleep(Duration::from_secs(1));
            assert_eq!(cloud.state(&instance), "stopping", "it is waited for");
            let urged = Instant::now();
            cloud.ec2(second, &[("InstanceId.1", &instance.id), (option, "true")]);
            cloud.wait_for_state(&instance, ends);
            // The grace is ten seconds.
            assert!(urged.elapsed() < Duration::from_secs(5), "{second} {option}: {:?}", urged.elapsed());
        }
        cloud.finish();
    });
}

#[test]
fn an_instance_that_cannot_be_kept_running_is_stopped_and_says_why() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        let network = Network::new(&cloud);
        let [one, other] = [(); 2].map(|()| network.boot(&cloud, Launch::default()));
        // Each start writes the guest's configuration, and goes through no link that the guest has left.
        cloud.output(&one, "mv /etc /etc.aside && ln -s / /etc");
        kill(init(&cloud, &one), Signal::SIGKILL).unwrap();
        // The other one starts well, and is killed each time.
        let mut killed = None;
        eventually("both are given up", || {
            if let Some(pid) = cloud.pid(&other)
                && killed != Some(pid)
            {
                killed = Some(pid);
                let _ = kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL);
            }
            [&one, &other].iter().all(|instance| cloud.state(instance) == "stopped")
        });
        for (instance, why) in [(&one, "not a directory any more"), (&other, "killed")] {
            let (code, message) = state_reason(&cloud, instance);
            assert_eq!(code, "Server.InternalError");
            assert!(message.contains(why), "does not say why: {message}");
            assert_eq!(cloud.pid(instance), None);
        }
        assert!(!cloud.run_dir().join("sandboxes").join(&one.id).exists(), "something half-made is left");

        // Nothing is lost: whoever mends it can start it.
        let root = cloud.path().join("instances").join(&one.id).join("root");
        std::fs::remove_file(root.join("etc")).unwrap();
        std::fs::rename(root.join("etc.aside"), root.join("etc")).unwrap();
        for instance in [&one, &other] {
            act(&cloud, "StartInstances", instance);
            cloud.wait_for_state(instance, "running");
            assert_eq!(cloud.output(instance, "echo here"), "here");
        }
        cloud.finish();
    });
}

#[test]
fn an_instance_that_cannot_be_rebooted_is_stopped_and_says_why() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        let instance = Network::new(&cloud).boot(&cloud, Launch::default());
        if cloud.sh(&instance, "command -v python3").code != 0 {
            skip("reboot(2) from inside: no python3 in /usr");
            return cloud.finish();
        }
        let reboot = "python3 -c 'import ctypes; ctypes.CDLL(None).reboot(0x1234567)'";
        // It may as often as it likes.
        for _ in 0..6 {
            let pid = cloud.pid(&instance);
            cloud.sh(&instance, reboot);
            eventually("it is started again", || cloud.pid(&instance).is_some_and(|now| Some(now) != pid));
            eventually("commands run again", || cloud.sh(&instance, "true").code == 0);
        }
        cloud.sh(&instance, &format!("mv /etc /etc.aside && ln -s / /etc && {reboot}"));
        cloud.wait_for_state(&instance, "stopped");
        let (_, message) = state_reason(&cloud, &instance);
        assert!(message.contains("not a directory any more"), "does not say why: {message}");
        cloud.finish();
    });
}

/// By the name that users know, through all parts of the cloud.
#[test]
fn an_instance_that_powers_itself_off_is_stopped_or_terminated() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        let network = Network::new(&cloud);
        let stops = network.boot(&cloud, Launch::default());
        let terminate = [("InstanceInitiatedShutdownBehavior", "terminate")];
        let terminates = network.boot(&cloud, Launch { extra: &terminate, ..Launch::default() });
        cloud.output(&stops, "touch /tmp/mark");
        cloud.sh(&stops, "reboot");
        eventually("it was rebooted", || cloud.sh(&stops, "test ! -e /tmp/mark").code == 0);
        assert_eq!(cloud.state(&stops), "running");
        cloud.sh(&stops, "poweroff");
        cloud.sh(&terminates, "shutdown -h now");
        cloud.wait_for_state(&stops, "stopped");
        cloud.wait_for_state(&terminates, "terminated");
        for instance in [&stops, &terminates] {
            assert_eq!(state_reason(&cloud, instance).0, "Client.InstanceInitiatedShutdown");
        }
        cloud.finish();
    });
}
