//! Which objects does a YAML file hold, and on which line is each of their fields?

use std::collections::BTreeMap;
use std::fmt;

use salesforce_connector_operator::api::names::GROUP;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_yaml::Spanned;

/// An object of a file.
#[derive(Debug)]
pub struct Document {
    file: String,
    pub value: Value,
    /// Line of each field, by its path.
    lines: BTreeMap<String, u64>,
}

impl Document {
    pub fn kind(&self) -> &str {
        self.value.get("kind").and_then(Value::as_str).unwrap_or("(none)")
    }

    /// Whether it is a connector, of whatever version.
    pub fn is_connector(&self) -> bool {
        let version = self
            .value
            .get("apiVersion")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let group = version.split_once('/').map_or("", |(group, _)| group);
        self.kind() == "SalesforceConnector" && group == GROUP
    }

    /// Its name, or what stands for one.
    pub fn title(&self) -> &str {
        let name = |key| self.value.pointer(key).and_then(Value::as_str);
        name("/metadata/name")
            .or_else(|| name("/metadata/generateName"))
            .unwrap_or("(no name)")
    }

    /// File and line of a field, or of the nearest one around it.
    pub fn place(&self, field: &str) -> String {
        let mut path = field;
        loop {
            if let Some(line) = self.lines.get(path) {
                return format!("{}:{line}", self.file);
            }
            let Some(end) = path.rfind(['.', '[']) else { break };
            path = path.get(..end).unwrap_or_default();
        }
        let line = self.lines.get("").copied().unwrap_or(1);
        format!("{}:{line}", self.file)
    }
}

/// The objects of a file, those in a `List` too; the error says where it is no YAML. It quotes nothing of the file, which may
/// hold Secrets.
pub fn documents(file: &str, text: &str) -> Result<Vec<Document>, String> {
    let options = serde_yaml::options! { with_snippet: false };
    let nodes: Vec<Spanned<Node>> =
        serde_yaml::from_multiple_with_options(text, options).map_err(|error| {
            let line = error
                .location()
                .map_or_else(String::new, |location| format!(":{}", location.line()));
            format!("{file}{line}: this is not valid YAML: {error}")
        })?;
    let mut documents = Vec::new();
    for node in nodes {
        add(file, node, &mut documents);
    }
    Ok(documents)
}

fn add(file: &str, node: Spanned<Node>, documents: &mut Vec<Document>) {
    let line = node.referenced.line();
    match node.value {
        Node::Scalar(Value::Null) => {}
        Node::Map(mut members) if is_list(&members) => {
            let items = members.iter_mut().find(|(name, _, _)| name == "items");
            if let Some((
                _,
                _,
                Spanned {
                    value: Node::List(items),
                    ..
                },
            )) = items
            {
                for item in std::mem::take(items) {
                    add(file, item, documents);
                }
            }
        }
        value => {
            let mut lines = BTreeMap::from([(String::new(), line)]);
            let value = value.located("", &mut lines);
            documents.push(Document {
                file: file.to_owned(),
                value,
                lines,
            });
        }
    }
}

fn is_list(members: &[Member]) -> bool {
    let kind = members.iter().find(|(name, _, _)| name == "kind");
    let kind = kind.and_then(|(_, _, value)| match &value.value {
        Node::Scalar(Value::String(kind)) => Some(kind.as_str()),
        _ => None,
    });
    matches!(kind, Some("List" | "SalesforceConnectorList"))
}

/// Name, line of the name, and value.
type Member = (String, u64, Spanned<Node>);

/// A value of YAML that knows the lines of its parts.
#[derive(Debug)]
enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<Member>),
}

impl Node {
    /// The value alone; the lines of its parts are noted.
    fn located(self, path: &str, lines: &mut BTreeMap<String, u64>) -> Value {
        match self {
            Self::Scalar(value) => value,
            Self::List(items) => {
                let items = items.into_iter().enumerate().map(|(index, item)| {
                    let path = format!("{path}[{index}]");
                    lines.insert(path.clone(), item.referenced.line());
                    item.value.located(&path, lines)
                });
                items.collect()
            }
            Self::Map(members) => {
                let members = members.into_iter().map(|(name, line, member)| {
                    let path = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    lines.insert(path.clone(), line);
                    let value = member.value.located(&path, lines);
                    (name, value)
                });
                Value::Object(members.collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut members: Vec<Member> = Vec::new();
        while let Some(name) = access.next_key::<Spanned<String>>()? {
            members.push((name.value, name.referenced.line(), access.next_value()?));
        }
        Ok(Node::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "\
# A comment.
apiVersion: v1
kind: List
items:
- apiVersion: salesforce-connector.dev/v1alpha1
  kind: SalesforceConnector
  metadata: { name: a }
  spec:
    host: acme.my.salesforce.com
    suspend: true
---
---
apiVersion: salesforce-connector.dev/v1alpha1
kind: SalesforceConnector
metadata:
  name: b
spec:
  secret:
    formats: [PubSub,
      Environment]
";

    #[test]
    fn every_object_is_found_with_the_lines_of_its_fields() {
        let found = documents("f.yaml", TEXT).expect("YAML");
        let [a, b] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!((a.title(), b.title(), a.is_connector()), ("a", "b", true));
        assert_eq!(
            a.value["spec"],
            json!({ "host": "acme.my.salesforce.com", "suspend": true })
        );
        assert_eq!(a.place("spec.host"), "f.yaml:9");
        assert_eq!(a.place("spec.app.clientId"), "f.yaml:8");
        assert_eq!(b.place("spec.secret.formats[1]"), "f.yaml:20");
        assert_eq!(b.place("status"), "f.yaml:13");
    }

    #[test]
    fn what_is_no_yaml_is_named_by_its_line_and_not_quoted() {
        let error = documents("f.yaml", "stringData:\n  client-secret: \"s3cr3t\n").expect_err("no YAML");
        assert!(error.starts_with("f.yaml:"), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}
