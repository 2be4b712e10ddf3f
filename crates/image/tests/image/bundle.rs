//! An unpacked image, as a runtime gets it: files, and how to run them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use serde_json::{Value, json};

use crate::archive::{built, output, tool};

pub(crate) struct Bundle {
    folder: PathBuf,
    /// The configuration of the runtime, as umoci derives it from that of the image.
    pub(crate) config: Value,
}

impl Bundle {
    /// Unpacks the image into a new folder.
    pub(crate) fn unpack(folder: &Path) -> Self {
        let (layout, bundle) = (folder.join("layout"), folder.join("bundle"));
        tar::Archive::new(fs::File::open(built("image.tar")).unwrap())
            .unpack(&layout)
            .unwrap();
        let image = format!("{}:{}", layout.display(), env!("CARGO_PKG_VERSION"));
        let mut command = Command::new(tool("umoci"));
        // Files belong to the user who runs the test; the one who runs the program has to read them.
        output(
            command
                .args(["unpack", "--rootless", "--image", &image])
                .arg(&bundle),
        );
        let config = serde_json::from_slice(&fs::read(bundle.join("config.json")).unwrap()).unwrap();
        Self {
            folder: bundle,
            config,
        }
    }

    /// A file of the image.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.folder.join("rootfs").join(path)
    }

    /// As Kubernetes runs it: nothing can be written, and it may do nothing that its user may not. It has the network of this process.
    pub(crate) fn confine(&mut self, args: &[&str], env: &[&str], mounts: &[(&Path, &str)]) {
        let process = &mut self.config["process"];
        process["user"] = json!({ "uid": 65532, "gid": 65532 });
        process["capabilities"] = json!({});
        process["noNewPrivileges"] = true.into();
        process["terminal"] = false.into();
        for (list, more) in [("args", args), ("env", env)] {
            let list = process[list].as_array_mut().unwrap();
            list.extend(more.iter().map(|it| Value::from(*it)));
        }
        let mounts = mounts.iter().map(|(from, to)| {
            json!({ "source": from, "destination": to, "type": "bind", "options": ["bind", "ro"] })
        });
        let proc = json!({ "destination": "/proc", "type": "proc", "source": "proc" });
        // Who is root in a namespace of users alone can't make devices.
        let dev = json!({ "destination": "/dev", "type": "bind", "source": "/dev", "options": ["rbind"] });
        self.config["mounts"] = [proc, dev].into_iter().chain(mounts).collect();
        self.config["root"]["readonly"] = true.into();
        let namespaces = ["mount", "pid", "ipc", "uts"].map(|kind| json!({ "type": kind }));
        self.config["linux"] = json!({ "namespaces": namespaces });
        self.config["hostname"] = "operator".into();
    }

    /// runc, with the folder where it keeps what runs.
    fn runc(&self) -> Command {
        let mut command = Command::new(tool("runc"));
        command.arg("--root").arg(self.folder.with_extension("state"));
        command
    }

    /// Starts the program, with its log in a file.
    pub(crate) fn run(&self, log: &Path) -> Child {
        fs::write(self.folder.join("config.json"), self.config.to_string()).unwrap();
        let log = fs::File::create(log).unwrap();
        let mut command = self.runc();
        command
            .args(["run", "--bundle"])
            .arg(&self.folder)
            .arg("operator");
        command
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Tells the program to stop, as Kubernetes does.
    pub(crate) fn terminate(&self) {
        output(self.runc().args(["kill", "operator", "TERM"]));
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        // An error says that it has ended already.
        let _ = self.runc().args(["delete", "--force", "operator"]).output();
    }
}
