//! Who opens files while the screen is measured.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A process that opens missing files as fast as it can. Ends when dropped.
pub struct Storm(Child);

impl Storm {
    pub fn start() -> Self {
        let child = opener(&["loop", &temp(), "--seconds", "600", "--missing"]).stdout(Stdio::null()).spawn();
        Self(child.expect("starting the storm"))
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Exactly `count` opens, and then the end.
pub fn opens(count: u64) {
    let count = count.to_string();
    let status = opener(&["storm", &temp(), "--opens", &count, "--missing"]).stdout(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "the storm failed");
}

fn opener(args: &[&str]) -> Command {
    let test = std::env::current_exe().expect("the path of this test");
    let built = test.parent().and_then(Path::parent).expect("target directory").join("examples/opener");
    assert!(built.exists(), "{} is missing: run `cargo build --example opener`", built.display());
    let mut command = Command::new(built);
    command.args(args).stdin(Stdio::null());
    command
}

fn temp() -> String {
    std::env::temp_dir().to_str().expect("UTF-8").to_owned()
}

/// Opens a file of this process ten times a second. Ends when dropped.
pub struct Trickle {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Trickle {
    pub fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut n = 0;
            while !told.load(Ordering::Relaxed) {
                n += 1;
                let _ = std::fs::File::open(PathBuf::from(format!("/etc/trickle-{n}")));
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Trickle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
