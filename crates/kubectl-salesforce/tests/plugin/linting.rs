//! `lint`, without any cluster.

use std::io::Write as _;
use std::process::{Command, Stdio};

use testbed::Ran;

const REFUSED: &str = r#"# A comment.
apiVersion: v1
kind: Secret
metadata: { name: app }
data: { client-secret: /w== }
stringData: { login: "force://3MVG9::5Aep861.x_y-z@other.my.salesforce.com" }
---
apiVersion: salesforce-connector.dev/v1alpha1
kind: SalesforceConnector
metadata: { name: typo }
spec:
  hosst: acme.my.salesforce.com
  host: https://acme.my.salesforce.com
  app: { clientId: 3MVG9, clientSecretRef: { name: app, key: client-secret } }
  auth: { clientCredentials: {} }
---
apiVersion: salesforce-connector.dev/v1alpha1
kind: SalesforceConnector
metadata: { name: elsewhere }
spec:
  host: acme.example.com
  app: { clientId: 3MVG9, clientSecretRef: { name: elsewhere, key: client-secret } }
  auth: { clientCredentials: {} }
---
apiVersion: salesforce-connector.dev/v1alpha1
kind: SalesforceConnector
metadata: { name: bytes }
spec:
  host: acme.my.salesforce.com
  app:
    clientId: 3MVG9
    clientSecretRef: { name: app, key: client-secret }
  auth: { clientCredentials: {} }
  secret: { keys: { orgId: id, userId: id } }
---
apiVersion: salesforce-connector.dev/v1alpha1
kind: SalesforceConnector
metadata: { name: person }
spec:
  host: acme.my.salesforce.com
  app: { clientId: 3MVG9 }
  auth:
    authorizationCode:
      bootstrap:
        sfdxAuthUrlRef: { name: app, key: login }
---
apiVersion: salesforce-connector.dev/v1alpha1
kind: SalesforceConnector
metadata: { name: keys, namespace: salesforce-connector-system }
spec:
  host: acme.my.salesforce.com
  app: { clientId: 3MVG9, clientSecretRef: { name: other, key: client-secret } }
  auth: { clientCredentials: {} }
  secret: { keys: { orgId: id, userId: id } }
"#;

const REPORT: &str = "\
standard input:12: typo: spec.hosst: unknown field. Did you mean host?
standard input:13: typo: spec.host: Invalid value: host is a bare name, such as acme.my.salesforce.com: remove scheme, port and path
standard input:21: elsewhere: spec.host: HostNotAllowed: The host is not one of Salesforce's own, and not one that the settings \
allow (acme.example.com is not one of Salesforce's domains and not among the allowed hosts). Use the org's My Domain host. To use a \
host outside Salesforce's own domains, ask the cluster administrator to allow it for this namespace with --allow-host.
standard input:32: bytes: spec.app.clientSecretRef: InputNotText: A value in a Secret that the connector refers to is not text \
(Secret \"app\", key \"client-secret\": 1 bytes of no UTF-8 text; a plain value belongs under stringData, as the API server decodes \
data from base64). Store the value as UTF-8 text, for example with kubectl create secret generic NAME --from-file=KEY=FILE, or under \
stringData of the Secret. The message says what the value is instead.
standard input:45: person: spec.auth.authorizationCode.bootstrap.sfdxAuthUrlRef: SfdxAuthUrlMismatch: The sfdx auth URL in the \
bootstrap Secret is for a different host or app than this connector (its host is not acme.my.salesforce.com). Provide an sfdx auth \
URL for this org and app, or correct spec.host and spec.app.clientId.
standard input:50: keys: spec: NamespaceNotAllowed: The connector is in the operator's own namespace, where the stored grants of \
all connectors are (salesforce-connector-system). Create the connector in another namespace, and delete this one.
standard input:54: keys: spec.secret.keys: SecretKeysCollide: Two of the Secret's data keys have the same name (\"id\"). Give each \
entry of spec.secret.keys a unique name that no format in spec.secret.formats uses.
Not checked: 1 of kind Secret.
5 checked, 5 refused.
";

fn lint(args: &[&str], input: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-salesforce"));
    command.arg("lint").args(args).env("KUBECONFIG", "none");
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ran {
        command: format!("lint {args:?}"),
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn what_would_be_refused_is_named_with_line_field_and_remedy() {
    let ran = lint(&["-"], REFUSED);
    assert_eq!(
        (ran.code, ran.stderr, ran.stdout),
        (Some(1), String::new(), REPORT.to_owned())
    );
}

#[test]
fn an_allowed_host_and_another_operator_namespace_are_flags() {
    let args = [
        "-",
        "--allow-host",
        "*.example.com",
        "--operator-namespace",
        "sfc",
    ];
    let found = lint(&args, REFUSED).stdout;
    assert!(
        !found.contains(" elsewhere: ") && !found.contains("NamespaceNotAllowed"),
        "{found}"
    );
}

#[test]
fn a_file_moves_no_cursor_and_forges_no_line() {
    let text = "apiVersion: salesforce-connector.dev/v1alpha1\nkind: SalesforceConnector\nmetadata: { name: \"\\e[2J\\n0 refused.\" }\n\
        spec: { \"\\e[31m\": 1, app: {}, auth: {} }\n";
    let found = lint(&["-"], text).stdout;
    assert!(
        found.contains("[31m: unknown field") && !found.contains(['\u{1b}']),
        "{found:?}"
    );
    assert!(!found.contains("\n0 refused.\n"), "{found:?}");
}

#[test]
fn every_example_passes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| path.display().to_string())
        .collect();
    let args: Vec<&str> = files.iter().map(String::as_str).collect();
    let ran = lint(&args, "");
    let wanted =
        "Not checked: 1 of kind Deployment.\nNot checked: 12 of kind Secret.\n11 checked, 0 refused.\n"
            .to_owned();
    assert_eq!((ran.code, ran.stdout), (Some(0), wanted));
}

#[test]
fn a_signer_is_refused_unless_the_flag_allows_its_address() {
    let example = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/signer/jwt-bearer-vault.yaml"
    );
    let refused = lint(&[example], "");
    assert_eq!(refused.code, Some(1), "{refused}");
    let wanted = "green-itr-signer: spec.auth.jwtBearer.signer.vaultTransit.address: SignerNotAllowed: ";
    assert!(refused.stdout.contains(wanted), "{refused}");
    let allowed = lint(&[example, "--allow-signer", "https://vault.example.com:8200"], "");
    let wanted = "Not checked: 1 of kind Secret.\n1 checked, 0 refused.\n".to_owned();
    assert_eq!((allowed.code, allowed.stdout), (Some(0), wanted));
}

#[test]
fn a_file_that_is_not_there_or_no_yaml_is_named() {
    let missing = lint(&["no-such.yaml"], "");
    assert_eq!(missing.code, Some(4));
    assert!(
        missing.stderr.starts_with("error: failed to read no-such.yaml: "),
        "{missing}"
    );
    let broken = lint(&["-"], "a: [\n");
    assert_eq!(broken.code, Some(1));
    assert!(broken.stdout.starts_with("standard input:"), "{broken}");
}
