//! Can the clients that people use, unmodified, log in to the simulator and query it?
//!
//! jsforce, simple-salesforce and the Salesforce CLI are installed by `scripts/install-real-clients`, which prints where.

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::sync::LazyLock;

    use salesforce_sim::{Endpoint, Simulator, default_world as dw};
    use serde_json::{Value, json};

    /// Where the clients are: `node_modules/` and `venv/`.
    static CLIENTS: LazyLock<PathBuf> = LazyLock::new(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/install-real-clients");
        let output = Command::new(&script)
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", script.display()));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} failed: {errors}", script.display());
        let printed = String::from_utf8(output.stdout).unwrap();
        PathBuf::from(
            printed
                .lines()
                .last()
                .expect("the script prints a directory")
                .trim(),
        )
    });

    struct Bench {
        sim: Simulator,
        /// File with the simulator's certificate authority.
        ca: PathBuf,
        directory: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let sim = Simulator::start(dw::build()).unwrap();
            let directory = tempfile::tempdir().unwrap();
            let ca = directory.path().join("ca.pem");
            std::fs::write(&ca, sim.ca_pem()).unwrap();
            Self { sim, ca, directory }
        }

        fn jsforce(&self, mode: &str, settings: &Value) -> Value {
            let mut command = Command::new("node");
            command
                .arg(script("jsforce.cjs"))
                .args([mode, &settings.to_string()]);
            self.run(command.env("NODE_PATH", CLIENTS.join("node_modules")))
        }

        /// Real host names over HTTPS: the simulator is the forward proxy, too.
        fn simple_salesforce(&self, arguments: &Value) -> Value {
            let mut command = Command::new(CLIENTS.join("venv/bin/python"));
            command
                .arg(script("simple_salesforce_login.py"))
                .arg(arguments.to_string());
            self.run(command.env("HTTPS_PROXY", self.sim.http_url()))
        }

        /// What the Salesforce CLI answers, with a home directory of its own and everything turned off that is not for this org.
        fn salesforce_cli(&self, arguments: &[&str]) -> Value {
            let mut command = Command::new(CLIENTS.join("node_modules/.bin/sf"));
            command.args(arguments).arg("--json");
            command
                .env("HOME", self.directory.path())
                .env("HTTPS_PROXY", self.sim.http_url())
                .env("SFDX_DISABLE_DNS_CHECK", "true")
                .env("SF_DISABLE_AUTOUPDATE", "true")
                .env("SF_DISABLE_TELEMETRY", "true")
                .env("SF_SKIP_NEW_VERSION_CHECK", "true");
            self.run(&mut command)["result"].take()
        }

        fn run(&self, command: &mut Command) -> Value {
            for name in [
                "HTTP_PROXY",
                "http_proxy",
                "https_proxy",
                "ALL_PROXY",
                "all_proxy",
                "NO_PROXY",
                "no_proxy",
            ] {
                command.env_remove(name);
            }
            for name in [
                "NODE_EXTRA_CA_CERTS",
                "REQUESTS_CA_BUNDLE",
                "CURL_CA_BUNDLE",
                "SSL_CERT_FILE",
            ] {
                command.env(name, &self.ca);
            }
            let output = command
                .output()
                .unwrap_or_else(|error| panic!("{command:?}: {error}"));
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert!(
                output.status.success(),
                "{}\n{:#?}",
                text(&output.stderr),
                self.sim.log()
            );
            serde_json::from_str(&text(&output.stdout)).unwrap()
        }

        fn org_id(&self) -> String {
            self.sim.world(|world| world.org(dw::PRODUCTION).id.clone())
        }

        fn usage(used: u64) -> Value {
            json!({ "used": used, "limit": 100_000 })
        }

        fn organization(&self, more: &Value) -> Value {
            let mut expected = json!({ "Id": self.org_id(), "Name": "Green ITR", "IsSandbox": false });
            for (name, value) in more.as_object().unwrap() {
                expected[name] = value.clone();
            }
            expected
        }
    }

    fn script(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/real-clients")
            .join(name)
    }

    #[test]
    fn jsforce_logs_in_with_client_credentials_over_http_https_and_real_names() {
        let bench = Bench::new();
        let real = format!("https://{}", dw::PRODUCTION);
        for (calls, login_url, proxy) in [
            (1, bench.sim.http_url(), None),
            (2, bench.sim.https_url(), None),
            (3, real, Some(bench.sim.http_url())),
        ] {
            let settings = json!({
                "clientId": dw::ECA, "clientSecret": dw::ECA_SECRET, "loginUrl": login_url, "httpProxy": proxy,
            });
            let expected = json!({ "username": dw::INTEGRATION_USER, "usage": Bench::usage(calls) });
            assert_eq!(
                bench.jsforce("clientCredentials", &settings),
                bench.organization(&expected),
                "{login_url}"
            );
        }
    }

    #[test]
    fn jsforce_refreshes_a_dead_session() {
        let bench = Bench::new();
        let token = bench
            .sim
            .world(|world| world.grant_refresh_token(dw::ROTATING, dw::INTEGRATION_USER));
        let settings = json!({
            "clientId": dw::ROTATING, "clientSecret": dw::ROTATING_SECRET, "loginUrl": bench.sim.https_url(),
            "refreshToken": token,
        });
        let expected = json!({ "username": dw::INTEGRATION_USER, "usage": Bench::usage(1), "refreshes": 1 });
        assert_eq!(
            bench.jsforce("refreshToken", &settings),
            bench.organization(&expected)
        );
        assert_eq!(
            bench
                .sim
                .world(|world| (world.grants()[0].rotation, world.replays())),
            (1, 0)
        );
    }

    #[test]
    fn simple_salesforce_logs_in_with_client_credentials() {
        let bench = Bench::new();
        let domain = dw::PRODUCTION.trim_end_matches(".salesforce.com");
        let arguments =
            json!({ "consumer_key": dw::ECA, "consumer_secret": dw::ECA_SECRET, "domain": domain });
        let expected = json!({ "instance": dw::PRODUCTION, "usage": [1, 100_000] });
        assert_eq!(bench.simple_salesforce(&arguments), bench.organization(&expected));
        assert_eq!(bench.sim.count(Endpoint::Token), 1);
    }

    #[test]
    fn simple_salesforce_logs_in_with_jwt() {
        let bench = Bench::new();
        let arguments = json!({
            "username": dw::INTEGRATION_USER, "consumer_key": dw::JWT, "privatekey": dw::JWT_KEY_PKCS8,
            "domain": "login", "instance_url": dw::PRODUCTION.trim_end_matches(".salesforce.com"),
        });
        let expected = json!({ "instance": dw::PRODUCTION, "usage": [1, 100_000] });
        assert_eq!(bench.simple_salesforce(&arguments), bench.organization(&expected));
    }

    #[test]
    fn the_salesforce_cli_logs_in_with_jwt() {
        let bench = Bench::new();
        let key = bench.directory.path().join("key.pem");
        std::fs::write(&key, dw::JWT_KEY_PKCS8).unwrap();
        let url = format!("https://{}", dw::PRODUCTION);
        let login = bench.salesforce_cli(&[
            "org",
            "login",
            "jwt",
            "--set-default",
            "--instance-url",
            &url,
            "--client-id",
            dw::JWT,
            "--username",
            dw::INTEGRATION_USER,
            "--jwt-key-file",
            key.to_str().unwrap(),
        ]);
        assert_eq!(
            (&login["username"], &login["orgId"], &login["orgEdition"]),
            (
                &json!(dw::INTEGRATION_USER),
                &json!(bench.org_id()),
                &json!("Enterprise Edition")
            )
        );
        let query = "SELECT Id, Name, IsSandbox FROM Organization";
        let mut found = bench.salesforce_cli(&["data", "query", "--query", query])["records"][0].take();
        found.as_object_mut().unwrap().remove("attributes");
        assert_eq!(found, bench.organization(&json!({})));
    }

    #[test]
    fn simple_salesforce_uses_a_token_it_is_given() {
        let bench = Bench::new();
        let login =
            json!({ "clientId": dw::ECA, "clientSecret": dw::ECA_SECRET, "loginUrl": bench.sim.http_url() });
        bench.jsforce("clientCredentials", &login);
        let token = bench.sim.world(|world| world.issued_secrets().remove(0));
        let arguments = json!({ "session_id": token, "instance_url": bench.sim.https_url() });
        let mut command = Command::new(CLIENTS.join("venv/bin/python"));
        command
            .arg(script("simple_salesforce_login.py"))
            .arg(arguments.to_string());
        let instance = bench.sim.https_url().replace("https://", "");
        let expected = json!({ "instance": instance, "usage": [2, 100_000] });
        assert_eq!(bench.run(&mut command), bench.organization(&expected));
        let found = bench.jsforce(
            "accessToken",
            &json!({ "instanceUrl": bench.sim.https_url(), "accessToken": token }),
        );
        assert_eq!(found["Name"], "Green ITR");
    }
}
