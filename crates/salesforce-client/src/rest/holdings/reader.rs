//! How is a list of objects read that is too large to keep? Piece by piece; only one object at a time is in memory.

use serde::Deserialize;

use crate::rest::model::{ObjectList, is_api_name};

/// The most bytes of one object. Real ones have about 1.5 KiB.
const OBJECT_CAP: usize = 64 * 1024;
/// The most names that are kept; further objects are counted.
const MOST_NAMES: usize = 10_000;
/// How deep an object of the list stands: `{"sobjects": [{`.
const OBJECT_DEPTH: u32 = 3;

/// Reads `{"sobjects": [{…}, …]}` in pieces of any size.
#[derive(Default)]
pub(super) struct ObjectReader {
    depth: u32,
    text: Text,
    /// What has come of the object that is being read.
    object: Vec<u8>,
    list: ObjectList,
    fault: Option<&'static str>,
}

/// Where a byte stands that may be a bracket.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Text {
    #[default]
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

#[derive(Deserialize)]
struct Described {
    name: String,
    custom: bool,
}

impl ObjectReader {
    pub(super) fn take(&mut self, piece: &[u8]) {
        for byte in piece {
            if self.fault.is_none() {
                self.byte(*byte);
            }
        }
    }

    /// The list, or why there is none.
    pub(super) fn finish(self) -> Result<ObjectList, &'static str> {
        match self.fault {
            Some(why) => Err(why),
            None if self.depth > 0 => Err("the list of objects ends in its middle"),
            None if self.list.total == 0 => Err("the list of objects is empty"),
            None => Ok(self.list),
        }
    }

    fn byte(&mut self, byte: u8) {
        let before = self.depth;
        self.nest(byte);
        if before.max(self.depth) < OBJECT_DEPTH {
            return;
        }
        self.object.push(byte);
        if self.object.len() > OBJECT_CAP {
            self.fault = Some("an object of the list is too large");
        }
        if self.depth < OBJECT_DEPTH {
            self.object_ends();
        }
    }

    fn nest(&mut self, byte: u8) {
        self.text = match (self.text, byte) {
            (Text::Inside, b'\\') => Text::Escaped,
            (Text::Inside, b'"') => Text::Outside,
            (Text::Escaped | Text::Inside, _) | (Text::Outside, b'"') => Text::Inside,
            (Text::Outside, b'{' | b'[') => {
                self.depth = self.depth.saturating_add(1);
                Text::Outside
            }
            (Text::Outside, b'}' | b']') => {
                match self.depth.checked_sub(1) {
                    Some(depth) => self.depth = depth,
                    None => self.fault = Some("the list of objects is not JSON"),
                }
                Text::Outside
            }
            (Text::Outside, _) => Text::Outside,
        };
    }

    fn object_ends(&mut self) {
        let described: Result<Described, _> = serde_json::from_slice(&self.object);
        self.object.clear();
        let Ok(Described { name, custom }) = described else {
            self.fault = Some("an object of the list has no name");
            return;
        };
        let list = &mut self.list;
        list.total = list.total.saturating_add(1);
        list.custom = list.custom.saturating_add(u32::from(custom));
        if is_api_name(&name) && list.standard_names.len() + list.custom_names.len() < MOST_NAMES {
            let names = if custom {
                &mut list.custom_names
            } else {
                &mut list.standard_names
            };
            names.insert(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, size: usize) -> Result<ObjectList, &'static str> {
        let mut reader = ObjectReader::default();
        for piece in text.as_bytes().chunks(size) {
            reader.take(piece);
        }
        reader.finish()
    }

    #[test]
    fn a_list_is_read_in_pieces_of_any_size() {
        let text = r#"{"encoding":"UTF-8","sobjects":[
            {"name":"Account","custom":false,"label":"A \"big\" {one","urls":{"sobject":"/x"}},
            {"custom":true,"name":"Invoice__c","label":"]\\"},
            {"name":"no name","custom":true}],"maxBatchSize":200}"#;
        let wanted = ObjectList {
            total: 3,
            custom: 2,
            standard_names: ["Account".to_owned()].into(),
            custom_names: ["Invoice__c".to_owned()].into(),
        };
        for size in [1, 2, 7, 4096] {
            assert_eq!(read(text, size), Ok(wanted.clone()), "{size}");
        }
    }

    #[test]
    fn what_is_no_list_of_objects_is_told_why() {
        let large = format!(
            r#"{{"sobjects":[{{"name":"{}","custom":false}}]}}"#,
            "a".repeat(OBJECT_CAP)
        );
        for (text, why) in [
            ("", "the list of objects is empty"),
            ("[]", "the list of objects is empty"),
            (r#"{"sobjects":[]}"#, "the list of objects is empty"),
            (
                r#"{"sobjects":[{"name":"A","custom":false}"#,
                "the list of objects ends in its middle",
            ),
            ("}", "the list of objects is not JSON"),
            (
                r#"{"sobjects":[{"label":"A"}]}"#,
                "an object of the list has no name",
            ),
            (&large, "an object of the list is too large"),
        ] {
            assert_eq!(read(text, 5), Err(why), "{text:.60}");
        }
    }

    #[test]
    fn beyond_ten_thousand_names_objects_are_only_counted() {
        let objects: Vec<String> = (0..10_003)
            .map(|n| format!(r#"{{"name":"O{n}__c","custom":true}}"#))
            .collect();
        let list = read(&format!(r#"{{"sobjects":[{}]}}"#, objects.join(",")), 4096).unwrap();
        assert_eq!(
            (list.total, list.custom, list.custom_names.len()),
            (10_003, 10_003, 10_000)
        );
    }
}
