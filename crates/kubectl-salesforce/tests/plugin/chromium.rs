//! Headless Chromium, as `scripts/install-chromium` installs it, with a window for each person of a test.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use salesforce_sim::{Simulator, default_world as world};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::stage::DEADLINE;

pub(crate) struct Chromium {
    driver: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What somebody sees.
#[derive(Debug, Deserialize)]
pub(crate) struct Seen {
    pub(crate) url: String,
    pub(crate) title: String,
    pub(crate) text: String,
    /// Whether it must be scrolled sideways on a small phone.
    wide: bool,
    /// What the policies of the pages so far forbade.
    complaints: Vec<String>,
}

impl Chromium {
    /// A browser that reaches the simulated Salesforce, and callback pages by HTTPS at these host names.
    pub(crate) fn start(sim: &Simulator, pages: &[(&str, SocketAddr)]) -> Self {
        let folder = installed();
        let names: Vec<_> = pages.iter().map(|(name, _)| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let served: BTreeMap<_, _> = pages.iter().map(|(name, at)| (*name, at.to_string())).collect();
        let settings = json!({
            "pages": served,
            "certificate": made.cert.pem(),
            "key": made.signing_key.serialize_pem(),
            "hosts": [format!("MAP {} {}", world::PRODUCTION, sim.https_addr())],
            "timeout": DEADLINE.as_millis(),
        });
        let mut command = Command::new("node");
        command
            .arg(folder.join("drive.mjs"))
            .env("SETTINGS", settings.to_string());
        if std::env::var_os("SFC_CHROMIUM").is_none() {
            command
                .env("SFC_CHROMIUM", folder.join("chromium"))
                .env("CHROMIUM_LIBRARIES", folder.join("lib"))
                .env("FONTCONFIG_PATH", folder.join("fontconfig"));
        }
        let mut driver = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            commands: driver.stdin.take().unwrap(),
            answers: BufReader::new(driver.stdout.take().unwrap()),
            driver,
        }
    }

    fn tell(&mut self, command: &str, person: &str, mut rest: Value) -> Value {
        rest["command"] = json!(command);
        rest["person"] = json!(person);
        writeln!(self.commands, "{rest}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["failed"], Value::Null);
        answer
    }

    pub(crate) fn open(&mut self, person: &str, url: &str) {
        self.tell("open", person, json!({ "url": url }));
    }

    pub(crate) fn click(&mut self, person: &str, at: &str) {
        self.tell("click", person, json!({ "at": at }));
    }

    /// Waits for a page with this title.
    pub(crate) fn until(&mut self, person: &str, title: &str) -> Seen {
        self.tell("until", person, json!({ "title": title }));
        self.look(person)
    }

    /// What the person sees now. No page may need to be scrolled sideways, or do what its own policy forbids.
    pub(crate) fn look(&mut self, person: &str) -> Seen {
        let answer = self.tell("look", person, json!({}));
        let seen: Seen = serde_json::from_value(answer["seen"].clone()).unwrap();
        assert!(!seen.wide && seen.complaints.is_empty(), "{seen:?}");
        seen
    }

    /// Logs in at the page of Salesforce that is shown, and goes on to the question for access.
    pub(crate) fn log_in(&mut self, person: &str, username: &str) {
        self.until(person, "Login | Salesforce (simulated)");
        self.tell("fill", person, json!({ "at": "#username", "text": username }));
        self.tell(
            "fill",
            person,
            json!({ "at": "#password", "text": world::PASSWORD }),
        );
        self.click(person, "#Login");
        self.until(person, "Allow Access? | Salesforce (simulated)");
    }

    /// Clicks, and says to which address of this beginning the browser is sent, where nobody listens.
    pub(crate) fn sent_by(&mut self, person: &str, at: &str, prefix: &str) -> String {
        let answer = self.tell("sent", person, json!({ "at": at, "prefix": prefix }));
        answer["url"].as_str().unwrap().to_owned()
    }

    /// Closes the window of a person, who does nothing any more.
    pub(crate) fn close(&mut self, person: &str) {
        self.tell("close", person, json!({}));
    }

    /// Takes pictures of what is shown, where `SFC_SCREENSHOTS` names a folder for them; `sales` stands in the place of the namespace.
    pub(crate) fn picture(&mut self, person: &str, name: &str, namespace: &str) {
        self.picture_of_width(person, name, namespace, 390);
    }

    pub(crate) fn picture_of_width(&mut self, person: &str, name: &str, namespace: &str, width: u32) {
        let Some(folder) = std::env::var_os("SFC_SCREENSHOTS") else {
            return;
        };
        for scheme in ["light", "dark"] {
            let path = Path::new(&folder).join(format!("{name}-{scheme}.png"));
            let shot = json!({ "path": path, "scheme": scheme, "replace": [[namespace, "sales"]],
                "width": width });
            self.tell("shot", person, shot);
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn installed() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/install-chromium");
    let output = Command::new(script).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}
