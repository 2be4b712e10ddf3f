//! A namespace that belongs to one test.

use std::fmt;
use std::ops::Deref;
use std::process::Command;
use std::sync::Mutex;

use crate::programs::run;

/// A namespace that belongs to one test; usable where its name is wanted, as `&str`.
///
/// In a control plane that was started here it is left alone, because all of it goes away together; in the
/// user's own cluster it is deleted by drop.
#[derive(Debug)]
pub struct TestNamespace {
    name: String,
    kubectl: Mutex<Option<Command>>,
}

impl TestNamespace {
    pub(crate) fn new(name: String, kubectl: Option<Command>) -> Self {
        Self {
            name,
            kubectl: Mutex::new(kubectl),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Deref for TestNamespace {
    type Target = str;

    fn deref(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for TestNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Drop for TestNamespace {
    fn drop(&mut self) {
        if let Ok(Some(mut kubectl)) = self.kubectl.lock().map(|mut command| command.take()) {
            kubectl.args([
                "delete",
                "namespace",
                &self.name,
                "--wait=false",
                "--ignore-not-found",
            ]);
            let ran = run(kubectl, "");
            if !ran.succeeded() {
                eprintln!("namespace {} was left behind: {ran}", self.name);
            }
        }
    }
}
