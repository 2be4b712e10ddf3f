//! Does the program serve what it says, and say what is wrong?

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use salesforce_sim::default_world as dw;

    /// The program; it ends with the test.
    struct Program {
        child: Child,
        /// First word of each line of the greeting to the second.
        greeting: HashMap<String, String>,
    }

    impl Drop for Program {
        fn drop(&mut self) {
            // It may have ended by itself; there is nothing to do about it then.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    fn command() -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_salesforce-sim"));
        command.args([
            "--http",
            "127.0.0.1:0",
            "--https",
            "127.0.0.1:0",
            "--control",
            "127.0.0.1:0",
        ]);
        command
    }

    fn start(command: &mut Command) -> Program {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut greeting = HashMap::new();
        for line in lines.map(Result::unwrap) {
            let mut words = line.split_whitespace().map(str::to_owned);
            let (first, second) = (words.next().unwrap(), words.next().unwrap());
            let last = first == "user";
            greeting.insert(first, second);
            if last {
                break;
            }
        }
        Program { child, greeting }
    }

    #[tokio::test]
    async fn it_serves_https_under_the_authority_it_wrote() {
        let directory = tempfile::tempdir().unwrap();
        let ca = directory.path().join("ca.pem");
        let program = start(command().arg("--ca-out").arg(&ca));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificate = reqwest::Certificate::from_pem(&std::fs::read(&ca).unwrap()).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([certificate])
            .no_proxy()
            .resolve(dw::PRODUCTION, program.greeting["https"].parse().unwrap())
            .build()
            .unwrap();
        let port = program.greeting["https"].rsplit_once(':').unwrap().1.to_owned();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", dw::ECA),
            ("client_secret", dw::ECA_SECRET),
        ];
        let url = format!("https://{}:{port}/services/oauth2/token", dw::PRODUCTION);
        assert_eq!(http.post(url).form(&form).send().await.unwrap().status(), 200);
        let counts = format!("http://{}/control/counts", program.greeting["control"]);
        let counts: serde_json::Value = http.get(counts).send().await.unwrap().json().await.unwrap();
        assert_eq!(counts["requests"], serde_json::json!({ "token": 1 }));
    }

    #[test]
    fn a_world_file_that_is_wrong_is_named_with_the_mistake() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("world.json");
        std::fs::write(&path, r#"{"orgs": [], "planets": []}"#).unwrap();
        let output = command().arg("--config").arg(&path).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(
            errors.contains("failed to read the world file: unknown field `planets`"),
            "{errors}"
        );
    }
}
