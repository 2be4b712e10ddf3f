use std::fmt::Write as _;

use clap::CommandFactory as _;

use super::Plugin;
use crate::command_error::EXIT_CODES;
use crate::generated::assert_generated;

const HEAD: &str = "\
<!-- Generated from the code by `make generate`; do not edit. -->

# kubectl salesforce

A plugin for kubectl. Build it with `cargo build --release --package kubectl-salesforce`, and put the program
`kubectl-salesforce` into a directory of your `PATH`. kubectl then runs it as `kubectl salesforce`. To let kubectl complete its
commands, flags and the names of connectors in every shell, run this once, for a directory of your `PATH`:

```sh
kubectl salesforce completion > ~/.local/bin/kubectl_complete-salesforce
chmod +x ~/.local/bin/kubectl_complete-salesforce
```

`scripts/krew-manifest` makes the manifest for [krew](https://krew.sigs.k8s.io) from archives of a release.

The plugin has the rights of your kubeconfig. It prints no value of a Secret, and reads only what
`login` and `move-grants` name. If a right is missing, it names the rule that grants it.

<picture>
  <source media=\"(prefers-color-scheme: dark)\" srcset=\"images/plugin-status-dark.png\">
  <img alt=\"kubectl salesforce status crm: org, user, token, steps of the last test, and what comes next\" width=\"570\" src=\"images/plugin-status-light.png\">
</picture>
<picture>
  <source media=\"(prefers-color-scheme: dark)\" srcset=\"images/plugin-test-dark.png\">
  <img alt=\"kubectl salesforce test crm: each step with its result and latency\" width=\"570\" src=\"images/plugin-test-light.png\">
</picture>
";

#[test]
fn the_page_of_the_plugin_is_its_help() {
    let mut plugin = Plugin::command().term_width(110);
    let mut page =
        format!("{HEAD}\n```text\n{EXIT_CODES}\n```\n\nThese flags work with every command:\n\n```text\n");
    let help = plugin.render_long_help().to_string();
    let (_, flags) = help.split_once("\nCluster:\n").expect("the heading of the flags");
    let (flags, _) = flags.split_once("\n\nExit codes").expect("what follows");
    let _ = write!(page, "{}\n```\n", flags.trim_end());
    // Subcommands of a command that is not built don't have the flags of all.
    for command in Plugin::command()
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        let name = format!("kubectl salesforce {}", command.get_name());
        let mut command = command
            .clone()
            .bin_name(&name)
            .term_width(110)
            .disable_help_flag(true);
        let _ = write!(
            page,
            "\n## {name}\n\n```text\n{}\n```\n",
            command.render_long_help().to_string().trim_end()
        );
    }
    let lines: Vec<&str> = page.lines().map(str::trim_end).collect();
    let page = lines.join("\n") + "\n";
    assert_generated("../../docs/kubectl-salesforce.md", &page);
}
